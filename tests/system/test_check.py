# SPDX-License-Identifier: Apache-2.0
"""Bare-metal guests: what the guest machine promises, SMP, and a guest that behaves badly."""

import re

import pytest

from conftest import BOOT_SECONDS, CPU_MAX
from guests import new

GUESTS = ["check", "smp", "wild"]


def run_check(board, options=""):
    """The `check` guest's own verdict: every line that is not fine is shown."""
    vm = new(board, "check", options)
    terminal = vm.port()
    terminal.drain()
    vm.run()
    terminal.expect(r"(\d+) passed, (\d+) failed", 2 * BOOT_SECONDS)
    passed, failed = int(terminal.match[1]), int(terminal.match[2])
    report = terminal.before
    assert re.findall(r"^FAIL.*", report, re.M) == []
    assert failed == 0 and passed > 500
    assert len(re.findall(r"^ok ", report, re.M)) == passed # and no line is lost
    vm.wait_until("stopped")
    vm.delete()


def run_smp(board, options=""):
    vm = new(board, "smp", options)
    terminal = vm.port()
    terminal.drain()
    vm.run()
    terminal.expect(r"smp: (PASS|FAIL)\s+smp> ", BOOT_SECONDS)
    assert terminal.match[1] == "PASS", terminal.before
    return vm, terminal


@pytest.mark.parametrize("cpu, smp", [("cortex-a57", 2)])
def test_check(boot, cpu, smp):
    """Other CPUs are in test_conformance.py."""
    run_check(boot(cpu=cpu, smp=smp, mem=1024, guests=GUESTS))


@pytest.mark.parametrize("smp", [1, 4])
def test_four_vcpus(boot, smp):
    """On a CPU each, and all on the same one."""
    board = boot(cpu="cortex-a53", smp=smp, mem=1024, guests=GUESTS)
    vm, terminal = run_smp(board)
    status = terminal.run("status", "smp> ")
    assert len(re.findall(r"cpu \d: 1\d\d\d ticks, 1000 sgis, fp \d+ good 0 bad", status)) == 4
    assert "0 unexpected interrupts" in status
    terminal.line("off")
    vm.wait_until("stopped")


def test_wild_guest_harms_nobody(boot):
    """While a guest tries everything, the shell answers and another VM loses nothing."""
    board = boot(smp=2, mem=1024, guests=GUESTS)
    wild = new(board, "wild", "-a 2")
    noise = wild.port()
    wild.run()
    other, _ = run_smp(board)
    noise.expect("wild: survived", 2 * BOOT_SECONDS)
    # Each part says what became of its attempts: the architecture's answers only.
    report = noise.before
    assert len(re.findall(r", 0 serror, ", report)) == len(re.findall(r"serror", report)) > 5
    for part in ("smc", "hvc", "unmapped", "awkward device accesses", "gicd", "gicr", "uart"):
        assert re.search(rf"^wild: {part}: .*, 0 other$", report, re.M), report
    assert wild.state == "running"
    # What it did to its own machine is gone with a reset.
    other.delete(force=True)
    wild.reset()
    noise.expect("wild: survived", 2 * BOOT_SECONDS)
    # Now it sleeps for ever, alone on its CPU, and that is what the table shows.
    board.until(lambda: wild.row()["CPU%"] == "0.0")
    wild.delete(force=True)


def test_a_guest_that_is_lost(boot):
    """Its vectors point nowhere: it takes exceptions for ever, crashes, disturbs no other VM."""
    board = boot(smp=1, mem=512, guests=["smp"])
    vm, terminal = run_smp(board, "-c 1")
    terminal.line("crash")
    terminal.expect("crash")
    other = new(board, "smp", "-c 1 --name other")
    other.run()
    with other.attached() as shell:
        shell.expect(r"smp: PASS", BOOT_SECONDS)
    vm.wait_until("crashed")
    vm.reset()
    terminal.expect(r"smp: PASS\s+smp> ", BOOT_SECONDS)
    terminal.line("reset")
    terminal.expect(r"smp: PASS\s+smp> ", BOOT_SECONDS)
    assert int(vm.row()["RESTARTS"]) == 2


@pytest.mark.parametrize("cpu, lines", [
    ("cortex-a53", []),
    ("cortex-a57", [r"Cortex-A57 1319537 \(cpus 0x3\)", r"branch predictor: EXPOSED, .* \(cpus 0x3\)"]),
    ("cortex-a72", [r"Cortex-A72 1319367 \(cpus 0x3\)", r"branch predictor: EXPOSED, .* \(cpus 0x3\)"]),
    ("neoverse-n1", [r"branch history: cleared at every exit \(cpus 0x3\)"]),
])
def test_errata(boot, cpu, lines):
    """What the operator is told; and guests run as elsewhere, also while exits are measured."""
    board = boot(cpu=cpu, smp=2, mem=1024, guests=GUESTS)
    found = re.findall(r"^errata +(.*)$", board.sh("host info"), re.M)
    assert len(found) == len(lines) and all(map(re.fullmatch, lines, found)), found
    board.sh("host irq -m on")
    vm, terminal = run_smp(board, "-c 2")
    board.sh("host irq -m off")
    assert "0 unexpected interrupts" in terminal.run("status", "smp> ")
    vm.delete(force=True)
