# SPDX-License-Identifier: Apache-2.0
"""Consoles: an unread port blocks no VM, data goes both ways, ports are used again."""

import os
import re
import subprocess

import pytest

from conftest import BOOT_SECONDS
from guests import LEAVE, LINUX, SMP, linux_ready, new, rows


def flood(lines):
    """A command that prints numbered lines of 100 characters."""
    return f"awk 'BEGIN {{ while (++n <= {lines}) printf \"%099d\\n\", n }}'"


def written(vm):
    """Bytes that the VM has written to its console."""
    return int(re.search(r"console +(\d+) bytes written", vm.board.sh(f"zvm info {vm.name}"))[1])


def until_written(vm, count):
    """Waits, at the shell, until the VM's console has carried so much."""
    vm.board.until(lambda: written(vm) >= count, 3 * BOOT_SECONDS)


def test_an_unread_port_blocks_nobody(boot):
    """Linux floods its console while the other end of its port is open and silent."""
    board = boot(smp=2, mem=1024, guests=["linux", "smp"])
    linux, other = new(board, "linux", "-m 256"), new(board, "smp", "-c 1")
    silent, terminal = linux.port(), other.port()
    other.run()
    terminal.expect(r"smp: PASS\s+smp> ", BOOT_SECONDS)
    linux.run()
    with linux.attached() as shell:
        linux_ready(shell)
    start = written(linux)
    # More than all buffers between a guest and the end of a socket hold.
    with linux.attached() as shell:
        shell.line(f"{flood(3000)} &")
    until_written(linux, start + 150000)
    # The flood goes on, or is over: the others answer.
    assert "pong" in terminal.run("ping", SMP)
    assert linux.state == "running"
    until_written(linux, start + 300000)
    # A late reader gets what the ring still holds, and then what is typed for.
    silent.line("echo $((6 * 7))")
    silent.expect(r"[\r\n]42\r?\n", BOOT_SECONDS)
    other.delete(force=True)
    linux.delete(force=True)


def test_log_keeps_the_end_of_a_flood(boot):
    board = boot(smp=2, mem=1024, guests=["linux"], consoles=0)
    linux = new(board, "linux", "-m 256")
    linux.run()
    with linux.attached() as shell:
        linux_ready(shell)
        shell.line(f"{flood(500)}; echo the $((1 + 1))nd")
        shell.expect("the 2nd", BOOT_SECONDS)
    log = linux.log().splitlines()
    at = log.index("the 2nd")
    numbers = [int(line) for line in log[at - 20:at]]
    assert numbers == list(range(481, 501))


@pytest.mark.parametrize("smp, options", [(2, "-m 256"), (1, "-m 256 -c 1 -p 10")])
def test_bytes_both_ways(boot, smp, options):
    """What is typed arrives whole, also when it is longer than a FIFO; so does the answer, also
    when the guest leaves the consoles' service no time."""
    board = boot(smp=smp, mem=1024, guests=["linux"])
    linux = new(board, "linux", options)
    terminal = linux.port()
    linux.run()
    linux_ready(terminal)
    text = "".join(chr(ord("a") + n % 26) for n in range(1000))
    terminal.run("stty -echo -icanon", LINUX)
    terminal.line("head -c 1000 | md5sum; echo ready $((1 + 1)) >&2")
    terminal.send(text)
    terminal.expect(r"([0-9a-f]{32})  -", BOOT_SECONDS)
    digest = subprocess.run(["md5sum"], input=text, text=True, capture_output=True, check=True)
    assert terminal.match[1] == digest.stdout.split()[0]
    terminal.expect("ready 2")
    terminal.line("stty sane; head -c 100000 /dev/zero | tr '\\0' x; echo; echo all $((1 + 1))")
    terminal.expect("all 2", BOOT_SECONDS)
    assert max(len(run) for run in re.findall("x+", terminal.before)) == 100000


def test_ports_are_used_again(boot):
    """Lowest free port first; a VM beyond the last one has only the shell's console."""
    board = boot(smp=2, mem=1024, guests=["smp"], consoles=2)
    vms = [new(board, "smp", f"-c 1 --name {name}") for name in ("a", "b", "c")]
    ports = [re.search(r"console .*(port \d|no port)", board.sh(f"zvm info {vm.name}"))[1]
             for vm in vms]
    assert ports == ["port 0", "port 1", "no port"]
    first = vms[0].port()
    for vm in vms:
        vm.run()
    first.expect(r"smp: PASS\s+smp> ", BOOT_SECONDS)
    with vms[2].attached() as shell:
        shell.expect(r"smp: PASS\s+smp> ", BOOT_SECONDS)
        assert "pong" in shell.run("ping", SMP)
    first.line("ping")
    first.expect("pong 1")
    vms[0].delete(force=True)
    again = new(board, "smp", "-c 1 --name d")
    assert again.port() is first
    again.run()
    first.expect(r"smp: PASS\s+smp> ", BOOT_SECONDS)
    assert first.run("ping", SMP).endswith("pong 1")
    assert set(rows(board)) == {"b", "c", "d"}


