# SPDX-License-Identifier: Apache-2.0
"""The same binary on machines with a GICv2, whose guests get one too."""

import re

import pytest

from conftest import CPU_MAX
from guests import LINUX, linux_ready, new, timer_counts, uboot_ready
from test_check import run_smp

CPUS = ["cortex-a53", "cortex-a72", CPU_MAX]


@pytest.mark.parametrize("smp", [1, 4])
def test_four_vcpus(boot, smp):
    """What `check` says of a GICv2 is compared with the machine's in test_conformance.py."""
    board = boot(gic=2, cpu="cortex-a53", smp=smp, mem=1024, guests=["smp"])
    assert re.search(r"288, \d+ list registers", board.sh("host info"))
    vm, terminal = run_smp(board)
    assert "0 unexpected interrupts" in terminal.run("status", "smp> ")
    terminal.line("off")
    vm.wait_until("stopped")


@pytest.mark.parametrize("cpu", CPUS)
def test_linux_and_uboot(boot, cpu):
    board = boot(gic=2, cpu=cpu, smp=4, mem=2048, guests=["linux", "uboot"])
    linux = new(board, "linux", "-c 2")
    terminal = linux.port()
    linux.run()
    linux_ready(terminal)
    assert terminal.run("nproc", LINUX) == "2"
    before = timer_counts(terminal)
    terminal.run("taskset 1 sleep 0.1; taskset 2 sleep 0.1", LINUX)
    assert all(now > then > 0 for now, then in zip(timer_counts(terminal), before))
    assert " GIC-0 " in terminal.run("cat /proc/interrupts", LINUX)
    uboot = new(board, "uboot")
    console = uboot.port()
    uboot.run()
    uboot_ready(console)
    terminal.line("reboot")
    linux_ready(terminal)
    terminal.line("poweroff")
    linux.wait_until("stopped")
