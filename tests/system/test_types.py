# SPDX-License-Identifier: Apache-2.0
"""Bundles and descriptions of every quality; limits, priorities, places and restarts of VMs."""

import re
import subprocess
import sys

import pytest

from conftest import BOOT_SECONDS, BUILD, ROOT
from guests import SMP, Vm, memory, new, rows

sys.path.insert(0, str(ROOT / "tools"))
import cpio  # noqa: E402

DESCRIPTION = """/dts-v1/;
/ {{
	compatible = "zvm,vm";
	label = "{label}";
	cpus = <1>;
	memory = <0x0 0x800000>;
	kernel = "guests/smp.elf";
	{more}
}};
"""


def bundle(folder, types, others=None):
    """A bundle of the `smp` guest under several descriptions: label to further properties."""
    archive = cpio.Writer()
    for label, more in types.items():
        source = DESCRIPTION.format(label=label, more=more)
        done = subprocess.run(["dtc", "-q", "-O", "dtb"], input=source.encode(),
                              stdout=subprocess.PIPE, check=True)
        archive.file(f"vms/{label}.dtb", done.stdout)
    for name, data in (others or {}).items():
        archive.file(name, data)
    archive.file("guests/smp.elf", (BUILD / "guests/smp.elf").read_bytes())
    path = folder / "bundle.cpio"
    path.write_bytes(archive.finish())
    return path


def passes(terminal):
    terminal.expect(r"smp: (PASS|FAIL)\s+smp> ", BOOT_SECONDS)
    assert terminal.match[1] == "PASS"


@pytest.mark.parametrize("more, says", [
    ("colour = <1>;", "colour"),
    ("initrd = \"nowhere\";", "nowhere"),
    ("affinity = <0>;", "affinity"),
    ("priority = <64>;", "priority"),
    ("restart = \"sometimes\";", "restart"),
    ("console { backend = \"smoke\"; };", "backend"),
    ("kitchen { };", "kitchen"),
])
def test_a_wrong_description_is_told(boot, tmp_path, more, says):
    """In the list and when it is asked for; the types beside it are as good as ever."""
    board = boot(smp=1, mem=512, bundle=bundle(tmp_path, {"bad": more, "good": ""}))
    listed = {line.split()[0]: line for line in board.sh("zvm list").splitlines()[1:]}
    if says != "nowhere":
        assert says in listed["bad"]
    answer = board.sh("zvm new -t bad")
    assert len(answer.splitlines()) == 1
    assert says in answer
    new(board, "good").delete()


