# SPDX-License-Identifier: Apache-2.0
"""The C blocks of guests/README.md are built as the guests are, and run on the bare machine."""

import json
import re
import shlex
import subprocess

import pytest

from conftest import BUILD, ROOT

BLOCKS = re.findall(r"(?:^    .*\n|^\n)+", (ROOT / "guests/README.md").read_text(), re.M)
PROGRAMS = [re.sub(r"^    ", "", block, flags=re.M) for block in BLOCKS if "#include" in block]
MODEL = "control"


def build_commands():
    """How one of our guests is compiled and linked: argument vectors."""
    database = json.loads((BUILD / "compile_commands.json").read_text())
    compile_it = next(x["command"] for x in database if x["file"].endswith(f"guests/{MODEL}.c"))
    link = subprocess.run(["ninja", "-C", BUILD, "--quiet", "-t", "commands", f"guests/{MODEL}.elf"],
                          check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()[-1]
    return shlex.split(compile_it), shlex.split(link)


def built(source, tmp_path):
    c, o, elf = (tmp_path / f"hello.{kind}" for kind in ("c", "o", "elf"))
    c.write_text(source)
    new = {f"../guests/{MODEL}.c": c, f"guests/{MODEL}.elf.p/{MODEL}.c.o": o, f"guests/{MODEL}.elf": elf}
    for argv in build_commands():
        done = subprocess.run([str(new.get(word, word)) for word in argv], cwd=BUILD, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0, done.stdout
    return elf


def test_there_are_programs():
    assert PROGRAMS


@pytest.mark.parametrize("source", PROGRAMS, ids=[f"program{n}" for n in range(len(PROGRAMS))])
def test_a_program_of_the_page_runs(boot, tmp_path, source):
    board = boot(kernel=built(source, tmp_path), virtualization=False, cpu="cortex-a53", smp=1, mem=128, consoles=0,
                 prompt=False)
    board.expect(r"hello\s+tick\s+tick\s")
