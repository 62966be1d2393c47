# SPDX-License-Identifier: Apache-2.0
"""Where vCPUs run: ordinary VMs go where there is room, also later; real-time VMs stay."""

import re

from guests import new
from test_sched import spinning


def cpus(board, name):
    """The CPUs of a VM's vCPUs."""
    return [int(n) for n in re.findall(r"vcpu \d .*?cpu (\d)", board.sh(f"zvm info {name}"))]


def spinning_anywhere(board, name, options):
    """A VM that spins, begun with these options; from then on it may be anywhere."""
    vm = spinning(board, name, options)
    assert board.sh(f"zvm set {name} affinity=any") == f"vm {vm.id} '{name}' set"
    return vm


def test_linux_keeps_off_a_control_loop(boot):
    """An unbound VM keeps off a real-time VM's CPU if there is another, whichever comes first."""
    board = boot(smp=4, mem=2048, guests=["linux", "rtos"])
    rtos = new(board, "rtos", "-c 1 -a 0x2")
    linux = new(board, "linux")
    assert cpus(board, "linux") == [3, 2]
    linux.delete()
    linux = new(board, "linux", "-c 4")
    assert 1 not in cpus(board, "linux")
    rtos.delete()
    linux.delete()
    linux = new(board, "linux", "-c 4")
    assert sorted(cpus(board, "linux")) == [0, 1, 2, 3]
    rtos = new(board, "rtos", "-c 1 -a 0x2")
    assert cpus(board, "rtos") == [1]
    assert 1 not in cpus(board, "linux")
    # Where the operator says which CPUs, those are used.
    assert board.sh("zvm set linux affinity=0x2") == f"vm {linux.id} 'linux' set"
    assert cpus(board, "linux") == [1, 1, 1, 1]
    # It still gives way to a VM that wants the CPU alone, if it may be elsewhere; else it is named.
    assert board.sh("zvm set rtos dedicated=on") == "zvm: 'rtos' needs 1 dedicated CPU: cpu1 has 'linux'"
    assert board.sh("zvm set linux affinity=0x6") == f"vm {linux.id} 'linux' set"
    assert board.sh("zvm set rtos dedicated=on") == f"vm {rtos.id} 'rtos' set"
    assert cpus(board, "rtos") == [1] and cpus(board, "linux") == [2, 2, 2, 2]


def test_moved_when_a_cpu_stays_idle(boot):
    """Of two on one CPU, one moves to an idle CPU without real-time VMs; real-time VMs stay."""
    board = boot(smp=4, mem=1024, guests=["smp"])
    for name in ("rt1", "rt2"):
        spinning_anywhere(board, name, "-a 0x2 -p 8")
    pair = [spinning_anywhere(board, name, "-a 0x4") for name in ("a", "b")]
    board.until(lambda: cpus(board, "a") != cpus(board, "b"))
    placed = cpus(board, "a") + cpus(board, "b")
    assert 2 in placed and 1 not in placed
    assert cpus(board, "rt1") == cpus(board, "rt2") == [1]
    assert re.search(r"vm \d '[ab]': vcpu 0 moves from cpu2 to cpu[03], which was idle", board.sh("host log"))
    # Both go on.
    board.until(lambda: all(float(vm.row()["CPU%"]) > 60 for vm in pair))
