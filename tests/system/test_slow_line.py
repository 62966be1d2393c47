# SPDX-License-Identifier: Apache-2.0
"""An operator at a serial line that is slower than what guests write: no guest takes the shell.

The line is ZVM's own: `uart.baud=` makes it wait for each byte as long as such a line would take.
"""

import re

import pytest

from conftest import PROMPT
from guests import LEAVE, new, rows

SLOW = ("-append", "uart.baud=115200")


@pytest.fixture(scope="module")
def flood(tmp_path_factory):
    """A guest that writes to its console without end, on the second CPU."""
    path = tmp_path_factory.mktemp("vm") / "flood.dts"
    path.write_text("""/dts-v1/;
/ {
	compatible = "zvm,vm";
	label = "flood";
	cpus = <1>;
	affinity = <2>;
	memory = <0x0 0x800000>;
	kernel = "guests/hostile.elf";
	bootargs = "storm=console";
};
""")
    return str(path)


def written(board):
    return int(re.search(r"(\d+) bytes written", board.sh("zvm info flood"))[1])


@pytest.fixture
def board(boot_module, flood):
    board = boot_module(smp=2, mem=512, guests=[flood], consoles=0, extra=SLOW)
    if "flood" not in rows(board):
        new(board, "flood").run()
    # More than its ring keeps.
    board.until(lambda: written(board) > 40000)
    return board


def answers(board):
    """The shell does what it is told."""
    assert board.sh("host version").startswith("ZVM ")


def test_log_ends(board):
    """It has what the ring held when it began, and no more."""
    first, rest = board.sh("zvm log flood").split("\n", 1)
    assert re.fullmatch(r"\[the \d+ bytes before these are gone: 16 KiB are kept\]", first)
    assert 16000 < len(rest) <= 16384 and set(rest) <= set("x\n")
    answers(board)


def test_a_console_is_left(board):
    board.line("zvm console flood")
    board.expect(re.escape("Ctrl-] leaves]"))
    board.expect("x{40}")
    board.send(LEAVE)
    board.expect(re.escape(PROMPT))
    answers(board)


def test_ctrl_c_ends_a_log(board):
    board.line("zvm log flood")
    board.expect("x{40}")
    board.send("\x03")
    board.expect(r"\^C\s+" + re.escape(PROMPT))
    answers(board)


@pytest.mark.parametrize("command", ["zvm log -f flood", "zvm top"])
def test_ctrl_c_leaves(board, command):
    board.line(command)
    board.expect("x{40}|flood")
    board.expect("x{40}|flood")
    board.send("\x03")
    board.expect(re.escape(PROMPT))
    answers(board)
