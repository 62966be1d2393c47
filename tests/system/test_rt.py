# SPDX-License-Identifier: Apache-2.0
"""Debian's PREEMPT_RT kernel and the programs that are used to judge one."""

import re
import subprocess
import sys

import pytest

from conftest import BOOT_SECONDS, BUILD, CPU_MAX, ROOT, fetched
from guests import LINUX, linux_ready, new

# T: 0 (   87) P:90 I:1000 C:    200 Min:     31 Act:   78 Avg:   92 Max:     612
ROW = re.compile(r"^T: ?(\d+) \( *\d+\) P: ?(\d+) I: ?(\d+) C: *(\d+) "
                 r"Min: *(\d+) Act: *(\d+) Avg: *(\d+) Max: *(\d+)$", re.M)


def start_linux(board):
    vm = new(board, "rt")
    terminal = vm.port()
    vm.run()
    linux_ready(terminal)
    return terminal


@pytest.fixture
def console(boot_module):
    """The terminal of a VM that is the only one on the machine."""
    fetched("rt")
    return boot_module(cpu=CPU_MAX, smp=4, mem=2048, guests=["rt"]).once(start_linux)


def test_it_is_preempt_rt(console):
    assert "PREEMPT_RT" in console.run("uname -v", LINUX)
    assert console.run("cat /sys/kernel/realtime", LINUX) == "1"


def check_rows(text, threads, interval, loops):
    """The table of so many threads; it ends when the first of them has made its loops."""
    rows = ROW.findall(text)
    assert [int(row[0]) for row in rows] == list(range(threads)), text
    assert max(int(row[3]) for row in rows) == loops
    for row in rows:
        priority, step, count, least, _, average, most = (int(x) for x in row[1:])
        assert (priority, step) == (90, interval)
        assert count > 0
        # How late says nothing on QEMU, but in counted instructions (below).
        assert 0 < least <= average <= most, text


def test_cyclictest(console):
    """To its table: one thread at 1 ms, every wake-up counted."""
    check_rows(console.run("cyclictest -q -l 200 -i 1000 -m -p 90", LINUX, BOOT_SECONDS),
               1, 1000, 200)


def test_cyclictest_on_busy_cpus(console):
    """A thread on each vCPU, where a process eats all that the thread leaves."""
    console.run("for n in 1 2; do taskset $n sh -c 'while :; do :; done' & done", LINUX)
    check_rows(console.run("cyclictest -q -l 200 -i 2000 -m -p 90 -t 2 -a -d 0", LINUX,
                           BOOT_SECONDS), 2, 2000, 200)


def test_latency_in_counted_instructions():
    """A CPU of one's own is within 1 us of the bare machine, a busy Linux costs less than 20 us."""
    fetched("rt")
    fetched("linux")
    done = subprocess.run([sys.executable, ROOT / "tools/cyclictest", "--build", BUILD, "--cpu",
                           CPU_MAX, "--count", "300", "--only", "bare,own CPU,shared"], text=True,
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout


def test_power_key(boot):
    """`zvm stop` presses it; Linux' gpio-keys driver hears it, and powers off by what it reads."""
    fetched("rt")
    board = boot(cpu=CPU_MAX, smp=2, mem=1024, guests=["rt"])
    vm = new(board, "rt")
    console = vm.port()
    vm.run()
    linux_ready(console)
    deaf = "'rt' does not listen to its power key: power it off in its console, or stop it at once with -f"
    assert deaf in board.sh("zvm stop rt")
    for module in "evdev", "gpio_keys":
        assert console.run(f"insmod /lib/modules/{module}.ko; echo $?", LINUX) == "0"
    assert "gpio-keys" in console.run("cat /sys/class/input/input0/name", LINUX)
    assert "the power key works" in board.sh("zvm info rt")
    vm.pause()
    assert "'rt' is paused, and does not see its power key" in board.sh("zvm stop rt")
    vm.resume()
    # struct input_event: time, then type EV_KEY (1), code KEY_POWER (116), value: down (1).
    console.run("(dd if=/dev/input/event0 of=/tmp/event bs=24 count=1 2>/dev/null;"
                " od -An -tx1 -j16 /tmp/event; poweroff) &", LINUX)
    console.run("until ls -l /proc/[0-9]*/fd | grep -q event0; do :; done", LINUX)
    assert board.sh("zvm stop rt") == f"vm {vm.id} 'rt' asked to power off"
    console.expect("01 00 74 00 01 00 00 00")
    vm.wait_until("stopped")
    vm.delete()
