# SPDX-License-Identifier: Apache-2.0
"""Reads what `zvm trace dump` sends (docs/trace.md).

    trace = trace_read.load(data)
    for event in trace.events: print(trace.seconds(event.begin), event.cpu, trace.describe(event))
"""

import struct
from dataclasses import dataclass, field

MAGIC = b"ZVMTRACE"
VERSION = 1
HEAD = struct.Struct("<8sIIQQQIIiI")
CHUNK = struct.Struct("<II")
THREADS, RECORDS, END, IRQS, GUEST_RECORDS, GUEST_THREADS = 1, 2, 3, 4, 5, 6
TYPES, LARGEST = 255, 65536
NAME = struct.Struct("<HH32s")
RECORD = struct.Struct("<QQ")
GUEST = struct.Struct("<IIQQ")

# Kinds of records.
EXITS = {0x10 + n: name for n, name in enumerate(
    ("irq", "wfx", "hvc", "smc", "sysreg", "mmio", "fp", "fault"))}
INJECT = 0x20
HELD, RELEASED = 0x28, 0x29
NOTIFY, DEVICE_IRQ = 0x30, 0x31
DOORBELL, CHANNEL_IRQ = 0x38, 0x39
TEXT, TEXT_END = 0x40, 0x41
STATE = 0x48
IRQ = 0x80
SWITCH = 0x81
WINDOW = 0x82
MASKED = 0x83

GROUPS = {INJECT: "inject", HELD: "budget", RELEASED: "budget", WINDOW: "budget", NOTIFY: "virtio",
          DEVICE_IRQ: "virtio", DOORBELL: "channel", CHANNEL_IRQ: "channel", TEXT_END: "console",
          STATE: "state", IRQ: "irq", SWITCH: "sched", MASKED: "masked"}

NO_IRQ = 0xffffffff
VCPU = 0x8000
TIME_BITS = 56
STATES = ("new", "ready", "running", "blocked", "dead")
VM_STATES = ("created", "running", "paused", "stopped", "crashed", "loading")
ALWAYS = 0xff  # a window: of all threads


class Malformed(Exception):
    """What is read is no dump; the text says why."""


@dataclass(slots=True)
class Event:
    """A record. Times in ticks of the counter; begin == end for one without a duration."""

    cpu: int
    begin: int
    end: int
    kind: int
    tag: int
    a: int
    b: int
    text: str = ""  # of a line of a console


@dataclass
class Trace:
    """A dump."""

    hz: int
    now: int
    wall: int  # Unix seconds at `now`, or 0
    cpus: int
    groups: int
    only: int
    names: dict = field(default_factory=dict)  # of threads, by tag
    irqs: dict = field(default_factory=dict)  # names of the machine's interrupts, by INTID
    guests: dict = field(default_factory=dict)  # by the vCPU's tag: what its guest recorded itself
    guest_names: dict = field(default_factory=dict)  # of guests' threads, by VM and tag
    refused: int = 0  # records of guests that cannot be
    events: list = field(default_factory=list)  # by their begin
    gaps: dict = field(default_factory=dict)  # by CPU: (time of the next record, how many are lost)
    complete: bool = False
    torn: int = 0  # bytes are missing behind this many

    @property
    def lost(self):
        """How many records were overwritten before they were sent."""
        return sum(count for gaps in self.gaps.values() for _, count in gaps)

    def ns(self, ticks):
        return ticks * 10**9 // self.hz

    def name(self, tag):
        """A thread, as the operator knows it."""
        if tag in self.names:
            return self.names[tag]
        return f"vm{tag >> 5 & 0x7f}.{tag & 0x1f}" if tag & VCPU else f"thread {tag}"

    def guest_name(self, vcpu, tag):
        """A guest's thread, as the guest calls it."""
        return self.guest_names.get((vm_of(vcpu), tag)) or f"thread {tag}"

    def guest_title(self, vcpu, event):
        """A guest's event in a few words."""
        if event.kind == IRQ:
            return f"irq {event.a} in {self.guest_name(vcpu, event.tag)}"
        return f"{self.guest_name(vcpu, event.tag)} runs"

    def describe(self, event):
        """An event in words, with its thread."""
        return f"{self.name(event.tag)}: {self.title(event)}"

    def title(self, event):
        """An event in a few words."""
        if event.kind in EXITS:
            return f"exit {EXITS[event.kind]} {detail(event)}".strip()
        if event.kind == INJECT:
            return f"interrupt {event.a}"
        if event.kind == IRQ:
            return f"irq {event.a} {self.irqs.get(event.a, '')}".strip()
        if event.kind == MASKED:
            return f"interrupts masked until 0x...{event.b:08x}"
        if event.kind == WINDOW:
            return "time of all VMs" if event.a == ALWAYS else f"window {event.a}"
        if event.kind in WORDS:
            return WORDS[event.kind](event)
        return f"kind 0x{event.kind:02x} a 0x{event.a:04x} b 0x{event.b:08x}"


