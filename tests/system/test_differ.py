# SPDX-License-Identifier: Apache-2.0
"""tools/differ: the same random steps leave the same on QEMU's bare machine and in a VM."""

import argparse
import os
import subprocess
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

from conftest import BUILD, KERNELS, QEMU, ROOT

# `make soak` has ten million.
STEPS = int(os.environ.get("ZVM_STEPS", 20000))


def load():
    spec = spec_from_loader("differ", SourceFileLoader("differ", str(ROOT / "tools/differ")))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


differ = load()


def arguments(cpu):
    return argparse.Namespace(build=BUILD, kernel=KERNELS / "zvm_host.bin", cpu=cpu, seed=1, steps="0-9")


def test_steps_agree():
    done = subprocess.run(
        [ROOT / "tools/differ", "--build", BUILD, "--kernel", KERNELS / "zvm_host.bin", "--cpu", "cortex-a53",
         "--steps", str(STEPS)],
        env={**os.environ, "QEMU": QEMU}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout
    assert f"{STEPS} steps agree" in done.stdout


def test_a_difference_is_found(tmp_path):
    """One side with another CPU: the steps that read what a CPU is differ, each by itself."""
    both = differ.Differ(arguments("cortex-a53"), tmp_path)
    both.sides[0].args = arguments("cortex-a72")
    steps = range(1000)
    assert both.first_block(steps) == 999
    found = both.numbers(steps, 0)
    pairs = both.shown(steps, found)
    assert [bare.number for bare, _ in pairs] == found and len(found) < 100
    for bare, vm in pairs:
        assert bare.words == vm.words and bare.result != vm.result
        assert any(text.startswith("mrs") for text in bare.code()), bare
    left, pair = both.shrink(list(range(found[0])), found[0])
    assert left == [] and pair[0].result == pairs[0][0].result


def test_steps_that_do_not_matter_are_left_out(tmp_path):
    both = differ.Differ(arguments("cortex-a53"), tmp_path)
    tried = []

    def still(before, step):
        tried.append(list(before))
        return ("bare", "ZVM") if {3, 700} <= set(before) else None

    both.still = still
    assert both.shrink(list(range(1000)), 1000) == ([3, 700], ("bare", "ZVM"))
    assert len(tried) < 100
