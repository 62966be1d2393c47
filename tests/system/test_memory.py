# SPDX-License-Identifier: Apache-2.0
"""RAM where a guest was linked, in one bank or several; kernels where QEMU would start them."""

import re
import struct
import subprocess
import sys

import pytest

from conftest import BOOT_SECONDS, BUILD, ROOT
from guests import HELLO, LINUX, SMP, linux_ready, new

sys.path.insert(0, str(ROOT / "tools"))
import cpio  # noqa: E402

LINUX_FILES = ("linux/Image", "linux/initrd.cpio.gz")
FROM_LINUX = 'kernel = "linux/Image"; initrd = "linux/initrd.cpio.gz"; '


def bundle(path, types, files=()):
    """Descriptions as properties by label, and files of the bundle by name."""
    archive = cpio.Writer()
    for label, properties in types.items():
        source = f'/dts-v1/; / {{ compatible = "zvm,vm"; label = "{label}"; {properties} }};'
        done = subprocess.run(["dtc", "-q", "-O", "dtb"], input=source.encode(),
                              stdout=subprocess.PIPE, check=True)
        archive.file(f"vms/{label}.dtb", done.stdout)
    for name, data in dict(files).items():
        archive.file(name, data)
    path.write_bytes(archive.finish())
    return path


def linux_files():
    files = {name: BUILD / "guests" / name for name in LINUX_FILES}
    if not all(path.exists() for path in files.values()):
        pytest.skip("the Linux guest is not there: make guests")
    return {name: path.read_bytes() for name, path in files.items()}


def ram_of_linux(console):
    """Linux' own list of its RAM, with holes for the kernel: first and last address of a bank."""
    lines = console.run("grep -i 'system ram' /proc/iomem", LINUX)
    return [(int(a, 16), int(b, 16)) for a, b in re.findall(r"^(\w+)-(\w+) : System RAM", lines, re.M)]


def test_a_guest_linked_for_another_place(boot, tmp_path):
    """Its ELF file, and the RTOS, which goes where RAM begins."""
    path = bundle(tmp_path / "bundle.cpio", {
        "high": 'cpus = <2>; memory = <0x0 0x2000000>; memory-base = <0x0 0x80000000>; kernel = "high.elf";',
        "low": 'memory = <0x0 0x2000000>; kernel = "high.elf";',
        "rtos": 'cpus = <2>; memory = <0x0 0x1000000>; memory-base = <0x2 0x0>; kernel = "rtos.bin";',
    }, {"high.elf": (BUILD / "guests/smp_high.elf").read_bytes(),
        "rtos.bin": (BUILD / "rtos.bin").read_bytes()})
    board = boot(smp=2, mem=1024, bundle=path)
    assert "kernel: ELF segment 0, 0x80200000 to 0x80" in board.sh("zvm list")
    assert "does not lie in the VM's RAM, 32 MiB at 0x40000000" in board.sh("zvm new -t low")
    high = new(board, "high")
    console = high.port()
    high.run()
    console.expect(r"smp: (PASS|FAIL)\s+smp> ", BOOT_SECONDS)
    assert console.match[1] == "PASS"
    assert "memory      32 MiB at 0x80000000, and" in board.sh("zvm info high")
    console.line("reset")
    console.expect(r"smp: PASS\s+smp> ", BOOT_SECONDS)
    assert "pong" in console.run("ping", SMP)
    rtos = new(board, "rtos", "-m 32")
    console = rtos.port()
    rtos.run()
    console.expect("rtos> ", BOOT_SECONDS)
    assert "memory      32 MiB at 0x200000000" in board.sh("zvm info rtos")


def test_linux_sees_its_banks(boot, tmp_path):
    path = bundle(tmp_path / "bundle.cpio", {
        "linux": FROM_LINUX + "memory = <0x0 0x8000000>, <0x0 0x4000000>, <0x0 0x8000000>; "
                              "memory-base = <0x0 0x80000000>, <0x0 0xc0000000>, <0x8 0x80000000>;",
    }, linux_files())
    board = boot(smp=2, mem=2048, bundle=path)
    assert re.search(r"^linux +1 +320 MiB", board.sh("zvm list"), re.M)
    assert "3 banks" in board.sh("zvm new -t linux -m 512")
    vm = new(board, "linux")
    console = vm.port()
    vm.run()
    linux_ready(console)
    ram = ram_of_linux(console)
    for base, size in ((0x80000000, 0x8000000), (0xc0000000, 0x4000000), (0x880000000, 0x8000000)):
        inside = [(a, b) for a, b in ram if base <= a < base + size]
        assert min(a for a, b in inside) == base and max(b for a, b in inside) == base + size - 1
    assert all(any(base <= a < base + 0x8000000 for base in (0x80000000, 0xc0000000, 0x880000000))
               for a, b in ram)
    # More than one bank has is really there.
    assert console.run("mount -t tmpfs -o size=200m t /tmp; "
                       "dd if=/dev/zero of=/tmp/x bs=1M count=150 2>/dev/null; wc -c </tmp/x",
                       LINUX).splitlines()[-1].strip() == str(150 << 20)
    assert "128 MiB at 0x80000000, 64 MiB at 0xc0000000, 128 MiB at 0x880000000" in \
        board.sh("zvm info linux")


