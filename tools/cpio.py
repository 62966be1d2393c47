# SPDX-License-Identifier: Apache-2.0
"""Writes cpio archives in the newc format, with device nodes, without being root."""

import os


class Writer:
    """Collects entries; finish() gives the archive. Owner is root, times are 0: reproducible."""

    def __init__(self):
        self._out = bytearray()
        self._inode = 0

    def _pad(self):
        self._out += bytes(-len(self._out) % 4)

    def _entry(self, name, mode, data=b"", rdev=(0, 0), links=1):
        self._inode += 1
        path = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, links, 0, len(data), 0, 0, rdev[0], rdev[1],
                  len(path), 0)
        self._out += b"070701" + b"".join(b"%08X" % field for field in fields) + path
        self._pad()
        self._out += data
        self._pad()

    def directory(self, name, mode=0o755):
        self._entry(name, 0o040000 | mode, links=2)

    def file(self, name, data, mode=0o644):
        self._entry(name, 0o100000 | mode, data)

    def symlink(self, name, target):
        self._entry(name, 0o120777, os.fsencode(target))

    def node(self, name, mode, major, minor):
        """A character device."""
        self._entry(name, 0o020000 | mode, rdev=(major, minor))

    def finish(self):
        self._entry("TRAILER!!!", 0)
        self._out += bytes(-len(self._out) % 512)
        return bytes(self._out)
