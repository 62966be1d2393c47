# SPDX-License-Identifier: Apache-2.0
"""Where a node or property stands in a devicetree source: dtc says so in comments."""

import os
import re
import subprocess
from pathlib import Path

# What follows is dtc's own print of a tree, a node's beginning, property or end a line.
PLACE = re.compile(r"/\* (.*?):(\d+)")
NODE = re.compile(r"\s*(?:[\w-]+: )*([\w,.+@/-]+) \{")
PROPERTY = re.compile(r"\s*([\w,.+?#-]+)(?: = .*)?;")
MESSAGE = re.compile(r"(?P<file>\S+): (?P<node>/[^\s:]*): (?:(?P<prop>[\w,.+?#-]+): )?")


ROOT = Path(__file__).resolve().parent.parent


def shown(path):
    """A file in a message, which has little room for it."""
    return min(os.path.relpath(path), str(path), key=len)


def source_of(guest):
    """The source of a guest by its name, or by the path that its user gave."""
    return Path(guest) if guest.endswith(".dts") else ROOT / "vms" / f"{guest}.dts"


def sources_of(guests):
    """The sources of a bundle's descriptions, by their names in it: for with_line()."""
    return {f"vms/{dts.stem}.dtb": (dts, shown(dts)) for dts in map(source_of, guests)}


def annotated(dts):
    done = subprocess.run(["dtc", "-q", "-T", "-I", "dts", "-O", "dts", str(dts)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.stdout.splitlines()


def lines_of(dts):
    """(node, property or None): the file, as dtc calls it, and line where it was given last."""
    found, path = {}, []
    for line in annotated(dts):
        place = PLACE.search(line)
        node, prop = NODE.match(line), PROPERTY.match(line)
        if line.strip().startswith("};"):
            path = path[:-1]
        elif node:
            path.append(node.group(1).strip("/"))
            key = "/" + "/".join(path[1:]), None
        elif prop:
            key = "/" + "/".join(path[1:]), prop.group(1)
        else:
            continue
        if place and not line.strip().startswith("};"):
            found.setdefault(key, place.groups())
    return found


def source_named(file, sources):
    """Of a long path the message has the end, behind dots."""
    for name, source in sources.items():
        if name == file or (file.startswith("...") and name.endswith(file[3:])):
            return source
    return None


def with_line(message, sources):
    """
    A line "FILE: NODE: PROPERTY: text" of checkdesc, with the source's line number behind FILE.
    sources: FILE, as the message calls it, to the source (and how to call that).
    """
    match = MESSAGE.match(message)
    found = match and source_named(match["file"], sources)
    if not found:
        return message
    source, name = found
    lines = lines_of(source)
    place = lines.get((match["node"], match["prop"])) or lines.get((match["node"], None))
    if place:
        file, line = place
        # What the source includes has a name of its own, beside the source.
        included = os.path.basename(file) != source.name
        name = f"{os.path.join(os.path.dirname(name), file) if included else name}:{line}"
    return name + message[match.end("file"):]
