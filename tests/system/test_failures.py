# SPDX-License-Identifier: Apache-2.0
"""What counts as a failure of a VM (docs/failures.md), and what does not."""

import re
import struct

import pytest

from conftest import BOOT_SECONDS, LINUX
from guests import linux_ready, new
from test_fair import bundle

BOARD = {"smp": 2, "mem": 512, "guests": ["lost"]}

# How it is lost; what is said of it. kit: an address of the guest's own code.
KIT = r"40[0-9a-f]{6}"
FAULTS = r"vcpu 0 faults at its own vector for ever: "
SPINS = r"vcpu 0 spins at its vector: "
CRASHES = {
    # Without the MMU code is fetched from the flash, which reads as ones: undefined.
    "null": FAULTS + rf"instruction abort, ESR_EL1 86[0-9a-f]+, FAR_EL1 200, ELR_EL1 200, PC 200, LR {KIT}",
    "null-physical": FAULTS + rf"[a-z ]+, ESR_EL1 [0-9a-f]+, FAR_EL1 [0-9a-f]+, ELR_EL1 200, PC 200, LR {KIT}",
    "hole": FAULTS + r"instruction abort, ESR_EL1 86000010, FAR_EL1 f000200, ELR_EL1 f000200, PC f000200, LR .*"
            rf"; given before: ESR 96000050, FAR f000000, ELR {KIT}",
    "store": FAULTS + r"instruction abort, ESR_EL1 86[0-9a-f]+, FAR_EL1 200, ELR_EL1 200, PC 200, LR .*"
             rf"; given before: ESR 96000050, FAR f000000, ELR {KIT}",
    "stack": FAULTS + rf"data abort, ESR_EL1 96000050, FAR_EL1 [0-9a-f]+, ELR_EL1 {KIT}, PC {KIT}, LR .*",
    "deep": FAULTS + rf"data abort, ESR_EL1 96000050, FAR_EL1 7ffff7f0, ELR_EL1 {KIT}, PC {KIT}, LR {KIT}.*",
    "dead": SPINS + rf"undefined instruction, ESR_EL1 2000000, FAR_EL1 0, ELR_EL1 {KIT}, PC {KIT}, LR {KIT}",
    "away": SPINS + rf"data abort, ESR_EL1 96000050, FAR_EL1 f000000, ELR_EL1 {KIT}, PC {KIT}, LR .*",
    "irq": SPINS + rf"IRQ, ESR_EL1 0, FAR_EL1 0, ELR_EL1 {KIT}, PC {KIT}, LR {KIT}",
}


def lost(board, how, kind="lost"):
    """A VM that is lost in this way, or will be."""
    vm = new(board, kind, f"--bootargs how={how}.")
    terminal = vm.port()
    vm.run()
    terminal.expect(rf"lost: {how}\.", BOOT_SECONDS)
    return vm, terminal


@pytest.mark.parametrize("how", CRASHES)
def test_lost_at_its_vector(boot_module, how):
    """It crashes within some looks, and the log and `zvm info` say where and why."""
    board = boot_module(**BOARD)
    vm, _ = lost(board, how)
    vm.wait_until("crashed")
    info = board.sh(f"zvm info {vm.name}")
    why = re.search(r"^  crash +(.*)$", info, re.M)
    assert why and re.fullmatch(CRASHES[how], why[1]), info
    assert f"vm {vm.id} '{vm.name}' stopped: {why[1]}" in board.sh("host log").replace("\r", "")
    vm.delete()


def fact(board, name, what):
    found = re.search(rf"^  {what} +(.*)$", board.sh(f"zvm info {name}").replace("\r", ""), re.M)
    return found and found[1]


@pytest.mark.parametrize("how, why, exception", [
    ("null", "an exception, and no vectors at VBAR_EL1", r"instruction abort: .*, FAR 200, IPA 200: flash0"),
    ("store", "an access to a missing device",
     r"data abort of a store: external abort; ESR 96000050, ELR \w+ \(store\+0x\w+\), FAR f000000, IPA f000000: no device"),
    ("stack", "its stack is not in RAM: never set, or overflowed", r"data abort of a store: .* no RAM"),
    ("dead", "it executes where no code is", r"undefined instruction; ESR 2000000, ELR \w+ \(dead\+0x\w+\)"),
])
def test_what_a_typical_cause_is(boot_module, how, why, exception):
    """Why it failed, what to try, and where it was, by the symbols of its image."""
    board = boot_module(**BOARD)
    vm, _ = lost(board, how)
    vm.wait_until("crashed")
    assert fact(board, vm.name, "why") == why
    assert fact(board, vm.name, "try")
    assert re.fullmatch(exception, fact(board, vm.name, "exception"))
    assert re.fullmatch(r"vcpu 0: PC \w+.*, LR \w+ \(\w+\+0x\w+\), SP \w+, PSTATE \w+, SCTLR \w+, VBAR \w+",
                        fact(board, vm.name, "registers"))
    assert re.match(r"(data|instruction) abort at \w+", fact(board, vm.name, "last exits"))
    vm.delete()


