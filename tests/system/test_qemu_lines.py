# SPDX-License-Identifier: Apache-2.0
"""The table "QEMU command line -> description" (docs/guest-abi.md): both machines, one guest.

A guest is started by QEMU itself and in a VM. What it sees of each line's device, at the same
address, is compared. Not compared: vendor IDs and offered features of virtio devices, the order in
which Linux numbers devices of one kind, edge or level of their interrupts, PCI.
"""

import pytest

from conftest import BUILD, LINUX, fetched
from guests import UBOOT, linux_ready, new, uboot_ready

# As a description has it: version 2.
MODERN = ["-global", "virtio-mmio.force-legacy=false"]
APPEND = "console=ttyAMA0 loglevel=4 for=both"


def slot(n):
    return f"/sys/devices/platform/{0xa000000 + 0x200 * n:x}.virtio_mmio"


def disk(n, path, serial, drive="snapshot=on"):
    return ["-drive", f"file={path},format=raw,if=none,id=d{n},{drive}",
            "-device", f"virtio-blk-device,drive=d{n},serial={serial}"]


def same(answers, questions):
    """Asks both guests the same; a VM's answers have the lines of QEMU's machine."""
    first, second = ({q: sorted(console.run(q, prompt).splitlines()) for q in questions} for console, prompt in answers)
    assert second == first
    return {q: "\n".join(lines) for q, lines in first.items()}


@pytest.fixture
def bare(boot):
    """bare(kernel, *options): QEMU's own machine, without a hypervisor."""
    def start(*options, kernel=False, initrd=None, smp=1, mem=256):
        return boot(prompt=False, kernel=kernel, bundle=initrd, virtualization=False, consoles=0, smp=smp, mem=mem,
                    extra=options)

    return start


def in_vm(boot, kind, name):
    vm = new(boot(smp=3, mem=1024, guests=[kind]), name)
    vm.run()
    return vm.port()


def test_kernel_and_devices(boot, bare, description, tmp_path):  # noqa: F811
    """-kernel, -initrd, -append, -smp, -m; disks, a network, a console, a balloon, entropy."""
    (tmp_path / "one.img").write_bytes(b"one" * 100000)
    (tmp_path / "two.img").write_bytes(b"two!" * 512)
    devices = """
        disk0 { compatible = "zvm,virtio-blk"; image = "one.img"; };
        disk1 { compatible = "zvm,virtio-blk"; image = "two.img"; readonly; serial = "X"; };
        net0 { compatible = "zvm,virtio-net"; network = "lan0"; mac = [52 54 00 12 34 56]; };
        con1 { compatible = "zvm,virtio-console"; port-names = "agent"; };
        balloon0 { compatible = "zvm,virtio-balloon"; };
        rng0 { compatible = "zvm,virtio-rng"; slot = <3>; };
    """
    kind = description("lines", "linux/Image", devices, 'initrd = "linux/initrd.cpio.gz"',
                       f'bootargs = "{APPEND}"', "memory = <0x0 0x10000000>", "cpus = <3>")
    ours = in_vm(boot, kind, "lines")
    linux_ready(ours)
    qemu = bare("-append", APPEND, *MODERN, *disk(0, tmp_path / "one.img", "disk0"),
                *disk(1, tmp_path / "two.img", "X", "readonly=on"), "-netdev", "user,id=n", "-device",
                "virtio-net-device,netdev=n,mac=52:54:00:12:34:56", "-device", "virtio-serial-device,max_ports=2",
                "-chardev", "null,id=c", "-device", "virtconsole,chardev=c",
                "-chardev", "null,id=p", "-device", "virtserialport,chardev=p,name=agent",
                "-device", "virtio-balloon-device", "-device", "virtio-rng-device,bus=virtio-mmio-bus.3",
                kernel=BUILD / "guests/linux/Image", initrd=BUILD / "guests/linux/initrd.cpio.gz", smp=3)
    linux_ready(qemu)
    found = same([(qemu, LINUX), (ours, LINUX)], [
        "cat /proc/cmdline", "nproc", "od -An -tx1 /proc/device-tree/memory@40000000/reg",
        "cat /proc/device-tree/chosen/stdout-path /proc/device-tree/model; echo",
        "cat /proc/device-tree/pl011@9000000/compatible /proc/device-tree/pl031@9010000/compatible | tr '\\0' ' '",
        "od -An -tx1 /proc/device-tree/pl011@9000000/interrupts /proc/device-tree/pl011@9000000/reg",
        # Every transport with a device: its kind, and the number of its interrupt.
        f"(cd {slot(31).rsplit('/', 1)[0]}; grep . *.virtio_mmio/virtio*/device | sed 's,/virtio[0-9]*/, ,')",
        "sed -n 's/.*GICv3 *\\([0-9]*\\) .*virtio.*/\\1/p' /proc/interrupts | sort -u",
        *(f"(cd {slot(n)}/virtio*/block/*; cat size ro serial; echo; cat queue/logical_block_size)" for n in (31, 30)),
        *(f"md5sum < /dev/$(ls {slot(n)}/virtio*/block)" for n in (31, 30)),
        f"ls -d {slot(29)}/virtio*/net/eth0 > /dev/null && cat /sys/class/net/eth0/address",
        "echo out > /dev/hvc0 && ls /dev/hvc*",
        "ls /dev/vport* | sed s/vport.p/port/; cat /sys/class/virtio-ports/vport?p1/name",
        "cat /sys/class/misc/hw_random/rng_current",
    ])
    assert APPEND in found["cat /proc/cmdline"] and found["nproc"] == "3"
    assert "52:54:00:12:34:56" in found.values()


