# SPDX-License-Identifier: Apache-2.0
"""The machine's disks: VMs that have one, or a partition of it."""

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from conftest import BOOT_SECONDS, BUILD, LINUX, PROMPT
from machine_disks import gpt, options
from guests import Vm, linux_ready, new
from test_virtio import device, file_system, linux_with  # noqa: F401

MODERN = ["-global", "virtio-mmio.force-legacy=false"]
DROP = "echo 3 > /proc/sys/vm/drop_caches"


def disk(name, *properties, node="disk0"):
    """The node of a disk. A bundle is made once for each name of the first node."""
    return node + ' { compatible = "zvm,virtio-blk"; ' + "".join(f"{p}; " for p in (f'disk = "{name}"', *properties)) + "};"


@pytest.mark.parametrize("transport", [[], MODERN], ids=["legacy", "modern"])
def test_partition(boot, description, tmp_path, transport):  # noqa: F811
    """A VM has a partition by its label; what it writes is there again after a delete."""
    file = gpt(tmp_path / "disk.img", 64, [("boot", 1, 8), ("rootfs", 10, 32)])
    board, vm, console = linux_with(boot, description, disk("label:rootfs", node="part0"), extra=[*transport, *options(file)])

    def run(command):
        return console.run(command, LINUX)

    assert re.search(r"^vda +64 MiB +d0 +'part0'\nvda1 +8 MiB +boot *\nvda2 +32 MiB +rootfs +'part0'$",
                     board.sh("host disks"), re.M)
    assert run("cat /sys/block/vda/size") == str(32 * 2048)
    written = run("head -c 3000000 /dev/urandom > /tmp/r; dd if=/tmp/r of=/dev/vda bs=64k; sync; md5sum < /tmp/r").split("\n")[-1]
    assert run(f"{DROP}; head -c 3000000 /dev/vda | md5sum") == written
    with open(file, "rb") as image:
        image.seek(10 << 20)
        assert image.read(3000000)[:100] != bytes(100)
    # A second driver of the same VM, and a second VM.
    run("rmmod virtio_blk; insmod /lib/modules/virtio_blk.ko")
    assert run("head -c 3000000 /dev/vda | md5sum") == written
    vm.stop()
    vm.delete()
    vm = new(board, "part0")
    console = vm.port()
    vm.run()
    linux_ready(console)
    assert run("head -c 3000000 /dev/vda | md5sum") == written
    assert re.fullmatch(r"virtio-blk, slot 31: 32768 KiB of vda from sector 20480 on, \d+ requests, 0 failed",
                        device(board, vm, "part0"))


def test_two_vms(boot, description, tmp_path):  # noqa: F811
    """Two VMs on two partitions at once; refusals name the VM that has it."""
    file = gpt(tmp_path / "disk.img", 64, [("one", 1, 16), ("two", 20, 16)])
    types = [description(name, "linux/Image", disk(which, *more), 'initrd = "linux/initrd.cpio.gz"',
                         'bootargs = "console=ttyAMA0"', "memory = <0x0 0x8000000>")
             for name, which, *more in [("a", "vda1"), ("b", "vda2"), ("whole", "vda"), ("look", "serial:d0", "readonly"),
                                        ("none", "label:two")]]
    linux_with_modules = boot(smp=2, mem=1024, guests=types, extra=options(file))
    board = linux_with_modules
    vms = [new(board, "a"), new(board, "b")]
    for kind, words in [("whole", "'vda' is in use by 'a': only VMs that all have it `readonly` can share it"),
                        ("a", "'vda1' is in use by 'a'"), ("look", "'serial:d0' is in use by 'a'"),
                        ("none", "no partition is 'label:two' (not of vda: a VM with all of that disk may write its labels; name one by number)")]:
        assert words in board.sh(f"zvm new -t {kind}")
    consoles = [vm.port() for vm in vms]
    for vm, console in zip(vms, consoles):
        vm.run()
        linux_ready(console)
    for mark, console in zip("xy", consoles):
        console.run(f"(head -c 8000000 /dev/zero | tr '\\0' {mark} > /dev/vda; sync) &", LINUX)
    for mark, console in zip("xy", consoles):
        console.run(f"wait; {DROP}", LINUX)
        assert console.run(f"head -c 8000000 /dev/vda | tr -d {mark} | wc -c", LINUX) == "0"
        assert console.run(f"head -c 8192 /dev/vda | tr -cd {mark} | wc -c", LINUX) == "8192"
    for vm in vms:
        vm.delete(force=True)
    # Two readers share the whole disk; a writer is refused then.
    for name in ("look", "look"):
        new(board, name)
    assert "'vda1' is in use by 'look'" in board.sh("zvm new -t a")
    shown = board.sh("host disks")
    assert "vda1          16 MiB  one                     'look' (readonly), 'look-2' (readonly)" in shown