def test_pseudo_terminals(boot):
    """As `make run` gives them; one is opened and not read, one is used, the rest are closed."""
    board = boot(smp=2, mem=1024, guests=["linux", "smp"], consoles=0, prompt=False, extra=[
        "-device", "virtio-serial-device,max_ports=31",
        *(word for n in range(3)
          for word in ("-chardev", f"pty,id=p{n}", "-device", f"virtconsole,chardev=p{n}"))])
    paths = re.findall(r"redirected to (/dev/pts/\d+) \(label p\d\)", board.wait_prompt())
    assert len(paths) == 3
    linux, other = new(board, "linux", "-m 256"), new(board, "smp", "-c 1")
    unread = os.open(paths[0], os.O_RDWR | os.O_NOCTTY)
    used = os.open(paths[1], os.O_RDWR | os.O_NOCTTY)
    try:
        for terminal in (unread, used):
            subprocess.run(["stty", "raw", "-echo"], stdin=terminal, check=True)
        console = board.terminal(used, "pty")
        other.run()
        console.knock(SMP) # QEMU looks once a second whether a terminal is open
        linux.run()
        with linux.attached() as shell:
            linux_ready(shell)
        console.line("ping")
        console.expect("pong 1")
    finally:
        os.close(unread)
        os.close(used)


def test_virtio_mmio_version_1_and_2(boot):
    """QEMU's transports are version 1 unless told otherwise; ours takes both."""
    for legacy in ("on", "off"):
        board = boot(smp=1, mem=512, guests=["smp"], consoles=1,
                     extra=["-global", f"virtio-mmio.force-legacy={legacy}"])
        vm = new(board, "smp", "-c 1")
        terminal = vm.port()
        vm.run()
        terminal.expect(r"smp: PASS\s+smp> ", BOOT_SECONDS)
        assert "pong" in terminal.run("ping", SMP)
        version = {"on": 1, "off": 2}[legacy]
        assert f"transport version {version}" in board.sh("host log")


# Clipboard, title, mouse, queries of the terminal, C1 control characters as a byte and as UTF-8.
SEQUENCES = r"\033]52;c;cm0K\007\033]0;mine\007\033[?1000h\033[6n\2336n\302\2336n"


def test_a_guest_commands_no_terminal(boot):
    """The log, and past output shown on attaching, are text; leaving resets the terminal."""
    board = boot(smp=2, mem=1024, guests=["linux"], consoles=0)
    linux = new(board, "linux", "-m 256")
    linux.run()
    with linux.attached() as shell:
        linux_ready(shell)
        shell.line(f"printf 'to {SEQUENCES} all\\n'")
        shell.expect(re.escape("to \x1b]52;c;cm0K\x07\x1b]0;mine\x07\x1b[?1000h\x1b[6n"))
        shell.expect(re.escape(LINUX))
    reset = board.child.before
    assert "\x1b[?9;1000;" in reset and "[terminal reset]" in reset
    linux.log()
    shown = board.child.before
    assert "to ^[]52;c;cm0K^G^[]0;mine^G^[[?1000h^[[6n\\x9b6n\\u009b6n all" in shown
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", shown.split("\n", 1)[1])
    with linux.attached() as shell:
        shell.expect("to \\\\x9b6n\\\\u009b6n all")
        shell.line()
        shell.expect(re.escape(LINUX))
        shell.expect(re.escape(LINUX))


def test_break(boot):
    """Linux' SysRq, which listens when nothing else in it does."""
    board = boot(smp=2, mem=1024, guests=["linux"], consoles=0)
    linux = new(board, "linux", "-m 256")
    assert board.sh("zvm console --break linux") == \
        "zvm: vm 0 'linux' is created: only a running VM can be sent BREAK"
    linux.run()
    with linux.attached() as shell:
        linux_ready(shell)
        shell.send(LEAVE + "b")
        shell.expect(re.escape("[BREAK sent to vm 0 'linux'; Ctrl-] leaves]"))
        shell.send("h")
        shell.expect("sysrq: HELP")
        # By itself h is a letter.
        shell.line("h; echo $((6 * 7))")
        shell.expect(r"[\r\n]42\r")
    assert board.sh("zvm console --break linux") == "vm 0 'linux': BREAK sent"
    with linux.attached() as shell:
        shell.send("h")
        shell.expect("sysrq: HELP.*sysrq: HELP")
