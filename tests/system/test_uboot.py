# SPDX-License-Identifier: Apache-2.0
"""U-Boot with a disk: it starts Linux from there; as firmware it keeps its environment. By TFTP."""

import re
import shutil

from conftest import BOOT_SECONDS, KERNELS, LINUX, fetched
from disks import MARKER, debian_disk
from guests import UBOOT, linux_ready, new, uboot_ready

DESCRIPTION = """\
/dts-v1/;
/ {
	compatible = "zvm,vm";
	label = "%s";
	memory = <0x0 0x10000000>;
	%s
	devices { disk0 { compatible = "zvm,virtio-blk"; image = "disk.img"; }; };
};
"""


def uboot_vm(boot, folder, name, *properties):
    """A VM with U-Boot and Debian's disk, and its console."""
    fetched("uboot")
    debian_disk(folder)
    (folder / f"{name}.dts").write_text(DESCRIPTION % (name, "\n\t".join(properties)), encoding="utf-8")
    board = boot(smp=2, mem=1024, guests=[str(folder / f"{name}.dts")])
    vm = new(board, name)
    return vm, vm.port()


def check_linux(console, sign):
    linux_ready(console)
    assert sign in console.run("cat /proc/cmdline", LINUX)
    console.run("mkdir -p /mnt; mount -t ext4 /dev/vda2 /mnt", LINUX)
    assert console.run("cat /mnt/etc/marker", LINUX) == MARKER


def test_linux_from_disk(boot, tmp_path):
    """By hand (virtio scan, ext4load, booti); and without a key, by its UEFI and Debian's GRUB."""
    vm, console = uboot_vm(boot, tmp_path, "hand", 'kernel = "uboot/u-boot.bin";',
                           "load-address = <0x0 0x40200000>;")
    vm.run()
    uboot_ready(console)
    console.run("virtio scan", UBOOT)
    assert "Capacity: 46.0 MB" in console.run("virtio info", UBOOT)
    parts = console.run("part list virtio 0", UBOOT)
    assert re.search(r'1\s+0x00000800\s+0x000047ff\s+"esp"', parts) and '"root"' in parts
    assert "grub.cfg" in console.run("ls virtio 0:1 /EFI/debian", UBOOT)
    assert re.search(r"^\d+ bytes read", console.run("ext4load virtio 0:2 $kernel_addr_r /boot/vmlinuz", UBOOT), re.M)
    assert re.search(r"^\d+ bytes read", console.run("load virtio 0:2 $ramdisk_addr_r /boot/initrd.img", UBOOT), re.M)
    console.run("setenv bootargs console=ttyAMA0 by=hand", UBOOT)
    console.line("booti $kernel_addr_r $ramdisk_addr_r:$filesize $fdt_addr")
    check_linux(console, "by=hand")
    vm.reset()
    console.expect("Loading Linux from the disk", BOOT_SECONDS)
    check_linux(console, "BOOT_IMAGE=/boot/vmlinuz")


def test_as_firmware(boot, tmp_path):
    """From flash0: saveenv, over a reset; the description's kernel by fw_cfg; extlinux.conf."""
    fetched("firmware")
    vm, console = uboot_vm(boot, tmp_path, "flash", 'firmware = "uboot/u-boot.bin";', 'kernel = "firmware/Image";',
                           'initrd = "firmware/initrd.cpio.gz";', 'bootargs = "console=ttyAMA0 by=fw_cfg";')
    vm.run()
    uboot_ready(console)
    assert "CFI conformant flash" in console.run("flinfo 2", UBOOT)
    console.run("setenv zvm kept", UBOOT)
    assert "Writing to Flash... done" in console.run("saveenv", UBOOT)
    vm.reset()
    uboot_ready(console)
    assert console.run("echo $zvm", UBOOT) == "kept"
    assert "loading kernel to address" in console.run("qfw load $kernel_addr_r $ramdisk_addr_r", UBOOT)
    console.run("virtio scan", UBOOT)
    console.line("sysboot virtio 0:2 any $scriptaddr /boot/extlinux/extlinux.conf")
    check_linux(console, "by=extlinux")


def test_from_the_network(boot, description, tmp_path):
    """It gets an address and the RTOS from servers behind the machine's network card."""
    fetched("uboot")
    shutil.copy(KERNELS / "rtos.bin", tmp_path)
    kind = description("uboot", "uboot/u-boot.bin", 'net0 { compatible = "zvm,virtio-net"; network = "uplink"; };',
                       "memory = <0x0 0x08000000>", "load-address = <0x0 0x40200000>")
    board = boot(smp=1, mem=512, guests=[kind],
                 extra=["-netdev", f"user,id=n,tftp={tmp_path}", "-device", "virtio-net-device,netdev=n"])
    vm = new(board, "uboot")
    console = vm.port()
    vm.run()
    uboot_ready(console)
    assert "bound to address 10.0.2.15" in console.run("setenv autoload no; dhcp", UBOOT)
    size = (tmp_path / "rtos.bin").stat().st_size
    assert f"Bytes transferred = {size} " in console.run("tftpboot $kernel_addr_r rtos.bin", UBOOT, BOOT_SECONDS)
    console.line("booti $kernel_addr_r - $fdt_addr")
    console.expect("rtos> ", BOOT_SECONDS)
