# SPDX-License-Identifier: Apache-2.0
"""tools/check-style notices what README.zh.md no longer says as README.md does."""

import shutil
import subprocess

import pytest

from conftest import ROOT

READMES = ("README.md", "README.zh.md")


def check_style(root):
    done = subprocess.run([ROOT / "tools/check-style", root], text=True, check=False, stdout=subprocess.PIPE)
    return done.returncode, done.stdout


@pytest.fixture
def tree(tmp_path):
    for name in (*READMES, "Makefile", "meson.build", "meson_options.txt"):
        shutil.copy(ROOT / name, tmp_path)
    assert check_style(tmp_path)[0] == 0
    return tmp_path


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
    code, said = check_style(tree)
    assert code == 1
    assert f"README.zh.md: {says}" in said
