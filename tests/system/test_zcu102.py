# SPDX-License-Identifier: Apache-2.0
"""The same binary on Xilinx' ZCU102: RAM at 0, GIC-400, four Cortex-A53, and a Cadence UART.

The devicetree is the one that Debian's kernel has for the board; QEMU completes it.
"""

import re

import pytest

from conftest import BOOT_SECONDS, BUILD, fetched
from guests import LINUX, linux_ready, new
from test_rtos import jitter, ready

# The display's sound would go to the machine that the test runs on.
SILENT = ("-audiodev", "none,id=none")


@pytest.fixture
def board(boot):
    fetched("boards")
    dtb = BUILD / "guests/boards/zynqmp-zcu102-rev1.0.dtb"
    return boot(machine="xlnx-zcu102,virtualization=on", smp=4, mem=2048, consoles=0,
                guests=["linux", "rtos", "smp"], extra=("-dtb", str(dtb), *SILENT))


def test_zcu102(board):
    info = board.sh("host info")
    assert re.search(r"^machine +ZynqMP ZCU102", info, re.M)
    assert re.search(r"^cpu +4 cpus, Cortex-A53", info, re.M)
    assert re.search(r"^console +cdns,uart-r1p12 here", info, re.M)
    # By interrupt: whoever types and reads is heard.
    assert re.search(r"^ +\d+ +uart +[1-9]", board.sh("host irq"), re.M)
    linux = new(board, "linux", "-c 4")
    linux.run()
    with linux.attached() as console:
        linux_ready(console)
        assert console.run("nproc", LINUX) == "4"
        assert " GIC-0 " in console.run("cat /proc/interrupts", LINUX)
    rtos = new(board, "rtos")
    rtos.run()
    with rtos.attached() as console:
        ready(console)
        jitter(console, 100)
    smp = new(board, "smp", "-c 4")
    smp.run()
    with smp.attached() as console:
        console.expect(r"smp: PASS\s+smp> ", BOOT_SECONDS)
    assert linux.state == rtos.state == "running"
