# SPDX-License-Identifier: Apache-2.0
"""Debian's kernel: one to 32 vCPUs that come and go; several VMs at once that compute."""

import hashlib
import re
import zlib

import pytest

from conftest import BOOT_SECONDS, CPU_MAX, PROMPT
from guests import LINUX, UBOOT, linux_ready, new, rows, timer_counts, uboot_ready


@pytest.fixture
def board(boot_module):
    return boot_module(cpu=CPU_MAX, smp=4, mem=4096, guests=["linux", "uboot"])


def set_cpu(console, cpu, online):
    """Takes a CPU away from Linux (PSCI CPU_OFF) or gives it back (CPU_ON)."""
    path = f"/sys/devices/system/cpu/cpu{cpu}/online"
    answer = console.run(f"echo {online} > {path}; cat {path}", LINUX)
    assert answer.splitlines()[-1] == str(online), answer


def alive(console, cpu):
    """That CPU runs a process and gets its own timer's interrupts."""
    before = timer_counts(console)
    command = f"taskset {1 << cpu:x} sh -c 'sleep 0.1; echo on $((4000 + {cpu}))'"
    assert console.run(command, LINUX).splitlines()[-1] == f"on {4000 + cpu}"
    # The table has columns for CPUs that are online only.
    online = console.run("cat /sys/devices/system/cpu/online", LINUX)
    column = cpus_of(online).index(cpu)
    assert timer_counts(console)[column] > before[column]


def cpus_of(ranges):
    """The numbers in a list like 0-2,5."""
    numbers = []
    for part in ranges.strip().split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


@pytest.mark.parametrize("cpus", [1, 2, 4, 8])
def test_cpus_off_and_on(board, cpus):
    """On 4 CPUs; then `reboot` with one vCPU off, and `poweroff`."""
    vm = new(board, "linux", f"-c {cpus}")
    console = vm.port()
    vm.run()
    linux_ready(console)
    assert console.run("nproc", LINUX) == str(cpus)
    # Off from the last, on in another order: a vCPU does not depend on its neighbours.
    for cpu in reversed(range(1, cpus)):
        set_cpu(console, cpu, 0)
    assert console.run("cat /sys/devices/system/cpu/online; nproc", LINUX) == "0\n1"
    alive(console, 0)
    for cpu in range(1, cpus):
        set_cpu(console, cpu, 1)
        alive(console, cpu)
    assert console.run("nproc", LINUX) == str(cpus)
    log = console.run("dmesg | grep -ciE 'failed|warning:|stall|bug:'", LINUX)
    assert log == "0", console.run("dmesg | grep -iE 'failed|warning:|stall|bug:'", LINUX)
    if cpus > 1:
        set_cpu(console, cpus - 1, 0)
    console.line("reboot")
    linux_ready(console)
    assert console.run("nproc", LINUX) == str(cpus)
    console.line("poweroff")
    vm.wait_until("stopped")
    vm.delete()
    assert rows(board) == {}


def test_as_many_cpus_as_a_vm_can_have(boot):
    """
    Two clusters of 16: SGIs by Aff1, a redistributor each; the VM ends with all CPUs on.

    QEMU counts instructions here (-icount): on a build machine that is busy elsewhere, 32 vCPUs
    take so long in real time that Linux complains of stalls.
    """
    board = boot(cpu=CPU_MAX, smp=4, mem=1024, guests=["linux"], extra=["-icount", "shift=2"])
    vm = new(board, "linux", "-c 32")
    console = vm.port()
    vm.run()
    linux_ready(console)
    assert console.run("nproc", LINUX) == "32"
    for cpu in (15, 16, 31):
        set_cpu(console, cpu, 0)
        set_cpu(console, cpu, 1)
        alive(console, cpu)
    console.line("reboot")
    linux_ready(console)
    assert console.run("nproc", LINUX) == "32"
    vm.pause()
    vm.resume()
    assert console.run("nproc", LINUX) == "32"
    vm.delete(force=True)
    assert board.sh("zvm new -t linux -c 33") == "zvm new: -c 33: the number of vCPUs must be 1 to 32"


def test_suspend_to_memory(board):
    """PSCI SYSTEM_SUSPEND, until the clock's alarm; the other vCPU comes back too."""
    vm = new(board, "linux")
    console = vm.port()
    vm.run()
    linux_ready(console)
    rtc = "/sys/class/rtc/rtc0"
    for _ in range(2):
        console.line(f"a=$(cat {rtc}/since_epoch); echo +2 > {rtc}/wakealarm; echo mem > /sys/power/state; "
                     f"b=$(cat {rtc}/since_epoch); echo slept=$((b - a))")
        console.expect(r"slept=(\d+)\s", BOOT_SECONDS)
        assert int(console.match[1]) >= 2
        console.expect(re.escape(LINUX))
        assert console.run("nproc", LINUX) == "2"
    alive(console, 1)
    vm.delete(force=True)


