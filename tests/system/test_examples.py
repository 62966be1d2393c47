# SPDX-License-Identifier: Apache-2.0
"""examples/: what each README says is typed, and prints what stands there (transcripts.py)."""

import re
import shutil

import pytest

from conftest import BUILD, KERNELS, ROOT
from transcripts import play, transcript

EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/README.md"))


@pytest.fixture
def tree(tmp_path):
    """The checkout as it is after `make build`; what is made goes to a folder of its own."""
    for name in ("guests", "vms"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("examples", "tools"):  # tools find files relative to themselves
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.elf", "__pycache__"))
    (tmp_path / "build").mkdir()
    for path in (BUILD / "guests", BUILD / "deps", BUILD / "tools", KERNELS / "rtos.bin", KERNELS / "rtos.elf",
                 KERNELS / "zvm_host.bin"):
        (tmp_path / "build" / path.name).symlink_to(path)
    return tmp_path


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_commands_of(name, tree):
    play(f"test_examples.{name}", transcript(tree / "examples" / name / "README.md"), tree)


def test_all_are_listed():
    listed = re.findall(r"^\| \[([\w-]+)\]\(\1/README\.md\)", (ROOT / "examples/README.md").read_text(), re.M)
    assert sorted(listed) == EXAMPLES