def test_reset_in_flight(boot, description, tmp_path):  # noqa: F811
    """A VM is reset and deleted while its disk works: no interrupt and no memory is lost."""
    file = gpt(tmp_path / "disk.img", 128, [("rootfs", 1, 100)])
    board, vm, console = linux_with(boot, description, disk("vda1", node="reset0"), extra=options(file))
    for _ in range(2):
        console.run("(while :; do dd if=/dev/zero of=/dev/vda bs=1M count=64 conv=fsync; dd if=/dev/vda of=/dev/null bs=1M; done) "
                    "> /dev/null 2>&1 &", LINUX)
        console.until(lambda: int(re.search(r"(\d+) requests", device(board, vm, "reset0"))[1]) > 100)
        vm.reset()
        linux_ready(console)
    assert console.run("dd if=/dev/vda of=/dev/null bs=1M count=8 2>&1 | grep -c records", LINUX) == "2"

    def used():
        return int(re.search(r"used: (\d+)", board.sh("host mem"))[1])

    before = None
    for _ in range(2):
        console.run("(while :; do dd if=/dev/zero of=/dev/vda bs=1M count=64 conv=fsync; done) > /dev/null 2>&1 &", LINUX)
        console.until(lambda: int(re.search(r"(\d+) requests", device(board, vm, "reset0"))[1]) > 100)
        vm.delete(force=True)
        # The partition may be in use by the last write for a moment.
        board.until(lambda: board.sh("zvm new -t reset0").startswith("vm "))
        before = before or used()
        vm = Vm(board, 0, "reset0")
        console = vm.port()
        vm.run()
        linux_ready(console)
    vm.delete(force=True)
    board.until(lambda: board.sh("zvm new -t reset0").startswith("vm "))
    assert used() <= before


def test_errors(boot, description, tmp_path):  # noqa: F811
    """Read errors and a disk that is taken away are errors in the guest. A flush is passed on."""
    file = gpt(tmp_path / "disk.img", 64, [("rootfs", 1, 32)])
    rules = tmp_path / "rules"
    rules.write_text('[inject-error]\nevent = "read_aio"\nsector = "18432"\nerrno = "5"\nonce = "off"\n', encoding="utf-8")
    monitor = tmp_path / "monitor"
    board, vm, console = linux_with(
        boot, description, disk("vda1", node="err0"),
        extra=["-monitor", f"unix:{monitor},server=on,wait=off",
               "-drive", f"if=none,id=d0,format=raw,file=blkdebug:{rules}:{file},rerror=report,werror=report",
               "-device", "virtio-blk-device,drive=d0,serial=d0"])
    # Sector 18432 of the disk is at 8 MiB of the partition.
    assert "Input/output error" in console.run("dd if=/dev/vda of=/dev/null bs=4096 skip=2048 count=1 iflag=direct", LINUX)
    assert "error" not in console.run("dd if=/dev/vda of=/dev/null bs=4096 count=1 iflag=direct", LINUX)
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(monitor))
        hmp = board.terminal(link, "monitor")
        hmp.expect(r"\(qemu\)")

        def flushes():
            hmp.line("info blockstats")
            hmp.expect(r"\nd0:[^\n]*flush_operations=(\d+)")
            return int(hmp.match[1])

        # The power-cut test passes without this on a computer whose cache outlives QEMU.
        before = flushes()
        console.run("dd if=/dev/zero of=/dev/vda bs=4096 count=1 conv=fsync 2> /dev/null", LINUX)
        assert flushes() > before
        hmp.line("drive_del d0")
        hmp.expect(r"\(qemu\)")
        assert "Input/output error" in console.run("dd if=/dev/vda of=/dev/null bs=4096 count=1 iflag=direct", LINUX)
        assert "Input/output error" in console.run("dd if=/dev/zero of=/dev/vda bs=4096 count=1 oflag=direct", LINUX)
    assert "read errors" in board.sh("host disks")
    assert re.search(r"[1-9]\d* failed", device(board, vm, "err0"))


