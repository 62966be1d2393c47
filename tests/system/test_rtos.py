# SPDX-License-Identifier: Apache-2.0
"""The kernel as an RTOS: bare at EL1, as a guest, and beside Linux."""

import re

import pytest
from conftest import BOOT_SECONDS, CPU_MAX, KERNELS
from guests import LINUX, linux_ready, new

RTOS = "rtos> "
# Instructions are time: no other process of the machine can make a period late.
COUNTED = ("-icount", "shift=4,sleep=off")


def ready(console):
    console.expect(r"ZVM RTOS .*; type `help`", BOOT_SECONDS)
    console.expect(re.escape(RTOS), BOOT_SECONDS)


def table(answer):
    """Rows of figures by their first word: [count, min, mean, p50, p99, p99.9, max]."""
    rows = re.findall(r"^(\w+)((?: +\d+){7})$", answer, re.M)
    return {name: [int(x) for x in figures.split()] for name, figures in rows}


def threads(console):
    """State, priority and CPU of each thread."""
    rows = re.findall(r"^(\S+) +(\w+) +(\d+) +(\d+) +0x", console.run("threads", RTOS), re.M)
    return {name: (state, int(prio), int(cpu)) for name, state, prio, cpu in rows}


def check_commands(console, cpus):
    """What holds on every machine."""
    found = threads(console)
    assert {f"idle/{cpu}" for cpu in range(cpus)} <= set(found)
    assert f"idle/{cpus}" not in found
    assert found["shell"][0] == "running"
    assert found["control"][1:] == (1, cpus - 1)
    assert "ZVM RTOS" in console.run("log", RTOS)
    assert console.run("version", RTOS).startswith("ZVM RTOS ")
    answer = console.run("irq", RTOS)
    assert re.search(r"^ +27  timer +\d+", answer, re.M)
    assert "interrupts masked:" in answer
    assert "latency" in console.run("help", RTOS)
    assert "there are: " in console.run("nonsense", RTOS)


def jitter(console, periods, options=""):
    """Row of figures of so many periods."""
    answer = console.run(f"jitter -n {periods} {options}".strip(), RTOS, BOOT_SECONDS)
    row = table(answer)["control"]
    assert row[0] >= periods
    assert sum(int(n) for n in re.findall(r"^ *\d+ ns +(\d+)", answer, re.M)) == row[0]
    return row, answer


@pytest.fixture
def bare(boot):
    """Starts the RTOS without a hypervisor."""
    def start(**options):
        board = boot(kernel=KERNELS / "rtos.elf", virtualization=False, consoles=0, mem=64,
                     prompt=False, **options)
        ready(board)
        return board
    return start


@pytest.mark.parametrize("cpu, smp, gic", [
    ("cortex-a53", 1, 3), ("cortex-a53", 2, 3), (CPU_MAX, 4, 3), ("cortex-a72", 2, 2),
])
def test_bare(bare, cpu, smp, gic):
    board = bare(cpu=cpu, smp=smp, gic=gic)
    check_commands(board, smp)
    jitter(board, 100)
    board.line("poweroff")
    board.expect("the machine goes off")
    board.expect_end()


@pytest.mark.parametrize("smp", [1, 2])
def test_bare_in_counted_time(bare, smp):
    board = bare(cpu="cortex-a53", smp=smp, extra=COUNTED)
    row, answer = jitter(board, 1000)
    assert "period 1000 us" in answer and " 0 periods missed" in answer
    assert row[-1] < 100000  # ns: some 6000 instructions
    row, answer = jitter(board, 1000, "-p 200")
    assert "period 200 us" in answer and " 0 periods missed" in answer
    answer = board.run("latency", RTOS, BOOT_SECONDS)
    rows = table(answer)
    assert {"switch", "sem", "msgq", "mutex", "timer"} <= set(rows)
    assert ("ipi" in rows) == (smp == 2)
    assert "inversion" not in answer
    for name, row in rows.items():
        assert row[0] == 1000
        assert row[-1] < 100000, name


def test_bare_reboot_and_wrong_values(bare):
    board = bare(cpu="cortex-a53", smp=2)
    assert board.run("jitter -p 5", RTOS) == "jitter: -p 5: the period in us must be 50 to 1000000"
    assert board.run("jitter -r", RTOS) == ""
    assert board.run("latency nothing", RTOS).startswith("latency: no test 'nothing'")
    assert table(board.run("latency timer -n 20", RTOS))["timer"][0] == 20
    board.line("jitter -n 100000000")
    board.send("\x03")
    board.expect("period .*" + RTOS)
    board.line("reboot")
    ready(board)


def test_bare_at_el2_says_why_not(boot):
    board = boot(kernel=KERNELS / "rtos.elf", consoles=0, mem=64, smp=1, prompt=False)
    board.expect("start it at EL1")


@pytest.mark.parametrize("cpus", [1, 2])
def test_guest(boot, cpus):
    board = boot(cpu="cortex-a53", smp=2, mem=512, guests=["rtos"])
    rtos = new(board, "rtos", f"-c {cpus}")
    console = rtos.port()
    rtos.run()
    ready(console)
    check_commands(console, cpus)
    jitter(console, 100)
    rows = table(console.run("latency -n 100", RTOS, BOOT_SECONDS))
    assert ("ipi" in rows) == (cpus == 2)
    console.line("reboot")
    ready(console)
    console.line("poweroff")
    rtos.wait_until("stopped")


def test_beside_linux(boot):
    board = boot(smp=4, guests=["linux", "rtos"])
    linux, rtos = new(board, "linux"), new(board, "rtos")
    terminals = linux.port(), rtos.port()
    linux.run()
    rtos.run()
    ready(terminals[1])
    linux_ready(terminals[0])
    assert terminals[0].run("nproc", LINUX) == "2"
    terminals[0].line("while :; do :; done")
    jitter(terminals[1], 500)
    assert "idle/1" in threads(terminals[1])
    assert (linux.state, rtos.state) == ("running", "running")
