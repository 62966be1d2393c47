# SPDX-License-Identifier: Apache-2.0
"""Machines whose devicetree is not the one that QEMU would give.

    source = machine_source(tmp_path, smp=2, mem=1024)
    tree = compiled(tmp_path, with_nodes(source, 'a { status = "okay"; };'))
    board = boot(smp=2, mem=1024, extra=["-dtb", str(tree)])
"""

import subprocess

from conftest import QEMU


def machine_source(folder, *, smp=1, mem=1024, gic=3, cpu="cortex-a53"):
    """The source of the tree that QEMU makes for such a board."""
    blob = folder / "machine.dtb"
    subprocess.run([QEMU, "-machine",
                    f"virt,gic-version={gic},virtualization=on,dumpdtb={blob}", "-cpu", cpu, "-smp", str(smp),
                    "-m", str(mem), "-display", "none", "-nic", "none"], check=True, capture_output=True)
    done = subprocess.run(["dtc", "-q", "-I", "dtb", "-O", "dts", str(blob)], check=True, capture_output=True,
                          text=True)
    return done.stdout


def with_nodes(source, nodes):
    """The same with further nodes at the root's end."""
    end = source.rindex("};")
    return source[:end] + nodes + source[end:]


def compiled(folder, source, name="changed.dtb"):
    blob = folder / name
    subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", str(blob), "-"], input=source, text=True,
                   check=True)
    return blob
