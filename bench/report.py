# SPDX-License-Identifier: Apache-2.0
"""The rows as a table, as JSON and as a plot."""

import json
import math
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).resolve().parent


class Row:
    """A figure: its name, the heading above it, and its target (None: none)."""

    def __init__(self, heading, name, average, worst, least=False):
        self.heading = heading
        self.name = name
        self.target = {"avg": average, "max": worst}
        self.least = least
        self.bare = None
        self.zvm = None

    def met(self):
        """None where there is no target or no figure."""
        limits = [(key, limit) for key, limit in self.target.items() if limit is not None]
        if not self.zvm or not limits:
            return None
        return all(self.zvm[key] >= limit if self.least else self.zvm[key] <= limit for key, limit in limits)


def limit(text):
    return None if text == "-" else float(text) if "." in text else int(text)


def read_targets():
    rows, heading = [], ""
    for line in (HERE / "targets").read_text().splitlines():
        line = line.split("#")[0].strip()
        if line.endswith(":"):
            heading = line[:-1]
        elif line:
            name, average, worst = line.rsplit(None, 2)
            rows.append(Row(heading, name, limit(average.lstrip(">")), limit(worst), average.startswith(">")))
    return rows


def figure(samples):
    """What a list of samples, or one number, comes to."""
    if not isinstance(samples, list):
        samples = [samples]
    mean = sum(samples) / len(samples)
    return {"min": min(samples), "avg": mean if isinstance(samples[0], float) else round(mean),
            "max": max(samples), "runs": len(samples)}


def text(value):
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def cell(values):
    if not values:
        return "-"
    average = text(values["avg"])
    if values["min"] == values["max"]:
        return average
    return f"{average} ({text(values['min'])}..{text(values['max'])})"


def goal(row):
    average, worst = row.target["avg"], row.target["max"]
    if average is None:
        return "-"
    least = ">" if row.least else ""
    return least + (text(average) if worst in (None, average) else f"{text(average)} ({text(worst)})")


def table(rows):
    lines, heading = ["average (minimum..maximum)", ""], None
    for row in rows:
        if row.heading != heading:
            heading = row.heading
            lines += [""] * (len(lines) > 2)
            lines.append(f"{heading:<44}{'bare EL1':>22}{'ZVM':>28}{'target':>12}")
        verdict = {None: "", True: "  ok", False: "  under" if row.least else "  over"}[row.met()]
        runs = row.zvm["runs"] if row.zvm else 0
        note = f"  {runs} runs" if runs not in (0, 1) and runs < 2000 else ""
        lines.append(f"{row.name:<44}{cell(row.bare):>22}{cell(row.zvm):>28}{goal(row):>12}"
                     f"{verdict}{note}")
    return "\n".join(lines)


def to_json(rows, cpu):
    return json.dumps({"cpu": cpu, "rows": [
        {"name": row.name, "unit": row.heading, "bare": row.bare, "zvm": row.zvm,
         "target": row.target, "met": row.met()} for row in rows]}, indent=1) + "\n"


# ---- the plot: a row each, a logarithmic axis a heading ----

WIDTH, LEFT, RIGHT, STEP = 960, 300, 130, 20
STYLE = """text { font: 12px sans-serif; fill: #222 }
.head { font-weight: bold } .bare { fill: #999 } .zvm { fill: #1f6fb4 }
.over { fill: #c22 } .goal { stroke: #2a8a2a; stroke-width: 2 } .span { stroke: #1f6fb4 }"""


def plot_group(rows, top):
    shown = [value for row in rows for value in
             [row.target["avg"], row.target["max"]] +
             [side[key] for side in (row.bare, row.zvm) if side for key in ("min", "max")]]
    shown = [max(value, 1) for value in shown if value is not None]
    low, high = math.log10(min(shown)), math.log10(max(shown) * 1.1)

    def x(value):
        part = (math.log10(max(value, 10 ** low)) - low) / (high - low or 1)
        return f"{LEFT + part * (WIDTH - LEFT - RIGHT):.1f}"

    out = [f'<text class="head" x="8" y="{top + 14}">{escape(rows[0].heading)}</text>']
    for n, row in enumerate(rows):
        y = top + STEP * (n + 1) + 10
        out.append(f'<text x="16" y="{y + 4}">{escape(row.name)}</text>')
        if row.bare:
            out.append(f'<rect class="bare" x="{x(row.bare["avg"])}" y="{y - 4}" '
                       'width="4" height="8"/>')
        if row.zvm:
            kind = "over" if row.met() is False else "zvm"
            out.append(f'<line class="span" x1="{x(row.zvm["min"])}" x2="{x(row.zvm["max"])}" '
                       f'y1="{y}" y2="{y}"/>')
            out.append(f'<circle class="{kind}" cx="{x(row.zvm["avg"])}" cy="{y}" r="4"/>')
            out.append(f'<text x="{WIDTH - RIGHT + 12}" y="{y + 4}">'
                       f'{text(row.zvm["avg"])}</text>')
        if row.target["avg"] is not None:
            at = x(row.target["avg"])
            out.append(f'<line class="goal" x1="{at}" x2="{at}" y1="{y - 7}" y2="{y + 7}"/>')
    return out, top + STEP * (len(rows) + 2)


def to_svg(rows):
    body, top = [], 40
    for heading in dict.fromkeys(row.heading for row in rows):
        group = [row for row in rows if row.heading == heading and (row.bare or row.zvm)]
        if group:
            lines, top = plot_group(group, top)
            body += lines
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}">',
        f'<style>{STYLE}</style><rect width="{WIDTH}" height="{top}" fill="white"/>',
        '<text x="8" y="20">blue: ZVM, average and range (red: over its target); grey: bare EL1; '
        'green: target; logarithmic</text>', *body, "</svg>", ""])
