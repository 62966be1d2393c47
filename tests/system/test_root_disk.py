# SPDX-License-Identifier: Apache-2.0
"""
Linux from a virtio disk of the machine: a small system in ext4 starts to its login, ssh reaches it
from the desk, and what it writes is there after a reset. test_disk.test_debian does the same with
Debian, if `make rootfs` has made it.
"""

import gzip
import os
import shutil
import socket
import subprocess

from conftest import BOOT_SECONDS, BUILD, fetched
from guests import new
from machine_disks import options
from test_virtio import file_system

INITTAB = """\
::sysinit:/etc/start
ttyAMA0::respawn:/bin/busybox getty -L 115200 ttyAMA0 vt100
::ctrlaltdel:/sbin/reboot
::shutdown:/bin/umount -a -r
"""
START = """\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /etc/dropbear
mount -t devpts devpts /dev/pts
mount -o remount,rw /
hostname disk
ip link set lo up
udhcpc -i eth0 -t 30
dropbear -R -B
"""


def unpack(archive, folder):
    """What an initramfs has, but devices: busybox' applets are links."""
    data, at = gzip.decompress(archive.read_bytes()), 0
    while True:
        mode, size, length = (int(data[at + field:at + field + 8], 16) for field in (14, 54, 94))
        name = data[at + 110:at + 109 + length].decode()
        begin = (at + 110 + length + 3) & ~3
        at = (begin + size + 3) & ~3
        path = folder / name
        if name == "TRAILER!!!":
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if mode >> 12 == 4:
            path.mkdir(exist_ok=True)
        elif mode >> 12 == 10:
            path.symlink_to(data[begin:begin + size].decode())
        elif mode >> 12 == 8:
            path.write_bytes(data[begin:begin + size])
            path.chmod(mode & 0o777)


def make_root(folder):
    fetched("demo")
    unpack(BUILD / "guests/demo/initrd.cpio.gz", folder)
    shutil.rmtree(folder / "lib/modules")
    (folder / "bin/login").symlink_to("busybox")
    (folder / "etc/inittab").write_text(INITTAB)
    (folder / "etc/start").write_text(START)
    (folder / "etc/start").chmod(0o755)
    (folder / "etc/passwd").write_text("root::0:0:root:/root:/bin/sh\n")
    (folder / "etc/profile").write_text("export PS1='root@disk:~# '\n")
    for name in ("mnt", "run", "var/log"):
        (folder / name).mkdir(parents=True, exist_ok=True)


def login(console):
    console.expect("disk login: ", 2 * BOOT_SECONDS)
    console.line("root")
    console.expect("root@disk:~# ", BOOT_SECONDS)


def test_a_system_on_a_disk(boot, tmp_path):
    root = tmp_path / "root"
    make_root(root)
    image = tmp_path / "root.img"
    file_system(image, 48 << 10, root)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    net = ["-netdev", f"user,id=n,hostfwd=tcp:127.0.0.1:{port}-:22", "-device", "virtio-net-device,netdev=n"]
    board = boot(smp=2, mem=2048, guests=["debian"], extra=[*options(image), *net])
    vm = new(board, "debian")
    console = vm.port()
    vm.run()
    login(console)
    console.line("grep ' / ' /proc/mounts")
    console.expect("/dev/vda / ext4 rw", BOOT_SECONDS)

    def desk(command, given=b""):
        return subprocess.run(["ssh", "-p", str(port), "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes",
                               "-o", f"UserKnownHostsFile={tmp_path / 'known'}", "-o", "ConnectTimeout=30",
                               "root@127.0.0.1", command], input=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False)

    console.until(lambda: desk("true").returncode == 0, 2 * BOOT_SECONDS)
    data = os.urandom(1 << 20)
    assert desk("cat > /root/file && sync && hostname", data).stdout == b"disk\n"
    vm.reset()
    login(console)
    console.until(lambda: desk("true").returncode == 0, 2 * BOOT_SECONDS)
    assert desk("cat /root/file").stdout == data
