# SPDX-License-Identifier: Apache-2.0
"""The machine's devicetree, of every size and quality."""

import re

from test_types import bundle
from trees import compiled, machine_source, with_nodes


def first_line_at(board):
    """When the first line was written, in microseconds of counted time: 62.5 instructions each."""
    stamp = re.search(r"^\[ *(\d+)\.(\d+)\] ZVM ", board.banner, re.M)
    assert stamp, board.banner
    return int(stamp[1]) * 1000000 + int(stamp[2])


def test_as_many_nodes_as_a_large_board_has(boot, tmp_path):
    """The start takes time in proportion to the tree: a board with 1500 devices says its first line after some million instructions."""
    devices = "".join(f'dev@{0x20000000 + n * 0x1000:x} {{ compatible = "acme,dev{n}", "acme,dev"; '
                      f'reg = <0 {0x20000000 + n * 0x1000:#x} 0 0x1000>; interrupts = <0 {n % 100} 4>; }};\n'
                      for n in range(1500))
    tree = compiled(tmp_path, with_nodes(machine_source(tmp_path), devices))
    board = boot(cpu="cortex-a53", smp=1, mem=1024, consoles=1, bundle=bundle(tmp_path, {"good": ""}),
                 extra=["-dtb", str(tree), "-icount", "shift=4,sleep=off"])
    assert first_line_at(board) < 100000
    assert "created" in board.sh("zvm new -t good")
