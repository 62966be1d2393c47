# SPDX-License-Identifier: Apache-2.0
"""What `zvm stat` counts is what happened, and `zvm top` shows what has the CPUs."""

import re

import pytest

from conftest import BOOT_SECONDS, PROMPT
from guests import new

# A tick is an instruction.
COUNTED = ["-icount", "shift=4"]
COLUMNS = {
    "exits": ("irq", "wfx", "hvc", "smc", "sysreg", "mmio", "fp", "fault", "total"),
    "late": ("count", "p50", "p99", "p99.9", "max"),
}
COLUMNS["time-us"] = COLUMNS["exits"]
COLUMNS["mean-ns"] = COLUMNS["exits"][:-1]
COLUMNS["late-ns"] = COLUMNS["late"]


def stat(board, name):
    """The rows of `zvm stat`, by docs/real-time.md: {("late", "all"): {"count": 7, ...}, ...}."""
    found = {}
    for line in board.sh(f"zvm stat -n {name}").splitlines():
        words = line.split()
        if words[0] in COLUMNS:
            values = [int(word) for word in words[2:]]
            found[words[0], words[1]] = dict(zip(COLUMNS[words[0]], values, strict=True))
    return found


def test_counts_what_the_guest_counts(boot):
    """A real-time guest beside a hostile one: interrupts count, none later than the guest saw."""
    board = boot(smp=1, mem=512, guests=["control", "hostile"], cpu="cortex-a53", extra=COUNTED)
    new(board, "hostile").run()
    control = new(board, "control")
    control.run()
    with control.attached() as shell:
        shell.line("2000")
        shell.expect(r" 10 kHz: .* max (\d+)\s.* 1 kHz: .* max (\d+)\s", BOOT_SECONDS)
        measured = max(int(board.match[1]), int(board.match[2]))
        shell.send("s")
        shell.expect(r"stopped after (\d+) interrupts, ticks late: max (\d+)\s", BOOT_SECONDS)
        interrupts, latest = int(board.match[1]), int(board.match[2])
    rows = stat(board, "control")
    late = rows["late", "0"]
    assert rows["late", "all"] == late
    assert late["count"] == interrupts
    assert 0 < late["p50"] <= late["p99"] <= late["p99.9"] <= late["max"] <= latest
    # Between list register and vector is the way to the guest, and perhaps another interrupt.
    assert measured <= 2 * late["max"] + 1000
    assert rows["late-ns", "all"]["max"] == 16 * late["max"]
    exits = rows["exits", "0"]
    assert sum(exits.values()) == 2 * exits["total"] > interrupts
    assert ("time-us", "0") not in rows

    # From 0 on; what its exits cost is known once they are measured.
    assert board.sh("host irq -m on") == ""
    assert board.sh("zvm stat -r hostile") == "vm 0 'hostile' counts from 0"
    assert board.sh("zvm stat -r control") == "vm 1 'control' counts from 0"
    board.until(lambda: stat(board, "hostile")["time-us", "all"]["hvc"])
    rows = stat(board, "hostile")
    assert rows["exits", "all"]["hvc"] > 0
    assert 500 < rows["mean-ns", "all"]["hvc"] < 20000
    rows = stat(board, "control")
    assert rows["late", "all"]["count"] == rows["late", "all"]["max"] == 0


def look(board, name):
    """CPU share and exits a second that `zvm info NAME` shows, and the sum of all exits."""
    told = board.sh(f"zvm info {name}")
    share, rate = re.search(r"([\d.]+) % of a CPU, (\d+) exits/s", told).groups()
    return float(share), int(rate), sum(int(n) for n in re.findall(r"(\d+) exits \(", told))


def test_shares_over_a_restart(boot):
    """Counts of vCPUs go on when their VM starts again: they are no work of the moment since."""
    board = boot(smp=1, mem=512, guests=["hostile"], cpu="cortex-a53", extra=COUNTED)
    hostile = new(board, "hostile", "-c 2")
    hostile.run()
    total = most = 0
    while total < 500000:
        _, rate, total = look(board, "hostile")
        most = max(most, rate)
    end = total + most  # of a second later
    hostile.reset()
    while total < end:
        share, rate, total = look(board, "hostile")
        assert share <= 100 and rate < 2 * most


def pages(board, count):
    """So many screens of `zvm top`, each a list of the lines that are not empty."""
    found = []
    for _ in range(count):
        board.expect(r"\x1b\[H(.*?)\x1b\[J")
        lines = board.match[1].replace("\x1b[K", "").splitlines()
        found.append([line.strip() for line in lines if line.strip()])
    return found


@pytest.mark.parametrize("leave", ["q", "\x03"])
def test_top(boot, leave):
    """The busy vCPU comes first with its exits; the shell's line is whole again afterwards."""
    board = boot(smp=1, mem=512, guests=["hostile"], cpu="cortex-a53", extra=COUNTED)
    new(board, "hostile", "-c 1").run()
    board.line("zvm top")
    page = pages(board, 3)[-1]
    assert all(len(line) < 80 for line in page) and len(page) < 24
    head = next(n for n, line in enumerate(page) if line.startswith("NAME"))
    assert page[head].split() == "NAME CPU PRIO CPU% IRQ WFX HVC SMC SYS MMIO FP FAULT".split()
    first = page[head + 1].split()
    assert first[:2] == ["vm0.0", "hostile"] and float(first[4]) > 50
    assert int(first[7].replace("k", "000")) > 100  # HVC
    assert any(line.startswith("shell ") for line in page[head:])
    assert re.fullmatch(r"0 +\d+\.\d +\d+", page[2])
    board.send(leave)
    board.expect(re.escape(PROMPT))
    assert "hostile" in board.sh("zvm info")
