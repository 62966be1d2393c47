# SPDX-License-Identifier: Apache-2.0
"""No VM takes what is not its own: not time, not another's restart, not the shell.

QEMU counts instructions here (-icount), so that shares and waits are the machine's own, however
slow the computer is.
"""

import itertools
import re
import subprocess
import sys

import pytest

from conftest import BOOT_SECONDS, BUILD, ROOT
from guests import Vm, new, rows
from test_sched import COUNTED, pass_time, settled, uptime

sys.path.insert(0, str(ROOT / "tools"))
import cpio  # noqa: E402

DESCRIPTION = """/dts-v1/;
/ {{
	compatible = "zvm,vm";
	label = "{label}";
	memory = <0x0 {memory}>;
	kernel = "guests/{kernel}.elf";
	{more}
}};
"""


def storm(name, more="", memory="0x800000"):
    """A type that does one thing without end."""
    return {"kernel": "hostile", "more": f'bootargs = "storm={name}"; {more}', "memory": memory}


def bundle(folder, types):
    archive = cpio.Writer()
    for label, kind in types.items():
        source = DESCRIPTION.format(label=label, **kind)
        done = subprocess.run(["dtc", "-q", "-O", "dtb"], input=source.encode(),
                              stdout=subprocess.PIPE, check=True)
        archive.file(f"vms/{label}.dtb", done.stdout)
    for kernel in sorted({kind["kernel"] for kind in types.values()}):
        archive.file(f"guests/{kernel}.elf", (BUILD / f"guests/{kernel}.elf").read_bytes())
    path = folder / "bundle.cpio"
    path.write_bytes(archive.finish())
    return path


def calls(board, name):
    """Hypercalls that a VM has made."""
    return int(re.search(r"hvc (\d+)", board.sh(f"zvm info {name}"))[1])


def goes_on(board, name):
    """A VM makes more calls than now, soon by the machine's clock."""
    before, end = calls(board, name), uptime(board) + 3
    while calls(board, name) == before:
        assert uptime(board) < end, f"'{name}' makes no calls any more"
        board.drain(0.1)


def started(board, kind, options=""):
    vm = new(board, kind, options)
    vm.run()
    return vm


def is_served(board):
    """An urgent VM soon gets random numbers, for itself and for its devicetree."""
    begin = uptime(board)
    new(board, "urgent").delete()
    vm = started(board, "urgent")
    goes_on(board, "urgent")
    vm.delete(force=True)
    assert uptime(board) - begin < 5


# On a CPU with a generator of its own, where most of a call of TRNG is the pool and the key.
ASKERS = {
    "asks": storm("entropy", "priority = <30>;"),
    "limited": storm("entropy", "priority = <30>; budget-us = <2000>; period-us = <10000000>;"),
    "spins": storm("spin", "priority = <3>;"),
    "urgent": storm("entropy", "priority = <1>;"),
}


def test_random_numbers(boot, tmp_path):
    """A vCPU that is kept off its CPU in the middle of a call of TRNG keeps no other waiting."""
    board = boot(smp=1, mem=512, extra=COUNTED, bundle=bundle(tmp_path, ASKERS))
    for _ in range(5):  # its budget ends somewhere in a call
        limited = started(board, "limited")
        is_served(board)
        limited.delete(force=True)
    started(board, "asks")
    spins = started(board, "spins")
    for _ in range(5):
        is_served(board)
        spins.pause()
        pass_time(board, 0)
        spins.resume()


def test_flash_windows(boot, tmp_path):
    """The same of a vCPU that maps a page of erased flash: U-Boot reads its environment there."""
    board = boot(smp=1, mem=512, cpu="cortex-a53", guests=["uboot", "smp"], extra=COUNTED)
    first = started(board, "uboot", "-p 30")
    for _ in range(5):
        second = started(board, "uboot", "-p 25")
        with second.attached() as shell:
            shell.expect("Hit any key to stop autoboot", BOOT_SECONDS)
        second.delete(force=True)
        first.reset()


