# SPDX-License-Identifier: Apache-2.0
"""Firmware in a VM: EDK2 from Debian starts Debian's GRUB and kernel from the VM's disk."""

import re
import shutil

import pytest

from conftest import BOOT_SECONDS, BUILD, LINUX, fetched
from disks import EFI_SYSTEM, LINUX_DATA, Partition, ext4, fat, gpt
from guests import linux_ready, new

SHELL = "Shell> "
GUID = "61706d2d-7a76-4d0f-86a3-17d5c2e80001"
VARIABLE = f"/sys/firmware/efi/efivars/ZvmTest-{GUID}"

DESCRIPTION = """\
/dts-v1/;
/ {
	compatible = "zvm,vm";
	label = "%s";
	cpus = <2>;
	memory = <0x0 0x18000000>;
	firmware = "efi/QEMU_EFI.fd";
	%s
};
"""

# As Debian's packages write them, but for the timeout.
ESP_CFG = """\
search --no-floppy --label root --set=root
set prefix=($root)/boot/grub
configfile $prefix/grub.cfg
"""
GRUB_CFG = """\
set timeout=0
menuentry 'Debian GNU/Linux' {
	echo 'Loading Linux from the disk'
	linux /boot/vmlinuz root=/dev/vda2 console=ttyAMA0
	initrd /boot/initrd.img
}
"""


@pytest.fixture
def disk(tmp_path):
    """A disk as Debian makes it: GRUB in the EFI system partition, the rest in a root."""
    fetched("efi")
    fetched("firmware")
    esp, root = tmp_path / "esp", tmp_path / "root"
    for folder in (esp / "EFI/BOOT", esp / "EFI/debian", root / "boot/grub", root / "etc"):
        folder.mkdir(parents=True)
    shutil.copy(BUILD / "guests/efi/grubaa64.efi", esp / "EFI/BOOT/BOOTAA64.EFI")
    (esp / "EFI/debian/grub.cfg").write_text(ESP_CFG, encoding="ascii")
    shutil.copy(BUILD / "guests/firmware/Image", root / "boot/vmlinuz")
    shutil.copy(BUILD / "guests/firmware/initrd.cpio.gz", root / "boot/initrd.img")
    (root / "boot/grub/grub.cfg").write_text(GRUB_CFG, encoding="ascii")
    (root / "etc/marker").write_text("from the root of the disk\n", encoding="ascii")
    return gpt(tmp_path / "disk.img", [Partition("esp", EFI_SYSTEM, fat(esp, 8)),
                                       Partition("root", LINUX_DATA, ext4(root, 36, "root"))])


def firmware_vm(boot, folder, name, *nodes, **options):
    """A board, a VM with firmware and these nodes in its description, and its console."""
    fetched("efi")
    (folder / f"{name}.dts").write_text(DESCRIPTION % (name, "\n\t".join(nodes)), encoding="utf-8")
    board = boot(smp=2, mem=1024, guests=[str(folder / f"{name}.dts")], **options)
    vm = new(board, name)
    return board, vm, vm.port()


def written(board, vm):
    """KiB of flash that the firmware has written."""
    line = re.search(r"^  flash +firmware 2048 KiB, (\d+) KiB written$", board.sh(f"zvm info {vm.name}"), re.M)
    assert line
    return int(line[1])


def test_grub_and_variables(boot, disk):
    """EDK2, GRUB and Linux from the disk; a variable that Linux sets is there after a reset."""
    board, vm, console = firmware_vm(boot, disk.parent, "debian",
                                     'devices { disk0 { compatible = "zvm,virtio-blk"; image = "disk.img"; }; };')
    vm.run()
    console.expect("UEFI firmware", BOOT_SECONDS)
    console.expect("Loading Linux from the disk", BOOT_SECONDS)
    linux_ready(console)
    assert console.run("cat /proc/cmdline", LINUX).startswith("BOOT_IMAGE=/boot/vmlinuz root=/dev/vda2")
    console.run("mkdir -p /mnt; mount -t ext4 /dev/vda2 /mnt", LINUX)
    assert console.run("cat /mnt/etc/marker", LINUX) == "from the root of the disk"
    console.run("mount -t efivarfs efivarfs /sys/firmware/efi/efivars", LINUX)
    assert console.run(rf"printf '\007\000\000\000kept' > {VARIABLE} && echo stored", LINUX) == "stored"
    assert 0 < written(board, vm) < 1024
    vm.reset()
    linux_ready(console)
    console.run("mount -t efivarfs efivarfs /sys/firmware/efi/efivars", LINUX)
    assert console.run(f"tail -c +5 {VARIABLE}", LINUX) == "kept"
    # The guest's own reset, by the firmware and PSCI.
    console.line("reboot -f")
    linux_ready(console)
    console.run("mount -t efivarfs efivarfs /sys/firmware/efi/efivars", LINUX)
    assert console.run(f"tail -c +5 {VARIABLE}", LINUX) == "kept"
    vm.delete(force=True)


def test_firmware_shell(boot, tmp_path):
    """Without a disk: EDK2's shell, its clock, its variables, its reset."""
    board, vm, console = firmware_vm(boot, tmp_path, "shell")
    vm.run()

    def shell():
        console.expect("any other key to continue", BOOT_SECONDS)
        console.send("\x1b")
        console.expect(SHELL, BOOT_SECONDS)

    shell()
    console.line(f"setvar Zvm -guid {GUID} -bs -rt -nv =\"kept\"\r")
    console.expect(SHELL)
    console.line("date\r")
    console.expect(r"\d\d/\d\d/20\d\d")
    console.expect(SHELL)
    console.line("reset\r")
    shell()
    console.line(f"setvar Zvm -guid {GUID}\r")
    console.expect("6B 65 70 74")
    console.expect(SHELL)
    assert 0 < written(board, vm) < 1024
    vm.delete(force=True)
    assert written(board, new(board, "shell")) == 0
