# SPDX-License-Identifier: Apache-2.0
"""`zvm trace`: what the operator reads, and what its dump has in the formats of other tools."""

import json
import os
import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import BOOT_SECONDS, ROOT
from guests import memory, new

sys.path.insert(0, str(ROOT / "tools"))
import trace_flows  # noqa: E402
import trace_perfetto  # noqa: E402
import trace_read  # noqa: E402

# Late timers that are looked at; `make soak` wants more.
MISSES = int(os.environ.get("ZVM_MISSES") or 60)
PORT = 4  # behind the four that each board has


def port_to(path):
    """
    QEMU's options for one more port, whose output goes to a file: QEMU drops what a socket of a
    `virtconsole` does not take at once.
    """
    return ("-chardev", f"file,id=trace,path={path}", "-device", "virtconsole,bus=vser0.0,chardev=trace")


class Port:
    """What comes from the port from now on."""

    def __init__(self, board, path):
        self.board, self.path = board, path
        self.start = path.stat().st_size

    @property
    def data(self):
        return self.path.read_bytes()[self.start:]

    def until_events(self, count):
        self.board.until(lambda: len(self.data) > 16 * count)

    def until_groups(self, groups):
        """Waits until there are events of all these groups."""
        self.board.until(lambda: groups <= {trace_read.group(e) for e in loaded(self.data).events})

    def dump(self):
        """The dump, which has its end."""
        def complete():
            trace = loaded(self.data)
            return trace if trace.complete else None

        return self.board.until(complete)


def loaded(data):
    """What has come so far."""
    try:
        return trace_read.load(data)
    except trace_read.Malformed:
        return trace_read.Trace(1, 0, 0, 0, 0, 0)


def recorded(board, path, events, options=""):
    """Records while VMs run; the dump."""
    port = Port(board, path)
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


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """What was sent to PORT of the module's board."""
    return tmp_path_factory.mktemp("trace") / "port"


@pytest.fixture
def running(boot_module, path):
    """A board with a real-time VM and one of four vCPUs."""
    board = boot_module(smp=2, guests=["control", "smp"], extra=port_to(path))
    board.once(start_both)
    return board


