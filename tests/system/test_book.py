# SPDX-License-Identifier: Apache-2.0
"""docs/ as a book: its references are complete, its sessions are typed, its links lead on."""

import re

from conftest import ROOT
from transcripts import blocks

DOCS = ROOT / "docs"
NAME = re.compile(r'\{ "([\w,-]+)",')


def parser_tables():
    """Of the parser's sources: each table, by file and name, and its rows' names."""
    tables = {}
    for path in sorted((ROOT / "vmm/desc").glob("*.c")):
        text = path.read_text()
        shared = "".join(re.findall(r"#define VIRTIO_ROWS(.*?)\n\n", text, re.S))
        for name, rows in re.findall(r"^(?:static )?const struct \w+_row (\w+)\[\] = \{(.*?)\};\n", text, re.S | re.M):
            tables[f"{path.stem}.{name}"] = set(NAME.findall(rows.replace("VIRTIO_ROWS", shared)))
        for n, names in enumerate(re.findall(r"static const char \*const names\[\] = \{ (.*?) \};", text)):
            if path.stem == "schedule":
                tables[f"schedule.{n}"] = set(re.findall(r'"([\w-]+)"', names))
    return tables


def sections(page):
    """A document's sections: heading, and the text up to the next one."""
    return dict(re.findall(r"^#+ (.*)\n((?:(?!#+ ).*\n)*)", page.read_text(), re.M))


def listed(text, column=1):
    """The names in a column of a section's tables."""
    cells = [line.split("|")[column] for line in text.splitlines() if line.startswith("| ")]
    return {name for cell in cells for name in re.findall(r"`([\w-]+)`", cell)}


def test_the_reference_of_descriptions_is_complete():
    """Each node's properties are those of the parser, no more and no fewer."""
    page, tables = sections(DOCS / "description.md"), parser_tables()
    kinds = tables.pop("desc_props.desc_virtio_rows")
    assert {kind for title in page for kind in re.findall(r"`(zvm,virtio-\w+)`", title)} == kinds
    common = listed(page["`devices`"])
    assert tables.pop("desc_props.plain_rows") == common
    for title, name in (("The root node", "desc_props.root_rows"), ("`console`", "desc_props.console_rows"),
                        ("`task0`, `task1`, ...", "desc_tasks.rows"), ("`channels`", "desc_channels.rows")):
        assert listed(page[title]) == tables.pop(name), title
    for kind in ("blk", "net", "console", "vsock", "rpmsg"):
        name = "desc_props.con_rows" if kind == "console" else f"desc_props.{kind}_rows"
        assert listed(page[f"`zvm,virtio-{kind}`"]) | common == tables.pop(name), kind
    schedule = [tables.pop(name) for name in sorted(tables) if name.startswith("schedule.")]
    assert len(schedule) == 3 and listed(page["The schedule: time windows"], 2) == set().union(*schedule)
    assert tables == {}


def test_the_reference_of_the_shell_is_complete(boot):
    """All commands, each with the help that it has."""
    board = boot(smp=1, mem=512, consoles=0)
    shown = {lines[0].removeprefix("zvm_host:~# help "): lines[1:]
             for _, lines in blocks((DOCS / "shell.md").read_text())}
    commands = [name for name in re.findall(r"^ *([a-z]+(?: [a-z]+)?)", board.sh("help"), re.M)
                if name not in ("zvm", "host")]
    assert sorted(shown) == sorted(commands)
    for command, lines in shown.items():
        assert [line.strip() for line in lines] == [line.strip() for line in board.sh(f"help {command}").splitlines()]
