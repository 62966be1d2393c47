# SPDX-License-Identifier: Apache-2.0
"""
tools/check-style: the tree as it is passes. A line that is not in style does not, nor does what
README.zh.md no longer says as README.md does.
"""

import shutil
import subprocess

import pytest

from conftest import ROOT

LONG = "a word " * 15
# A word that the check refuses is written in two pieces here.
FILES = ("Makefile", "meson.build", "meson_options.txt", "README.md", "README.zh.md")


def checked(tree):
    done = subprocess.run([ROOT / "tools/check-style", tree], text=True, check=False,
                          stdout=subprocess.PIPE)
    return done.returncode, done.stdout


@pytest.fixture
def tree(tmp_path):
    for folder in ("arch", "docs", "include", "kernel", "lib", "shell", "tools", "vmm", "vms"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize("file, line, says", [
    ("kernel/wait.c", "/* No" "body waits. */", "'No" "body': name the caller"),
    ("kernel/wait.c", 'static const char text[] = "in use, by wh' 'om is unknown";', "'wh" "om': name"),
    ("tools/bench", "# The counter starts an" "ew.", "'an" "ew': name"),
    ("docs/porting.md", "The guest wh" "o wrote it.", "'wh" "o': name"),
    ("vms/rtos.dts", "/* For every" "one. */", "'every" "one': name"),
    ("kernel/wait.c", f"/* {LONG}*/", "a comment's line has more than 100 columns"),
    ("kernel/wait.c", f"/*\n * {LONG}.\n */", "a comment's line has more than 100 columns"),
    ("tools/bench", f"def f():\n    '''{LONG}.'''", "a comment's line has more than 100 columns"),
    ("tools/deps", f"# {LONG}.", "a comment's line has more than 100 columns"),
    ("kernel/meson.build", f"# {LONG}.", "a comment's line has more than 100 columns"),
    ("docs/porting.md", f"{LONG}{LONG}.", "a document's line has more than 120 columns"),
    ("kernel/wait.c", "#if ONE", "preprocessor conditional"),
    ("kernel/wait.c", '__asm__("nop");', "assembly outside"),
    ("kernel/wait.c", "int x; ", "blank at the end"),
    ("kernel/new.c", "int x;", "no SPDX"),
    ("docs/architecture.md", "| a dream | `kernel/sched.c`, `pick_flowers` |", "kernel/sched.c has no pick_flowers"),
    ("README.zh.md", "`zvm fly`", "README.zh.md: has more than README.md: code `zvm fly`"),
])
def test_a_line_that_is_not_in_style_is_refused(tree, file, line, says):
    assert checked(tree)[0] == 0
    with (tree / file).open("a") as out:
        out.write(line + "\n")
    code, out = checked(tree)
    assert code == 1 and says in out and out.count("\n") == 1


@pytest.mark.parametrize("old, new, says", [
    ("    make test\n", "    make tests\n", "lacks README.md: block make tests"),
    ("`make run TMUX=1`", "`make run SCREEN=1`", "lacks README.md: code `make run SCREEN=1`"),
    ("](docs/porting.md)", "](docs/boards.md)", "lacks README.md: link docs/boards.md"),
    ("\n## Options\n", "\n", "has more than README.md: section ## number 4"),
    ("    zvm_host:~# zvm info\n", "", "lacks README.md: block "),
], ids=["block", "code", "link", "section", "line"])
def test_a_change_of_one_readme_alone_is_noticed(tree, old, new, says):
    readme = tree / "README.md"
    text = readme.read_text()
    assert old in text
    readme.write_text(text.replace(old, new, 1))
    code, said = checked(tree)
    assert code == 1
    assert f"README.zh.md: {says}" in said