BUDGETED = ["-icount", "shift=6", "-rtc", "base=2000-01-01,clock=vm"]


def test_a_restart_is_no_fresh_budget(boot, tmp_path):
    """Lives of 10, 2, 2 and 2 s with 2 s of CPU time in any 10 s: at most 8 s in 32 s, not 16."""
    limit = "budget-us = <2000000>; period-us = <10000000>; priority = <10>;"
    board = boot(smp=1, mem=512, cpu="cortex-a53", extra=BUDGETED, bundle=bundle(tmp_path, {
        "cheats": storm("lives", limit), "other": storm("spin"),
    }))
    started(board, "other")
    started(board, "cheats")
    rows(board)
    pass_time(board, 32)
    found = {name: float(row["CPU%"]) for name, row in rows(board).items()}
    assert int(rows(board)["cheats"]["RESTARTS"]) >= 2
    assert found["cheats"] < 26
    assert found["other"] > 70


def test_the_operators_calls_are_no_fresh_budget(boot, tmp_path):
    """Pause, resume, reset, stop and run, and changes of a VM: what it has used is used."""
    limit = "budget-us = <200000>; period-us = <1000000>; priority = <10>;"
    board = boot(smp=1, mem=512, cpu="cortex-a53", extra=COUNTED, bundle=bundle(tmp_path, {
        "cheats": storm("spin", limit), "other": storm("spin"),
    }))
    started(board, "other")
    cheats = started(board, "cheats")
    pass_time(board, 1)
    rows(board)
    for _ in range(6):
        cheats.pause()
        cheats.resume()
        cheats.reset()
        cheats.stop()
        cheats.run()
        board.sh("zvm set cheats prio=11")
        board.sh("zvm set cheats prio=10 budget=200001")
        board.sh("zvm set cheats budget=200000")
        pass_time(board, 0)
    found = {name: float(row["CPU%"]) for name, row in rows(board).items()}
    assert found["cheats"] < 24
    assert found["other"] > 60


LINE = re.compile(r"^\[ *(\d+)\.(\d+)\] vm \d+ '(\w+)' (.*)$", re.M)


def restart_times(board, name):
    """Seconds, by the machine's clock, from each end of a VM's life to its next start."""
    ends, found = None, []
    for seconds, micros, vm, what in LINE.findall(board.sh("host log")):
        now = int(seconds) + int(micros) / 1e6
        if vm == name and what in ("powered off", "resets"):
            ends = now
        elif vm == name and what == "running" and ends is not None:
            found.append(now - ends)
            ends = None
    return found


def test_restarts_wait_for_no_other_vm(boot, tmp_path):
    """One resets itself all the time, behind one that never sleeps: an urgent one is soon back."""
    board = boot(smp=1, mem=512, cpu="cortex-a53", extra=COUNTED, bundle=bundle(tmp_path, {
        "loops": storm("reset", "priority = <40>;"),
        "spins": storm("spin", "priority = <20>;"),
        "phoenix": {"kernel": "smp", "memory": "0x800000",
                    "more": 'priority = <1>; cpus = <1>; restart = "always";'},
    }))
    phoenix = new(board, "phoenix")
    terminal = phoenix.port()
    started(board, "loops")
    phoenix.run()
    terminal.expect(r"smp: PASS\s+smp> ", BOOT_SECONDS)
    started(board, "spins")
    pass_time(board, 3)  # the other one's next life is due meanwhile
    for _ in range(2):
        terminal.line("off")
        terminal.expect(r"smp: PASS\s+smp> ", BOOT_SECONDS)
    assert phoenix.row()["RESTARTS"] == "2"
    times = restart_times(board, "phoenix")
    assert len(times) == 2 and max(times) < 0.1


