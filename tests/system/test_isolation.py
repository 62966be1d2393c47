# SPDX-License-Identifier: Apache-2.0
"""No VM finds another one's data in its RAM, or gets memory that another one was promised."""

import re

import pytest

from conftest import BOOT_SECONDS, BUILD
from guests import memory, new
from test_memory import bundle

LARGE, SMALL = 64, 24
TYPES = {
    "large": f'cpus = <2>; memory = <0x0 {LARGE << 20:#x}>; bootargs = "stain={LARGE}";',
    "small": f'cpus = <2>; memory = <0x0 {SMALL << 20:#x}>; bootargs = "stain={SMALL}";',
    "eager": f'cpus = <2>; memory = <0x0 {SMALL << 20:#x}>; memory-policy = "eager"; bootargs = "stain={SMALL}";',
    "rt": f'cpus = <2>; memory = <0x0 {SMALL << 20:#x}>; priority = <8>; bootargs = "stain={SMALL}";',
    "lost": f'cpus = <2>; memory = <0x0 {SMALL << 20:#x}>; bootargs = "stain={SMALL} lost";',
}


def stain_bundle(path):
    types = {label: f'kernel = "stain.elf"; {properties}' for label, properties in TYPES.items()}
    return bundle(path / "bundle.cpio", types, {"stain.elf": (BUILD / "guests/stain.elf").read_bytes()})


def clean(console, then="filled"):
    """It found nothing, and has left its own data everywhere."""
    console.expect(r"stain: (clean|FAIL|FOREIGN [^\n]*)", BOOT_SECONDS)
    assert console.match[1] == "clean"
    if then:
        console.expect(rf"stain: {then}", BOOT_SECONDS)


def touched(board, vm):
    return int(re.search(r"touched +(\d+) MiB", board.sh(f"zvm info {vm.name}"))[1])


@pytest.mark.parametrize("smp", [2, 4])
def test_memory_is_never_handed_on_uncleared(boot, tmp_path, smp):
    """On a machine whose RAM is all promised; VMs are reset, stopped, deleted, or crash."""
    board = boot(smp=smp, mem=320, consoles=8, bundle=stain_bundle(tmp_path))
    before = memory(board)
    vms = [new(board, kind) for kind in ("large", "large", "small", "eager", "rt", "lost")]
    consoles = [vm.port() for vm in vms]
    assert [touched(board, vm) for vm in vms[3:5]] == [SMALL, SMALL]
    assert touched(board, vms[0]) < 8
    left = int(re.search(r"blocks of 2 MiB free: (\d+)", board.sh("host mem"))[1]) * 2
    assert f"must be 2 to {left}" in board.sh("zvm new -t large -m 256")
    rest = new(board, "small", f"-m {left}")
    assert memory(board)["blocks of 2 MiB free"] == "0"
    assert "0 MiB are free" in board.sh("zvm new -t small")
    for vm in vms:
        vm.run()
    for console in consoles[:5]:
        clean(console)
    for again in (True, False):
        clean(consoles[5], "lost")
        vms[5].wait_until("crashed")
        if again:
            vms[5].run()
    assert touched(board, vms[0]) == LARGE
    rest.delete()
    for turn in range(3):
        # One is in the middle of its work, another one is over, a third one begins again.
        vms[turn].reset()
        consoles[turn].expect("stain: clean", BOOT_SECONDS)
        vms[turn].stop()
        vms[turn + 1].delete(force=True)
        vms[turn + 2].reset()
        vms[turn].run()
        vms[turn + 1] = new(board, ("small", "eager", "rt")[turn])
        consoles[turn + 1] = vms[turn + 1].port()
        vms[turn + 1].run()
        for console in consoles[turn:turn + 3]:
            clean(console)
    for vm in vms:
        vm.delete(force=True)
    assert memory(board) == before


def test_what_is_shown(boot, tmp_path):
    """The cleaner clears in advance, as far as it may; VMs that come then clear nothing."""
    board = boot(smp=2, mem=512, bundle=stain_bundle(tmp_path))

    def figures():
        text = board.sh("host mem")
        return (tuple(map(int, re.search(r"in advance: (\d+), (\d+) to come, (\d+) so far", text).groups())) +
                tuple(map(int, re.search(r"by VMs: (\d+) clear, (\d+) cleared by themselves", text).groups())))

    def settle():
        while figures()[1]:
            pass
        return figures()

    assert settle() == (128, 0, 128, 0, 0)
    vm = new(board, "large")
    vm.run()
    console = vm.port()
    clean(console)
    assert figures()[3:] == (32, 0)
    assert touched(board, vm) == 64
    vm.reset()
    clean(console)
    assert figures()[3] + figures()[4] == 64
    vm.delete(force=True)
    rt = [new(board, "rt", "-c 1") for _ in range(2)]  # one on each CPU: they are left alone
    so_far = figures()[2]
    rt[0].reset()
    clean(rt[0].port())
    assert figures()[2] == so_far and figures()[1] > 0
    rt[1].delete()
    assert settle()[2] > so_far
