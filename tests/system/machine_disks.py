# SPDX-License-Identifier: Apache-2.0
"""Disks of a machine for the system tests: partition tables, and QEMU's options."""

import struct
import uuid
import zlib

SECTOR = 512
LINUX_DATA = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4").bytes_le


def gpt(path, mib, parts, block=SECTOR):
    """A disk of that size with these partitions, (label, first MiB, MiB) each, and no contents."""
    blocks = mib * (1 << 20) // block
    entries = b"".join(
        struct.pack("<16s16sQQQ72s", LINUX_DATA, uuid.uuid4().bytes, first * (1 << 20) // block,
                    (first + size) * (1 << 20) // block - 1, 0, label.encode("utf-16-le"))
        for label, first, size in parts).ljust(128 * 128, b"\0")
    length = len(entries) // block
    disk = uuid.uuid4().bytes

    def header(own, other, table):
        def packed(crc):
            return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, own, other, 2 + length,
                               blocks - length - 2, disk, table, 128, 128, zlib.crc32(entries))
        return packed(zlib.crc32(packed(0))).ljust(block, b"\0")

    with open(path, "wb") as out:
        out.truncate(blocks * block)
        out.seek(block)
        out.write(header(1, blocks - 1, 2) + entries)
        out.seek((blocks - 1 - length) * block)
        out.write(entries + header(blocks - 1, 1, blocks - 1 - length))
    return path


def options(*paths, device="", drive="format=raw"):
    """QEMU's options for machine disks: vda, vdb and so on; their serial numbers are d0, d1."""
    argv = []
    for n, path in reversed(list(enumerate(paths))):
        argv += ["-drive", f"if=none,id=d{n},file={path},{drive}",
                 "-device", f"virtio-blk-device,drive=d{n},serial=d{n}{device}"]
    return argv
