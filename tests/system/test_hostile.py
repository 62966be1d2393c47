# SPDX-License-Identifier: Apache-2.0
"""Guests and an operator that do anything, in an order that a seed draws, beside a control loop."""

import os
import re
import subprocess
import sys
from importlib.machinery import SourceFileLoader

import pytest

from conftest import BUILD, CPU_MAX, KERNELS, ROOT

# Of guests; `make soak` wants more, and on several CPUs too.
SOAK = os.environ.get("ZVM_HOSTILE")
OPERATIONS, COMMANDS = (SOAK, "3000") if SOAK else ("400", "40")


@pytest.mark.parametrize("cpus", ["1", "4"] if SOAK else ["1"])
def test_hostile_operations(cpus):
    """A failure prints the last lines and the command that does it again."""
    done = subprocess.run([sys.executable, ROOT / "tools/hostile", "--build", BUILD, "--kernels", KERNELS, "--cpu",
                           CPU_MAX, "--cpus", cpus, "--commands", COMMANDS, "--operations", OPERATIONS],
                          text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    print(done.stdout)


def test_hostile_lines_are_all_commands():
    """A seed draws each command of docs/shell.md, and no line at what is looked at."""
    tool = SourceFileLoader("hostile", str(ROOT / "tools/hostile")).load_module()
    usages = dict(re.findall(r"^    usage: ((?:zvm|host) [a-z]+) ?(.*)$", (ROOT / "docs/shell.md").read_text(), re.M))
    first, again = tool.Operator(7, usages), tool.Operator(7, usages)
    lines = [first.line() for _ in range(3000)]
    assert lines == [again.line() for _ in range(3000)]
    assert lines[:100] != [tool.Operator(8, usages).line() for _ in range(100)]
    drawn = {" ".join(line.split()[:2]) for line in lines}
    assert set(usages) - drawn == {"host reboot"}
    for name in ("prio=0", "prio=4", " control", " smp", "reboot"):
        assert not [line for line in lines if re.search(rf"{name}\b", line)]