def test_five_gib(boot):
    """Memory above 4 GiB is there, and is used: for a file, and for page tables."""
    board = boot(cpu=CPU_MAX, smp=2, mem=8192, guests=["linux"])
    vm = new(board, "linux", "-c 1 -m 5120")
    console = vm.port()
    vm.run()
    linux_ready(console)
    assert "40000000-17fffffff : System RAM" in console.run("cat /proc/iomem", LINUX)
    total = int(re.search(r"MemTotal: +(\d+) kB", console.run("cat /proc/meminfo", LINUX))[1])
    assert total > 4.7 * 1024 * 1024
    # Above 4 GiB is the zone Normal, and what it has is taken first.
    used = "awk '/zone +Normal/ { z = 1 } z && /nr_free_pages/ { print \"free=\" $2; exit }' /proc/zoneinfo"
    before = int(re.search(r"free=(\d+)", console.run(used, LINUX))[1])
    console.run("dd if=/dev/zero of=/tmp/file bs=1M count=64", LINUX, BOOT_SECONDS)
    after = int(re.search(r"free=(\d+)", console.run(used, LINUX))[1])
    assert before - after > 64 * 256 * 0.9
    text = hashlib.md5(bytes(64 << 20)).hexdigest()
    assert text in console.run("md5sum /tmp/file", LINUX, BOOT_SECONDS)
    vm.delete(force=True)


# ---- floating point ----

# A chaotic series: one wrong bit in any of its values shows in the sum. Only operations whose
# results IEEE 754 defines to the last bit, so Python knows what has to come out.
SERIES = ("awk -v x={x} 'BEGIN {{ for (i = 0; i < {n}; i++) {{ x = 3.99 * x * (1 - x); s += x }} "
          "printf \"sum %.17g\\n\", s }}'")
STEPS = 150000


def series(x):
    total = 0.0
    for _ in range(STEPS):
        x = 3.99 * x * (1 - x)
        total += x
    return f"sum {total:.17g}"


def start_series(console, starts):
    """One process for each start value, all at once; each pinned to a vCPU of its own."""
    jobs = [f"taskset {1 << cpu:x} {SERIES.format(x=x, n=STEPS)} > /tmp/{cpu} &"
            for cpu, x in enumerate(starts)]
    console.line(" ".join(jobs) + " wait; cat " +
                 " ".join(f"/tmp/{cpu}" for cpu in range(len(starts))) + "; echo all $((60 + 6))")


def sums(console):
    console.expect(r"all 66\s", BOOT_SECONDS)
    found = re.findall(r"^sum \S+$", console.before, re.M)
    console.expect(re.escape(LINUX))
    return found


def test_two_linux_vms_that_compute(boot):
    """Four busy vCPUs on two CPUs: FP registers change hands all the time."""
    board = boot(cpu=CPU_MAX, smp=2, mem=2048, guests=["linux"])
    vms = [new(board, "linux", f"--name {name}") for name in ("left", "right")]
    left, right = (vm.port() for vm in vms)
    for vm in vms:
        vm.run()
    linux_ready(left)
    linux_ready(right)
    start_series(left, (0.1, 0.2))
    assert sums(left) == [series(0.1), series(0.2)]
    start_series(left, (0.1, 0.2))
    start_series(right, (0.3, 0.4))
    assert sums(left) == [series(0.1), series(0.2)]
    assert sums(right) == [series(0.3), series(0.4)]


# ---- U-Boot ----

def checksum(byte):
    return f"{zlib.crc32(bytes([byte]) * 0x200000):08x}"


def test_four_uboots(board):
    """Four VMs of one kind: each has its memory, its environment, its console."""
    vms = [new(board, "uboot", f"--name u{n}") for n in range(4)]
    consoles = [vm.port() for vm in vms]
    for vm in vms:
        vm.run()
    for console in consoles:
        uboot_ready(console)
    for n, console in enumerate(consoles):
        console.run(f"setenv label vm{n}; mw.b 42000000 1{n} 200000", UBOOT)
    for console in consoles:
        console.line("crc32 42000000 200000; printenv label")
    for n, console in enumerate(consoles):
        console.expect(rf"==> {checksum(0x10 + n)}\s+label=vm{n}\s")
        console.expect(UBOOT)
    # One leaves; the others do not notice.
    consoles[0].line("poweroff")
    board.line("zvm console u0")
    board.expect(r"\[vm \d+ 'u0' stopped\]")
    board.expect(re.escape(PROMPT))
    assert [rows(board)[f"u{n}"]["STATE"] for n in range(4)] == ["stopped"] + 3 * ["running"]
    for console in consoles[1:]:
        assert "U-Boot 20" in console.run("version", UBOOT)
    for vm in vms:
        vm.delete(force=vm.state == "running")
