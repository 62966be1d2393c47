# SPDX-License-Identifier: Apache-2.0
"""What belongs together in a trace: an interrupt, what a guest got of it, and its vector."""

from dataclasses import dataclass

import trace_read

# How ZVM names the interrupt of its own timer, which replaces those of vCPUs that wait.
KERNEL_TIMER = "timer"


@dataclass(slots=True)
class Flow:
    """An interrupt's way. `entry` is when the guest could take it, or None if that is not there."""

    irq: trace_read.Event
    inject: trace_read.Event
    entry: int | None = None


def points(events):
    """Events of a CPU in the order in which they matter here: an exit matters at its end."""
    return sorted(events, key=lambda e: e.end if e.kind in trace_read.EXITS else e.begin)


def is_cause(trace, irq, inject, since):
    """Whether the last interrupt of the CPU led to this injection; `since`: the last way down."""
    if irq is None:
        return False
    if inject.begin <= irq.end:
        return True
    if inject.b != trace_read.NO_IRQ:
        return inject.b == irq.a or trace.irqs.get(irq.a) == KERNEL_TIMER
    return irq.tag == inject.tag and irq.begin >= since


def of_cpu(trace, events):
    """The flows that begin on a CPU. The guest continues where it was injected."""
    found, waiting = [], {}
    irq, since = None, 0
    for event in points(events):
        if event.kind == trace_read.IRQ:
            irq = event
        elif event.kind == trace_read.INJECT and is_cause(trace, irq, event, since):
            found.append(Flow(irq, event))
            waiting.setdefault(event.tag, []).append(found[-1])
        elif event.kind in trace_read.EXITS:
            irq, since = None, event.end
            for flow in () if trace_read.masked(event) else waiting.pop(event.tag, ()):
                flow.entry = event.end
    return found


def flows(trace):
    """All of them, by the interrupt's time."""
    found = []
    for cpu in range(trace.cpus):
        found += of_cpu(trace, [e for e in trace.events if e.cpu == cpu])
    return sorted(found, key=lambda f: f.irq.begin)


def runs(trace, own):
    """(begin, end, tag): the threads of a CPU, as far as its own events tell."""
    switches = [e for e in own if e.kind == trace_read.SWITCH]
    tags = {e.tag for e in own if e.kind not in (trace_read.MASKED, trace_read.WINDOW)}
    if not own or not (switches or len(tags) == 1):
        return
    begin, end = min(e.begin for e in trace.events), max(e.end for e in trace.events)
    if not switches:
        yield begin, end, tags.pop()
        return
    yield begin, switches[0].begin, switches[0].a
    for one, begin in zip(switches, [e.begin for e in switches[1:]] + [end]):
        yield one.begin, begin, one.tag