@pytest.mark.parametrize("memory, says", [
    ("memory = <0x0 0x2000000>; memory-base = <0x0 0x8000000>;", "overlaps the interrupt controller"),
    ("memory = <0x0 0x2000000>; memory-base = <0x0 0x0>;", "0x0 to 0x2000000 overlaps flash"),
    ("memory = <0x0 0x2000000>, <0x0 0x2000000>;", "has 2 banks: memory-base must say where"),
    ("memory = <0x0 0x2000000>, <0x0 0x2000000>; memory-base = <0x0 0x40000000>, <0x0 0x41000000>;",
     "0x41000000 lies before the end of the bank before it, 0x42000000"),
])
def test_banks_that_cannot_be(boot, tmp_path, memory, says):
    path = bundle(tmp_path / "bundle.cpio", {"bad": f'{memory} kernel = "k";'},
                  {"k": (BUILD / "guests/smp.elf").read_bytes()})
    desk = subprocess.run([BUILD / "tools/checkdesc", "-b", path], text=True, check=False,
                          stderr=subprocess.PIPE)
    assert desk.returncode == 1 and says in desk.stderr
    board = boot(smp=1, mem=512, bundle=path)
    assert says in board.sh("zvm list")
    assert says in board.sh("zvm new -t bad")


def elf_at(entry, segments):
    """An ELF file of AArch64: program headers as (offset, vaddr, paddr, data, memsz, flags)."""
    head = 64 + 56 * len(segments)
    file = bytearray(head)
    file[:head] = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 183, 1, entry, 64, 0, 0, 64,
                              56, len(segments), 0, 0, 0).ljust(head, b"\0")
    for n, (offset, vaddr, paddr, data, memsz, flags) in enumerate(segments):
        struct.pack_into("<IIQQQQQQ", file, 64 + 56 * n, 1, flags, offset, vaddr, paddr, len(data),
                         memsz, 4096)
        if offset:
            file.extend(bytes(max(0, offset + len(data) - len(file))))
            file[offset:offset + len(data)] = data
    return bytes(file)


@pytest.mark.parametrize("kind", ["physical-entry", "header-below", "header-and-code", "noload"])
def test_elf_files_that_qemu_starts(boot, tmp_path, kind):
    """Each starts with `qemu-system-aarch64 -kernel` on the bare machine, and so in a VM."""
    file = {
        "physical-entry": elf_at(0x40200000, [(0x1000, 0xffff000040200000, 0x40200000, HELLO, 0x1000, 5)]),
        "header-below": elf_at(0x40000000, [(0, 0x3ffff000, 0x3ffff000, bytes(232), 232, 4),
                                            (0x1000, 0x40000000, 0x40000000, HELLO, 0x1000, 5)]),
        "header-and-code": elf_at(0x40000000, [(0, 0x3ffff000, 0x3ffff000, bytes(0x1020), 0x1020, 5),
                                               (0x1000, 0, 0, HELLO, 0, 5)]),
        "noload": elf_at(0x40200000, [(0x1000, 0x40200000, 0x40200000, HELLO, 0x1000, 5),
                                      (0x1000, 0x70000000, 0x70000000, b"", 0x10000, 6)]),
    }[kind]
    (tmp_path / "k.elf").write_bytes(file)
    bare = subprocess.run(["qemu-system-aarch64", "-machine", "virt,gic-version=3", "-cpu", "cortex-a53",
                           "-m", "128", "-nographic", "-nic", "none", "-kernel", tmp_path / "k.elf"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=BOOT_SECONDS,
                          check=False)
    assert bare.stdout.strip() == b"H"
    path = bundle(tmp_path / "bundle.cpio", {"k": 'memory = <0x0 0x2000000>; kernel = "k.elf";'},
                  {"k.elf": file})
    board = boot(smp=1, mem=512, bundle=path)
    vm = new(board, "k")
    vm.run()
    vm.wait_until("stopped")
    assert vm.log().strip() == "H"


def test_the_rtos_as_an_elf_file(boot, tmp_path):
    """build/rtos.elf: linked at a virtual address, entered at a physical one."""
    path = bundle(tmp_path / "bundle.cpio",
                  {"rtos": 'cpus = <2>; memory = <0x0 0x1000000>; kernel = "rtos.elf";'},
                  {"rtos.elf": (BUILD / "rtos.elf").read_bytes()})
    board = boot(smp=2, mem=512, bundle=path)
    vm = new(board, "rtos")
    console = vm.port()
    vm.run()
    console.expect("rtos> ", BOOT_SECONDS)
    assert "2" in console.run("cpus", "rtos> ")