@pytest.mark.parametrize("kind", ["noise", "cut", "zeros", "not-a-devicetree", "same-label"])
def test_a_broken_bundle_stops_nobody(boot, tmp_path, kind):
    good = bundle(tmp_path, {"good": "", "twin": ""},
                  {"vms/x.dtb": b"no devicetree at all"}).read_bytes()
    broken = {
        "noise": bytes(n * n % 251 for n in range(100000)),
        "cut": good[:len(good) // 2],
        "zeros": bytes(4096),
        "not-a-devicetree": good,
        "same-label": good.replace(b"twin\0", b"good\0"),
    }[kind]
    path = tmp_path / "broken.cpio"
    path.write_bytes(broken)
    board = boot(smp=1, mem=512, bundle=path)
    answer = board.sh("zvm new -t nothing")
    assert len(answer.splitlines()) == 1
    if kind in ("not-a-devicetree", "same-label"):
        assert "good" in answer
        vm = new(board, "good")
        assert vm.note == ("vms/twin.dtb has the label 'good' too, and is not used"
                           if kind == "same-label" else None)
        vm.delete()
    assert "free" in memory(board)


def test_as_many_as_there_is_room_for(boot, tmp_path):
    """The limits of VMs and of memory are told, and nothing is lost at them."""
    board = boot(smp=2, mem=1500, bundle=bundle(tmp_path, {"small": ""}))
    for vm in [new(board, "small") for _ in range(128)]:
        vm.delete()
    before = memory(board)  # the tables that map so many stacks stay
    vms = [new(board, "small") for _ in range(128)]
    assert "128 VMs" in board.sh("zvm new -t small")
    assert rows(board)["small-128"]["STATE"] == "created"
    vms[63].delete()
    vms[63] = new(board, "small")  # the number that is free
    assert rows(board)["small-64"]["ID"] == "63"
    for vm in vms:
        vm.run()
    assert len(rows(board)) == 128
    for vm in vms:
        vm.delete(force=True)
    assert memory(board) == before
    free = int(before["free"]) // 1024
    big = new(board, "small", f"-m {free // 2 & ~1}")
    answer = board.sh(f"zvm new -t small -m {free // 2 + 4 & ~1}")
    assert len(answer.splitlines()) == 1 and "free" in answer
    big.delete()
    assert memory(board) == before


def test_names_are_numbered(boot, tmp_path):
    """By the least number that is free. VMs of other types may have such names too."""
    long = "a-label-of-23-letters-x"
    board = boot(smp=2, mem=512, bundle=bundle(tmp_path, {"small": "", long: ""}))
    new(board, "small")
    new(board, long, "--name small-2")
    new(board, long, "--name small-x3")
    vms = [new(board, "small") for _ in range(2)]
    assert [vm.name for vm in vms] == ["small-3", "small-4"]
    vms[0].delete()
    assert new(board, "small").name == "small-3"
    assert [new(board, long).name for _ in range(2)] == [long, "a-label-of-23-lette-2"]


def test_urgent_vms_go_first(boot, tmp_path):
    """One CPU, and a VM that never gives it away: a more urgent VM does not notice."""
    board = boot(smp=1, mem=512, bundle=bundle(tmp_path, {"vm": ""}))
    busy = new(board, "vm", "--name busy -p 30")
    spins = busy.port()
    busy.run()
    passes(spins)
    spins.line("spin")
    spins.expect("spin")
    urgent = new(board, "vm", "--name urgent -p 10")
    idle = new(board, "vm", "--name idle -p 40")
    terminal = urgent.port()
    urgent.run()
    passes(terminal)
    idle.run()
    assert "pong" in terminal.run("ping", SMP)
    # The least urgent one gets nothing, until the busy one is stopped.
    assert "smp:" not in idle.log()
    busy.pause()
    with idle.attached() as shell:
        passes(shell)


def test_affinity(boot, tmp_path):
    board = boot(smp=4, mem=512, bundle=bundle(tmp_path, {"vm": "", "third": "affinity = <0x4>;"}))
    for vm, cpus in ((new(board, "vm", "-c 4"), {"0", "1", "2", "3"}),
                     (new(board, "vm", "-c 4 -a 0xa"), {"1", "3"}),
                     (new(board, "third", "-c 2"), {"2"})):
        info = board.sh(f"zvm info {vm.name}")
        assert set(re.findall(r"vcpu \d .*?cpu (\d)", info)) == cpus


def test_autostart_and_restart(boot, tmp_path):
    board = boot(smp=2, mem=512, bundle=bundle(tmp_path, {
        "phoenix": "autostart; restart = \"always\"; console { port = <2>; };",
        "mayfly": "autostart;",
        "sleeper": "",
    }))
    # The shell does not wait for them.
    board.until(lambda: {name: row["STATE"] for name, row in rows(board).items()} ==
                {"phoenix": "running", "mayfly": "running"})
    phoenix = Vm(board, int(rows(board)["phoenix"]["ID"]), "phoenix")
    terminal = phoenix.port()
    assert terminal is board.console(2)
    terminal.knock(SMP)
    terminal.line("ping")
    terminal.expect(r"pong 1\s") # what was printed before is read
    for life in (1, 2):
        terminal.line("off")
        passes(terminal)
        assert int(phoenix.row()["RESTARTS"]) == life
    mayfly = Vm(board, int(rows(board)["mayfly"]["ID"]), "mayfly")
    with mayfly.attached() as shell:
        shell.expect(r"smp: PASS\s+smp> ", BOOT_SECONDS)
    mayfly.port().line("off")
    mayfly.wait_until("stopped")