def test_silence(boot, description, tmp_path):  # noqa: F811
    """A disk that does not answer has failed after its time. Ctrl-C ends a wait for it."""
    files = [gpt(tmp_path / name, 64, [("rootfs", 1, 32)]) for name in ("a.img", "b.img")]
    slow = "format=raw,throttling.bps-total=2000,throttling.bps-total-max=300000"
    board, vm, console = linux_with(boot, description, disk("vda1", node="slow0") + disk("vdb1", node="slow1"),
                                    extra=options(*files, drive=slow))
    console.run("dd if=/dev/vda of=/dev/null bs=1M count=4 iflag=direct > /tmp/out 2>&1; echo over >> /tmp/out", LINUX,
                2 * BOOT_SECONDS)
    assert "Input/output error" in console.run("cat /tmp/out", LINUX)
    assert "disk vda does not answer: it has failed" in board.sh("host log")
    assert "the disk has failed" in board.sh("host disks")
    # One MiB passes; from then on a request of the other one is in flight.
    console.run("dd if=/dev/vdb of=/dev/null bs=1M count=4 iflag=direct > /dev/null 2>&1 &", LINUX)
    console.run("until awk '$3 == \"vdb\" && $6 >= 2048 && $12 > 0 { n = 1 } END { exit !n }' /proc/diskstats; do :; done",
                LINUX, 2 * BOOT_SECONDS)
    board.line(f"zvm delete -f {vm.name}")
    board.expect("delete -f")
    board.send("\x03")
    board.expect(f"vm {vm.id} stays, stopped: its disk has not answered; delete it later")
    board.expect(re.escape(PROMPT))
    assert vm.state == "stopped"


def records(image, folder):
    """The records on a disk whose power was cut. The journal is replayed; it has to be clean."""
    def tool(*argv):
        return subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    tool("e2fsck", "-y", "-E", "journal_only", str(image))
    checked = tool("e2fsck", "-f", "-n", str(image))
    assert checked.returncode == 0, checked.stdout
    folder.mkdir()
    tool("debugfs", "-R", f"rdump / {folder}", str(image))
    return {path.name: path.read_text(encoding="utf-8").strip() for path in folder.glob("r*")}


def test_power_cut(boot, description, tmp_path):  # noqa: F811
    """What the guest was told to be on the disk is there after QEMU was killed, each time."""
    image = tmp_path / "disk.img"
    (tmp_path / "empty").mkdir()
    file_system(image, 32 << 10, tmp_path / "empty")
    known = 0
    for cut in range(int(os.environ.get("ZVM_CUTS", "3"))):
        board, _, console = linux_with(boot, description, disk("vda", node="cut0"), extra=options(image))
        console.run("mkdir -p /mnt; mount -t ext4 /dev/vda /mnt; echo 3 3 3 3 > /proc/sys/kernel/printk", LINUX)
        console.line(f"i={known}; while :; do i=$((i+1)); echo text-$i | dd of=/mnt/r$i conv=fsync 2> /dev/null && echo kept-$i.; "
                     f"[ $i -lt 200 ] || rm -f /mnt/r$((i-200)); done")
        for _ in range(20 + 13 * cut % 50):  # the guest may be a hundred further
            console.expect(r"kept-(\d+)\.\s")
            known = int(console.match[1])
        board.close()  # kills QEMU
        found = records(image, tmp_path / f"cut{cut}")
        for n in range(max(1, known - 98), known + 1):
            assert found.get(f"r{n}") == f"text-{n}", f"cut {cut}: record {n} of {known}"


