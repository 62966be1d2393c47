# SPDX-License-Identifier: Apache-2.0
"""tools/zvm-check: what is wrong with a description, and where; what a machine lacks; deadlines."""

import os
import re
import subprocess

from conftest import BUILD, ROOT, make_bundle
from machine_disks import gpt

QEMU = os.environ.get("QEMU") or "qemu-system-aarch64"
LOOP = """/dts-v1/;
/ {
	compatible = "zvm,vm";
	label = "loop";
	memory = <0x0 0x00800000>;
	kernel = "guests/control.elf";
	priority = <5>;
	affinity = <0x2>;
	task0 { period-us = <1000>; wcet-us = <120>; deadline-us = <700>; };
	task1 { period-us = <5000>; wcet-us = <800>; };
};
"""
URGENT = """/dts-v1/;
/ {
	compatible = "zvm,vm";
	label = "urgent";
	memory = <0x0 0x00800000>;
	kernel = "guests/bench_busy.elf";
	priority = <3>;
	affinity = <0x2>;
	period-us = <1000>;
	budget-us = <400>;
};
"""


def source(folder, name, text):
    path = folder / f"{name}.dts"
    path.write_text(text)
    return path


def check(*argv):
    """(what it prints, its complaints, whether all is well)"""
    done = subprocess.run([ROOT / "tools/zvm-check", "--build", BUILD, *argv], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout, done.stderr, done.returncode == 0


def board(folder, cpus, mib, gic):
    dtb = folder / "board.dtb"
    subprocess.run([QEMU, "-machine", f"virt,gic-version={gic},virtualization=on,dumpdtb={dtb}", "-cpu",
                    "cortex-a53", "-smp", str(cpus), "-m", str(mib), "-display", "none", "-nic", "none"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return dtb


def test_errors_name_the_line(tmp_path):
    """A slip of the finger, a wrong value, a missing image: file, line, node, property."""
    for old, new, line, error in (
            ("wcet-us = <120>", "wect-us = <120>", 9,
             "/task0: wect-us: unknown property; did you mean 'wcet-us'?"),
            ("0x00800000", "0x00810000", 5, "/: memory: 0x810000 is not a multiple of 2 MiB"),
            ("priority = <5>", "prioriy = <5>", 7, "/: prioriy: unknown property; did you mean 'priority'?"),
            ("<800>", "<5001>", 10, "/task1: wcet-us: is more than the deadline"),
            ("task1 {", 'console {\n backend = "prot"; };\n\ttask1 {', 11,
             "/console: backend: 'prot': expected port or none")):
        dts = source(tmp_path, "loop", LOOP.replace(old, new, 1))
        shown = min(os.path.relpath(dts), str(dts), key=len)
        _, complaints, well = check(dts)
        assert not well and complaints == f"{shown}:{line}: {error}\n"
    # What the source includes is named itself.
    (tmp_path / "inc.dtsi").write_text("/ {\n\tprioriy = <5>;\n};\n")
    dts = source(tmp_path, "loop", LOOP.replace("/dts-v1/;\n", '/dts-v1/;\n/include/ "inc.dtsi"\n'))
    assert re.search(r"inc\.dtsi:2: /: prioriy: ", check(dts)[1])
    _, complaints, well = check(source(tmp_path, "loop", LOOP.replace("control.elf", "contrl.elf")))
    assert not well and "no image guests/contrl.elf" in complaints
    assert check(source(tmp_path, "loop", LOOP))[2]


def test_the_machine(tmp_path):
    """CPUs, memory and a GIC that a board lacks; else the machine of `make run` counts."""
    large = source(tmp_path, "large", LOOP.replace("0x0 0x00800000", "0x0 0xd0000000"))
    assert check(large)[2]
    large = source(tmp_path, "large", LOOP.replace("0x0 0x00800000", "0x1 0x20000000"))
    assert check(large)[1].endswith("/: memory: 4608 MiB, but the machine has 4096\n")
    dts = source(tmp_path, "loop", LOOP.replace(
        "affinity = <0x2>;", "affinity = <0x6>;\n\tdedicated;\n\tcpus = <2>;\n\tgic-version = <3>;").replace(
        "0x0 0x00800000", "0x0 0x30000000"))
    assert check(dts)[2]
    shown = min(os.path.relpath(dts), str(dts), key=len)
    _, complaints, well = check("--machine", board(tmp_path, 2, 512, 2), dts)
    assert not well and complaints.splitlines() == [
        f"{shown}:8: /: affinity: 0x6 names CPUs that the machine lacks: it has 0x3",
        f"{shown}:9: /: dedicated: 2 vCPUs need a CPU each, but besides cpu0, which has the shell, the machine has 1",
        f"{shown}:5: /: memory: 768 MiB, but the machine has 512",
        f"{shown}:11: /: gic-version: guests get a GICv2 on this machine"]
    said, _, _ = check("--machine", board(tmp_path, 4, 1024, 3), dts, "linux")
    assert "note: one VM of each type needs 1280 MiB, the machine has 1024: not all at once" in said


def test_disks_of_the_machine(tmp_path):
    """Disks are behind virtio-mmio: the board without has none, and the one with one has vda."""
    disks = """devices {
		disk0 { compatible = "zvm,virtio-blk"; disk = "vda2"; };
		disk1 { compatible = "zvm,virtio-blk"; disk = "vdag"; };
	};
	task0 {"""
    dts = source(tmp_path, "loop", LOOP.replace("task0 {", disks, 1))
    shown = min(os.path.relpath(dts), str(dts), key=len)
    line = LOOP[:LOOP.index("task0")].count("\n") + 2
    virt = board(tmp_path, 4, 1024, 3)
    assert check("--machine", virt, dts)[1] == (
        f"{shown}:{line + 1}: /devices/disk1: disk: 'vdag' would be disk 33, but the machine has virtio-mmio for 32\n")
    tree = virt.read_bytes().replace(b"virtio,mmio\0", b"virtio,none\0")
    virt.write_bytes(tree)
    assert check("--machine", virt, dts)[1].splitlines()[0] == (
        f"{shown}:{line}: /devices/disk0: disk: 'vda2', but the machine has no virtio-mmio, and so no disks: "
        "image = \"FILE\" is one of the bundle")


def test_partitions_of_files(tmp_path):
    """With files of the machine's disks: partitions by number and by label."""
    names = "vda2", "vda3", "vdb", "vdc", "label:root", "label:boot", "label:usr", "serial:any"
    disks = "".join(f'disk{n} {{ compatible = "zvm,virtio-blk"; disk = "{name}"; }};\n' for n, name in enumerate(names))
    dts = source(tmp_path, "loop", LOOP.replace("task0 {", f"devices {{ {disks} }};\n\ttask0 {{", 1))
    files = [gpt(tmp_path / "a.img", 64, [("boot", 1, 8), ("root", 10, 8)]), gpt(tmp_path / "b.img", 64, [("boot", 1, 8)])]
    given = [x for file in files for x in ("--disk", file)]
    assert [line.split(": disk: ")[1] for line in check(*given, dts)[1].splitlines()] == [
        "'vda3' is no partition; there are: vda1 'boot', vda2 'root', vdb1 'boot'",
        "'vdc' is not among the disks, which are 2",
        "'label:boot' are 2 partitions: vda1 'boot', vdb1 'boot'",
        "'label:usr' is no partition; there are: vda1 'boot', vda2 'root', vdb1 'boot'"]
    files[0].write_bytes(bytes(1 << 20))
    assert "disk: 'vda2' is no partition: no GUID partition table\n" in check(*given, dts)[1]
    assert check("--disk", tmp_path / "none", "control")[1] == f"{tmp_path / 'none'}: cannot be read\n"


def test_channels_on_the_machine(tmp_path):
    """The peers of a channel run at the same time, with its memory and their dedicated CPUs."""
    channel = """channels { loop { peers = "loop", "other"; size = <0x0 0x200000>; }; };
	task0 {"""
    text = LOOP.replace("0x0 0x00800000", "0x0 0x20000000").replace("affinity = <0x2>;", "dedicated; cpus = <2>;")
    text = text.replace("task0 {", channel, 1)
    loop, other = source(tmp_path, "loop", text), source(tmp_path, "other", text.replace('"loop";', '"other";', 1))
    line = text[:text.index("channels")].count("\n") + 1
    _, complaints, well = check("--machine", board(tmp_path, 4, 1024, 3), loop, other)
    shown = min(os.path.relpath(loop), str(loop), key=len)
    assert not well and complaints.splitlines() == [
        f"{shown}:{line}: /channels/loop: peers: with its memory they need 1027 MiB, but the machine has 1024",
        f"{shown}:{line}: /channels/loop: peers: together they need 4 dedicated CPUs, but besides cpu0, which has the "
        "shell, the machine has 3"]
    assert check("--machine", board(tmp_path, 8, 2048, 3), loop, other)[2]


def test_timing_is_printed(tmp_path):
    """Terms and sums; and with more urgent VMs a deadline that does not hold."""
    dts = source(tmp_path, "loop", LOOP)
    said, _, well = check("--timing", dts)
    assert well
    m, f, g = map(int, re.search(r"M = (\d+), F = (\d+), G = (\d+) instructions of 16.000 ns", said).groups())
    late = (2 * m + 2 * f + g + 3 * 45 + m) * 16
    assert f"timing: 'loop': late by at most {late // 1000}.{late // 100 % 10} us (on cpu1)" in said
    end = late + 120000
    assert f"task0: every 1000 us, 120 us long: ends after {end // 1000}.{end // 100 % 10} us, deadline 700 us" in said
    # On a CPU of 1000 million instructions a second.
    said, _, _ = check("--timing", "--instruction-ns", "1", dts)
    late //= 16
    assert f"late by at most {late // 1000}.{late // 100 % 10} us" in said
    urgent = source(tmp_path, "urgent", URGENT)
    assert check("--timing", "--instruction-ns", "1", dts, urgent)[2]
    _, complaints, well = check("--timing", dts, urgent)
    assert not well and "timing: 'loop': task0 ends later than 700 us on cpu1: " in complaints
    unlimited = URGENT.replace("budget-us = <400>;", "").replace("period-us = <1000>;", "")
    _, said, well = check("--timing", dts, source(tmp_path, "urgent", unlimited))
    assert not well and "no bound on cpu1: 'urgent' has priority 3, and no budget-us limits it" in said


def test_deadlines_are_kept_at_run_time(boot, tmp_path):
    """Whatever comes or changes: a VM whose tasks would miss deadlines, or others' would."""
    slow = LOOP.replace("1000>; wcet-us = <120>; deadline-us = <700>", "9000000>; wcet-us = <4000000>").replace(
        "5000>; wcet-us = <800>", "10000000>; wcet-us = <1000000>")
    urgent = URGENT.replace("<1000>", "<1000000>").replace("<400>", "<400000>")
    never = slow.replace('"loop"', '"never"').replace("<4000000>", "<9000000>")
    board = boot(smp=2, bundle=make_bundle(tmp_path / "b.cpio", [source(tmp_path, "loop", slow), source(tmp_path, "never", never),
                                                            source(tmp_path, "urgent", urgent)]))
    assert re.search(r"'never': task0 ends later than 9000000 us on cpu1: [\d.]+ us to its vector, then its "
                     r"9000000 us and all that goes before \(the longest section so far: \d+ ns, `host irq`\)",
                     board.sh("zvm new -t never"))
    assert "vm 0 'loop' created" in board.sh("zvm new -t loop")
    assert "vm 1 'urgent' created" in board.sh("zvm new -t urgent")
    assert "'loop': task0 ends later than" in board.sh("zvm new -t urgent --name more -p 4")
    assert "'loop': task0 ends later than" in board.sh("zvm set -n urgent budget=600000")
    assert "'loop' has tasks, but is not real-time" in board.sh("zvm set -n loop prio=20")
    assert "error" not in board.sh("zvm set -n urgent budget=300000").lower()
    board.sh("zvm run -n loop")


SCHEDULE = """/dts-v1/;
/ {
	compatible = "zvm,schedule";
	cpu@1 { reg = <1>; frame-us = <10000>; w0 { vm = "loop"; offset-us = <0>; length-us = <2000>; }; };
};
"""


def test_windows_are_for_one_vcpu_without_a_budget(tmp_path):
    """What shares its windows has no bound; what the machine will refuse is refused at the desk."""
    schedule = source(tmp_path, "schedule", SCHEDULE)
    plain = re.sub(r"\ttask.*\n", "", LOOP)

    def timing(text):
        return check("--timing", "--schedule", schedule, source(tmp_path, "loop", text))

    said, _, well = timing(plain)
    assert well and "the longest time between its windows" in said
    two = "affinity = <0x2>; cpus = <2>;"
    assert "timing: 'loop': no bound on cpu1: 2 of its vCPUs share its windows" in timing(
        plain.replace("affinity = <0x2>;", two))[0]
    assert not timing(LOOP.replace("affinity = <0x2>;", two))[2]
    for text in "period-us = <1000>; budget-us = <400>;", "dedicated;":
        _, complaints, well = timing(plain.replace("affinity", f"{text} affinity"))
        assert not well and re.search(r"loop\.dts:8: .*'loop' has windows in the schedule", complaints), complaints
