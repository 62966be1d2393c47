# SPDX-License-Identifier: Apache-2.0
"""Virtio devices of a VM, with the drivers of an unmodified Linux, and with a wild guest."""

import hashlib
import re
import subprocess

import pytest

from conftest import BOOT_SECONDS, LINUX
from guests import linux_ready, new


def linux_with(boot, description, devices, **options):
    """A board, a VM with Linux and these devices, and its console."""
    name = devices.split()[0]
    kind = description(name, "linux/Image", devices, 'initrd = "linux/initrd.cpio.gz"',
                       'bootargs = "console=ttyAMA0"', "memory = <0x0 0x10000000>", "cpus = <2>")
    board = boot(smp=2, mem=1024, guests=[kind], **options)
    vm = new(board, name)
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


def file_system(path, kib, folder):
    """An ext4 file system with the files of a folder."""
    done = subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", folder, path, str(kib)], check=False)
    if done.returncode:
        pytest.skip("mke2fs cannot make a file system (apt-get install e2fsprogs)")


DISKS = """
    disk0 { compatible = "zvm,virtio-blk"; image = "root.img"; };
    disk1 { compatible = "zvm,virtio-blk"; image = "data.img"; readonly; serial = "serial-of-20-letters"; slot = <2>; };
"""


@pytest.fixture
def disks(tmp_path):
    """The images: 8 MiB of a file system, and 2500 bytes."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files/hello").write_text("hello from the image\n", encoding="utf-8")
    file_system(tmp_path / "root.img", 8192, tmp_path / "files")
    (tmp_path / "data.img").write_bytes(bytes(range(250)) * 10)
    return tmp_path


def test_linux_disks(boot, description, disks):
    """A file system is read and written, and clean after a reset; serial numbers, discard."""
    board, vm, console = linux_with(boot, description, DISKS)

    def run(command):
        return console.run(command, LINUX)

    assert run("cat /sys/block/vda/size /sys/block/vdb/size").split() == ["16384", "5"]
    assert run("cat /sys/block/vda/serial; echo; cat /sys/block/vdb/serial").split() == ["disk0", "serial-of-20-letters"]
    assert run("cat /sys/block/vda/ro /sys/block/vdb/ro").split() == ["0", "1"]
    assert run("cat /dev/vdb | md5sum").split()[0] == \
        hashlib.md5(bytes(range(250)) * 10 + bytes(60)).hexdigest()
    assert "not permitted" in run("dd if=/dev/zero of=/dev/vdb bs=512 count=1")
    run("mkdir -p /mnt; mount -t ext4 /dev/vda /mnt")
    assert run("cat /mnt/hello") == "hello from the image"
    written = run("head -c 3000000 /dev/urandom > /mnt/new; sync; md5sum < /mnt/new")
    assert run("umount /mnt; echo 3 > /proc/sys/vm/drop_caches; mount -t ext4 /dev/vda /mnt; md5sum < /mnt/new") == written
    assert "error" not in run("dmesg | grep -i -e vda -e ext4")
    # Over a reset of the VM what was synced stays, and the journal is replayed.
    run("rm /mnt/hello; sync")
    vm.reset()
    linux_ready(console)
    run("mkdir -p /mnt; mount -t ext4 /dev/vda /mnt")
    assert run("md5sum < /mnt/new") == written
    assert "hello" not in run("ls /mnt")
    # What is discarded costs no memory any more, and reads as zeroes.
    run("umount /mnt")
    assert run("busybox blkdiscard /dev/vda; head -c 8388608 /dev/vda | tr -d '\\0' | wc -c") == "0"
    state = device(board, vm, "disk0")
    assert re.fullmatch(r"virtio-blk, slot 31: 8192 KiB, 0 KiB written, \d+ requests, 0 failed", state), state
    assert re.fullmatch(r"virtio-blk, slot 2: 2 KiB, 0 KiB written, \d+ requests, 0 failed",
                        device(board, vm, "disk1"))
    vm.stop()
    vm.delete()
    # The next one begins with the image.
    vm = new(board, "disk0")
    console = vm.port()
    vm.run()
    linux_ready(console)
    assert console.run("mount -t ext4 /dev/vda /tmp; cat /tmp/hello", LINUX) == "hello from the image"


def test_linux_console(boot, description):
    """A second terminal on a port of its own: typed lines arrive, and a flood loses nothing."""
    board, vm, console = linux_with(boot, description, 'con1 { compatible = "zvm,virtio-console"; };')
    assert re.fullmatch(r"virtio-console, slot 31: \d+ bytes written, port 1 \(hvc1\)",
                        device(board, vm, "con1"))
    other = board.console(1)
    console.run("stty -F /dev/hvc0 raw -echo; (exec <>/dev/hvc0 >&0; echo ready; "
                "while read line; do echo got $line; done) &", LINUX)
    other.expect("ready")
    for text in ("a", "a longer line with words"):
        other.send(text + "\n")
        other.expect(rf"got {text}\r?\n")
    console.run("(seq 1 20000; echo the end) > /dev/hvc0 &", LINUX)
    other.expect("the end")
    assert other.before.split() == [str(n) for n in range(1, 20001)]
    vm.reset()
    linux_ready(console)
    console.run("echo once more > /dev/hvc0", LINUX)
    other.expect("once more")


def test_linux_ports(boot, description):
    """Ports with names beside the terminal, each on a port of the machine; bytes go both ways."""
    board, vm, console = linux_with(
        boot, description, 'con1 { compatible = "zvm,virtio-console"; port-names = "agent", "log.1"; };')
    assert re.fullmatch(r"virtio-console, slot 31: \d+ bytes written, port 1 \(hvc1\); agent: port 2 \(hvc2\); "
                        r"log.1: port 3 \(hvc3\)", device(board, vm, "con1"))
    terminal, agent, log = (board.console(n) for n in (1, 2, 3))
    for again in range(2):
        names = console.run("cat /sys/class/virtio-ports/vport0p1/name /sys/class/virtio-ports/vport0p2/name", LINUX)
        assert names.split() == ["agent", "log.1"]
        agent.send("too early\n")  # waits until a program opens the port
        console.run("(exec <>/dev/vport0p1 >&0; echo ready; while read line; do echo got $line; done) &", LINUX)
        agent.expect("ready")
        agent.expect(r"got too early\r?\n")
        agent.send("a line with words\n")
        agent.expect(r"got a line with words\r?\n")
        console.run("(seq 1 20000; echo the end) > /dev/vport0p2 &", LINUX)
        log.expect("the end")
        assert log.before.split() == [str(n) for n in range(1, 20001)]
        console.run(f"echo terminal {again} > /dev/hvc0", LINUX)
        terminal.expect(f"terminal {again}")
        if not again:
            vm.reset()
            linux_ready(console)
            log.expect(r"\r?\n")


def test_wild_rings(boot):
    """A guest breaks every rule of the rings; `tools/interference` measures what others notice."""
    board = boot(smp=2, mem=1024, guests=["rings"])
    vm = new(board, "rings")
    console = vm.port()
    vm.run()
    console.expect("rings: (PASS|FAIL)", 2 * BOOT_SECONDS)
    assert console.match[1] == "PASS", console.before
    report = console.before
    assert re.findall(r"slot (\d+) is (a disk|a network|entropy|a balloon)", report) == [
        ("31", "a disk"), ("7", "a network"), ("4", "entropy"), ("2", "a balloon")]
    wild = re.findall(r"rings: (\d+) wild rounds, (\d+) needed a reset", report)
    assert len(wild) == 4 and all(int(needed) > 100 for _, needed in wild), report
    assert vm.state == "running"
    assert device(board, vm, "rng0") == ("virtio-rng, slot 4: needs a reset: queue 0: the available index is 100 "
                                         "ahead, more than the queue's size")
    assert "the available index is 100 ahead" in device(board, vm, "disk0")
    assert "needs a reset: queue 1: the available index is 100 ahead" in device(board, vm, "net0")
    assert re.search(r"available index .*; [1-9]\d* pages used without a word, 0 accesses refused, [1-9]\d* wrong",
                     device(board, vm, "balloon0"))
    # A reset of the VM gives it devices that work.
    vm.reset()
    console.expect("rings: (PASS|FAIL)", 2 * BOOT_SECONDS)
    assert console.match[1] == "PASS", console.before
    vm.delete(force=True)
