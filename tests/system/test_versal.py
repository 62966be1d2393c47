# SPDX-License-Identifier: Apache-2.0
"""The same binary on a board that shares with `virt` only what docs/porting.md asks for.

QEMU's Versal: RAM at 0, GICv3 at 0xf9000000, firmware at EL3, two Cortex-A72 and more, no monitors.
"""

import re

import pytest

from conftest import BOOT_SECONDS
from guests import LINUX, linux_ready, new
from test_check import run_smp

CHECK = """/dts-v1/;
/ {
\tcompatible = "zvm,vm";
\tlabel = "check";
\tkernel = "guests/check.elf";
\tmemory = <0x0 0x04000000>;
\tcpus = <4>;
};
"""


@pytest.fixture
def board(boot, tmp_path):
    check = tmp_path / "check.dts"
    check.write_text(CHECK, encoding="utf-8")
    return boot(machine="xlnx-versal-virt", smp=4, mem=2048, guests=["smp", "linux", str(check)])


def test_versal(board):
    assert "Versal" in board.sh("host info") + board.banner
    check = new(board, "check")
    console = check.port()
    check.run()
    console.expect(r"(?m)^(\d+) passed, (\d+) failed\s", BOOT_SECONDS)
    assert console.match[2] == "0", re.findall(r"^FAIL.*", console.before, re.M)
    check.wait_until("stopped")
    linux = new(board, "linux", "-c 4")
    terminal = linux.port()
    terminal.drain() # it was check's before
    linux.run()
    linux_ready(terminal)
    assert terminal.run("nproc", LINUX) == "4"
    run_smp(board, "-c 4")
    assert terminal.run("uname -s", LINUX) == "Linux"
