# SPDX-License-Identifier: Apache-2.0
"""
examples/: what each README says is typed, line by line, and has to print what stands there.

In a block, `$ ` begins a command of this computer; the lines behind `tools/run` are its terminal's.
There a line that begins with a prompt is typed once that prompt is there, `^]` is Ctrl-], and other
lines have to come in their order. `...` stands for anything.
"""

import re
import shutil
import subprocess

import pexpect
import pytest

from conftest import BOOT_SECONDS, BUILD, KERNELS, LINUX, PROMPT, ROOT, Console, log_file, torn

EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/README.md"))
PROMPTS = (PROMPT, LINUX)
KEYS = {"^]": "\x1d", "^A x": "\x01x"}


def transcript(readme):
    """The lines of its blocks."""
    return [line[4:] for line in readme.read_text().splitlines() if line.startswith("    ")]


def pattern(line):
    """A regular expression for a line of output; how many blanks there are does not matter."""
    words = (r"[^\n]*?".join(re.escape(part) for part in word.split("...")) for word in line.split())
    return r"[ \t]+".join(words)


def on_computer(command, lines, tree):
    """Runs it, compares what it prints with the lines that follow, and takes these."""
    done = subprocess.run(command, shell=True, cwd=tree, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode == 1 and command.startswith("tools/fetch-guests"):
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout
    while lines and not lines[0].startswith("$ "):
        assert re.search(pattern(lines[0]), done.stdout), f"{lines[0]} is not in:\n{done.stdout}"
        lines.pop(0)


def on_terminal(console, lines):
    """Types and compares until the lines end, or another command of the computer comes."""
    while lines and not lines[0].startswith("$ "):
        line = lines.pop(0)
        prompt = next((p for p in PROMPTS if line.startswith(p)), "")
        typed = line[len(prompt):]
        if prompt:
            console.expect(torn(prompt), BOOT_SECONDS)
        if typed in KEYS:
            console.send(KEYS[typed])
        elif prompt:
            console.line(typed)
        else:
            console.expect(pattern(line), BOOT_SECONDS)


def play(name, lines, tree):
    """Types a transcript in this folder; name: of the log."""
    log = log_file(name)
    started = []
    try:
        while lines:
            command = lines.pop(0).removeprefix("$ ")
            if not command.startswith("tools/run "):
                on_computer(command, lines, tree)
                continue
            child = pexpect.spawn("/bin/sh", ["-c", f"exec {command}"], cwd=tree, encoding="utf-8",
                                  codec_errors="replace", dimensions=(50, 200), timeout=BOOT_SECONDS)
            started.append(child)
            on_terminal(Console(child, log), lines)
    finally:
        for child in started:
            child.close(force=True)
        log.close()
    assert started, "no tools/run"


@pytest.fixture
def tree(tmp_path):
    """The checkout as it is after `make build`; what is made goes to a folder of its own."""
    for name in ("guests", "vms"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("examples", "tools"):  # tools find files relative to themselves
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.elf", "__pycache__"))
    (tmp_path / "build").mkdir()
    for path in (BUILD / "guests", BUILD / "deps", BUILD / "tools", KERNELS / "rtos.bin", KERNELS / "zvm_host.bin"):
        (tmp_path / "build" / path.name).symlink_to(path)
    return tmp_path


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_commands_of(name, tree):
    play(f"test_examples.{name}", transcript(tree / "examples" / name / "README.md"), tree)


def test_all_are_listed():
    listed = re.findall(r"^\| \[([\w-]+)\]\(\1/README\.md\)", (ROOT / "examples/README.md").read_text(), re.M)
    assert sorted(listed) == EXAMPLES
