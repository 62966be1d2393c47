# SPDX-License-Identifier: Apache-2.0
"""Unmodified Zephyr applications for qemu_cortex_a53, whose zephyr.bin the environment names.

ZVM_ZEPHYR: any, beside U-Boot. Known by what they print are hello_world, philosophers and the shell
sample; of anything else, the banner.

The others use Zephyr's own virtio drivers beside another VM; their device is in the last slot,
`virtio_mmio31`:

ZVM_ZEPHYR_ENTROPY: prints how many of its requests were answered well, as "500 of 500 requests".
ZVM_ZEPHYR_NET: has the address 192.0.2.1 and the network shell.
ZVM_ZEPHYR_BLOCK: writes to the disk, reads and compares; prints "PASS" at the end.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from conftest import BOOT_SECONDS, BUILD, LINUX, ROOT
from guests import UBOOT, linux_ready, new, uboot_ready

PROMPT = "uart:~$ "
BUSY = str(ROOT / "bench/busy.dts")
# The first words of an application: the shell has no banner, the others say more after it.
FIRST = [re.escape(PROMPT), r"\*\*\* Booting Zephyr OS[^\r\n]*\*\*\*\s+(\S[^\r\n]*)\r?\n"]


@pytest.fixture(scope="module")
def zephyr_bundle(tmp_path_factory):
    image = os.environ.get("ZVM_ZEPHYR")
    if not image:
        pytest.skip("ZVM_ZEPHYR names no zephyr.bin")
    bundle = tmp_path_factory.mktemp("zephyr") / "bundle.cpio"
    subprocess.run([ROOT / "tools/mkbundle", "--build", BUILD, "--out", bundle, "zephyr", "uboot"],
                   env=dict(os.environ, ZEPHYR_BIN=image), check=True)
    return bundle


def uptime(terminal):
    return int(re.search(r"(\d+) ms", terminal.run("kernel uptime", PROMPT))[1])


def use(terminal):
    """What an operator sees of the application, and what it answers."""
    if terminal.expect(FIRST, BOOT_SECONDS) == 0:
        assert "Zephyr version" in terminal.run("kernel version", PROMPT)
        before = uptime(terminal) # in ticks of 10 ms
        assert any(uptime(terminal) > before for _ in range(1000))
    elif "Philosopher" in terminal.match[1]:
        # They go on, each of them: time and scheduling work.
        for number in range(6):
            terminal.expect(rf"Philosopher {number}.*(THINKING|EATING|HOLDING)", BOOT_SECONDS)


@pytest.mark.parametrize("smp, cpus", [(1, 1), (4, 2)])
def test_zephyr_beside_uboot(boot, zephyr_bundle, smp, cpus):
    """A second vCPU is there for applications of SMP boards; the others leave it off."""
    board = boot(cpu="cortex-a53", smp=smp, mem=1024, bundle=zephyr_bundle)
    uboot, zephyr = new(board, "uboot"), new(board, "zephyr", f"-c {cpus}")
    other, terminal = uboot.port(), zephyr.port()
    uboot.run()
    uboot_ready(other)
    zephyr.run()
    use(terminal)
    assert "U-Boot 20" in other.run("version", UBOOT)
    zephyr.pause()
    zephyr.resume()
    zephyr.reset()
    use(terminal)
    assert zephyr.state == "running"
    zephyr.delete(force=True)
    uboot.delete(force=True)


@pytest.fixture
def zephyr_with(boot, bundles, description, tmp_path):
    """zephyr_with(VARIABLE, devices, *others): a board with that image as type `zephyr`."""
    def start(variable, devices, *others):
        image = os.environ.get(variable)
        if not image:
            pytest.skip(f"{variable} names no zephyr.bin")
        (tmp_path / "zephyr.bin").write_bytes(Path(image).read_bytes())
        (tmp_path / "disk.img").write_bytes(bytes(1 << 20))
        kind = description("zephyr", "zephyr.bin", devices, "memory = <0x0 0x8000000>", "priority = <8>")
        return boot(smp=2, mem=1024, cpu="cortex-a53", bundle=bundles([kind, *others]))

    return start


def started(board, kind):
    vm = new(board, kind)
    terminal = vm.port()
    vm.run()
    return vm, terminal


def test_entropy(zephyr_with):
    board = zephyr_with("ZVM_ZEPHYR_ENTROPY", 'rng0 { compatible = "zvm,virtio-rng"; };', BUSY)
    started(board, "bench-busy")
    vm, terminal = started(board, "zephyr")
    for again in range(2):
        terminal.expect(r"(\d+) of (\d+) requests", BOOT_SECONDS)
        assert terminal.match[1] == terminal.match[2] != "0"
        if not again:
            vm.reset()
    assert vm.state == "running"


def test_block(zephyr_with):
    board = zephyr_with("ZVM_ZEPHYR_BLOCK", 'disk0 { compatible = "zvm,virtio-blk"; image = "disk.img"; };', BUSY)
    started(board, "bench-busy")
    vm, terminal = started(board, "zephyr")
    for again in range(2):
        assert terminal.expect(["PASS", "error|differs|FAIL"], BOOT_SECONDS) == 0
        if not again:
            vm.reset()


def test_network(zephyr_with, description):
    """Pings both ways, also after a reset: Zephyr's driver sends one frame at a time."""
    lan = 'net0 { compatible = "zvm,virtio-net"; network = "lan0"; };'
    board = zephyr_with("ZVM_ZEPHYR_NET", lan,
                        description("linux", "linux/Image", lan, 'initrd = "linux/initrd.cpio.gz"',
                                    'bootargs = "console=ttyAMA0"', "memory = <0x0 0x10000000>"))
    _, console = started(board, "linux")
    linux_ready(console)
    console.run("ip addr add 192.0.2.2/24 dev eth0; ip link set eth0 up", LINUX)
    vm, terminal = started(board, "zephyr")
    for again in range(2):
        terminal.knock(PROMPT)
        terminal.line("net ping 192.0.2.2")
        terminal.expect(r"bytes from 192\.0\.2\.2", BOOT_SECONDS)
        assert "5 packets received" in console.run("ping -c 5 192.0.2.1", LINUX, BOOT_SECONDS)
        if not again:
            vm.reset()
