# SPDX-License-Identifier: Apache-2.0
"""zvm_host.bin as an application of UEFI firmware (EDK2).

It starts from a removable disk, the firmware's shell, GRUB, and QEMU's -kernel.
"""

import re
import shutil

import pytest

from conftest import BUILD, KERNELS, fetched
from guests import LINUX, linux_ready, new

MACHINE = "virt,gic-version=3,virtualization=on,acpi=off"


class Disk:
    """A folder that the firmware sees as a FAT file system."""

    def __init__(self, folder):
        self.folder = folder

    def put(self, source, name):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, path)

    def write(self, text, name):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii", newline="\r\n")

    def put_zvm(self, name):
        self.put(KERNELS / "zvm_host.bin", name)


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "esp"
    folder.mkdir()
    return Disk(folder)


@pytest.fixture
def firmware(boot, disk):
    def start(*extra, machine=MACHINE, smp=2, **options):
        fetched("efi")
        return boot(machine=machine, smp=smp, mem=2048, kernel=False, consoles=1, extra=(
            "-cpu", "cortex-a57", "-bios", str(BUILD / "guests/efi/QEMU_EFI.fd"),
            "-drive", f"file=fat:rw:{disk.folder},format=raw,if=none,id=esp", "-device", "virtio-blk-device,drive=esp",
            *extra), **options)
    return start


def types(board):
    """The types that the bundle gives."""
    return {line.split()[0] for line in board.sh("zvm list").splitlines()[1:]}


def test_removable_disk(firmware, disk, bundles):
    """The bundle is beside the image; all CPUs start, and Linux runs in a VM."""
    disk.put_zvm("EFI/BOOT/BOOTAA64.EFI")
    disk.put(bundles(["linux", "smp"]), "EFI/BOOT/bundle.cpio")
    board = firmware(smp=4)
    assert re.search(r"^cpu +4 cpus, Cortex-A57", board.sh("host info"), re.M)
    assert types(board) == {"linux", "smp"}
    linux = new(board, "linux", "-c 4")
    terminal = linux.port()
    linux.run()
    linux_ready(terminal)
    assert terminal.run("nproc", LINUX) == "4"


def test_shell(firmware, disk, bundles):
    """A place of its own for the bundle, and arguments behind the image's name."""
    disk.put_zvm("boot/zvm.efi")
    disk.put(bundles(["smp"]), "zvm/bundle.cpio")
    disk.write("fs0:\nboot\\zvm.efi quiet vgic.lrs=3\n", "startup.nsh")
    board = firmware()
    assert "at most 3 list registers" in board.sh("host log")
    assert types(board) == {"smp"}


@pytest.mark.parametrize("start", ["linux /zvm_host.bin vgic.lrs=1\ninitrd /guests.cpio",
                                   "chainloader /zvm_host.bin vgic.lrs=1"], ids=["linux", "chainloader"])
def test_grub(firmware, disk, bundles, start):
    disk.put_zvm("zvm_host.bin")
    disk.put(bundles(["smp"]), "guests.cpio" if "initrd" in start else "bundle.cpio")
    fetched("efi")
    disk.put(BUILD / "guests/efi/grubaa64.efi", "EFI/BOOT/BOOTAA64.EFI")
    disk.write(f"search --no-floppy --set=root --file /zvm_host.bin\n{start}\nboot\n", "EFI/debian/grub.cfg")
    board = firmware()
    assert "at most 1 list registers" in board.sh("host log")
    assert types(board) == {"smp"}


def test_kernel_of_qemu(firmware, bundles):
    """The firmware starts what QEMU's -kernel names, and offers the initrd by LoadFile2."""
    board = firmware("-kernel", str(KERNELS / "zvm_host.bin"), "-initrd", str(bundles(["smp"])),
                     "-append", "vgic.lrs=2")
    assert "at most 2 list registers" in board.sh("host log")
    assert types(board) == {"smp"}


def test_no_bundle(firmware, disk):
    disk.put_zvm("EFI/BOOT/BOOTAA64.EFI")
    board = firmware(prompt=False)
    board.expect(r"ZVM: no bundle: no bundle\.cpio beside the image, no \\zvm\\bundle\.cpio, no initrd")
    board.wait_prompt()


@pytest.mark.parametrize("machine, why", [
    (MACHINE.replace(",acpi=off", ""), "the firmware describes the machine by ACPI only"),
    (MACHINE.replace(",virtualization=on", ""), "the firmware runs at EL1, but a hypervisor needs EL2"),
])
def test_refused(firmware, disk, machine, why):
    """In words, on the firmware's console; the firmware goes on."""
    disk.put_zvm("EFI/BOOT/BOOTAA64.EFI")
    board = firmware(machine=machine, prompt=False)
    board.expect("ZVM cannot run here: " + why)
    board.expect("Shell>|UEFI Interactive Shell")
