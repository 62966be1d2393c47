# SPDX-License-Identifier: Apache-2.0
"""How VMs share CPUs: weights, budgets, dedicated CPUs, and the operator's prompt in spite of it.

QEMU counts instructions here (-icount): shares are of what was executed, however slow the machine.
"""

import re
import subprocess

from conftest import BOOT_SECONDS, BUILD, ROOT
from guests import new, rows

COUNTED = ["-icount", "shift=4"]


def uptime(board):
    """Seconds of the machine's own time."""
    return int(re.search(r"(\d+) s since power-on", board.sh("host info"))[1])


def pass_time(board, seconds):
    end = uptime(board) + seconds + 1
    while uptime(board) < end:
        board.drain(0.3)  # asking takes time of the same CPU


def shares(board, seconds=3):
    """CPU shares in percent over so many seconds, by name."""
    rows(board)
    pass_time(board, seconds)
    return {name: float(row["CPU%"]) for name, row in rows(board).items()}


def settled(board):
    """The same after a change: the last look at them is long enough ago to start over."""
    pass_time(board, 1)
    return shares(board)


def spinning(board, name, options=""):
    """A VM with one vCPU that does nothing but use it."""
    vm = new(board, "smp", f"-c 1 --name {name} {options}")
    vm.run()
    with vm.attached() as shell:
        shell.expect(r"smp: PASS\s+smp> ", BOOT_SECONDS)
        shell.line("spin")
        shell.expect("spin")
    return vm


def info(board, name, what):
    """A line of `zvm info NAME`."""
    return re.search(rf"^  {what} +(.*)$", board.sh(f"zvm info {name}"), re.M)[1]


def test_one_cpu(boot):
    board = boot(smp=1, mem=512, guests=["smp"], cpu="cortex-a53", extra=COUNTED)
    spinning(board, "a")
    spinning(board, "b")
    found = shares(board)
    assert found["a"] + found["b"] > 85
    assert abs(found["b"] / found["a"] - 1) < 0.1
    # Weights: in proportion.
    assert board.sh("zvm set b weight=300") == "vm 1 'b' set"
    found = settled(board)
    assert found["a"] + found["b"] > 85
    assert abs(found["b"] / found["a"] - 3) < 0.3
    # A budget: so much and no more, and what is left is the other's.
    board.sh("zvm set -n a prio=10 budget=2000 period=10000")
    found = settled(board)
    assert 18 < found["a"] < 20.5 and found["b"] > 65
    throttled = re.fullmatch(r"2000 us of 10000 us, each vcpu; throttled (\d+) times, "
                             r"missed 0 periods", info(board, "a", "budget"))
    assert int(throttled[1]) > 300
    # Also while no other VM wants the CPU; an idle machine's clock follows real time: perhaps less.
    board.sh("zvm pause b")
    assert 0 < shares(board)["a"] < 20.5
    board.sh("zvm resume b")
    # What does not fit is refused with the sum, and nothing changes.
    assert board.sh("zvm set b budget=71 period=100") == \
        "zvm: 71 us of 100 us on cpu0: 71.0 % + 'a' 20.0 % is 91.0 %, more than 90 %"
    assert 18 < shares(board)["a"] < 20.5
    # A real-time VM that never lets go of the only CPU: the operator has the last word.
    board.sh("zvm set a budget=0 prio=3")
    found = settled(board)
    assert found["a"] > 85 and found["b"] < 1
    board.sh("zvm stop -f a")
    assert settled(board)["b"] > 85


def answers(vm):
    with vm.attached() as shell:
        shell.line("ping")
        shell.expect("pong")


def exits(board, name, kind):
    return [int(n) for n in re.findall(rf"vcpu \d.*\b{kind} (\d+)", board.sh(f"zvm info {name}"))]


def test_a_cpu_of_its_own(boot):
    """Others are moved off, and the guest's WFI does not trap any more."""
    board = boot(smp=3, mem=512, guests=["smp"])
    wide = new(board, "smp", "--name wide -c 3")
    own = new(board, "smp", "--name own -c 2 -a 0x6")
    for vm in (wide, own):
        vm.run()
        with vm.attached() as shell:
            shell.expect(r"smp: PASS\s+smp> ", BOOT_SECONDS)
    assert board.sh("zvm set own dedicated=on") == "vm 1 'own' set"
    assert "dedicated" in info(board, "own", "cpus")
    assert set(re.findall(r"vcpu \d .*?cpu (\d)", board.sh("zvm info own"))) == {"1", "2"}
    assert set(re.findall(r"vcpu \d .*?cpu (\d)", board.sh("zvm info wide"))) == {"0"}
    answers(own)
    waits, interrupts = exits(board, "own", "wfx"), exits(board, "own", "irq")
    board.until(lambda: all(now > then + 20 for now, then in zip(exits(board, "own", "irq"), interrupts)))
    assert exits(board, "own", "wfx") == waits
    answers(wide)
    assert board.sh("zvm new -t smp --name more -c 1 -a 0x6") == \
        "zvm: 'more' finds no CPU that is not dedicated: cpu1 has 'own', cpu2 has 'own'"
    board.sh("zvm set own dedicated=off")
    board.until(lambda: all(now > then for now, then in zip(exits(board, "own", "wfx"), waits)))


