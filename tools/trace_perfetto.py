# SPDX-License-Identifier: Apache-2.0
"""A trace in Perfetto's format, for https://ui.perfetto.dev: protobuf, perfetto.protos.Trace."""

import struct

import trace_flows
import trace_read

# TracePacket
TIMESTAMP, SEQUENCE, SEQUENCE_FLAGS, TRACK_EVENT, TRACK_DESCRIPTOR = 8, 10, 13, 11, 60
STATE_CLEARED = 1
# TrackDescriptor, ProcessDescriptor, ThreadDescriptor
UUID, PARENT, PROCESS, THREAD = 1, 5, 3, 4
PROCESS_PID, PROCESS_NAME, THREAD_PID, THREAD_TID, THREAD_NAME = 1, 6, 1, 2, 5
# TrackEvent
TYPE, TRACK, CATEGORY, NAME, FLOW, FLOW_END = 9, 11, 22, 23, 47, 48
BEGIN, END, INSTANT = 1, 2, 3

VARINT, FIXED64, BYTES = 0, 1, 2

CPUS_PID = 1
VM_PID = 1000  # + id


def varint(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3 | VARINT) + varint(value)


def fixed64(field, value):
    return varint(field << 3 | FIXED64) + struct.pack("<Q", value)


def data(field, value):
    raw = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | BYTES) + varint(len(raw)) + raw


class Writer:
    """Packets, and the tracks that they are on."""

    def __init__(self, trace):
        self.trace = trace
        self.tracks = {}
        self.descriptors = [data(1, number(SEQUENCE, 1) + number(SEQUENCE_FLAGS, STATE_CLEARED))]
        self.packets = []  # (time, order, packet)

    def process(self, pid, name):
        if pid not in self.tracks:
            self.tracks[pid] = pid
            inner = data(PROCESS, number(PROCESS_PID, pid) + data(PROCESS_NAME, name))
            self.describe(number(UUID, pid) + inner)
        return pid

    def thread(self, key, pid, name):
        """The track of a row below a process."""
        if key not in self.tracks:
            uuid = self.tracks[key] = 1_000_000 + len(self.tracks)
            inner = number(THREAD_PID, pid) + number(THREAD_TID, uuid) + data(THREAD_NAME, name)
            self.describe(number(UUID, uuid) + number(PARENT, pid) + data(THREAD, inner))
        return self.tracks[key]

    def describe(self, descriptor):
        self.descriptors.append(data(1, number(SEQUENCE, 1) + data(TRACK_DESCRIPTOR, descriptor)))

    def cpu(self, cpu, what):
        self.process(CPUS_PID, "CPUs")
        return self.thread(("cpu", cpu, what), CPUS_PID, f"cpu {cpu} {what}")

    def vcpu(self, tag):
        vm = trace_read.vm_of(tag)
        name = self.trace.name(tag)
        self.process(VM_PID + vm, f"vm{vm} {name.split(' ', 1)[-1]}")
        return self.thread(("vcpu", tag), VM_PID + vm, name)

    def guest(self, tag, what):
        """A row of what a vCPU's guest says itself."""
        self.vcpu(tag)
        vm = trace_read.vm_of(tag)
        return self.thread(("guest", tag, what), VM_PID + vm, f"{self.trace.name(tag)} {what}")

    def put(self, ticks, order, kind, track, extra=b""):
        event = number(TYPE, kind) + number(TRACK, track) + extra
        packet = number(TIMESTAMP, self.trace.ns(ticks)) + number(SEQUENCE, 1) + data(TRACK_EVENT, event)
        self.packets.append((ticks, order, data(1, packet)))

    def slice(self, begin, end, track, category, name, extra=b""):
        """
        Ends go before begins of the same time: slices of a track do not overlap. The end of a slice
        without a duration stays behind its begin, as packets of the same order keep their places.
        """
        self.put(begin, 1, BEGIN, track, data(CATEGORY, category) + data(NAME, name) + extra)
        self.put(end, 0 if end > begin else 1, END, track)

    def instant(self, ticks, track, category, name, extra=b""):
        self.put(ticks, 3, INSTANT, track, data(CATEGORY, category) + data(NAME, name) + extra)

    def bytes(self):
        self.packets.sort(key=lambda p: p[:2])
        return b"".join(self.descriptors) + b"".join(p[2] for p in self.packets)


def put_event(out, event, ids):
    """`ids`: numbers of the flows that go through this event."""
    trace = out.trace
    flow = b"".join(fixed64(FLOW, n) for n in ids)
    if event.kind == trace_read.IRQ:
        out.slice(event.begin, event.end, out.cpu(event.cpu, "interrupts"), "irq", trace.title(event), flow)
    elif event.kind == trace_read.MASKED:
        out.slice(event.begin, event.end, out.cpu(event.cpu, "masked"), "masked", trace.title(event))
    elif event.kind in trace_read.EXITS:
        out.slice(event.begin, event.end, out.vcpu(event.tag), "exit", trace.title(event))
    elif event.kind != trace_read.SWITCH and trace_read.vm_of(event.tag) is not None:
        out.instant(event.begin, out.vcpu(event.tag), trace_read.group(event), trace.title(event), flow)
    elif event.kind != trace_read.SWITCH:
        out.instant(event.begin, out.cpu(event.cpu, "interrupts"), trace_read.group(event),
                    trace.title(event), flow)


def put_guest(out, vcpu, own):
    trace = out.trace
    track = out.guest(vcpu, "threads")
    for begin, end, tag in trace_flows.runs(trace, own):
        out.slice(begin, end, track, "guest", trace.guest_name(vcpu, tag))
    for e in own:
        if e.kind == trace_read.IRQ:
            out.slice(e.begin, e.end, out.guest(vcpu, "interrupts"), "guest", trace.guest_title(vcpu, e))


def convert(trace):
    """The trace as bytes."""
    out = Writer(trace)
    through = {}
    for n, flow in enumerate(trace_flows.flows(trace), 1):
        for event in (flow.irq, flow.inject):
            through.setdefault(id(event), []).append(n)
        if flow.entry is not None:
            out.instant(flow.entry, out.vcpu(flow.inject.tag), "vector", f"vector {flow.inject.a}", fixed64(FLOW_END, n))
    for cpu in range(trace.cpus):
        track = out.cpu(cpu, "threads")
        for begin, end, tag in trace_flows.runs(trace, [e for e in trace.events if e.cpu == cpu]):
            out.slice(begin, end, track, "sched", trace.name(tag))
    for vcpu, own in sorted(trace.guests.items()):
        put_guest(out, vcpu, own)
    for event in trace.events:
        put_event(out, event, through.get(id(event), ()))
    return out.bytes()
