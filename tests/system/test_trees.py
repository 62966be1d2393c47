# SPDX-License-Identifier: Apache-2.0
"""The machine's devicetree, of every size and quality."""

import re
import socket

import pytest

from conftest import BOOT_SECONDS
from guests import memory, new
from test_types import bundle
from trees import compiled, machine_source, with_nodes


def first_line_at(board):
    """When the first line was written, in microseconds of counted time: 62.5 instructions each."""
    stamp = re.search(r"^\[ *(\d+)\.(\d+)\] ZVM ", board.banner, re.M)
    assert stamp, board.banner
    return int(stamp[1]) * 1000000 + int(stamp[2])


def test_as_many_nodes_as_a_large_board_has(boot, tmp_path):
    """The start's time is linear in the tree: 1500 devices take some million instructions."""
    devices = "".join(f'dev@{0x20000000 + n * 0x1000:x} {{ compatible = "acme,dev{n}", "acme,dev"; '
                      f'reg = <0 {0x20000000 + n * 0x1000:#x} 0 0x1000>; interrupts = <0 {n % 100} 4>; }};\n'
                      for n in range(1500))
    tree = compiled(tmp_path, with_nodes(machine_source(tmp_path), devices))
    board = boot(cpu="cortex-a53", smp=1, mem=1024, consoles=1, bundle=bundle(tmp_path, {"good": ""}),
                 extra=["-dtb", str(tree), "-icount", "shift=4,sleep=off"])
    assert first_line_at(board) < 100000
    assert "created" in board.sh("zvm new -t good")


MIB = 1 << 20


def ram(board):
    """KiB of RAM that the page allocator has."""
    return int(memory(board)["total"])


def with_tree(boot, folder, change, **options):
    """A board of 1 GiB whose tree's source was changed."""
    tree = compiled(folder, change(machine_source(folder)))
    return boot(cpu="cortex-a53", smp=1, mem=1024, extra=["-dtb", str(tree), *options.pop("extra", ())], **options)


@pytest.fixture
def plain(boot_module):
    """KiB of RAM on a board with the tree that QEMU makes."""
    return ram(boot_module(cpu="cortex-a53", smp=1, mem=1024, consoles=0))


def test_ram_that_is_described_twice_is_used_once(boot, tmp_path, plain):
    nodes = """
        ram@50000000 { device_type = "memory"; reg = <0 0x50000000 0 0x10000000>; };
        ram@40000000 { device_type = "memory"; reg = <0 0x7f000000 0 0x1000000 0 0x40000000 0 0x40000000>; };
        ram@90000000 { device_type = "memory"; status = "disabled"; reg = <0 0x90000000 0 0x10000000>; };
    """
    board = with_tree(boot, tmp_path, lambda source: with_nodes(source, nodes), bundle=bundle(tmp_path, {"big": ""}))
    assert abs(ram(board) - plain) < 512
    # Two VMs have nearly all of it, and neither finds the other's bytes in its memory.
    half = int(memory(board)["free"]) // 2048 & ~1
    for size in (half, half - 8):
        vm = new(board, "big", f"-m {size}")
        console = vm.port()
        vm.run()
        console.expect("smp: PASS", BOOT_SECONDS)


def test_several_memory_nodes(boot, plain):
    """As of a machine with several memory controllers."""
    half = ["-object", "memory-backend-ram,id=a,size=768M", "-object", "memory-backend-ram,id=b,size=256M",
            "-numa", "node,memdev=a", "-numa", "node,memdev=b"]
    board = boot(cpu="cortex-a53", smp=1, mem=1024, consoles=0, extra=half)
    assert abs(ram(board) - plain) < 512


def test_every_reservation_is_kept_out(boot, tmp_path, plain):
    """Also the fiftieth, and one that passes the end of the address space."""
    reserved = "".join(f"r@{at:x} {{ reg = <0 {at:#x} 0 0x100000>; }};" for at in
                       range(0x50000000, 0x50000000 + 60 * 0x200000, 0x200000))
    wraps = "w@7c000000 { reg = <0 0x7c000000 0xffffffff 0xffffffff>; };"
    nodes = f"reserved-memory {{ #address-cells = <2>; #size-cells = <2>; ranges; {reserved} {wraps} }};"
    board = with_tree(boot, tmp_path, lambda source: with_nodes(source, nodes).replace(
        "/dts-v1/;", "/dts-v1/;" + "".join(f"/memreserve/ {at:#x} 0x1000;" for at in
                                          range(0x60000000, 0x60000000 + 40 * 0x100000, 0x100000))), consoles=0)
    assert abs(plain - ram(board) - (60 + 64) * 1024 - 40 * 4) < 512


def mapped(monitor, address):
    """Whether the CPU, which is at EL2, sees something at a virtual address."""
    monitor.sendall(f"gva2gpa {address:#x}\n".encode())
    answer = b""
    while b"gpa: " not in answer and b"Unmapped" not in answer:
        answer += monitor.recv(4096)
    return b"gpa: " in answer


def test_no_map_is_not_mapped(boot, tmp_path):
    nodes = """reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;
        secure@50001000 { no-map; reg = <0 0x50001000 0 0x1000>; };
        shared@50004000 { reg = <0 0x50004000 0 0x1000>; };
    };"""
    path = tmp_path / "monitor"
    with_tree(boot, tmp_path, lambda source: with_nodes(source, nodes), consoles=0,
              extra=["-monitor", f"unix:{path},server=on,wait=off"])
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.connect(str(path))
        linear = 0x800000000000
        assert [mapped(monitor, linear + at) for at in (0x50000000, 0x50001000, 0x50002000, 0x50004000)] == \
            [True, False, True, True]


@pytest.mark.parametrize("start, end, says", [
    ("0x10000000", "0x10100000", "not all of it is RAM"),
    ("0x40200000", "0x40300000", "the hypervisor is there"),
    ("0x7ff00000", "0x80100000", "not all of it is RAM"),
    ("0x0 0x50000000", "0xffffffff 0xffffffff", "not all of it is RAM"),
])
def test_an_initrd_elsewhere_is_a_line(boot, tmp_path, start, end, says):
    chosen = f"chosen {{ linux,initrd-start = <{start}>; linux,initrd-end = <{end}>;"
    board = with_tree(boot, tmp_path, lambda source: source.replace("chosen {", chosen), consoles=0)
    assert re.search(rf"no bundle: .*{says}", board.banner)
    assert "free" in memory(board)


def test_all_ram_reserved_is_a_line(boot, tmp_path):
    nodes = "reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; a@0 { reg = <0 0 1 0>; }; };"
    board = with_tree(boot, tmp_path, lambda source: with_nodes(source, nodes), consoles=0, prompt=False)
    board.expect("ZVM cannot run here: memory without the devicetree's reservations")
