# SPDX-License-Identifier: Apache-2.0
"""The Promela models beside the code: spin looks at every interleaving of their steps.

Each holds as it stands. Each names mutations of its own, `#ifdef MUTATION_...`: the model must not
hold with one of them, or it would not notice that mistake in the code either.
"""

import re
import subprocess

import pytest

from conftest import ROOT

MODELS = {str(path.relative_to(ROOT)): path
          for folder in ("kernel", "vmm") for path in sorted((ROOT / folder).rglob("*.pml"))}
MUTATIONS = [(name, mutation) for name, path in MODELS.items()
             for mutation in sorted(set(re.findall(r"\bMUTATION_\w+", path.read_text(encoding="utf-8"))))]


def verdict(model, folder, *defines):
    """What spin's verifier says of a model, and the number of errors."""
    subprocess.run(["spin", "-a", *defines, model], cwd=folder, check=True, stdout=subprocess.PIPE)
    # Faults only, not cycles; states are stored compressed.
    subprocess.run(["gcc", "-O1", "-w", "-DSAFETY", "-DCOLLAPSE", "-o", "pan", "pan.c"], cwd=folder, check=True)
    said = subprocess.run(["./pan", "-m100000"], cwd=folder, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
    assert "search depth too small" not in said, said
    return said, int(re.search(r"errors: (\d+)", said)[1])


@pytest.mark.parametrize("name", MODELS)
def test_holds(name, tmp_path):
    said, errors = verdict(MODELS[name], tmp_path)
    assert errors == 0, said
    assert "Search not completed" not in said


@pytest.mark.parametrize("name, mutation", MUTATIONS)
def test_notices(name, mutation, tmp_path):
    said, errors = verdict(MODELS[name], tmp_path, f"-D{mutation}")
    assert errors, said


def test_each_model_has_a_mutation():
    assert len(MODELS) >= 5
    assert {name for name, _ in MUTATIONS} == set(MODELS)
