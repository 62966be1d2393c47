# SPDX-License-Identifier: Apache-2.0
"""A trace as a picture: a row for each CPU's threads, its interrupts, and each vCPU's exits."""

from xml.sax.saxutils import escape

import trace_flows
import trace_read

WIDTH = 1600
LEFT = 150
ROW = 22
BAR = 16
EXIT_COLOURS = {"irq": "#d62728", "wfx": "#c7c7c7", "hvc": "#9467bd", "smc": "#8c564b", "sysreg": "#ff7f0e",
                "mmio": "#1f77b4", "fp": "#17becf", "fault": "#000000"}
THREAD_COLOURS = ("#4e79a7", "#59a14f", "#edc948", "#b07aa1", "#76b7b2", "#ff9da7", "#9c755f", "#f28e2b")
IDLE = "#eeeeee"
IRQ = "#d62728"
ARROW = "#d6272880"


class Picture:
    """Rows of bars over one time axis. Bars that share a pixel are one."""

    def __init__(self, trace):
        self.trace = trace
        self.begin = min((e.begin for e in trace.events), default=0)
        self.end = max((e.end for e in trace.events), default=1)
        self.rows = {}
        self.parts = []
        self.last = {}  # by row: the pixel where its last bar ends

    def x(self, ticks):
        share = (ticks - self.begin) / max(self.end - self.begin, 1)
        return LEFT + share * (WIDTH - LEFT - 10)

    def row(self, key, name):
        if key not in self.rows:
            self.rows[key] = 30 + ROW * len(self.rows)
            self.parts.append(f'<text x="4" y="{self.rows[key] + 12}">{escape(name)}</text>')
        return self.rows[key]

    def bar(self, y, begin, end, colour, title):
        left, right = self.x(max(begin, self.begin)), self.x(end)
        if right <= self.last.get(y, 0):
            return
        self.last[y] = max(right, left + 0.5)
        self.parts.append(f'<rect x="{left:.2f}" y="{y}" width="{max(right - left, 0.5):.2f}" height="{BAR}" '
                          f'fill="{colour}"><title>{escape(title)}</title></rect>')

    def arrow(self, x1, y1, x2, y2):
        self.parts.append(f'<line class="flow" x1="{x1:.2f}" y1="{y1}" x2="{x2:.2f}" y2="{y2}" stroke="{ARROW}" '
                          'marker-end="url(#head)"/>')

    def axis(self):
        span = self.trace.ns(self.end - self.begin)
        step = 10 ** max(len(str(span)) - 2, 0) or 1
        while span // step > 12:
            step *= 2
        for ns in range(0, span + 1, step):
            x = self.x(self.begin + ns * self.trace.hz / 10**9)
            self.parts.append(f'<text x="{x:.1f}" y="12" text-anchor="middle">{ns / 1000:g} us</text>'
                              f'<line x1="{x:.1f}" y1="16" x2="{x:.1f}" y2="24" stroke="#888"/>')

    def text(self):
        height = 40 + ROW * len(self.rows)
        return ('<?xml version="1.0" encoding="UTF-8"?>\n'
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
                'font-size="11"><defs><marker id="head" markerWidth="6" markerHeight="6" refX="5" refY="3" orient="auto">'
                f'<path d="M0,0 L6,3 L0,6 z" fill="{ARROW}"/></marker></defs>\n'
                '<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(self.parts) + "\n</svg>\n")


def took(trace, begin, end):
    return f"{trace.ns(end - begin) / 1000:.3f} us"


def put_cpus(picture):
    trace = picture.trace
    for cpu in range(trace.cpus):
        y = picture.row(("cpu", cpu), f"cpu {cpu}")
        for begin, end, tag in trace_flows.runs(trace, [e for e in trace.events if e.cpu == cpu]):
            name = trace.name(tag)
            colour = IDLE if name.startswith("idle/") else THREAD_COLOURS[tag % len(THREAD_COLOURS)]
            picture.bar(y, begin, end, colour, f"{name}, {took(trace, begin, end)}")
        y = picture.row(("irq", cpu), f"cpu {cpu} interrupts")
        for e in trace.events:
            if e.cpu == cpu and e.kind == trace_read.IRQ:
                picture.bar(y, e.begin, e.end, IRQ, f"{trace.title(e)}, {took(trace, e.begin, e.end)}")


def put_vcpus(picture):
    trace = picture.trace
    tags = {e.tag for e in trace.events if trace_read.vm_of(e.tag) is not None} | set(trace.guests)
    for tag in sorted(tags):
        y = picture.row(("vcpu", tag), trace.name(tag))
        for e in trace.events:
            if e.tag == tag and e.kind in trace_read.EXITS:
                colour = EXIT_COLOURS[trace_read.EXITS[e.kind]]
                picture.bar(y, e.begin, e.end, colour, f"{trace.title(e)}, {took(trace, e.begin, e.end)}")
        if trace.guests.get(tag):
            put_guest(picture, tag)


def put_guest(picture, vcpu):
    """The threads of the guest on a vCPU, below what ZVM knows of it."""
    trace = picture.trace
    y = picture.row(("guest", vcpu), f"{trace.name(vcpu)} threads")
    for begin, end, tag in trace_flows.runs(trace, trace.guests[vcpu]):
        name = trace.guest_name(vcpu, tag)
        colour = IDLE if name.startswith("idle") else THREAD_COLOURS[tag % len(THREAD_COLOURS)]
        picture.bar(y, begin, end, colour, f"{name}, {took(trace, begin, end)}")


def put_flows(picture):
    """At most one arrow for each pixel and vCPU."""
    seen = set()
    for flow in trace_flows.flows(picture.trace):
        x1 = picture.x(flow.irq.begin)
        key = int(x1), flow.inject.tag
        if flow.entry is None or key in seen:
            continue
        seen.add(key)
        picture.arrow(x1, picture.rows["irq", flow.irq.cpu] + BAR, picture.x(flow.entry),
                      picture.rows["vcpu", flow.inject.tag])


def convert(trace):
    """The picture as text."""
    picture = Picture(trace)
    picture.axis()
    put_cpus(picture)
    put_vcpus(picture)
    put_flows(picture)
    return picture.text()
