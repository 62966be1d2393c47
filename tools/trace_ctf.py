# SPDX-License-Identifier: Apache-2.0
"""A trace in the Common Trace Format 1.8: for babeltrace2 and Trace Compass."""

import struct
import uuid

import trace_read

MAGIC = 0xc1fc1fc1
PACKET = struct.Struct("<I16sIQQQQQI")  # header and context
HEADER = struct.Struct("<HQ")
GUEST_CPU = 1000  # cpu_id of a guest's own events: this, and 32 for each VM, and its vCPU

METADATA = """/* CTF 1.8 */
typealias integer {{ size = 8; align = 8; signed = false; }} := uint8_t;
typealias integer {{ size = 16; align = 8; signed = false; }} := uint16_t;
typealias integer {{ size = 32; align = 8; signed = false; }} := uint32_t;
typealias integer {{ size = 64; align = 8; signed = false; }} := uint64_t;
trace {{
	major = 1;
	minor = 8;
	uuid = "{uuid}";
	byte_order = le;
	packet.header := struct {{ uint32_t magic; uint8_t uuid[16]; uint32_t stream_id; }};
}};
env {{ tracer_name = "zvm"; }};
clock {{ name = counter; freq = {hz}; offset_s = {offset_s}; offset = {offset}; }};
typealias integer {{ size = 64; align = 8; signed = false; map = clock.counter.value; }} := ticks_t;
stream {{
	id = 0;
	packet.context := struct {{
		ticks_t timestamp_begin;
		ticks_t timestamp_end;
		uint64_t content_size;
		uint64_t packet_size;
		uint64_t events_discarded;
		uint32_t cpu_id;
	}};
	event.header := struct {{ uint16_t id; ticks_t timestamp; }};
}};
{events}"""

# Each kind's name, its number here, its fields, and how their values are written.
EVENTS = {
    "exit": (0, "string thread; string reason; string detail; uint64_t ns; uint8_t masked;"),
    "inject": (1, "string thread; uint16_t intid; uint32_t machine_intid;"),
    "irq": (2, "string thread; uint16_t intid; string name; uint64_t ns;"),
    "switch": (3, "string thread; string from; string from_state; uint8_t prio;"),
    **{name: (n, "string thread; string what; uint16_t a; uint32_t b;") for n, name in enumerate(
        ("budget", "virtio", "channel", "console", "state", "other"), 4)},
    "masked": (10, "uint64_t ns; uint32_t until;"),
    "guest_switch": (11, "string vcpu; string thread; string from; string from_state; uint8_t prio;"),
    "guest_irq": (12, "string vcpu; string thread; uint16_t intid; uint64_t ns;"),
}


def text(value):
    return value.encode() + b"\0"


def payload(trace, e):
    """The name of an event's kind, and its fields."""
    thread = text(trace.name(e.tag))
    ns = trace.ns(e.end - e.begin)
    if e.kind in trace_read.EXITS:
        reason = text(trace_read.EXITS[e.kind]) + text(trace_read.detail(e))
        return "exit", thread + reason + struct.pack("<QB", ns, trace_read.masked(e))
    if e.kind == trace_read.INJECT:
        return "inject", thread + struct.pack("<HI", e.a, e.b)
    if e.kind == trace_read.IRQ:
        name = text(trace.irqs.get(e.a, ""))
        return "irq", thread + struct.pack("<H", e.a) + name + struct.pack("<Q", ns)
    if e.kind == trace_read.SWITCH:
        state = text(trace_read.state_of(e))
        return "switch", thread + text(trace.name(e.a)) + state + struct.pack("<B", e.b >> 8 & 0xff)
    if e.kind == trace_read.MASKED:
        return "masked", struct.pack("<QI", ns, e.b)
    return trace_read.group(e), thread + text(trace.title(e)) + struct.pack("<HI", e.a, e.b)


def guest_payload(trace, vcpu, e):
    """The same for what a guest says itself."""
    thread = text(trace.name(vcpu)) + text(trace.guest_name(vcpu, e.tag))
    if e.kind == trace_read.IRQ:
        return "guest_irq", thread + struct.pack("<HQ", e.a, trace.ns(e.end - e.begin))
    state = text(trace.guest_name(vcpu, e.a)) + text(trace_read.state_of(e))
    return "guest_switch", thread + state + struct.pack("<B", e.b >> 8 & 0xff)


def packet(cpu, events, payloads, discarded, name):
    body = bytearray()
    for e, (kind, fields) in zip(events, payloads):
        body += HEADER.pack(EVENTS[kind][0], e.end) + fields
    bits = 8 * (PACKET.size + len(body))
    return PACKET.pack(MAGIC, name.bytes, 0, events[0].end, events[-1].end, bits, bits, discarded, cpu) + body


def stream(trace, cpu, name):
    """A CPU's events in the order of its ring; a packet begins where some are lost."""
    events = sorted((e for e in trace.events if e.cpu == cpu), key=lambda e: e.end)
    out, at, discarded = b"", 0, 0
    for time, lost in [*trace.gaps.get(cpu, ()), (None, 0)]:
        end = len(events) if time is None else next((n for n, e in enumerate(events) if e.end >= time), len(events))
        if end > at:
            part = events[at:end]
            out += packet(cpu, part, [payload(trace, e) for e in part], discarded, name)
        at, discarded = end, discarded + lost
    return out


def convert(trace, folder):
    """Writes the trace into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    name = uuid.uuid5(uuid.NAMESPACE_OID, f"{trace.now} {len(trace.events)}")
    offset_s, offset = divmod(trace.wall * trace.hz - trace.now, trace.hz) if trace.wall else (0, 0)
    events = "".join(f"event {{ name = {kind}; id = {n}; stream_id = 0; fields := struct {{ {fields} }}; }};\n"
                     for kind, (n, fields) in EVENTS.items())
    (folder / "metadata").write_text(METADATA.format(uuid=name, hz=trace.hz, offset_s=offset_s, offset=offset,
                                                     events=events), encoding="ascii")
    for cpu in range(trace.cpus):
        data = stream(trace, cpu, name)
        if data:
            (folder / f"cpu{cpu}").write_bytes(data)
    for vcpu, own in trace.guests.items():
        if own:
            payloads = [guest_payload(trace, vcpu, e) for e in own]
            number = vcpu & 0x7fff
            (folder / f"guest{number >> 5}.{number & 0x1f}").write_bytes(packet(GUEST_CPU + number, own, payloads, 0, name))
