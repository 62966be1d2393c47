# SPDX-License-Identifier: Apache-2.0
"""tools/mutants: which changes it makes. What tests say of them takes hours: docs/evidence.md."""

import importlib.machinery
import importlib.util
from pathlib import Path

from conftest import ROOT

TEXT = """\
/* a < b */
#define N 3
static const int table[] = { 1 };

static bool full(const struct q *q, int n)
{
	/* never 5 */
	if (q->used >= n && q->open)
		q->used += 2; /* 7 < 8 */
	put(q, "1 < 2");
	return true;
}
"""


def tool():
    loader = importlib.machinery.SourceFileLoader("mutants", str(ROOT / "tools/mutants"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mutants", loader))
    loader.exec_module(module)
    return module


def test_changes():
    """Code in functions is changed, a place at a time; comments, texts and declarations are not."""
    made = {(m.number, m.name, m.after.strip()) for m in tool().mutants_of(Path("a.c"), TEXT)}
    assert made == {
        (8, "relation", "if (q->used > n && q->open)"),
        (8, "logic", "if (q->used >= n || q->open)"),
        (8, "condition", "if (!(q->used >= n && q->open))"),
        (9, "constant", "q->used += 3; /* 7 < 8 */"),
        (9, "statement", ";"),
        (10, "statement", ";"),
        (11, "truth", "return false;"),
    }


def test_score():
    """What does not compile is not counted; what no test is made of has survived."""
    rows = [["k", verdict, place] for verdict, place in (
        ("killed", "vmm/a.c:1"), ("survived", "vmm/a.c:2"), ("unseen", "lib/b.c:1"), ("none", "lib/b.c:2"))]
    lines = tool().score(rows)
    assert [line.split() for line in lines] == [
        ["lib", "1", "changes", "0", "killed", "1", "unseen", "0.0", "%"],
        ["vmm", "2", "changes", "1", "killed", "0", "unseen", "50.0", "%"],
        ["all", "3", "changes", "1", "killed", "1", "unseen", "33.3", "%"]]
