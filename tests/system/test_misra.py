# SPDX-License-Identifier: Apache-2.0
"""tools/misra: a deviation without a row in docs/misra.md is named. All files take minutes."""

import re
import shutil
import subprocess

from conftest import ROOT


def test_a_rule_without_a_reason_is_named(tmp_path):
    for folder in ("arch", "docs", "drivers", "include", "init", "kernel", "lib", "shell", "tools", "vmm"):
        shutil.copytree(ROOT / folder, tmp_path / folder)

    def look():
        done = subprocess.run([tmp_path / "tools/misra", "--build", tmp_path / "build", "lib/ring.c"], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout

    code, said = look()
    assert code == 0 and re.search(r"^15\.6 +\d+ *$", said, re.M), said
    page = tmp_path / "docs/misra.md"
    page.write_text(re.sub(r"^\| 15\.6 \|.*\n", "", page.read_text(), flags=re.M))
    code, said = look()
    assert code == 1 and re.search(r"^15\.6 +\d+ +not in docs/misra\.md: (lib|include)/\S+:\d+$", said, re.M), said