def test_a_large_vms_resets_are_its_own_affair(boot, tmp_path):
    """1 % of CPU 1: neither CPU 0 nor the shell pays for 512 MiB that are cleared over and over."""
    limit = "budget-us = <1000>; period-us = <100000>; affinity = <0x2>;"
    board = boot(smp=2, mem=1024, cpu="cortex-a53", extra=COUNTED, bundle=bundle(tmp_path, {
        "large": storm("reset", limit, "0x20000000"),
        "spins": storm("spin", "affinity = <0x1>;"),
    }))
    started(board, "spins")
    started(board, "large")
    pass_time(board, 1)
    found = settled(board)
    assert rows(board)["large"]["STATE"] == "loading"
    assert found["spins"] > 85
    assert found["large"] < 1.5
    assert board.sh("zvm stop -f large") == "vm 1 'large' stopped"


def waited(board):
    """The longest that the shell waited for its CPU so far, in microseconds."""
    return int(re.search(r"^shell .* (\d+)$", board.sh("host threads"), re.M)[1])


# Everything that a description or `zvm set` can say of when a VM runs.
PRIORITIES = (0, 1, 15, 16, 17, 20, 62)
CLASSES = ("policy=fifo", "policy=round-robin weight=10000", "budget=90 period=100",
           "budget=8000000 period=10000000")


@pytest.mark.parametrize("cpus", [1, 2])
def test_the_shell_answers(boot, tmp_path, cpus):
    """Within 100 ms, whatever VMs of any class, priority and budget do on whichever CPU."""
    board = boot(smp=cpus, mem=512, cpu="cortex-a53", extra=COUNTED, bundle=bundle(tmp_path, {
        "spins": storm("spin", "cpus = <2>;"), "small": storm("spin"),
    }))
    for name in ("a", "b"):
        started(board, "spins", f"--name {name} -c {cpus}")
    for priority, how in itertools.product(PRIORITIES, CLASSES):
        first = f"zvm set a prio={priority} policy=round-robin weight=100 budget=0"
        assert board.sh(first) == "vm 0 'a' set"
        assert board.sh(f"zvm set a {how}") == "vm 0 'a' set"
        # Another one of the same priority takes the same turns, or none.
        other = "policy=fifo" if "fifo" in how else "policy=round-robin"
        assert board.sh(f"zvm set b prio={priority} {other}") == "vm 1 'b' set"
        new(board, "small").delete()
        Vm(board, 1, "b").pause()
        Vm(board, 1, "b").resume()
    assert waited(board) < 100000


def test_the_shell_answers_in_a_window(boot, tmp_path):
    """The same of VMs that have all of CPU 0 by the schedule."""
    types = {"spins": storm("spin")}
    path = bundle(tmp_path, types)
    archive = cpio.Writer()
    archive.file("schedule.dtb", subprocess.run(
        ["dtc", "-q", "-O", "dtb"], stdout=subprocess.PIPE, check=True, input=b"""/dts-v1/;
/ {
	compatible = "zvm,schedule";
	cpu@0 {
		reg = <0>;
		frame-us = <1000000>;
		all { vm = "a"; offset-us = <0>; length-us = <1000000>; };
	};
};
""").stdout)
    for label, kind in types.items():
        source = DESCRIPTION.format(label=label, **kind)
        archive.file(f"vms/{label}.dtb", subprocess.run(
            ["dtc", "-q", "-O", "dtb"], input=source.encode(), stdout=subprocess.PIPE,
            check=True).stdout)
    archive.file("guests/hostile.elf", (BUILD / "guests/hostile.elf").read_bytes())
    path.write_bytes(archive.finish())
    board = boot(smp=1, mem=512, cpu="cortex-a53", extra=COUNTED, bundle=path)
    started(board, "spins", "--name a")
    for priority in PRIORITIES:
        assert board.sh(f"zvm set a prio={priority} policy=fifo") == "vm 0 'a' set"
        Vm(board, 0, "a").pause()
        Vm(board, 0, "a").resume()
    assert waited(board) < 100000
