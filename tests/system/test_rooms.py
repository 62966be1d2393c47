# SPDX-License-Identifier: Apache-2.0
"""tools/check-includes: the house as it is passes, and an arrow that points up does not."""

import shutil
import subprocess

import pytest

from conftest import ROOT

FOLDERS = ("include", "arch", "drivers", "guests", "init", "kernel", "lib", "rtos", "shell", "vmm")


def checked(house):
    done = subprocess.run([ROOT / "tools/check-includes", house], text=True, check=False,
                          stdout=subprocess.PIPE)
    return done.returncode, done.stdout


@pytest.fixture
def house(tmp_path):
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


@pytest.mark.parametrize("file, line, says", [
    ("vmm/gic/vgic.c", "void up(struct vcpu *v) { vtimer_reset(v); }", "gic/ must not use vtimer_reset of cpu/"),
    ("vmm/core/kick.c", "int up(struct vm *vm) { return vm_reset(vm, 0); }", "core/ must not use vm_reset of life/"),
    ("vmm/desc/desc.c", "u32 up(void) { return vm_type_count; }", "desc/ must not use vm_type_count of load/"),
    ("kernel/wait.c", "#include <vmm/core.h>", "kernel/ must not include vmm/core.h"),
    ("vmm/new.c", "int in_no_room;", "vmm/new.c: is in no room"),
    ("lib/vgic.c", "int two;", "lib/vgic.c and vmm/gic/vgic.c: one name"),
])
def test_an_arrow_that_points_up_is_refused(house, file, line, says):
    assert checked(house)[0] == 0
    with (house / file).open("a") as out:
        out.write(line + "\n")
    code, out = checked(house)
    assert code == 1 and says in out and out.count("\n") == 1