def test_a_silent_guest(boot, description, tmp_path):
    """It waits for an interrupt, and nothing will raise one."""
    (tmp_path / "wfi.bin").write_bytes(struct.pack("<2I", 0xd503207f, 0x17ffffff))  # wfi; b .-4
    board = boot(smp=2, mem=512, guests=[description("quiet", "wfi.bin", "", "memory = <0x0 0x400000>")])
    vm = new(board, "quiet")
    vm.run()
    assert not fact(board, vm.name, "silent")
    board.until(lambda: fact(board, vm.name, "silent"))
    assert fact(board, vm.name, "silent") == "nothing came at its console"
    assert fact(board, vm.name, "why") == "it waits (WFI), and no timer is set"
    assert re.fullmatch(r"WFI or WFE at 40080000( \d+x)?", fact(board, vm.name, "last exits"))
    assert vm.state == "running"


def watched(folder, more=""):
    """A bundle with the type `lost` as it is, and with a hang timeout."""
    two = "cpus = <2>; "
    return bundle(folder, {"lost": {"kernel": "lost", "memory": "0x800000", "more": two},
                           "watched": {"kernel": "lost", "memory": "0x800000",
                                       "more": f"{two} hang-timeout-ms = <1500>; {more}"},
                           "own": {"kernel": "lost", "memory": "0x800000",
                                   "more": "dedicated; hang-timeout-ms = <1500>;"}})


def test_all_its_cpus_hang(boot, tmp_path):
    """With a hang timeout, and only then, that is a failure: restarted as the description says."""
    board = boot(smp=2, mem=512, bundle=watched(tmp_path, 'restart = "on-failure";'))
    other, _ = lost(board, "masked")
    vm, terminal = lost(board, "masked", kind="watched")
    assert "\n  hangs       if interrupts are masked for 1500 ms\n" in board.sh(f"zvm info {vm.name}")
    terminal.expect(r"lost: masked\.", BOOT_SECONDS)
    why = rf"hangs: interrupts masked for 1500 ms of CPU time, PC {KIT} {KIT}"
    info = board.sh(f"zvm info {vm.name}")
    assert re.search(rf"^  last crash +{why}$", info, re.M), info
    assert fact(board, vm.name, "why") == "it executes with interrupts masked"
    assert re.match(r"vcpu \d: PC \w+ \(\w+\+0x", fact(board, vm.name, "registers"))
    assert re.search(rf"vm {vm.id} '{vm.name}' stopped: {why}", board.sh("host log"))
    assert vm.state == "running" and int(vm.row()["RESTARTS"]) == 1
    assert other.state == "running"


def test_watchdog(boot, tmp_path):
    """A guest that leaves the watchdog alone is restarted, and `zvm info` says why."""
    small = {"kernel": "lost", "memory": "0x800000"}
    board = boot(smp=2, mem=512, bundle=bundle(tmp_path, {
        "lost": small | {"more": "watchdog;"},
        "again": small | {"more": 'watchdog; restart = "on-failure";'},
        "bare": small | {"more": ""}}))
    why = r"watchdog: its interrupt was not answered for 0\.100 s"
    petted, petting = lost(board, "pets", kind="again")
    vm, _ = lost(board, "watchdog")
    vm.wait_until("crashed")
    info = board.sh(f"zvm info {vm.name}")
    assert re.search(rf"^  crash +{why}$", info, re.M), info
    assert re.search(r"^  region +0x09050000 +4 KiB +watchdog$", info, re.M), info
    again, terminal = lost(board, "watchdog", kind="again")
    terminal.expect(r"lost: watchdog\.", BOOT_SECONDS)
    info = board.sh(f"zvm info {again.name}")
    assert re.search(rf"^  last crash +{why}$", info, re.M), info
    # Paused for longer than its two periods, it has not missed anything.
    petted.pause()
    for _ in range(4):
        terminal.expect(r"lost: watchdog\.", BOOT_SECONDS)
    board.sh(f"zvm stop -f {again.name}")  # the log tells of its ends meanwhile
    board.sh(f"zvm resume {petted.name}")
    for _ in range(3):
        petting.expect("lost: alive", BOOT_SECONDS)
    info = board.sh(f"zvm info {petted.name}")
    assert re.search(r"^  watchdog +0\.\d{3} s left, then ", info, re.M), info
    assert petted.row()["RESTARTS"] == "0"
    assert "watchdog" not in board.sh(f"zvm info {new(board, 'bare').name}")


