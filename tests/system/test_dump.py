# SPDX-License-Identifier: Apache-2.0
"""`zvm dump`: cores of VMs, as gdb sees them."""

import re
import subprocess

import pytest

from conftest import BOOT_SECONDS, BUILD, COMMAND_SECONDS
from guests import SMP, new
from test_failures import lost

PORT = 4  # behind the four that each board has
RTOS = "rtos> "


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """What was sent to PORT of the module's board, one core behind the other."""
    return tmp_path_factory.mktemp("core") / "port"


@pytest.fixture
def board(boot_module, path):
    # QEMU drops what a socket of a `virtconsole` does not take at once; a file takes everything.
    return boot_module(smp=2, mem=1024, guests=["rtos", "smp", "lost"],
                       extra=("-chardev", f"file,id=core,path={path}", "-device", "virtconsole,bus=vser0.0,chardev=core"))


@pytest.fixture
def dump(board, path, tmp_path):
    """dump("rtos"): what the operator was told at its beginning, and the core."""
    def send(name):
        start = path.stat().st_size
        said = board.sh(f"zvm dump {name} {PORT}")
        assert f"MiB, is sent to port {PORT} (hvc{PORT})" in said, said
        whole = board.until(lambda: re.fullmatch(rf"'{name}': complete, (\d+) of \1 MiB", board.sh("zvm dump")))
        core = tmp_path / "core"
        core.write_bytes(path.read_bytes()[start:])
        assert int(whole[1]) << 20 < core.stat().st_size < (int(whole[1]) + 1) << 20
        return said, core

    return send


def gdb(core, image, *commands):
    """What gdb prints."""
    argv = ["gdb-multiarch", "-nx", "-batch", "-ex", "set pagination off", str(image)]
    for command in (f"core-file {core}", *commands):
        argv += ["-ex", command]
    return subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True,
                          timeout=COMMAND_SECONDS).stdout


def test_a_running_vm(board, dump):
    """By the addresses of its own tables, with its stacks. It goes on as if nothing had been."""
    vm = new(board, "rtos", "-m 4")
    console = vm.port()
    vm.run()
    console.expect(re.escape(RTOS), BOOT_SECONDS)
    said, core = dump("rtos")
    assert said.endswith("; it is paused meanwhile")
    board.until(lambda: vm.state == "running")
    assert "threads" in console.run("help", RTOS)
    assert "vm 0 'rtos': core dump complete, " in board.sh("host log")
    said = gdb(core, BUILD / "rtos.elf", "info threads", "bt", "info registers", "x/s shell_banner",
               "x/wx 0x40200000", "x/wx 0x0000800040200000")
    assert re.search(r"^\* 1 +LWP 1 ", said, re.M)
    assert re.search(r"^#\d+ +0x\w+ in thread_trampoline \(\) at .*switch\.S:\d+$", said, re.M)
    assert re.search(r"^pc +0x4000000\w+", said, re.M)
    assert '<shell_banner>:\t"ZVM RTOS' in said
    words = re.findall(r"^0x(?:40200000|800040200000)\b.*:\t(0x\w+)$", said, re.M)
    assert len(words) == 2 and len(set(words)) == 1, "the same memory by two addresses"
    vm.delete(force=True)


def test_each_vcpu_is_a_thread(board, dump):
    vm = new(board, "smp", "-c 3 -m 4")
    console = vm.port()
    vm.run()
    console.expect(SMP, BOOT_SECONDS)
    vm.pause()
    said, core = dump("smp")
    assert "paused" not in said and vm.state == "paused"
    assert len(re.findall(r"^[* ] \d +LWP [123] ", gdb(core, BUILD / "guests/smp.elf", "info threads"), re.M)) == 3
    vm.delete(force=True)


def test_a_crashed_vm(board, dump):
    vm, _ = lost(board, "dead")
    vm.wait_until("crashed")
    said = gdb(dump("lost")[1], BUILD / "guests/lost.elf", "x/i $pc", "bt")
    assert re.search(r"^=> 0x40\w+ <dead_vectors\+512>:\tb\t0x", said, re.M), said
    vm.delete()


def test_what_goes_wrong(board, dump):
    """One line that names it. A VM that runs on, or is deleted, cuts its dump off."""
    vm = new(board, "rtos", "-m 4")
    for words, why in [("rtos x", "'x': expected the number of a port"), ("rtos 0", "port 0 is in use"),
                       ("rtos 40", "there is no such port"), ("nothing", "no VM 'nothing'"), ("rtos 4 5", "too many arguments")]:
        assert why in board.sh(f"zvm dump {words}"), words
    assert board.sh("zvm dump off") == "no core dump is being sent"
    vm.run()
    vm.port().expect(re.escape(RTOS), BOOT_SECONDS)
    assert "is sent to port" in board.sh(f"zvm dump rtos {PORT}")
    vm.delete(force=True)
    board.until(lambda: re.fullmatch(r"'rtos': (cut off|complete), \d+ of \d+ MiB", board.sh("zvm dump")))
    assert re.search(r"'rtos': core dump (cut off|complete)", board.sh("host log"))
    assert dump(new(board, "rtos", "-m 4").name)[0]
