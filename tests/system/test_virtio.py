# SPDX-License-Identifier: Apache-2.0
"""Virtio devices of a VM, with the drivers of an unmodified Linux, and with a wild guest."""

import re

import pytest

from conftest import BOOT_SECONDS, LINUX, fetched
from guests import linux_ready, new


@pytest.fixture
def description(tmp_path):
    """description(name, kernel, devices, *properties): a VM type with these nodes in /devices."""
    def write(name, kernel, devices, *properties):
        path = tmp_path / f"{name}.dts"
        lines = [f'label = "{name}"', f'kernel = "{kernel}"', 'compatible = "zvm,vm"', *properties]
        path.write_text("/dts-v1/;\n/ {\n" + "".join(f"\t{line};\n" for line in lines) +
                        f"\tdevices {{ {devices} }};\n}};\n", encoding="utf-8")
        return str(path)

    return write


def linux_with(boot, description, devices, **options):
    """A board, a VM with Linux and these devices, and its console."""
    fetched("virtio")
    kind = description("disks", "virtio/Image", devices, 'initrd = "virtio/initrd.cpio.gz"',
                       'bootargs = "console=ttyAMA0"', "memory = <0x0 0x10000000>", "cpus = <2>")
    board = boot(smp=2, mem=1024, guests=[kind], **options)
    vm = new(board, "disks")
    console = vm.port()
    vm.run()
    linux_ready(console)
    return board, vm, console


def device(board, vm, name):
    """What `zvm info` says about a device."""
    line = re.search(rf"^  {name} +(.*)", board.sh(f"zvm info {vm.name}"), re.M)
    assert line
    return line[1]


def test_linux_entropy(boot, description):
    """Linux' hardware random numbers come from the device; its driver may go and come back."""
    board, vm, console = linux_with(boot, description, 'rng0 { compatible = "zvm,virtio-rng"; };')
    assert console.run("cat /sys/class/misc/hw_random/rng_current", LINUX) == "virtio_rng.0"
    assert re.search(r"GICv3 +79 Level +virtio0", console.run("cat /proc/interrupts", LINUX))
    sums = [console.run("head -c 20000 /dev/hwrng | md5sum", LINUX) for _ in range(2)]
    assert sums[0] != sums[1]
    given = re.fullmatch(r"virtio-rng, slot 31: (\d+) bytes given", device(board, vm, "rng0"))
    assert given and int(given[1]) >= 40000
    console.run("rmmod virtio-rng", LINUX)
    assert device(board, vm, "rng0") == "virtio-rng, slot 31: no driver"
    console.run("insmod /lib/modules/virtio-rng.ko", LINUX)
    assert len(console.run("head -c 100 /dev/hwrng | od -An -tx1", LINUX).split()) == 100
    vm.reset()
    linux_ready(console)
    assert console.run("head -c 100 /dev/hwrng | wc -c", LINUX) == "100"
