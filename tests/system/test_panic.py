# SPDX-License-Identifier: Apache-2.0
"""A panic of the hypervisor itself, and what the next start says of it."""

import re
import socket
import subprocess

import pytest

from conftest import BOOT_SECONDS, KERNELS


def jump(debugger, pc):
    """Let CPU 0 go on there."""
    subprocess.run(["gdb-multiarch", "-nx", "-batch", "-ex", "set architecture aarch64", "-ex", f"target remote {debugger}",
                    "-ex", f"set $pc={pc:#x}", "-ex", "detach"], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.mark.parametrize("kernel", ["zvm_host.bin", "zvm_host.elf"])
def test_a_panic_is_shown_again_after_a_reset(boot, tmp_path, kernel):
    monitor, debugger = tmp_path / "monitor", tmp_path / "gdb"
    board = boot(smp=2, kernel=KERNELS / kernel, extra=["-monitor", f"unix:{monitor},server=on,wait=off",
                                                        "-gdb", f"unix:{debugger},server=on,wait=off"])
    assert "panicked" not in board.banner
    jump(debugger, 0x40)
    board.line()  # the CPU waits for an interrupt
    board.expect("halted; where RAM survives a reset, the next start shows this again", BOOT_SECONDS)
    said = board.before
    for pattern in (r"instruction abort: translation fault, level \d", r"ESR 86\w+  FAR 0+40 \(a null pointer\)  PC 0+40 \(a null",
                    r"x0  \w{16}  x1  \w{16}", r"panic: unexpected exception at EL2, pc 0+40", r"CPU \d, thread '\w+",
                    r"#0 00004000"):
        assert re.search(pattern, said), pattern
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(monitor))
        link.sendall(b"system_reset\n")
        board.expect("the machine panicked before this start; the end of its log:", BOOT_SECONDS)
        again = board.wait_prompt()
    for pattern in (r"\| \[ +\d+\.\d+\] panic: unexpected exception at EL2, pc 0+40", r"\| \[.*FAR 0+40 \(a null pointer\)"):
        assert re.search(pattern, again), pattern
    # Enter was typed before: there may be a prompt more.
    board.until(lambda: "panic: unexpected exception" in board.sh("host log"))
    board.line("host reboot")
    board.expect("ZVM .* on ", BOOT_SECONDS)
    assert "panicked" not in board.before + board.wait_prompt()
