# SPDX-License-Identifier: Apache-2.0
"""A guest's timers, whatever it writes to their registers: CNTV_CVAL = ~0 once stopped QEMU 7.2."""

import re
import subprocess

import pytest

from conftest import BOOT_SECONDS, BUILD
from guests import new
from test_check import run_smp
from test_sched import pass_time

SLEPT = r"edges: slept for (\d+) us, of which the virtual counter saw (\d+); (\d+) interrupts\s"


def passes(terminal):
    terminal.expect(r"edges: (\d+) combinations, (\d+) wrong\s+edges: (PASS|FAIL)\s", BOOT_SECONDS)
    assert terminal.match[3] == "PASS", terminal.before
    assert int(terminal.match[1]) > 8000
    terminal.expect(r"edges: asleep\s")


def slept(terminal):
    """Wakes it: microseconds by both counters, and how often a timer set for never fired."""
    terminal.line()
    terminal.expect(SLEPT)
    return [int(number) for number in terminal.match.groups()]


def test_bare():
    """The guest asks for nothing that the bare machine does not do."""
    qemu = ["qemu-system-aarch64", "-machine", "virt,gic-version=3", "-cpu", "cortex-a53", "-m", "128", "-display", "none",
            "-nic", "none", "-monitor", "none", "-serial", "stdio", "-kernel", str(BUILD / "guests/edges.elf")]
    with subprocess.Popen(qemu, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as machine:
        output = ""
        while "asleep" not in output:
            line = machine.stdout.readline()
            assert line, output
            output += line
        machine.kill()
    assert "edges: PASS" in output, output


@pytest.mark.parametrize("gic", [3, 2])
@pytest.mark.parametrize("cpu", ["cortex-a53", "max"])
def test_no_value_harms_anybody(boot, gic, cpu):
    """Beside another VM on its CPU: its vCPU leaves it to sleep, and timeouts wake it."""
    board = boot(cpu=cpu, gic=gic, smp=2, mem=512, guests=["edges", "smp"])
    _, other = run_smp(board, "-c 2 -a 2")
    edges = new(board, "edges", "-a 2")
    terminal = edges.port()
    terminal.drain()
    edges.run()
    passes(terminal)
    assert slept(terminal)[2] == 0
    terminal.expect(r"edges: asleep\s")
    # The virtual counter stands still meanwhile, and both timers stay where they are.
    edges.pause()
    pass_time(board, 3)
    edges.resume()
    real, virtual, interrupts = slept(terminal)
    assert real - virtual >= 3000000 and interrupts == 0
    edges.reset()
    passes(terminal)
    assert re.search(r"cpu 0: \d+ ticks", other.run("status", "smp> "))
    edges.delete(force=True)
    assert edges.name not in board.sh("zvm info")