def of(names, number):
    return names[number] if number < len(names) else f"{number}"


WORDS = {
    SWITCH: lambda e: "runs",
    HELD: lambda e: f"held: {of(('?', 'budget used up', 'outside its windows'), e.a)}",
    RELEASED: lambda e: "no longer held",
    NOTIFY: lambda e: f"notify of the device with interrupt {e.a}, queue {e.b}",
    DEVICE_IRQ: lambda e: f"device raises interrupt {e.a}",
    DOORBELL: lambda e: f"doorbell to peer {e.a}",
    CHANNEL_IRQ: lambda e: f"channel raises interrupt {e.a}",
    TEXT_END: lambda e: f"console: {e.text}",
    STATE: lambda e: of(VM_STATES, e.a),
}


def vm_of(tag):
    """The VM of a vCPU's tag."""
    return tag >> 5 & 0x7f if tag & VCPU else None


def detail(event):
    """What an exit was about."""
    kind = EXITS[event.kind]
    if kind == "mmio":
        return f"page 0x{event.a << 12:08x}"
    if kind == "sysreg":
        a = event.a
        return f"s{a >> 14}_{a >> 11 & 7}_c{a >> 7 & 15}_c{a >> 3 & 15}_{a & 7}"
    if kind in ("hvc", "smc"):
        return f"function 0x{event.a:04x}"
    return f"class 0x{event.a:02x}" if kind == "fault" else ""


def masked(exit_event):
    """Whether the guest went on with its interrupts masked."""
    return bool(exit_event.b >> 31)


def state_of(switch):
    """The state of the thread that another one follows."""
    return STATES[switch.b & 0xff] if switch.b & 0xff < len(STATES) else "?"


def group(event):
    """What `zvm trace start -e` calls such events."""
    if event.kind in EXITS:
        return "exit"
    return GROUPS.get(event.kind, "other")


def event_of(cpu, when, what, now):
    """A record as an event. The counter's upper bits are those that bring it next to `now`."""
    half = 1 << TIME_BITS - 1
    end = now + ((when - now + half) & (2 * half - 1)) - half
    kind, tag, a, b = when >> TIME_BITS, what >> 48, what >> 32 & 0xffff, what & 0xffffffff
    ticks = b & 0x7fffffff if kind in EXITS else b if kind == IRQ else 0
    if kind == MASKED:
        ticks, tag, a = tag << 16 | a, 0, 0
    return Event(cpu, end - ticks, end, kind, tag, a, b)


def take_names(names, data):
    for number, _, name in NAME.iter_unpack(data):
        names[number] = name.split(b"\0")[0].decode("utf-8", "replace")


def printable(data):
    """A line that a guest wrote, without what a terminal would obey."""
    return "".join(c if c.isprintable() else "." for c in data.rstrip(b"\r\0").decode("utf-8", "replace"))


