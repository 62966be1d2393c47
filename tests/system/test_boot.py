# SPDX-License-Identifier: Apache-2.0
"""ZVM boots on the machines that it promises, and its shell answers."""

import hashlib
import re

import pexpect
import pytest

from conftest import CPU_MAX, KERNELS, PROMPT


@pytest.fixture
def board(boot_module):
    """One board for the questions that change nothing."""
    return boot_module(smp=4, mem=2048)


@pytest.mark.parametrize("shape", ["elf", "bin"])
def test_both_shapes_boot(boot, shape):
    board = boot(kernel=KERNELS / f"zvm_host.{shape}", smp=2, mem=1024)
    assert "zvm" in board.sh("host version").lower()


@pytest.mark.parametrize("cpu", ["cortex-a53", "cortex-a57", "cortex-a72", CPU_MAX])
def test_processors(boot, cpu):
    board = boot(cpu=cpu, smp=2, mem=1024)
    assert count_cpus(board) == 2


@pytest.mark.parametrize("smp, mem", [(1, 512), (8, 8192), (9, 1024), (16, 1024), (64, 1024)])
def test_machine_sizes(boot, smp, mem):
    board = boot(smp=smp, mem=mem)
    assert count_cpus(board) == smp
    calls = re.search(r"^ +1  ipi call +(.*)$", board.sh("host irq"), re.M)
    assert len(calls[1].split()) == smp


def count_cpus(board):
    """Rows of `host cpus`: each begins with the CPU's number."""
    return len(re.findall(r"^\s*(?:cpu)?\d+\b", board.sh("host cpus"), re.M))


def test_version(board):
    first, code = board.sh("host version").splitlines()
    assert re.search(r", built with (gcc|clang) \d+\.\d+\.\d+$", first)
    # What runs is what was built, to the last byte that nothing writes.
    digest, size = re.fullmatch(r"code +sha256 ([0-9a-f]{64}) of the first (\d+) bytes of zvm_host.bin", code).groups()
    image = (KERNELS / "zvm_host.bin").read_bytes()
    assert len(image) * 0.9 < int(size) < len(image)
    assert hashlib.sha256(image[:int(size)]).hexdigest() == digest


def test_cpus(board):
    assert count_cpus(board) == 4


@pytest.mark.parametrize("command", ["mem", "irq", "threads", "info", "log"])
def test_host_commands_answer(board, command):
    assert board.sh(f"host {command}")


@pytest.mark.parametrize("command, names", [
    ("nonsense", "nonsense"),
    ("host nonsense", "nonsense"),
    ("zvm nonsense", "nonsense"),
    ("zvm run -n 10", "10"),
    ("zvm run -n absent", "absent"),
    ("zvm new -t nothing", "nothing"),
    ("zvm new", "-t"),
])
def test_wrong_commands_are_told_in_one_line(board, command, names):
    answer = board.sh(command)
    assert names in answer
    assert len(answer.splitlines()) == 1


def test_empty_line_and_long_line(board):
    assert board.sh("") == ""
    board.sh("x" * 300)
    assert "zvm" in board.sh("host version").lower()


def test_line_editing(board):
    board.send("host versionnn\x7f\x7f")
    assert re.search(r"\d+\.\d+", board.sh(""))
    board.send("\x1b[A")
    assert re.search(r"\d+\.\d+", board.sh(""))


def test_locks_are_counted_where_they_are_checked(board):
    """This file's tests run on both builds."""
    text = board.sh("host locks")
    rows = re.findall(r"^(\w[\w ]+?) +(\d+) +\d+$", text, re.M)
    counts = {name: int(taken) for name, taken in rows}
    if "does not count locks" in text:
        assert len(text.splitlines()) == 1 and not counts
    else:
        assert counts["timeouts"] > 0 and counts["wait queue"] > 0


def test_without_el2_one_clear_line(boot):
    board = boot(virtualization=False, smp=1, mem=512, prompt=False, consoles=0)
    board.expect(r"[^\r\n]*EL2[^\r\n]*\r*\n")
    assert board.expect([re.escape(PROMPT), pexpect.TIMEOUT], timeout=1) == 1
