# SPDX-License-Identifier: Apache-2.0
"""Firmware in a VM: EDK2 from Debian starts Debian's GRUB and kernel from the VM's disk."""

import re

from conftest import BOOT_SECONDS, LINUX, fetched
from disks import MARKER, debian_disk
from guests import linux_ready, new
from machine_disks import gpt, options

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

DISK = 'devices { disk0 { compatible = "zvm,virtio-blk"; image = "disk.img"; }; };'


def firmware_vm(boot, folder, name, *nodes, **options):
    """A board, a VM with firmware and these nodes in its description, and its console."""
    fetched("efi")
    (folder / f"{name}.dts").write_text(DESCRIPTION % (name, "\n\t".join(nodes)), encoding="utf-8")
    board = boot(smp=2, mem=1024, guests=[str(folder / f"{name}.dts")], **options)
    vm = new(board, name)
    return board, vm, vm.port()


def firmware_shell(console):
    """EDK2's shell, past its wait for startup.nsh."""
    console.expect("any other key to continue", BOOT_SECONDS)
    console.send("\x1b")
    console.expect(SHELL, BOOT_SECONDS)


def written(board, vm):
    """KiB of flash that the firmware has written."""
    line = re.search(r"^  flash +firmware 2048 KiB, (\d+) KiB written$", board.sh(f"zvm info {vm.name}"), re.M)
    assert line
    return int(line[1])


def test_grub_and_variables(boot, tmp_path):
    """EDK2, GRUB and Linux from the disk; a variable that Linux sets is there after a reset."""
    debian_disk(tmp_path)
    board, vm, console = firmware_vm(boot, tmp_path, "debian", DISK)
    vm.run()
    console.expect("UEFI firmware", BOOT_SECONDS)
    console.expect("Loading Linux from the disk", BOOT_SECONDS)
    linux_ready(console)
    assert console.run("cat /proc/cmdline", LINUX)== "BOOT_IMAGE=/boot/vmlinuz console=ttyAMA0 by=grub"
    console.run("mkdir -p /mnt; mount -t ext4 /dev/vda2 /mnt", LINUX)
    assert console.run("cat /mnt/etc/marker", LINUX) == MARKER
    console.run("mount -t efivarfs efivarfs /sys/firmware/efi/efivars", LINUX)
    assert console.run(rf"printf '\007\000\000\000kept' > {VARIABLE} && echo stored", LINUX) == "stored"
    assert 0 < written(board, vm) < 1024
    vm.reset()
    linux_ready(console)
    console.run("mount -t efivarfs efivarfs /sys/firmware/efi/efivars", LINUX)
    assert console.run(f"tail -c +5 {VARIABLE}", LINUX) == "kept"
    vm.delete(force=True)


def test_firmware_shell(boot, tmp_path):
    """Without a disk: EDK2's shell, its clock, its variables, its reset."""
    board, vm, console = firmware_vm(boot, tmp_path, "shell")
    vm.run()

    firmware_shell(console)
    console.line(f"setvar Zvm -guid {GUID} -bs -rt -nv =\"kept\"\r")
    console.expect(SHELL)
    console.line("date\r")
    console.expect(r"\d\d/\d\d/20\d\d")
    console.expect(SHELL)
    console.line("reset\r")
    firmware_shell(console)
    console.line(f"setvar Zvm -guid {GUID}\r")
    console.expect("6B 65 70 74")
    console.expect(SHELL)
    assert 0 < written(board, vm) < 1024
    vm.delete(force=True)
    assert written(board, new(board, "shell")) == 0


def test_kernel_by_firmware(boot, tmp_path):
    """EDK2 starts the kernel that the description names, as with QEMU's -kernel beside -bios."""
    fetched("firmware")
    _, vm, console = firmware_vm(boot, tmp_path, "kernel", 'kernel = "firmware/Image";',
                                 'initrd = "firmware/initrd.cpio.gz";', 'bootargs = "console=ttyAMA0 by=fw_cfg";')
    vm.run()
    console.expect("EFI stub: Loaded initrd from LINUX_EFI_INITRD_MEDIA_GUID", BOOT_SECONDS)
    linux_ready(console)
    assert "by=fw_cfg" in console.run("cat /proc/cmdline", LINUX)
    assert console.run("ls /sys/firmware/efi/runtime-map | wc -l", LINUX) != "0"


def test_variables_on_disk(boot, tmp_path):
    """Flash that a partition of the machine keeps: a VM on the next machine has the variable."""
    file = gpt(tmp_path / "machine.img", 16, [("other", 1, 4), ("vars", 8, 2)])

    def start():
        board, vm, console = firmware_vm(boot, tmp_path, "kept", 'variables = "label:vars";', extra=options(file))
        vm.run()
        firmware_shell(console)
        return board, vm, console

    board, vm, console = start()
    console.line(f"setvar Zvm -guid {GUID} -bs -rt -nv =\"kept\"\r")
    console.expect(SHELL)
    assert board.sh("zvm new -t kept") == \
        "zvm: devices of 'kept-2': 'label:vars' is in use by 'kept': only VMs that all have it `readonly` can share it"
    board.close()
    board, vm, console = start()
    console.line(f"setvar Zvm -guid {GUID}\r")
    console.expect("6B 65 70 74")
    assert re.search(r"^  flash +firmware 2048 KiB, \d+ KiB written, kept on label:vars$", board.sh("zvm info kept"), re.M)
