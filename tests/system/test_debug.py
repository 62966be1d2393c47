# SPDX-License-Identifier: Apache-2.0
"""The commands that `make debug` gives gdb for the machine itself (tools/zvm-gdb.py)."""

import re
import subprocess

import pytest

from conftest import KERNELS, ROOT
from guests import new


@pytest.fixture
def machine(boot, tmp_path):
    """A board with two VMs, one of them never started, and QEMU's own stub for gdb."""
    path = tmp_path / "gdb"
    board = boot(smp=2, guests=["control", "uboot"],
                 extra=("-chardev", f"socket,id=machine,path={path},server=on,wait=off", "-gdb", "chardev:machine"))
    new(board, "control").run()
    new(board, "uboot")
    return board, path


def test_threads_vms_and_stage_2(machine):
    board, path = machine
    argv = ["gdb-multiarch", "-q", "-nx", "-batch", "-ex", "set pagination off", "-ex", f"target remote {path}",
            "-x", str(ROOT / "tools/zvm-gdb.py")]
    for command in ("zvm-threads", "zvm-vms", "zvm-stage2 control", "zvm-stage2 0 0x40000000", "zvm-stage2 0 0",
                    "zvm-stage2 nix"):
        argv += ["-ex", command]
    said = subprocess.run(argv + [str(KERNELS / "zvm_host.elf")], text=True, timeout=120, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL).stdout
    for line in (r"^shell +\w+ +\d+ +0 +\d+$", r"^vm0\.0 control +\w+ +4 +[01] +\d+$",
                 r"^0 control: running, 8 MiB\n  vcpu 0: on, cpu [01], pc 0x4\w+$", r"^1 uboot: created, 128 MiB$",
                 r"^0x000040000000 -> 0x\w+ +\d+ KiB  rwx$", r"^nothing is mapped there$", "no VM 'nix'"):
        assert re.search(line, said, re.M), f"{line}\n{said}"
    assert "control" in board.sh("zvm info")
