# SPDX-License-Identifier: Apache-2.0
"""Many VMs at once, on few and on many CPUs; the cost of the last; VMs that come and go."""

import os
import sys
from importlib.machinery import SourceFileLoader

import pytest

from conftest import BUILD, KERNELS, ROOT
from guests import memory, new, rows
from test_types import bundle, passes

sys.path.insert(0, str(ROOT / "bench"))
from machine import Debugger, Machine  # noqa: E402

MANY = 64
# Of create, run and delete; `make soak` wants more.
CYCLES = int(os.environ.get("ZVM_SOAK") or 500)


@pytest.mark.parametrize("smp", [4, 9, 16])
def test_many_at_once(boot, tmp_path, smp):
    """64 VMs of 4 MiB, each with a console port of its own, on three virtio-serial devices."""
    board = boot(smp=smp, mem=4096, consoles=MANY, bundle=bundle(tmp_path, {"small": ""}))
    for vm in [new(board, "small", "-m 4") for _ in range(MANY)]:
        vm.delete()
    before = memory(board)
    vms = [new(board, "small", "-m 4") for _ in range(MANY)]
    consoles = [board.console(port) for port in range(MANY)]
    for vm in vms:
        vm.run()
    for vm, console in zip(vms, consoles):
        passes(console)
    assert [row["STATE"] for row in rows(board).values()] == MANY * ["running"]
    threads = board.sh("host threads")
    assert "vm63.0" in threads and "more" not in threads
    for vm in vms:
        vm.delete(force=True)
    assert memory(board) == before


def test_the_last_costs_what_the_first_does(tmp_path):
    """In instructions, but for one look at each VM there is: in vm_create() and vm_delete()."""
    tool = SourceFileLoader("bench", str(ROOT / "tools/bench")).load_module()
    bench = tool.Bench(BUILD, "cortex-a53", tmp_path)
    options = ["-kernel", KERNELS / "zvm_host.bin", "-initrd", bench.bundle(ROOT / "bench/busy.dts")]
    with Debugger() as debugger, Machine("cortex-a53", options + debugger.options, smp=2, sleep="on") as host:
        debugger.attach()
        debugger.go()
        host.wait_prompt()
        vm = tool.Life(bench, host, debugger)
        for n in range(MANY):
            if 1 <= n <= 3 or n >= MANY - 3:  # the very first one finds no tables for its stack
                vm.call("create", "zvm new -t bench-busy", "vm_create")
                vm.call("delete", f"zvm delete -f -n {n}", "vm_delete")
            host.command("zvm new -t bench-busy")
    # The best of three: in others the machine's other CPU had a turn, which counts here.
    for samples in vm.samples["create"], vm.samples["delete"]:
        assert min(samples[3:]) - min(samples[:3]) < 50 * MANY, vm.samples


def test_no_page_is_lost(boot, tmp_path):
    """VMs are created, run and deleted, and every tenth time paused and reset between."""
    board = boot(smp=2, mem=512, bundle=bundle(tmp_path, {"small": ""}))

    def cycle(n):
        more = ("pause", "resume", "reset") if n % 10 == 0 else ()
        for command in ("new -t small", "run -n 0", *(f"{word} -n 0" for word in more), "delete -f -n 0"):
            answer = board.sh(f"zvm {command}")
            assert answer.startswith("vm 0 'small' "), f"cycle {n}: {command}: {answer}"

    def held():
        threads = [line.split()[0] for line in board.sh("host threads").splitlines()]
        return memory(board), sorted(threads)

    cycle(0)
    before = held()
    for n in range(1, CYCLES + 1):
        cycle(n)
        if n % 100 == 0:
            assert held() == before, f"after {n} cycles"
    assert held() == before
    print(f"{CYCLES} cycles, {before[0]}")
