# SPDX-License-Identifier: Apache-2.0
"""Bundles as people make them: read as Linux reads an initramfs, or refused with what was found."""

import bz2
import gzip
import lzma
import subprocess

import pytest

from conftest import BOOT_SECONDS, BUILD
from guests import new

SMP = BUILD / "guests/smp.elf"


def description(label, kernel):
    source = f"""/dts-v1/; / {{ compatible = "zvm,vm"; label = "{label}"; memory = <0x0 0x800000>;
        kernel = "{kernel}"; }};"""
    return subprocess.run(["dtc", "-q", "-O", "dtb"], input=source.encode(),
                          stdout=subprocess.PIPE, check=True).stdout


def entry(name, data=b"", mode=0o100644, inode=0, links=1, magic=b"070701"):
    """One entry of an archive, with its checksum where the format has one."""
    path = name.encode() + b"\0"
    total = sum(data) & 0xffffffff if magic == b"070702" else 0
    fields = (inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(path), total)
    head = magic + b"".join(b"%08X" % field for field in fields) + path
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def end(magic=b"070701"):
    return entry("TRAILER!!!", mode=0, magic=magic)


def plain(prefix="", magic=b"070701", data=None):
    return (entry(f"{prefix}vms/smp.dtb", description("smp", "img/smp.elf"), magic=magic) +
            entry(f"{prefix}img/smp.elf", data or SMP.read_bytes(), magic=magic) + end(magic))


def symlinks():
    return (entry("vms", b"conf", 0o120777) +
            entry("conf/smp.dtb", description("smp", "img/smp.elf")) +
            entry("img/smp.elf", b"smp--1.0+git-r0.bin", 0o120777) +
            entry("img/smp--1.0+git-r0.bin", SMP.read_bytes()) + end())


def hard_links():
    """As GNU cpio has them: the data comes with the last one."""
    return (entry("vms/smp.dtb", description("smp", "img/smp.elf")) +
            entry("img/smp.elf", inode=77, links=3) + entry("img/Image", inode=77, links=3) +
            entry("img/last", SMP.read_bytes(), inode=77, links=3) + end())


def in_a_row():
    """The second archive replaces a file of the first one that could not be started."""
    return plain(data=b"no kernel") + bytes(512) + entry("./img/smp.elf", SMP.read_bytes()) + end()


GOOD = {
    "dot": lambda: plain("./"),
    "slash": lambda: plain("/"),
    "folder": lambda: plain("./out/bundle/"),
    "crc": lambda: plain(magic=b"070702"),
    "symlinks": symlinks,
    "hard-links": hard_links,
    "in-a-row": in_a_row,
    "padded": lambda: plain() + bytes(4096),
    "no-trailer": lambda: plain()[:-len(end())],
}


@pytest.mark.parametrize("kind", GOOD)
def test_bundles_that_are_read(boot, tmp_path, kind):
    path = tmp_path / "bundle.cpio"
    path.write_bytes(GOOD[kind]())
    assert subprocess.run([BUILD / "tools/checkdesc", "-b", path], check=False).returncode == 0
    board = boot(smp=1, mem=512, bundle=path)
    vm = new(board, "smp")
    console = vm.port()
    vm.run()
    console.expect(r"smp: (PASS|FAIL)\s+smp> ", BOOT_SECONDS)
    assert console.match[1] == "PASS"


BAD = {
    "none": (None, "there is no bundle: the machine's loader gave no initrd"),
    "gzip": (lambda: gzip.compress(plain()), "the bundle is gzip-compressed: unpack it"),
    "bzip2": (lambda: bz2.compress(plain()), "the bundle is bzip2-compressed: unpack it"),
    "xz": (lambda: lzma.compress(plain()), "the bundle is xz-compressed: unpack it"),
    "odc": (lambda: b"070707" + bytes(300), "the bundle is a cpio archive in the old format"),
    "binary": (lambda: b"\xc7\x71" + bytes(300), "the bundle is a cpio archive in the old binary"),
    "initramfs": (lambda: entry("init", b"#!/bin/sh") + end(),
                  "the bundle has no vms/NAME.dtb; 'init' is among its 1 files"),
    "source": (lambda: entry("vms/linux.dts", b"/dts-v1/;") + end(),
               "the bundle has no vms/NAME.dtb; 'vms/linux.dts' is among its 1 files"),
    "kernel": (SMP.read_bytes, "the bundle is not a cpio archive (cpio -o -H newc): it has "),
    "cut": (lambda: plain()[:100], "the bundle is a cpio archive: it is cut off, or broken"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bundles_that_are_none(boot, tmp_path, kind):
    make, says = BAD[kind]
    path = None
    if make:
        path = tmp_path / "bundle.cpio"
        path.write_bytes(make())
        desk = subprocess.run([BUILD / "tools/checkdesc", "-b", path], text=True, check=False,
                              stderr=subprocess.PIPE)
        assert desk.returncode == 1 and desk.stderr.startswith(says)
    board = boot(smp=1, mem=512, bundle=path)
    assert board.sh("zvm list").startswith(says)
    assert f"zvm: no type 'smp'; {says}" in board.sh("zvm new -t smp")
    assert not path or says in board.sh("host log")


def test_a_damaged_file_and_a_broken_end(boot, tmp_path):
    """Of what can be read is made use; the rest is named."""
    good = plain(magic=b"070702")
    damaged = bytearray(good)
    damaged[-200] ^= 1
    path = tmp_path / "bundle.cpio"
    path.write_bytes(bytes(damaged))
    board = boot(smp=1, mem=512, bundle=path)
    assert "'img/smp.elf' is damaged" in board.sh("zvm new -t smp")
    path.write_bytes(good + gzip.compress(b"more"))
    board = boot(smp=1, mem=512, bundle=path)
    assert "that part is gzip-compressed" in board.sh("zvm list")
    new(board, "smp")
