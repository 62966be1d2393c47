# SPDX-License-Identifier: Apache-2.0
"""
Sessions in documents: what a page says is typed, line by line, and has to print what stands there.

In a block (four blanks), `$ ` begins a command of this computer, which may go on behind a `\\`. The
lines behind `tools/run`, `make run` and `gdb-multiarch` are their terminals': there a line that
begins with a prompt is typed once that prompt is there, `^]` is Ctrl-], and other lines have to
come in their order. Prompts of gdb are typed at gdb, others at the machine. `...` stands for
anything. A command of the computer may fail if the page shows what it says.
"""

import os
import re
import subprocess

import pexpect
import pytest

from conftest import BOOT_SECONDS, LINUX, PROMPT, Console, end_child, log_file, torn

# `make run` and the bundles take their time on a loaded computer.
SECONDS = 5 * BOOT_SECONDS
GDB = "(gdb) "
PROMPTS = (PROMPT, LINUX, "rtos> ", GDB)
KEYS = {"^]": "\x1d", "^A x": "\x01x"}
PROGRAMS = ("tools/run ", "make run", "gdb-multiarch ")
# Commands that only look: typed again until they print what stands there.
LOOKS = re.compile(r"zvm (trace|(info|why|stat|net|channel)\b.*)$")


def blocks(text):
    """The blocks of a document: (number of its first line, its lines)."""
    found, lines = [], text.splitlines()
    for number, line in enumerate(lines, 1):
        if not line.startswith("    "):
            continue
        if found and found[-1][0] + len(found[-1][1]) == number:
            found[-1][1].append(line[4:])
        else:
            found.append((number, [line[4:]]))
    return found


def transcript(page):
    """The lines of its blocks; a command that goes on is one line."""
    text = "\n".join(line for _, lines in blocks(page.read_text()) for line in lines)
    return re.sub(r"\\\n\s*", "", text).splitlines()


def pattern(line):
    """A regular expression for a line of output; how many blanks there are does not matter."""
    words = (r"[^\n]*?".join(re.escape(part) for part in word.split("...")) for word in line.split())
    return r"[ \t]+".join(words)


def prompt_of(line):
    return next((p for p in PROMPTS if line.startswith(p)), "")


def output(lines):
    """Takes the lines up to the next one that is typed."""
    taken = []
    while lines and not lines[0].startswith("$ ") and not prompt_of(lines[0]) and lines[0] not in KEYS:
        taken.append(lines.pop(0))
    return taken


def on_computer(command, lines, tree):
    """Runs it, compares what it prints with the lines that follow, and takes these."""
    done = subprocess.run(command, shell=True, cwd=tree, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode == 1 and command.startswith("tools/fetch-guests"):
        pytest.skip(done.stdout.strip())
    shown = output(lines)
    assert done.returncode == 0 or shown, done.stdout
    for line in shown:
        assert re.search(pattern(line), done.stdout), f"{line} is not in:\n{done.stdout}"


class Player:
    """Terminals of a session: the machine's, and gdb's."""

    def __init__(self, name, tree):
        self.log = log_file(name)
        self.tree = tree
        self.programs = {}
        self.current = None

    def start(self, command):
        # No colours, and a gdb that asks nothing.
        child = pexpect.spawn("/bin/sh", ["-c", f"exec {command}"], cwd=self.tree, encoding="utf-8",
                              codec_errors="replace", dimensions=(50, 200), timeout=SECONDS,
                              env=dict(os.environ, TERM="dumb", DEBUGINFOD_URLS=""))
        kind = "gdb" if command.startswith("gdb") else "machine"
        if kind in self.programs:
            end_child(self.programs[kind].child)
        self.programs[kind] = self.current = Console(child, self.log)

    def type(self, line, lines):
        """A line for a terminal, and what it has to print."""
        prompt = prompt_of(line)
        typed = line[len(prompt):]
        if prompt:
            self.current = self.programs["gdb" if prompt == GDB else "machine"]
            self.current.expect(torn(prompt), SECONDS)
        if typed in KEYS:
            self.current.send(KEYS[typed])
        elif not prompt:
            self.current.expect(pattern(line), SECONDS)
        elif prompt == PROMPT and LOOKS.match(typed):
            self.look(typed, output(lines))
        else:
            self.current.line(typed)

    def look(self, typed, shown):
        wanted = re.compile(r"[\s\S]*?".join(map(pattern, shown)))

        def seen():
            return wanted.search(self.current.run(typed, PROMPT))

        self.current.until(seen, SECONDS)
        self.current.line()  # for a prompt, for what follows

    def close(self):
        for program in self.programs.values():
            end_child(program.child)
        self.log.close()


def play(name, lines, tree):
    """Types a transcript in this folder; name: of the log."""
    player = Player(name, tree)
    try:
        while lines:
            line = lines.pop(0)
            command = line.removeprefix("$ ")
            if command == line:
                player.type(line, lines)
            elif command.startswith(PROGRAMS):
                player.start(command)
            else:
                on_computer(command, lines, tree)
    finally:
        player.close()
    assert player.programs, "no tools/run"