def test_firmware_with_kernel(boot, bare, description):  # noqa: F811
    """-bios beside -kernel, -initrd and -append: what EDK2 and Linux find of flash and fw_cfg."""
    fetched("efi")
    fetched("firmware")
    kind = description("bios", "firmware/Image", 'rng0 { compatible = "zvm,virtio-rng"; };', 'firmware = "efi/QEMU_EFI.fd"',
                       'initrd = "firmware/initrd.cpio.gz"', f'bootargs = "{APPEND}"', "memory = <0x0 0x10000000>")
    ours = in_vm(boot, kind, "bios")
    linux_ready(ours)
    qemu = bare("-machine", "acpi=off", "-bios", str(BUILD / "guests/efi/QEMU_EFI.fd"), "-append", APPEND, *MODERN,
                "-device", "virtio-rng-device", kernel=BUILD / "guests/firmware/Image",
                initrd=BUILD / "guests/firmware/initrd.cpio.gz")
    linux_ready(qemu)
    tree = "/proc/device-tree"
    found = same([(qemu, LINUX), (ours, LINUX)], [
        "cat /proc/cmdline", "cat /sys/firmware/efi/fw_platform_size", "ls /sys/firmware/efi/systab >/dev/null; echo $?",
        f"od -An -tx1 {tree}/flash@0/reg {tree}/flash@0/bank-width; cat {tree}/flash@0/status; echo",
        f"od -An -tx1 {tree}/fw-cfg@9020000/reg; cat {tree}/fw-cfg@9020000/compatible; echo",
        "mount -t efivarfs efivarfs /sys/firmware/efi/efivars; ls /sys/firmware/efi/efivars | grep -E '^(BootOrder|Timeout|Lang|PlatformLang|ConOut)-'",
    ])
    assert "disabled" in found[f"od -An -tx1 {tree}/flash@0/reg {tree}/flash@0/bank-width; cat {tree}/flash@0/status; echo"]


def test_uboot_as_bios(boot, bare, tmp_path):
    """-bios with U-Boot: its tree, and the flash, with erase and write."""
    fetched("uboot")
    kind = tmp_path / "uboot0.dts"
    kind.write_text('/dts-v1/;\n/ { compatible = "zvm,vm"; label = "uboot0"; memory = <0x0 0x10000000>;\n'
                    'firmware = "uboot/u-boot.bin"; };\n', encoding="utf-8")
    ours = in_vm(boot, str(kind), "uboot0")
    uboot_ready(ours)
    qemu = bare("-bios", str(BUILD / "guests/uboot/u-boot.bin"))
    uboot_ready(qemu)
    found = same([(qemu, UBOOT), (ours, UBOOT)], [
        "version", "printenv fdt_addr kernel_addr_r loadaddr boot_targets", "fdt addr $fdt_addr; fdt print /flash@0",
        "fdt print /fw-cfg@9020000", "fdt print /pl031@9010000", "protect off 0x4040000 0x405ffff; erase 0x4040000 0x405ffff",
        "mw.l $loadaddr 0x12345678 4; cp.b $loadaddr 0x4040000 10; md.l 0x4040000 5",
    ])
    assert any("12345678 12345678 12345678 12345678" in answer for answer in found.values())
