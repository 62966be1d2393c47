# SPDX-License-Identifier: Apache-2.0
"""The fetched initramfs of Linux, with more to do at its start."""

import gzip
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
import cpio  # noqa: E402
from machine import BenchError  # noqa: E402

RCS = re.compile(rb"#!/bin/sh\nmount -t proc.*?ready.*?\necho\n", re.S)


def with_script(base, script, files=()):
    """
    base with these lines of shell behind those of its /etc/rcS, and programs: (path, contents)
    each. Both are archives, gzip'ed.
    """
    rcs = RCS.search(gzip.decompress(base))
    if not rcs:
        raise BenchError("the Linux initramfs has no /etc/rcS that says that it is ready")
    more = cpio.Writer()
    for path, data in files:
        more.file(path, data, 0o755)
    more.file("etc/rcS", rcs[0] + script.encode(), 0o755)
    return base + gzip.compress(more.finish(), mtime=0)