def test_debian(boot, tmp_path):
    """Debian starts from the disk of `make rootfs`, to a login and to ssh; changes are dropped."""
    image = Path(os.environ.get("ZVM_ROOTFS", BUILD / "rootfs.img"))
    if not image.is_file() or not image.with_suffix(".key").is_file():
        pytest.skip(f"no {image} with its key: `make rootfs` makes both, in some minutes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    net = ["-netdev", f"user,id=n,hostfwd=tcp:127.0.0.1:{port}-:22", "-device", "virtio-net-device,netdev=n"]
    board = boot(smp=2, mem=2048, guests=["debian"], extra=[*options(image, drive="format=raw,snapshot=on"), *net])
    vm = new(board, "debian")
    console = vm.port()
    vm.run()
    console.expect("debian login: ", 10 * BOOT_SECONDS)
    console.line("root")
    console.expect("root@debian:~# ", 2 * BOOT_SECONDS)
    console.line("findmnt -n -o SOURCE /; systemctl is-active ssh")
    console.expect("/dev/vda\\s+active", BOOT_SECONDS)
    key = shutil.copy(image.with_suffix(".key"), tmp_path / "key")
    ssh = ["ssh", "-i", key, "-p", str(port), "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes",
           "-o", f"UserKnownHostsFile={tmp_path / 'known'}", "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=30",
           "root@127.0.0.1"]
    data = os.urandom(1 << 20)

    def desk(command, given=b""):
        return subprocess.run([*ssh, command], input=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)

    # The network is up some time after the login.
    console.until(lambda: desk("true").returncode == 0, 2 * BOOT_SECONDS)
    assert desk("hostname; findmnt -n -o SOURCE /").stdout.split() == [b"debian", b"/dev/vda"]
    assert desk("cat > /root/file; cat /root/file", data).stdout == data
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", tmp_path / "other"], check=True)
    ssh[2] = str(tmp_path / "other")
    assert b"Permission denied" in desk("true").stderr


def test_many(boot, tmp_path):
    """As many disks as there are transports for them."""
    images = [tmp_path / f"{n}.img" for n in range(20)]
    for n, image in enumerate(images):
        with open(image, "wb") as out:
            out.truncate((n + 1) << 20)
    board = boot(smp=1, mem=512, guests=["smp"], extra=options(*images))
    shown = re.findall(r"^(vd\w) +(\d+) MiB +d(\d+)", board.sh("host disks"), re.M)
    assert shown == [(f"vd{chr(ord('a') + n)}", str(n + 1), str(n)) for n in range(20)]


def test_rate(boot, description, tmp_path):  # noqa: F811
    """A limit of a disk holds, and is changed while the VM runs."""
    file = gpt(tmp_path / "disk.img", 64, [("rootfs", 1, 32)])
    board, vm, console = linux_with(boot, description, disk("vda1", "rate-kib = <1024 0 1000>", node="rate0"),
                                    extra=options(file))
    read = "dd if=/dev/vda of=/dev/null bs=64k count=64 iflag=direct"
    console.run(read, LINUX)  # the bucket is empty then
    begin = time.monotonic()
    console.run(read, LINUX)
    assert time.monotonic() - begin > 2.5  # 4 MiB, less what came meanwhile
    assert "limited" in device(board, vm, "rate0")
    assert "expected DEVICE:LIMIT:SIZE/MS" in board.sh(f"zvm set {vm.name} rate=disk9:kib:1/1")
    board.sh(f"zvm set {vm.name} rate=rate0:kib:none")
    assert "limited" not in device(board, vm, "rate0")
    console.run(read + "; " + read, LINUX)
    board.sh(f"zvm set {vm.name} rate=rate0:requests:10+5/1000")
    begin = time.monotonic()
    console.run("dd if=/dev/vda of=/dev/null bs=4k count=35 iflag=direct", LINUX)
    assert time.monotonic() - begin > 1.5
