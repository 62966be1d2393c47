# SPDX-License-Identifier: Apache-2.0
"""`zvm trace`: what the operator reads, and what its dump has in the formats of other tools."""

import re
import socket
import subprocess
import sys

import pytest

from conftest import BOOT_SECONDS, ROOT
from guests import new

sys.path.insert(0, str(ROOT / "tools"))
import trace_read  # noqa: E402

PORT = 3


class Port:
    """A reader of a console port that a trace is sent to."""

    def __init__(self, board, number=PORT):
        self.link = socket.socket(socket.AF_UNIX)
        self.link.connect(str(board.sockets / str(number)))
        self.link.settimeout(BOOT_SECONDS)
        self.data = b""

    def take(self):
        got = self.link.recv(65536)
        assert got
        self.data += got

    def until_events(self, count):
        while len(self.data) < 16 * count:
            self.take()

    def dump(self):
        """The dump, which has its end."""
        while True:
            try:
                trace = trace_read.load(self.data)
            except trace_read.Malformed:
                trace = None
            if trace and trace.complete:
                self.link.close()
                return trace
            self.take()


def recorded(board, events, options=""):
    """Records while VMs run; the dump."""
    port = Port(board)
    assert board.sh(f"zvm trace start {options}").startswith("recording ")
    assert board.sh(f"zvm trace dump {PORT}") == f"the trace is sent to port {PORT} (hvc{PORT})"
    port.until_events(events)
    assert re.fullmatch(r"\d+ events recorded; `zvm trace dump` sends them, another `zvm trace stop` frees their \d+ KiB",
                        board.sh("zvm trace stop"))
    trace = port.dump()
    board.until(lambda: re.search(r"^stopped .* - +\d+ +\d+$", board.sh("zvm trace"), re.M))
    assert re.fullmatch(r"\d+ KiB freed", board.sh("zvm trace stop"))
    return trace


def start_both(board):
    for kind in ("control", "smp"):
        new(board, kind).run()


@pytest.fixture
def running(boot_module):
    """A board with a real-time VM and one of four vCPUs."""
    board = boot_module(smp=2, guests=["control", "smp"])
    board.once(start_both)
    return board


def test_what_the_operator_is_told(running):
    board = running
    none = "there is no trace; `zvm trace start` begins one"
    assert board.sh("zvm trace") == none
    assert board.sh("zvm trace stop") == board.sh("zvm trace dump") == f"zvm trace: {none}"
    assert board.sh("zvm trace dump off") == "no trace is being sent"
    for words, why in [("start -e irq,foo", "-e irq,foo: expected a list of these: exit,irq,inject,sched"),
                       ("start -e", "-e needs EVENTS"), ("start 3", "too many arguments: '3'"),
                       ("begin", "'begin': expected start, stop or dump"), ("start -n foo", "no VM 'foo'")]:
        assert why in board.sh(f"zvm trace {words}")
    assert board.sh("zvm trace start -n control -e irq,sched") == \
        "recording irq,sched of control: the last 65535 events of each CPU are kept"
    assert "already recording" in board.sh("zvm trace start")
    for words, why in [("dump x", "'x': expected the number of a port, or off"), ("dump 0", "port 0 is in use"),
                       ("dump 40", "there is no such port")]:
        assert why in board.sh(f"zvm trace {words}")
    assert re.search(r"^recording irq,sched +control +\d+ +- +0 +0$", board.sh("zvm trace"), re.M)
    # A port that nothing reads keeps the sender waiting, and nothing else.
    assert board.sh(f"zvm trace dump {PORT}") == f"the trace is sent to port {PORT} (hvc{PORT})"
    assert f"being sent, to port {PORT}" in board.sh("zvm trace dump")
    assert "events recorded" in board.sh("zvm trace stop")
    assert board.sh("zvm trace dump off") in ("the dump ends", "no trace is being sent")
    board.until(lambda: "KiB freed" in board.sh("zvm trace stop"))
    assert board.sh("zvm trace") == none


def kinds(trace):
    return {e.kind for e in trace.events}


def test_events(running):
    """Each event is there, with the right thread and time; nothing is lost with a quick reader."""
    trace = recorded(running, 20000)
    assert not trace.lost or not any(trace.lost.values())
    assert trace.cpus == 2 and trace.hz == 62500000 and trace.now
    assert kinds(trace) >= {trace_read.INJECT, trace_read.IRQ, trace_read.SWITCH}
    exits = {trace_read.EXITS[k] for k in kinds(trace) if k in trace_read.EXITS}
    assert exits >= {"irq", "wfx", "mmio", "sysreg"}
    assert {trace.name(e.tag) for e in trace.events} >= {"vm0.0 control", "vm1.0 smp", "vm1.3 smp"}
    assert trace.irqs[27] == "vtimer"
    for e in trace.events:
        assert 0 <= e.end - e.begin < 60 * trace.hz, e
    # On each CPU a thread runs from the switch to it until the next switch, which names it.
    for cpu in range(2):
        switches = [e for e in trace.events if e.kind == trace_read.SWITCH and e.cpu == cpu]
        assert len(switches) > 10 or cpu == 1
        assert all(one.tag == two.a for one, two in zip(switches, switches[1:]))
    # What a vCPU exits for, it does while it runs: exits of one vCPU do not overlap.
    for tag in {e.tag for e in trace.events if e.kind in trace_read.EXITS}:
        own = [e for e in trace.events if e.kind in trace_read.EXITS and e.tag == tag]
        assert all(one.end <= two.begin for one, two in zip(own, own[1:]))


def test_only_some(running):
    trace = recorded(running, 2000, "-n control -e exit,inject")
    assert kinds(trace) <= {*trace_read.EXITS, trace_read.INJECT}
    assert {trace_read.vm_of(e.tag) for e in trace.events} == {0}
    assert trace.only == 0


def test_text(running, tmp_path):
    port = Port(running)
    assert running.sh("zvm trace start").startswith("recording ")
    running.sh(f"zvm trace dump {PORT}")
    port.until_events(2000)
    running.sh("zvm trace stop")
    trace = port.dump()
    path = tmp_path / "dump"
    path.write_bytes(port.data)
    shown = subprocess.run([ROOT / "tools/zvm-trace", path, "--text"], text=True, check=True, stdout=subprocess.PIPE).stdout
    lines = shown.splitlines()
    assert lines[0].startswith(f"{len(trace.events)} events of 2 CPUs in ") and lines[0].endswith(" s, 0 lost")
    assert len(lines) == 1 + len(trace.events)
    assert re.search(r"^\d+\.\d{9} cpu\d vm0\.0 control: irq 27 vtimer \(\d+\.\d+ us\)$", shown, re.M)
    path.write_bytes(port.data[:5000])
    shown = subprocess.run([ROOT / "tools/zvm-trace", path], text=True, check=True, stdout=subprocess.PIPE).stdout
    assert "it is cut off" in shown
    path.write_bytes(b"nothing")
    done = subprocess.run([ROOT / "tools/zvm-trace", path], text=True, check=False, stderr=subprocess.PIPE)
    assert done.returncode == 1 and "it has no head" in done.stderr
    running.until(lambda: "KiB freed" in running.sh("zvm trace stop"))
