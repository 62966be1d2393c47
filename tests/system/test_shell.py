# SPDX-License-Identifier: Apache-2.0
"""The operator's shell: errors take one line, nothing is lost, lines are edited."""

import re

import pytest

from conftest import PROMPT, ROOT
from guests import SMP, new

FREE = re.compile(r"free: (\d+) KiB")


@pytest.fixture
def board(boot_module):
    return boot_module(smp=2, mem=1024, guests=["smp", "uboot"])


def free(board):
    return int(FREE.search(board.sh("host mem"))[1])


@pytest.mark.parametrize("command, says", [
    ("zvm new", "smp"),
    ("zvm new -t", "-t"),
    ("zvm new -t linx", "no type 'linx'"),
    ("zvm new -t smp -c 0", "0"),
    ("zvm new -t smp -c 99", "99"),
    ("zvm new -t smp -c two", "two"),
    ("zvm new -t smp -m 0", "0"),
    ("zvm new -t smp -m 3", "2 MiB"),
    ("zvm new -t smp -m abc", "abc"),
    ("zvm new -t smp -m 99999999", "MiB"),
    ("zvm new -t smp -m 999999999999999999999", "999999999999999999999"),
    ("zvm new -t smp -m 1024", "free"),
    ("zvm new -t smp -p 99", "99"),
    ("zvm new -t smp -a 0", "0"),
    ("zvm new -t smp -a 0x80", "0x80"),
    ("zvm new -t smp --name 7", "7"),
    ("zvm new -t smp --what", "--what"),
    ("zvm run", "which"),
    ("zvm run -n 10", "10"),
    ("zvm pause absent", "absent"),
    ("zvm console absent", "absent"),
    ("zvm stat absent", "absent"),
    ("zvm top -n 0", "-n"),
    ("zvm log absent", "absent"),
    ("zvm frobnicate", "frobnicate"),
    ("host frobnicate", "frobnicate"),
    ("frobnicate", "frobnicate"),
])
def test_errors_are_one_line_that_names_the_thing(board, command, says):
    before = free(board)
    answer = board.sh(command)
    assert len(answer.splitlines()) == 1
    assert says in answer
    assert free(board) == before
    assert not re.search(r"^ *\d+ ", board.sh("zvm info"), re.M)


def test_states_that_forbid(board):
    before = free(board)
    vm = new(board, "smp")
    assert "created: only a running VM can be paused" in board.sh("zvm pause 0")
    assert "created: only a paused VM can be resumed" in board.sh("zvm resume 0")
    vm.run()
    assert "running already" in board.sh("zvm run 0")
    assert "-f" in board.sh("zvm delete 0")
    assert vm.state == "running"
    vm.delete(force=True)
    assert free(board) == before


def test_a_vm_that_never_ran_is_deleted(board):
    before = free(board)
    for _ in range(3):
        new(board, "smp").delete()
    assert free(board) == before


def test_two_of_a_type_have_their_own_memory(board):
    first, second = new(board, "smp"), new(board, "smp")
    assert first.name != second.name
    first.run()
    second.run()
    one, other = first.port(), second.port()
    one.expect(SMP, timeout=240)
    other.expect(SMP, timeout=240)
    assert one.run("ping", SMP) == "pong 1"
    assert one.run("ping", SMP) == "pong 2"
    assert other.run("ping", SMP) == "pong 1"
    first.reset()
    one.expect("round 1,", timeout=240)
    assert other.run("ping", SMP) == "pong 2"
    first.delete(force=True)
    second.delete(force=True)


def test_editing_and_history(board):
    board.send("hosst\x1b[D\x7f\x1b[C version")  # left, delete back, right
    assert re.search(r"\d+\.\d+", board.sh(""))
    board.send("version\x01host \x05")  # Ctrl-A, Ctrl-E
    assert re.search(r"\d+\.\d+", board.sh(""))
    board.send("nonsense\x15")  # Ctrl-U
    assert "cpus" in board.sh("host info")
    board.send("host version nonsense\x17")  # Ctrl-W
    assert re.search(r"\d+\.\d+", board.sh(""))
    board.send("\x1b[A\x1b[A")  # two lines up
    assert "cpus" in board.sh("")


def test_completion(board):
    board.send("host ver\t")
    assert re.search(r"\d+\.\d+", board.sh(""))
    board.send("zvm new -t sm\t")
    assert "vm 0 'smp' created" in board.sh("")
    board.send("zvm del\tsm\t")
    assert "vm 0 'smp' deleted" in board.sh("")


def test_help(board):
    everything = board.sh("help")
    for command in ("zvm", "host", "help"):
        assert command in everything
    assert "zvm delete" in board.sh("help zvm")
    assert "-t TYPE" in board.sh("zvm new -h")
    assert "-t TYPE" in board.sh("help zvm new")