def join_lines(trace):
    """Makes one event of the records of a line. They follow each other in their ring."""
    kept, parts = [], {}
    for event in trace.events:
        if event.kind in (TEXT, TEXT_END):
            part = parts.setdefault((event.cpu, event.tag), bytearray())
            part += struct.pack("<IH", event.b, event.a)
        if event.kind == TEXT_END:
            event.text = printable(bytes(parts.pop((event.cpu, event.tag))))
        if event.kind != TEXT:
            kept.append(event)
    trace.events = kept


def take_records(trace, data, ends):
    cpu, _, first = struct.unpack_from("<IIQ", data)
    events = [event_of(cpu, when, what, trace.now) for when, what in RECORD.iter_unpack(data[16:])]
    if first > ends.get(cpu, first):
        trace.gaps.setdefault(cpu, []).append((events[0].end, first - ends[cpu]))
    ends[cpu] = first + len(events)
    trace.events += events


def take_guest_records(trace, data):
    """A guest may write anything: what cannot be an event is counted. `offset`: of its counter."""
    vm, ring, _, offset = GUEST.unpack_from(data)
    mask = (1 << TIME_BITS) - 1
    own = trace.guests.setdefault(VCPU | (vm & 0x7f) << 5 | ring & 0x1f, [])
    for when, what in RECORD.iter_unpack(data[GUEST.size:]):
        event = event_of(ring, when & ~mask | (when + offset) & mask, what, trace.now)
        if event.kind in (SWITCH, IRQ):
            own.append(event)
        else:
            trace.refused += 1


def take_guest_names(trace, data):
    vm = struct.unpack_from("<I", data)[0]
    for number, _, name in NAME.iter_unpack(data[8:]):
        trace.guest_names[vm, number] = printable(name.split(b"\0")[0])


def check_guests(trace):
    """
    Guests' events are between those of the machine. Guests begin and end a little earlier or later;
    a time that is more than a second away is none.
    """
    begin = min((e.begin for e in trace.events), default=0)
    end = max((e.end for e in trace.events), default=0)
    for vcpu, own in trace.guests.items():
        kept = [e for e in own if begin <= e.begin and e.end <= end]
        trace.refused += sum(e.end < begin - trace.hz or e.end > end + trace.hz for e in own)
        trace.guests[vcpu] = sorted(kept, key=lambda e: e.end)


def load(data):
    """Reads a dump. Bytes before it, of an earlier user of the port, are skipped."""
    start = data.find(MAGIC)
    if start < 0 or len(data) < start + HEAD.size:
        raise Malformed("this is not what `zvm trace dump` sends: it has no head")
    _, version, size, hz, now, wall, cpus, groups, only, _ = HEAD.unpack_from(data, start)
    if version != VERSION:
        raise Malformed(f"the dump has version {version}; this tool knows {VERSION}")
    trace = Trace(hz, now, wall, cpus, groups, only)
    at, ends = start + size, {}
    while not trace.complete and at + CHUNK.size <= len(data):
        kind, length = CHUNK.unpack_from(data, at)
        if kind > TYPES or length > LARGEST:
            trace.torn = at
            break
        at += CHUNK.size
        if at + length > len(data):
            break
        if kind == THREADS:
            take_names(trace.names, data[at:at + length])
        elif kind == IRQS:
            take_names(trace.irqs, data[at:at + length])
        elif kind == RECORDS:
            take_records(trace, data[at:at + length], ends)
        elif kind == GUEST_RECORDS:
            take_guest_records(trace, data[at:at + length])
        elif kind == GUEST_THREADS:
            take_guest_names(trace, data[at:at + length])
        elif kind == END:
            trace.complete = True
        at += length
    join_lines(trace)
    check_guests(trace)
    trace.events.sort(key=lambda e: (e.begin, -e.end))
    return trace


def cut(trace, begin, end):
    """Only events between two times, in ms since the first."""
    start = trace.events[0].begin if trace.events else 0
    since, until = (start + trace.hz * ms // 1000 if ms is not None else None for ms in (begin, end))

    def inside(events):
        return [e for e in events
                if (since is None or e.end >= since) and (until is None or e.begin <= until)]

    trace.events = inside(trace.events)
    trace.guests = {vcpu: inside(own) for vcpu, own in trace.guests.items()}
