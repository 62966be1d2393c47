# SPDX-License-Identifier: Apache-2.0
"""What a CPU has beyond the base: debug, performance monitors, pointer authentication."""

import re

import pytest

from conftest import BOOT_SECONDS, CPU_MAX
from guests import LINUX, linux_ready, new


@pytest.fixture
def description(tmp_path):
    """description(name, kernel, *properties): a VM type that vms/ does not have."""
    def write(name, kernel, *properties):
        path = tmp_path / f"{name}.dts"
        lines = [f'label = "{name}"', f'kernel = "{kernel}"', 'compatible = "zvm,vm"', *properties]
        path.write_text("/dts-v1/;\n/ {\n" + "".join(f"\t{line};\n" for line in lines) + "};\n",
                        encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize("cpu", ["cortex-a53", CPU_MAX])
def test_two_vms_use_it_on_one_cpu(boot, cpu):
    """
    Breakpoint, watchpoint, counters, overflow interrupt and keys of each are its own.

    QEMU counts instructions here (-icount). Otherwise its overflow timer runs in another thread and
    may run in the middle of an ERET, where the machine's lock is free for a moment: the timer reads
    the counters as EL1's but with the offsets of EL2, and PMEVCNTR0_EL0 starts again from 0.
    """
    board = boot(cpu=cpu, smp=1, mem=512, guests=["state"], extra=["-icount", "shift=4"])
    vms = [new(board, "state"), new(board, "state")]
    ports = [vm.port() for vm in vms]
    for vm in vms:
        vm.run()
    pauth = "yes" if cpu == CPU_MAX else "no"
    for port in ports:
        port.expect(r"state: \d+ rounds, \d+ overflows, (PASS|FAIL)", BOOT_SECONDS)
        assert port.match[1] == "PASS", port.before
        assert f"state: pmu yes, pauth {pauth}" in port.before


def test_no_monitors_unless_asked_for(boot, description):
    """Their registers are undefined then, and nothing else differs."""
    kind = description("plain", "guests/check.elf", "memory = <0x0 0x04000000>", "cpus = <2>")
    board = boot(cpu="cortex-a53", smp=2, mem=512, guests=[kind])
    vm = new(board, "plain")
    console = vm.port()
    vm.run()
    console.expect(r"(?m)^\d+ passed, 0 failed\s", BOOT_SECONDS)
    assert re.search(r"^skip pmu: not shown", console.before, re.M)
    assert re.search(r"^ok feature.pmu.ccntr", console.before, re.M)


def test_a_machine_without_monitors(boot):
    board = boot(cpu="cortex-a53,pmu=off", smp=1, mem=512, guests=["state"])
    assert board.sh("zvm new -t state") == "zvm: pmu: this machine has no performance monitors"


def test_linux_has_them(boot, description):
    kind = description("perf", "linux/Image", 'initrd = "linux/initrd.cpio.gz"', "pmu",
                       'bootargs = "console=ttyAMA0"', "memory = <0x0 0x20000000>", "cpus = <2>")
    board = boot(cpu=CPU_MAX, smp=2, mem=1536, guests=[kind])
    vm = new(board, "perf")
    console = vm.port()
    vm.run()
    linux_ready(console)
    log = console.run("dmesg | grep -e perfevents -e uthentication -e breakpoint", LINUX)
    assert re.search(r"hw perfevents: enabled with armv8_pmuv3", log)
    assert re.search(r"hw-breakpoint: found [1-9]\d* breakpoint and [1-9]\d* watchpoint", log)
    assert re.search(r"detected: Address authentication", log)
    assert re.search(r"arm-pmu", console.run("grep pmu /proc/interrupts", LINUX))


def test_linux_finds_the_watchdog(boot, description):
    """Linux' bus of PrimeCells reads the identification registers and finds clock and interrupt."""
    kind = description("fed", "linux/Image", 'initrd = "linux/initrd.cpio.gz"', "watchdog",
                       'bootargs = "console=ttyAMA0"', "memory = <0x0 0x10000000>")
    board = boot(smp=2, mem=1024, guests=[kind])
    vm = new(board, "fed")
    console = vm.port()
    vm.run()
    linux_ready(console)
    device = "/sys/bus/amba/devices/9050000.watchdog"
    assert console.run(f"cat {device}/id", LINUX).split() == ["00141805"]
    assert console.run(f"cat {device}/resource", LINUX).split()[:2] == ["0000000009050000", "0000000009050fff"]
    assert "\n  watchdog    off\n" in board.sh(f"zvm info {vm.name}")