def test_what_only_looks_lost(boot, tmp_path):
    """Handled faults; interrupts masked in WFI, or on one CPU of two; exits from handlers only."""
    board = boot(smp=4, mem=512, consoles=8, bundle=watched(tmp_path))
    # WFI of the first two does not trap. The third spins, but not at its vector: it may be done.
    silent = [lost(board, how, kind=kind)[0] for how, kind in (("sleeps", "own"), ("idles", "own"), ("turns", "lost"))]
    kinds = {"probes": "lost", "busy": "watched", "sleeps": "watched", "one": "watched"}
    terminals = [lost(board, how, kind=kind)[1] for how, kind in kinds.items()]
    for _ in range(12):
        for terminal in terminals:
            terminal.expect("lost: alive", BOOT_SECONDS)
    assert board.sh("zvm info").count(" running ") == len(kinds) + len(silent)
    assert "stopped" not in board.sh("host log")


def test_restarts_on_failure(boot, tmp_path):
    """A crash at its vector is a failure: restarts are counted, and come later and later."""
    board = boot(smp=2, mem=512, bundle=watched(tmp_path, 'restart = "on-failure";'))
    vm, terminal = lost(board, "null", kind="watched")
    for _ in range(3):
        terminal.expect(r"lost: null\.", BOOT_SECONDS)
    board.until(lambda: "waits 1 s" in board.sh("host log"))
    terminal.expect(r"lost: null\.", BOOT_SECONDS)
    info = board.sh(f"zvm info {vm.name}")
    assert re.search(rf"^  last crash +{CRASHES['null']}$", info, re.M), info
    assert int(vm.row()["RESTARTS"]) == 4


def test_bootargs_at_the_shell(boot, tmp_path):
    """They stand behind those of the description; what is too long for both is refused."""
    longest = 2047 - len("quiet")
    board = boot(smp=1, mem=512, bundle=bundle(tmp_path, {
        "lost": {"kernel": "lost", "memory": "0x800000", "more": 'bootargs = "quiet";'},
        "tree": {"kernel": "lost", "memory": "0x800000", "more": 'devicetree = "vms/lost.dtb";'},
        "full": {"kernel": "lost", "memory": "0x800000", "more": f'bootargs = "{"x" * longest}";'}}))
    vm = new(board, "lost", '--bootargs "how=nothing  root=\'a b\'"')
    assert "\n  bootargs    quiet how=nothing  root='a b'\n" in board.sh(f"zvm info {vm.name}")
    plain = new(board, "lost")
    assert "\n  bootargs    quiet\n" in board.sh(f"zvm info {plain.name}")
    assert board.sh("zvm new -t full --bootargs 12345") == (
        "zvm: bootargs: together with the description's longer than 2047 bytes")
    assert board.sh("zvm new -t full --bootargs 1234").startswith("vm 2 'full' created")
    assert board.sh("zvm new -t tree --bootargs quiet") == (
        "zvm: bootargs: the description has none, and those of its devicetree would be lost: add some to the description first")
    assert board.sh('zvm new -t lost --bootargs "a b') == 'the quote " is not closed'


def test_a_panicked_linux(boot):
    """With panic= it resets itself, and starts again."""
    board = boot(smp=2, mem=1024, guests=["linux"])
    vm = new(board, "linux", '--bootargs "panic=-1 quiet"')
    console = vm.port()
    vm.run()
    linux_ready(console)
    assert console.run("cat /proc/cmdline", LINUX) == "console=ttyAMA0 panic=-1 quiet"
    console.line("echo c > /proc/sysrq-trigger")
    linux_ready(console)
    assert vm.state == "running" and int(vm.row()["RESTARTS"]) == 1
