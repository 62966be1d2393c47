# SPDX-License-Identifier: Apache-2.0
"""Disk images with partitions, made without root's rights.

    gpt(path, [Partition("esp", EFI_SYSTEM, fat(tmp / "esp", 8)),
               Partition("root", LINUX_DATA, ext4(tmp / "root", 40, label="root"))])

debian_disk(folder) is one from which EDK2 starts GRUB and U-Boot starts Linux.
"""

import shutil
import subprocess
import uuid
import zlib
from collections import namedtuple

import pytest

from conftest import BUILD, fetched

EFI_SYSTEM = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
LINUX_DATA = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")

SECTOR = 512
ALIGNED = 2048  # sectors: 1 MiB
ENTRIES = 128

Partition = namedtuple("Partition", "name kind image")


def run(hint, *argv):
    """A tool that makes images; the test is skipped without it."""
    try:
        done = subprocess.run([str(x) for x in argv], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
    except FileNotFoundError:
        pytest.skip(f"no {argv[0]} (apt-get install {hint})")
    assert done.returncode == 0, done.stdout


def empty(path, mib):
    with open(path, "wb") as file:
        file.truncate(mib << 20)
    return path


def fat(folder, mib):
    """A FAT file system with the files of a folder: folder.fat."""
    image = empty(folder.with_suffix(".fat"), mib)
    run("mtools", "mformat", "-i", image, "-T", mib << 11, "-h", 64, "-s", 32, "::")
    for path in sorted(folder.iterdir()):
        run("mtools", "mcopy", "-s", "-i", image, path, "::/")
    return image


def ext4(folder, mib, label):
    """An ext4 file system with the files of a folder: folder.ext4."""
    image = folder.with_suffix(".ext4")
    run("e2fsprogs", "mke2fs", "-q", "-F", "-t", "ext4", "-L", label, "-d", folder, image, f"{mib}M")
    return image


def _header(sectors, here, other, entries_at, entries, disk):
    def pack(crc):
        return b"".join((b"EFI PART", (0x10000).to_bytes(4, "little"), (92).to_bytes(4, "little"),
                         crc.to_bytes(4, "little"), bytes(4), here.to_bytes(8, "little"),
                         other.to_bytes(8, "little"), (34).to_bytes(8, "little"),
                         (sectors - 34).to_bytes(8, "little"), disk.bytes_le,
                         entries_at.to_bytes(8, "little"), ENTRIES.to_bytes(4, "little"),
                         (128).to_bytes(4, "little"), zlib.crc32(entries).to_bytes(4, "little")))
    return pack(zlib.crc32(pack(0)))


def gpt(path, partitions):
    """A disk with these partitions (UEFI 2.10, 5.3), one behind the other."""
    entries, at = b"", ALIGNED
    with open(path, "wb") as disk:
        for part in partitions:
            data = part.image.read_bytes()
            sectors = -(-len(data) // SECTOR)
            entries += b"".join((part.kind.bytes_le, uuid.uuid4().bytes_le, at.to_bytes(8, "little"),
                                 (at + sectors - 1).to_bytes(8, "little"), bytes(8),
                                 part.name.encode("utf-16-le").ljust(72, b"\0")))
            disk.seek(at * SECTOR)
            disk.write(data)
            at += -(-sectors // ALIGNED) * ALIGNED
        sectors, entries, number = at + ALIGNED, entries.ljust(ENTRIES * 128, b"\0"), uuid.uuid4()
        protective = b"\0\0\2\0\xee\xff\xff\xff" + (1).to_bytes(4, "little") + (sectors - 1).to_bytes(4, "little")
        disk.seek(0)
        disk.write(bytes(446) + protective + bytes(48) + b"\x55\xaa")
        disk.write(_header(sectors, 1, sectors - 1, 2, entries, number).ljust(SECTOR, b"\0") + entries)
        disk.seek((sectors - 33) * SECTOR)
        disk.write(entries + _header(sectors, sectors - 1, 1, sectors - 33, entries, number).ljust(SECTOR, b"\0"))
    return path


# As Debian has them, but for the timeout and root=: the initramfs has a shell of its own.
ESP_CFG = """\
search --no-floppy --label root --set=root
set prefix=($root)/boot/grub
configfile $prefix/grub.cfg
"""
GRUB_CFG = """\
set timeout=0
menuentry 'Debian GNU/Linux' {
	echo 'Loading Linux from the disk'
	linux /boot/vmlinuz console=ttyAMA0 by=grub
	initrd /boot/initrd.img
}
"""
EXTLINUX = """\
default debian
label debian
	kernel /boot/vmlinuz
	initrd /boot/initrd.img
	append console=ttyAMA0 by=extlinux
"""
MARKER = "from the root of the disk"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")


def debian_disk(folder):
    """A disk as Debian makes it: GRUB in the EFI system partition, the rest in a root."""
    fetched("efi")
    fetched("firmware")
    esp, root = folder / "esp", folder / "root"
    write(esp / "EFI/debian/grub.cfg", ESP_CFG)
    write(root / "boot/grub/grub.cfg", GRUB_CFG)
    write(root / "boot/extlinux/extlinux.conf", EXTLINUX)
    write(root / "etc/marker", MARKER + "\n")
    (esp / "EFI/BOOT").mkdir()
    shutil.copy(BUILD / "guests/efi/grubaa64.efi", esp / "EFI/BOOT/BOOTAA64.EFI")
    shutil.copy(BUILD / "guests/firmware/Image", root / "boot/vmlinuz")
    shutil.copy(BUILD / "guests/firmware/initrd.cpio.gz", root / "boot/initrd.img")
    return gpt(folder / "disk.img", [Partition("esp", EFI_SYSTEM, fat(esp, 8)),
                                     Partition("root", LINUX_DATA, ext4(root, 36, "root"))])