def test_resets_in_a_loop(boot):
    """The first restarts are at once, then it waits longer and longer."""
    board = boot(smp=1, mem=512, guests=["smp"], cpu="cortex-a53", extra=COUNTED)
    vm = new(board, "smp", "--name loop -c 1")
    terminal = vm.port()
    vm.run()
    for restarts in range(4):
        terminal.expect(r"smp: PASS\s+smp> ", BOOT_SECONDS)
        terminal.line("reset")
        board.until(lambda: int(vm.row()["RESTARTS"]) > restarts or vm.state == "stopped")
    assert re.search(r"3 restarts, restarted never, in \d+ s", board.sh("zvm info loop")) or \
        int(vm.row()["RESTARTS"]) > 3
    assert "has ended 4 times soon after its start: it waits 1 s" in board.sh("host log")
    terminal.expect(r"smp: PASS\s+smp> ", BOOT_SECONDS)
    assert vm.row()["RESTARTS"] == "4"
    # One that waits can be told not to.
    terminal.line("reset")
    board.until(lambda: vm.state == "stopped")
    assert board.sh("zvm stop -f loop") == f"vm {vm.id} 'loop' stopped"
    assert ", in " not in info(board, "loop", "uptime")


SCHEDULE = """/dts-v1/;
/ {
	compatible = "zvm,schedule";
	cpu@1 {
		reg = <1>;
		frame-us = <10000>;
		control { vm = "a"; offset-us = <0>; length-us = <2000>; };
		general { vm = "b"; offset-us = <%d>; length-us = <5000>; };
	};
};
"""


def bundle_with(folder, schedule):
    """mkbundle with this schedule: its path and what was said."""
    (folder / "s.dts").write_text(schedule)
    done = subprocess.run([ROOT / "tools/mkbundle", "--build", BUILD, "--schedule",
                           folder / "s.dts", "--out", folder / "b.cpio", "smp"],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return folder / "b.cpio", done.stdout


def test_windows(boot, tmp_path):
    """Each VM has its windows, one that has none the rest, whatever their priorities."""
    bundle, said = bundle_with(tmp_path, SCHEDULE % 1999)
    assert "s.dts:8: /cpu@1/general: offset-us: 1999 to 6999 us overlaps 'control'" in said
    bundle, _ = bundle_with(tmp_path, SCHEDULE % 3000)
    board = boot(smp=2, mem=512, bundle=bundle, cpu="cortex-a53", extra=COUNTED)
    for name, options in (("a", "-p 30"), ("b", ""), ("rest", "-p 10 -a 0x2")):
        spinning(board, name, options)
    assert info(board, "a", "windows") == "cpu 1: 0+2000 us of each 10000 us"
    found = shares(board)
    for name, share in (("a", 20), ("b", 50), ("rest", 30)):
        assert abs(found[name] - share) < 1
    # Changed while they run; what does not fit is refused with the sum.
    assert board.sh("zvm set b windows=1:2000+1000,1:8000+1000") == "vm 1 'b' set"
    assert info(board, "b", "windows") == "cpu 1: 2000+1000, 8000+1000 us of each 10000 us"
    assert board.sh("zvm set b windows=1:1000+2000") == \
        "zvm: 'b': 1000 to 3000 us overlaps 'control' of 'a', 0 to 2000 us; free on cpu1: 2000+8000 us"
    found = settled(board)
    for name, share in (("a", 20), ("b", 20), ("rest", 60)):
        assert abs(found[name] - share) < 1
    assert board.sh("zvm set a windows=none") == "vm 0 'a' set"
    assert "cpu 0" in info(board, "a", "vcpu 0")
    assert "paused" in board.sh("zvm pause a")  # if both CPUs are busy, QEMU's turns are longer
    found = settled(board)
    for name, share in (("b", 20), ("rest", 80)):
        assert abs(found[name] - share) < 1
    assert board.sh("zvm set a windows=1:0+2000") == "vm 0 'a' set"
    assert "running" in board.sh("zvm resume a")
    assert abs(settled(board)["a"] - 20) < 1
    # A closed window does not keep the operator waiting.
    for name in ("a", "b", "rest"):
        assert "paused" in board.sh(f"zvm pause {name}")
    # A VM that is bound to nothing stays away from windows.
    assert "cpu 0" in info(board, new(board, "smp", "-c 1").name, "vcpu 0")
    assert board.sh("zvm set a budget=10 period=100") == \
        "zvm: 'a' has windows: they exclude a budget"


def test_a_schedule_of_vms_that_no_type_makes(boot, tmp_path):
    """A mistyped name brings a suggestion; a name of `zvm new --name` is a note until then."""
    bundle, said = bundle_with(tmp_path, (SCHEDULE % 3000).replace('"a"', '"smpp"').replace('"b"', '"general"'))
    lines = ("schedule.dtb: control: vm: no type is called 'smpp'; did you mean 'smp'?",
             "schedule.dtb: general: vm: no type is called 'general'; it waits for `zvm new --name general`")
    board = boot(smp=2, mem=512, bundle=bundle)
    for line in lines:
        assert f"mkbundle: note: {line}" in said
        assert line in board.sh("zvm list")
        assert line in board.sh("host log")
    new(board, "smp", "--name general")
    listed = board.sh("zvm list")
    assert lines[0] in listed and lines[1] not in listed


def test_a_schedule_that_is_none_is_listed(boot, tmp_path):
    """One that was made by hand: nothing has checked it before."""
    good, _ = bundle_with(tmp_path, SCHEDULE % 3000)
    data = good.read_bytes()
    bad = data.replace(b"zvm,schedule", b"zvm,schedula")
    assert bad != data
    (tmp_path / "bad.cpio").write_bytes(bad)
    board = boot(smp=2, mem=512, bundle=tmp_path / "bad.cpio")
    says = 'schedule.dtb: /: compatible: is not "zvm,schedule"; no CPU has windows'
    assert says in board.sh("zvm list")
    assert says in board.sh("host log")