@pytest.mark.parametrize("command", [
    "watch", "more", "zvm new", "zvm create", "zvm run", "zvm pause", "zvm resume", "zvm reset", "zvm stop",
    "zvm delete", "zvm info", "zvm stat", "zvm top", "zvm net", "zvm set", "zvm update", "zvm list", "zvm console", "zvm look", "zvm log", "host info",
    "host cpus", "host mem", "host irq", "host threads", "host log", "host version",
    "host reboot",
])
def test_every_command_says_how_it_is_used(board, command):
    answer = board.sh(f"{command} -h")
    assert answer.startswith("usage: ")
    assert board.sh(f"help {command}") == answer


def test_longest_masked_sections(board):
    row = re.compile(r"^ +0 +(\d+) +\d+\.\d{3}  (0x4000\w+|guest, .*)  0x4000\w+$", re.M)
    sections = [int(found[0]) for found in row.findall(board.sh("host irq"))]
    assert sections and sections == sorted(sections, reverse=True)
    assert board.sh("host irq -r") == ""
    assert "without guests' exits" in board.sh("host irq")
    assert board.sh("host irq -m maybe") == "host irq: -m maybe: expected on or off"
    assert board.sh("host irq -m on") == ""
    assert "with guests' exits" in board.sh("host irq")
    assert board.sh("host irq -m off") == ""


def test_more_keys(board):
    board.send("host versionnonsense" + "\x1b[D" * 8 + "\x0b")  # eight left, Ctrl-K
    assert re.search(r"\d+\.\d+", board.sh(""))
    board.send("ersion\x1b[Hhost v\x1b[F")  # Home, End
    assert re.search(r"\d+\.\d+", board.sh(""))
    board.sh("zvm list")
    board.send("\x1b[A\x1b[A\x1b[B")  # up, up, down
    assert "uboot" in board.sh("")
    board.send("this is given up\x03")  # Ctrl-C
    board.expect(re.escape("^C"))
    board.expect(re.escape("zvm_host:~# "))
    assert "uboot" in board.sh("zvm list")


def test_output_by_screens(board):
    """`more` and `watch` ask the terminal for its size, which may not answer."""
    board.line("more help")
    board.expect(re.escape("\x1b[6n"))
    board.send("\x1b[8;80R")
    for key in (" ", "q"):
        board.expect("-- Space: on")
        board.send(key)
    board.expect(re.escape(PROMPT))
    assert "host version" not in board.before
    assert re.search(r"\d+\.\d+", board.sh("more host version"))
    board.line("watch -n 1 host version")
    board.expect(re.escape("\x1b[6n"))
    board.send("\x1b[24;80R")
    for _ in range(3):
        board.expect(r"\d+\.\d+")
    board.send("\x03")
    board.expect(re.escape("^C"))
    board.expect(re.escape(PROMPT))
    assert "zvm new" in board.sh("?")


def test_ctrl_c_ends_what_takes_long(board):
    vm = new(board, "smp")
    vm.run()
    for command, shown in (("zvm log -f smp", "round 1,"), ("zvm top", "BUSY%"), ("watch -n 3600 zvm info smp", "running"),
                           ("zvm top --json", "json")):
        board.line(command)
        board.expect(shown, timeout=240)
        board.send("\x03")
        board.expect(re.escape(PROMPT))
        assert vm.state == "running"
    vm.delete(force=True)


def test_list_and_info(board):
    listed = board.sh("zvm list")
    assert re.search(r"^smp +4 +64 MiB +20 +guests/smp.elf \(vms/smp.dtb\)$", listed, re.M)
    assert board.sh("zvm info").startswith("no VMs")
    vm = new(board, "smp", "--name shown -c 3 -m 32 -p 25 -a 2")
    assert vm.row() | {"CPU%": ""} == {
        "ID": "0", "NAME": "shown", "TYPE": "smp", "STATE": "created", "VCPUS": "3",
        "MEMORY": "32MiB", "PRIO": "25", "AFFINITY": "0x2", "CPU%": "", "EXITS/S": "0",
        "UPTIME": "-", "RESTARTS": "0"}
    info = board.sh("zvm info shown")
    assert len(re.findall(r"^ *vcpu \d +off, cpu 1,", info, re.M)) == 3
    for words in ("memory +32 MiB at 0x40000000", "console .*port 0", "region +0x08000000 +64 KiB"):
        assert re.search(words, info), info
    assert board.sh("zvm log shown") == ""
    vm.delete()


def test_priorities_are_those_of_the_docs(board):
    """`host threads` shows what docs/real-time.md says of the shell and the console service."""
    page = " ".join((ROOT / "docs/real-time.md").read_text().split())
    for thread, called in (("shell", "the shell"), ("console", "the console service")):
        documented = re.search(rf"{called} \((\d+)\)", page)[1]
        assert re.search(rf"^{thread} +\w+ +{documented} ", board.sh("host threads"), re.M)
