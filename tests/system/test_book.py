# SPDX-License-Identifier: Apache-2.0
"""docs/ as a book: its references are complete, its sessions are typed, its links lead on."""

import re
import shutil
import socket
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from conftest import BUILD, KERNELS, ROOT
from test_examples import tree  # noqa: F401
from transcripts import KEYS, blocks, play, prompt_of, transcript

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


# Pages whose sessions are typed, beside the examples.
PLAYED = ("quick-start", "real-time-set-up", "devices", "troubleshooting")
PAGES = sorted({ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md"), *ROOT.glob("guests/*.md")})
MARK = re.compile(r"<!-- (as in|run by|not run:) (.*) -->")
WORDS = {"make", "zvm", "host", "zvmctl", "qemu-system-aarch64", "gdb-multiarch", "ssh", "insmod", "printf", "mkdir",
         "cat", "cp", "apt-get", "dtc", "git"}


def commands(lines):
    """The commands of a block, by their names: `zvm new`, `zvm-check`, of gdb `break`."""
    for line in lines:
        prompt = "$ " if line.startswith("$ ") else prompt_of(line)
        words = line[len(prompt):].split()
        if not words or not (prompt or words[0] in WORDS or words[0].startswith("tools/")) or words[0] in KEYS:
            continue
        two = words[0] in ("zvm", "host", "make") and re.match(r"[a-z]+$", "".join(words[1:2]))
        yield " ".join(words[:2]) if two else words[0].rpartition("/")[2]


def marked():
    """Blocks with commands, of pages that are not typed: page, line, mark, its text, commands."""
    for page in PAGES:
        if page.parent == DOCS and page.stem in (*PLAYED, "shell"):
            continue
        text = page.read_text().splitlines()
        for number, lines in blocks(page.read_text()):
            found = list(commands(lines))
            before = next((line for line in reversed(text[:number - 1]) if line), "")
            mark = MARK.fullmatch(before.strip())
            if found:
                yield page.relative_to(ROOT), number, mark and mark[1], mark and mark[2], found


MARKED = list(marked())
NOT_RUN = [(f"{page}:{number}", says) for page, number, mark, says, _ in MARKED if mark == "not run:"]


@pytest.fixture
def clone(tmp_path):
    """What a clone has."""
    folder = tmp_path / "zvm"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns("build", "build-*", ".git", "__pycache__"))
    return folder


def test_each_block_with_commands_is_run_or_says_why_not():
    """Typed here or in an example; else the comment before it names the test, or the reason."""
    for page, number, mark, says, found in MARKED:
        place = f"{page}:{number}: {found}"
        assert mark, f"{place}: neither `as in PAGE`, nor `run by TEST`, nor `not run: REASON`"
        if mark == "as in":
            other = DOCS / Path(says).name
            assert other.stem in PLAYED, place
            has = {name for _, lines in blocks(other.read_text()) for name in commands(lines)}
            assert set(found) <= has, f"{place}: not in {says}"
        elif mark == "run by":
            paths = [ROOT / name if "/" in name else ROOT / "tests/system" / name for name in says.split(", ")]
            text = "".join(path.read_text() for path in paths)
            # Each test starts a QEMU.
            found = [name for name in found if name != "qemu-system-aarch64"]
            assert [name for name in found if name not in text] == [], f"{place}: not in {says}"


@pytest.mark.parametrize("place, why", NOT_RUN, ids=[place for place, _ in NOT_RUN])
def test_not_run(place, why):
    """So that a list of them is printed."""
    pytest.skip(f"{place}: {why}")


@pytest.mark.parametrize("name", PLAYED[1:])
def test_the_session_of(name, tree):  # noqa: F811
    play(f"test_book.{name}", transcript(DOCS / f"{name}.md"), tree)


def test_the_newcomers_path(tree):  # noqa: F811
    """`make run`, a broken description, gdb, a trace, a crash, and a deadline that is missed."""
    if KERNELS != BUILD:
        pytest.skip("another build is tested")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    lines = [line.replace("2345", port) for line in transcript(DOCS / "quick-start.md")]
    # Where all is built already; test_dist.py builds the image in another folder.
    assert lines[0] == "$ make run"
    lines[0] += f" -C {ROOT} BUILD={BUILD}"
    play("test_book.quick-start", lines, tree)
    for name in ("mine.perfetto", "mine.svg", "mine.ctf/metadata"):
        assert (tree / "build" / name).stat().st_size > 1000


def test_the_book(clone):
    """It is made without a warning, and its only broken link is the one that is put there."""
    with (clone / "docs/gdb.md").open("a") as page:
        page.write("\n[more](trace.md#nowhere)\n")
    done = subprocess.run([clone / "tools/make-book"], text=True, check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == 1 and done.stdout == "make-book: docs/gdb.html: trace.html#nowhere leads nowhere\n"
    assert "zvm new -t linux" in (clone / "build/book/docs/quick-start.html").read_text()


def test_all_chapters_are_listed():
    listed_pages = re.findall(r"^\d+\. \[[^]]+\]\(([\w-]+\.md)\)", (DOCS / "README.md").read_text(), re.M)
    assert sorted(listed_pages) == sorted(page.name for page in DOCS.glob("*.md") if page.name != "README.md")


def test_the_picture_of_the_readme():
    """It shows what two commands to two systems print, and is small."""
    picture = DOCS / "two-systems.svg"
    shown = "".join(ElementTree.parse(picture).getroot().itertext()).replace("\u00a0", " ")
    for text in ("zvm run linux", "zvm run rtos", "linux:/root# uname", "rtos> latency sem", "running"):
        assert text in shown
    assert picture.stat().st_size < 200 * 1024 and "two-systems.svg" in (ROOT / "README.md").read_text()