def test_what_the_operator_is_told(running):
    board = running
    none = "there is no trace; `zvm trace start` begins one"
    assert board.sh("zvm trace") == none
    assert board.sh("zvm trace stop") == board.sh("zvm trace dump") == f"zvm trace: {none}"
    assert board.sh("zvm trace dump off") == "no trace is being sent"
    for words, why in [("start -e irq,foo", "-e irq,foo: expected a list of these: exit,irq,inject,sched,budget,virtio,channel,console,state,masked"),
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
    assert board.sh(f"zvm trace dump {PORT}") == f"the trace is sent to port {PORT} (hvc{PORT})"
    assert f"being sent, to port {PORT}" in board.sh("zvm trace dump")
    assert "events recorded" in board.sh("zvm trace stop")
    assert board.sh("zvm trace dump off") in ("the dump ends", "no trace is being sent")
    board.until(lambda: "KiB freed" in board.sh("zvm trace stop"))
    assert board.sh("zvm trace") == none


def kinds(trace):
    return {e.kind for e in trace.events}


def test_events(running, path):
    """Each event is there, with the right thread and time; nothing is lost with a quick reader."""
    trace = recorded(running, path, 20000)
    assert trace.lost == 0
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
        assert len(switches) > 10 or cpu == 1  # CPU 1 may have nothing but the real-time VM's vCPU
        assert all(one.tag == two.a for one, two in zip(switches, switches[1:]))
    # What a vCPU exits for, it does while it runs: exits of one vCPU do not overlap.
    for tag in {e.tag for e in trace.events if e.kind in trace_read.EXITS}:
        own = [e for e in trace.events if e.kind in trace_read.EXITS and e.tag == tag]
        assert all(one.end <= two.begin for one, two in zip(own, own[1:]))


def test_only_some(running, path):
    trace = recorded(running, path, 2000, "-n control -e exit,inject")
    assert kinds(trace) <= {*trace_read.EXITS, trace_read.INJECT}
    assert {trace_read.vm_of(e.tag) for e in trace.events} == {0}
    assert trace.only == 0


CHANNEL = 'channels { loop { peers = "a", "b"; size = <0x0 0x100000>; output = <0x10000>; protocol = <0x4000>; }; }'


def test_devices_budgets_and_lines(boot, bundles, description, tmp_path):
    """What devices, channels, budgets and consoles do, and the states of VMs."""
    kinds = [description(name, "guests/channel.elf", "", f'bootargs = "channel={role}"', "memory = <0x0 0x400000>", CHANNEL)
             for name, role in (("a", "ping"), ("b", "pong"))]
    board = boot(smp=2, mem=1024, bundle=bundles([*kinds, "rings"]), extra=port_to(tmp_path / "port"))
    vms = [new(board, kind) for kind in ("a", "b", "rings")]
    port, console = Port(board, tmp_path / "port"), vms[0].port()
    wanted = {"budget", "virtio", "channel", "console", "state"}
    assert board.sh(f"zvm trace start -e {','.join(wanted)}").startswith("recording budget,virtio,channel,console,state ")
    assert board.sh("zvm set -n a budget=500 period=10000") == "vm 0 'a' set"
    for vm in vms:
        vm.run()
    board.sh(f"zvm trace dump {PORT}")
    port.until_groups(wanted)
    console.expect("channel: 1000 rounds, PASS", 3 * BOOT_SECONDS)
    vms[1].pause()
    board.sh("zvm trace stop")
    trace = port.dump()
    said = [trace.describe(e) for e in trace.events]
    for text in ("vm0.0 a: running", "vm1.0 b: paused", "vm1.0 b: doorbell to peer 1", "vm0.0 a: channel raises interrupt 36",
                 "vm0.0 a: console: channel: 1000 rounds, PASS", "vm0.0 a: held: budget used up",
                 "vm0.0 a: no longer held"):
        assert any(s.startswith(text) for s in said), text
    assert any(re.match(r"vm2\.[01] rings: notify of the device with interrupt \d+, queue \d$", s) for s in said)
    assert any(re.match(r"vm2\.0 rings: device raises interrupt \d+$", s) for s in said)
    assert {trace_read.group(e) for e in trace.events} == wanted
    # A held thread comes back before it is held again.
    held = [e.kind for e in trace.events if e.kind in (trace_read.HELD, trace_read.RELEASED) and trace.name(e.tag) == "vm0.0 a"]
    assert held[::2] == [trace_read.HELD] * len(held[::2]) and held[1::2] == [trace_read.RELEASED] * len(held[1::2])


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("trace") / "dump"


def dump_file(board, path, file):
    """A dump as a file of its own."""
    port = Port(board, path)
    assert board.sh("zvm trace start").startswith("recording ")
    board.sh(f"zvm trace dump {PORT}")
    port.until_events(4000)
    board.sh("zvm trace stop")
    port.dump()
    file.write_bytes(port.data)
    board.until(lambda: "KiB freed" in board.sh("zvm trace stop"))


def dumped(board, path, file):
    """The same for all tests that convert it."""
    if not file.exists():
        dump_file(board, path, file)
    return trace_read.load(file.read_bytes())


def converted(*args, check=True):
    return subprocess.run([ROOT / "tools/zvm-trace", *args], text=True, check=check, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)


def test_text(running, path, file):
    trace = dumped(running, path, file)
    shown = converted(file, "--text").stdout
    lines = shown.splitlines()
    assert lines[0].startswith(f"{len(trace.events)} events of 2 CPUs in ") and lines[0].endswith(" s, 0 lost")
    assert len(lines) == 1 + len(trace.events)
    assert re.search(r"^\d+\.\d{9} cpu\d vm0\.0 control: irq 27 vtimer \(\d+\.\d+ us\)$", shown, re.M)


def test_what_is_no_dump(running, path, tmp_path):
    file = tmp_path / "dump"
    dump_file(running, path, file)
    data = file.read_bytes()
    file.write_bytes(b"output of a VM before\n" + data[:5000])
    assert "it is cut off" in converted(file).stdout
    for wrong, why in [(b"nothing", "it has no head"), (data[:8] + b"\x02" + data[9:], "has version 2")]:
        file.write_bytes(wrong)
        done = converted(file, check=False)
        assert done.returncode == 1 and why in done.stderr


def fields(data):
    """The fields of a protobuf message: (number, value), a value of bytes or a number."""
    def varint(at):
        value = shift = 0
        while True:
            value |= (data[at] & 0x7f) << shift
            at, shift = at + 1, shift + 7
            if not data[at - 1] & 0x80:
                return value, at

    at = 0
    while at < len(data):
        key, at = varint(at)
        if key & 7 == 0:
            value, at = varint(at)
        elif key & 7 == 1:
            value, at = struct.unpack_from("<Q", data, at)[0], at + 8
        else:
            assert key & 7 == 2, "no other wire type is used"
            length, at = varint(at)
            value, at = data[at:at + length], at + length
            assert len(value) == length
        yield key >> 3, value


def test_perfetto_of_one_tick():
    """Threads that ran for less than a tick: each slice ends before the next one begins."""
    switches = [trace_read.Event(0, at, at, trace_read.SWITCH, tag, tag - 1, 0) for tag, at in ((2, 5), (3, 9), (4, 9), (5, 9))]
    end = trace_read.Event(0, 20, 20, trace_read.SWITCH, 6, 5, 0)
    trace = trace_read.Trace(10**9, 20, 0, 1, 0, 0, events=[*switches, end])
    kinds = []
    for _, packet in fields(trace_perfetto.convert(trace)):
        packet = dict(fields(packet))
        if 11 in packet:
            event = dict(fields(packet[11]))
            kinds.append((packet[8], event[9]))
    assert kinds == [(5, 1), (5, 2), (5, 1), (9, 2), (9, 1), (9, 2), (9, 1), (9, 2), (9, 1), (20, 2), (20, 1), (20, 2)]


def test_perfetto(running, path, file, tmp_path):
    """Slices nest and end, tracks have names, and arrows lead from an interrupt to a vector."""
    trace = dumped(running, path, file)
    out = tmp_path / "trace.pftrace"
    converted(file, "--perfetto", out)
    tracks, open_slices, starts, ends, last, begun = {}, {}, {}, {}, 0, 0
    for number, packet in fields(out.read_bytes()):
        assert number == 1  # Trace.packet
        packet = dict(fields(packet))
        if 60 in packet:  # a TrackDescriptor, and the ThreadDescriptor in it
            described = dict(fields(packet[60]))
            tracks[described[1]] = dict(fields(described[4]))[5].decode() if 4 in described else None
        if 11 not in packet:
            continue
        event = list(fields(packet[11]))
        one = dict(event)
        assert one[11] in tracks and packet[8] >= last
        last = packet[8]
        depth = open_slices.get(one[11], 0) + {1: 1, 2: -1, 3: 0}[one[9]]
        assert 0 <= depth <= 1, tracks[one[11]]
        open_slices[one[11]] = depth
        begun += one[9] == 1
        for field, value in event:
            if field == 47:
                starts.setdefault(value, []).append((tracks[one[11]], one[23].decode()))
            elif field == 48:
                ends[value] = tracks[one[11]], one[23].decode()
    assert not any(open_slices.values())
    assert begun >= sum(e.kind in trace_read.EXITS or e.kind == trace_read.IRQ for e in trace.events)
    assert {"cpu 0 threads", "cpu 1 interrupts", "vm0.0 control", "vm1.3 smp"} <= set(tracks.values())
    arrows = [(starts[n], end) for n, end in ends.items()]
    assert len(arrows) > 100
    assert ([("cpu 1 interrupts", "irq 27 vtimer"), ("vm0.0 control", "interrupt 27")],
            ("vm0.0 control", "vector 27")) in arrows
    assert all(irq[0].endswith("interrupts") and inject[0] == end[0] for (irq, inject), end in arrows)


def test_ctf(running, path, file, tmp_path):
    """babeltrace2 reads every event, and knows its time."""
    trace = dumped(running, path, file)
    converted(file, "--ctf", tmp_path / "ctf")
    shown = subprocess.run(["babeltrace2", "--clock-seconds", tmp_path / "ctf"], text=True, check=True,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert shown.stderr == ""
    lines = shown.stdout.splitlines()
    assert len(lines) == len(trace.events)
    times = [float(re.match(r"\[(\d+\.\d+)\]", line)[1]) for line in lines]
    assert times == sorted(times)
    assert abs(times[-1] - trace.wall) < 3600
    assert re.search(r'irq: \{ cpu_id = 1 \}, \{ thread = "vm0.0 control", intid = 27, name = "vtimer", ns = \d+ \}', shown.stdout)
    assert re.search(r'exit: .* reason = "mmio", detail = "page 0x0900\d000"', shown.stdout)
    assert re.search(r'switch: .* thread = "vm1.\d smp", from = ".+", from_state = "\w+", prio = 20', shown.stdout)


def test_ctf_says_what_is_lost(tmp_path):
    """A reader of the format knows how many events are missing, and between which."""
    head = trace_read.HEAD.pack(trace_read.MAGIC, 1, 56, 10**6, 5000, 0, 1, 15, -1, 0)

    def chunk(first, times):
        records = b"".join(trace_read.RECORD.pack(trace_read.INJECT << 56 | time, 0x8000 << 48) for time in times)
        return trace_read.CHUNK.pack(2, 16 + len(records)) + struct.pack("<IIQ", 0, 0, first) + records

    dump = tmp_path / "dump"
    dump.write_bytes(head + chunk(100, [1000, 1001]) + chunk(150, [2000]) + chunk(151, [2001]))
    assert converted(dump, "--ctf", tmp_path / "ctf").stdout.startswith("4 events of 1 CPUs in 0.001001 s, 48 lost; it is cut off")
    shown = subprocess.run(["babeltrace2", tmp_path / "ctf"], text=True, check=True, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
    assert len(shown.stdout.splitlines()) == 4
    assert "discarded 48 events" in shown.stderr


def test_svg(running, path, file, tmp_path):
    """The picture is XML; it has a row for each CPU and vCPU, and arrows."""
    dumped(running, path, file)
    out = tmp_path / "trace.svg"
    converted(file, "--svg", out, "--from", "5", "--to", "105")
    svg = "{http://www.w3.org/2000/svg}"
    root = ElementTree.parse(out).getroot()
    assert root.tag == f"{svg}svg"
    assert {"cpu 0", "cpu 1", "cpu 1 interrupts", "vm0.0 control"} <= {t.text for t in root.iter(f"{svg}text")}
    titles = [t.text for t in root.iter(f"{svg}title")]
    assert any(t.startswith("irq 27 vtimer, ") for t in titles) and any(t.startswith("exit wfx, ") for t in titles)
    height = int(root.get("height"))
    arrows = [line for line in root.iter(f"{svg}line") if line.get("class") == "flow"]
    assert arrows
    for line in arrows:
        assert float(line.get("x1")) <= float(line.get("x2")) and 0 < int(line.get("y1")) < int(line.get("y2")) < height


def runs_of(trace, tag):
    """When a vCPU was on a CPU."""
    for cpu in range(trace.cpus):
        own = [e for e in trace.events if e.cpu == cpu]
        yield from ((begin, end) for begin, end, thread in trace_flows.runs(trace, own) if thread == tag)


def test_threads_of_a_guest(boot, tmp_path):
    """The RTOS's own switches are in the picture, at the times when its vCPUs run."""
    board = boot(smp=2, mem=512, guests=["rtos"], extra=port_to(tmp_path / "port"))
    vm = new(board, "rtos")
    console = vm.port()
    vm.run()
    console.expect("rtos> ", BOOT_SECONDS)
    vm.pause()
    vm.resume()  # its counter has another offset now
    trace = recorded(board, tmp_path / "port", 8000, "-e exit,irq,sched")
    assert trace.lost == trace.refused == 0
    tag = trace_read.VCPU | 1  # its loop is on its last CPU
    own = [e for e in trace.guests[tag] if e.kind == trace_read.SWITCH]
    assert {trace.guest_name(tag, e.tag) for e in own} >= {"control", "idle/1"}
    assert trace_read.IRQ in {e.kind for e in trace.guests[tag]}
    assert len(own) > 100 and all(one.tag == two.a for one, two in zip(own, own[1:]))
    # What a guest does, it does on a CPU.
    runs = list(runs_of(trace, tag))
    assert all(any(begin <= e.end <= end for begin, end in runs) for e in own)
    # The conversions have them.
    dump = tmp_path / "dump"
    dump.write_bytes(Port(board, tmp_path / "port").path.read_bytes())
    shown = converted(dump, "--text", "--perfetto", tmp_path / "p", "--ctf", tmp_path / "ctf", "--svg", tmp_path / "s").stdout
    assert re.search(r"^\d+ events of 2 CPUs, and \d+ of guests in ", shown)
    assert re.search(r"^\d+\.\d+ vm0\.\d rtos: control runs$", shown, re.M)
    assert b"vm0.1 rtos threads" in (tmp_path / "p").read_bytes()
    assert "vm0.1 rtos threads" in (tmp_path / "s").read_text()
    listed = subprocess.run(["babeltrace2", tmp_path / "ctf"], text=True, check=True, stdout=subprocess.PIPE).stdout
    assert re.search(r'guest_switch: .* vcpu = "vm0.\d rtos", thread = "control", from = "idle/\d"', listed)


def test_a_guest_says_nonsense(tmp_path):
    """What a guest writes is judged, and does not reach the terminal as it is."""
    head = trace_read.HEAD.pack(trace_read.MAGIC, 1, 56, 10**6, 5000, 0, 1, 15, -1, 0)

    def chunk(kind, data):
        return trace_read.CHUNK.pack(kind, len(data)) + data

    def records(*pairs):
        return b"".join(trace_read.RECORD.pack(kind << 56 | time & (1 << 56) - 1, 7 << 48 | 3 << 32) for kind, time in pairs)

    def guest(*pairs):
        return chunk(5, trace_read.GUEST.pack(2, 1, 0, (1 << 64) - 100) + records(*pairs))

    name = trace_read.NAME.pack(7, 0, b"evil\x1b[2J")
    dump = tmp_path / "dump"
    dump.write_bytes(head + chunk(2, struct.pack("<IIQ", 0, 0, 0) + records((0x20, 1000), (0x20, 2000))) +
                     guest((0x81, 1500), (0x10, 1500), (0x40, 1500), (0x81, 9 * 10**6), (0x81, 1 << 50)) +
                     chunk(6, struct.pack("<II", 2, 0) + name) + chunk(3, bytes(24)))
    shown = converted(dump, "--text").stdout
    assert shown.startswith("2 events of 1 CPUs, and 1 of guests in 0.001000 s, 0 lost (4 of guests make no sense)\n")
    assert "0.000400000 vm2.1: evil.[2J runs\n" in shown


def parts_of(why):
    """The parts of a late interrupt in ns, by their words."""
    return {words: int(us) * 1000 + int(ns) for us, ns, words in
            re.findall(r"(\d+)\.(\d{3}) us (.*?)(?=, \d+\.\d{3} us |$)", why)}


def test_why(boot):
    """What a late timer waited for adds up to its lateness; the cause is the one that was made."""
    board = boot(smp=2, mem=1024, guests=["control", "smp"])
    vm = new(board, "control")
    assert board.sh("zvm why") == ""
    assert board.sh("zvm why control") == \
        "'control' has no late limit; `zvm set control late-limit=50us` sets one"
    for wrong in ("5x", "us", "2000000", "-1"):
        assert f"late-limit={wrong}: expected 1us to 1000000us, or 0: no limit" in board.sh(f"zvm set control late-limit={wrong}")
    free = memory(board)
    assert board.sh("zvm set control late-limit=2000us budget=1000 period=20000") == "vm 0 'control' set"
    vm.run()

    def reports():
        found = json.loads(board.sh("zvm why control --json"))["late"]
        return found if len(found) == 16 else None

    budgets = 0
    for report in board.until(reports):
        assert report["vm"] == "control" and report["vcpu"] == 0 and report["ticks"] > 125000
        parts = parts_of(report["why"])
        assert sum(parts.values()) == report["ticks"] * 16, report
        assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}", report["due"])
        budgets += max(parts, key=parts.get) == "budget used up"
    assert budgets > 3
    text = board.sh("zvm why control")
    assert re.match(r"'control': \d+ timer interrupts came more than 2000 us late", text)
    assert re.search(r"^control vcpu 0: timer due \d\d:\d\d:\d\d\.\d{3} came \d+\.\d{3} us late: .* us budget used up", text, re.M)
    # A trace beside it has its own begin and end.
    assert board.sh("zvm trace start -e irq").startswith("recording irq of all VMs")
    board.until(lambda: int(re.search(r"^recording .* (\d+) +- ", board.sh("zvm trace"), re.M)[1]) > 10)
    assert "events recorded" in board.sh("zvm trace stop")
    assert "KiB freed" in board.sh("zvm trace stop") and reports()
    vm.stop()
    assert board.sh("zvm set control late-limit=0 budget=0") == "vm 0 'control' set"
    assert "has no late limit" in board.sh("zvm why control")
    assert memory(board) == free


def test_why_adds_up(boot):
    """Whatever makes timers late, the parts are the lateness, to the tick."""
    board = boot(smp=1, mem=1024, guests=["control", "hostile"])
    vm, other = new(board, "control"), new(board, "hostile", "-p 1 -c 1")
    assert board.sh("zvm set control late-limit=1us") == "vm 0 'control' set"
    vm.run()
    seen = {}

    def look(enough):
        for report in json.loads(board.sh("zvm why control --json"))["late"]:
            parts = parts_of(report["why"])
            assert sum(parts.values()) == report["ticks"] * 16, report
            seen[report["due"], report["ticks"]] = set(parts)
        return len(seen) >= enough

    board.until(lambda: look(MISSES // 3), BOOT_SECONDS + MISSES)
    # A more urgent VM that has half of the time; then control has too small a budget as well.
    assert board.sh("zvm set hostile budget=2000 period=4000") == "vm 1 'hostile' set"
    other.run()
    board.until(lambda: look(MISSES * 2 // 3), BOOT_SECONDS + MISSES)
    assert board.sh("zvm set control budget=500 period=10000") == "vm 0 'control' set"
    board.until(lambda: look(MISSES) and "budget used up" in set().union(*seen.values()), BOOT_SECONDS + MISSES)


def test_why_from_a_description(boot, bundles, description):
    kind = description("late", "guests/control.elf", "", "memory = <0x0 0x800000>", "late-limit-us = <1>")
    board = boot(smp=1, mem=1024, bundle=bundles([kind]))
    vm = new(board, "late")
    vm.run()
    board.until(lambda: "late vcpu 0: timer due" in board.sh("zvm why"))
    vm.delete(force=True)
    assert board.sh("zvm why") == ""
