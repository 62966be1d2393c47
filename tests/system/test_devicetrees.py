# SPDX-License-Identifier: Apache-2.0
"""VMs' own devicetrees: QEMU's, for another interrupt controller, of a board, large ones."""

import re
import subprocess
import sys

import pytest

from conftest import BUILD, ROOT
from guests import LINUX, linux_ready, new

sys.path.insert(0, str(ROOT / "tools"))
import cpio  # noqa: E402

LINUX_FILES = ("linux/Image", "linux/initrd.cpio.gz")


def compiled(source):
    return subprocess.run(["dtc", "-q", "-O", "dtb"], input=source.encode(), stdout=subprocess.PIPE,
                          check=True).stdout


def dumped(folder, machine):
    """The tree that QEMU would give a kernel on this machine."""
    path = folder / "dumped.dtb"
    subprocess.run(["qemu-system-aarch64", "-machine", f"{machine},dumpdtb={path}", "-cpu", "cortex-a53",
                    "-m", "2G" if "highmem" in machine else "5G", "-smp", "3", "-nographic", "-nic", "none"], check=True,
                   stderr=subprocess.DEVNULL)
    return path.read_bytes()


def bundle(path, trees, bootargs="console=ttyAMA0"):
    """A type of Linux for each tree."""
    files = {name: BUILD / "guests" / name for name in LINUX_FILES}
    if not all(file.exists() for file in files.values()):
        pytest.skip("the Linux guest is not there: make guests")
    archive = cpio.Writer()
    for label, tree in trees.items():
        archive.file(f"vms/{label}.dtb", compiled(f"""/dts-v1/; / {{ compatible = "zvm,vm"; label = "{label}";
            cpus = <2>; memory = <0x0 0x10000000>; kernel = "linux/Image"; initrd = "linux/initrd.cpio.gz";
            devicetree = "trees/{label}"; bootargs = "{bootargs}"; }};"""))
        archive.file(f"trees/{label}", tree)
    for name, file in files.items():
        archive.file(name, file.read_bytes())
    path.write_bytes(archive.finish())
    return path


def starts(board, label, gic):
    """Linux is at its shell, on two CPUs, with the interrupt controller that it has."""
    vm = new(board, label)
    assert vm.note is None
    console = vm.port()
    vm.run()
    linux_ready(console)
    assert console.run("nproc", LINUX) == "2"
    assert f" {gic} " in console.run("cat /proc/interrupts", LINUX)
    assert console.run("dmesg | grep -ciE 'warning:|bug:'", LINUX) == "0"
    vm.delete(force=True)
    return console


QEMU_MACHINES = {
    "default": "virt",
    "gicv2": "virt,gic-version=2",
    "gicv3": "virt,gic-version=3",
    "secure": "virt,gic-version=3,secure=on",
    "el2": "virt,gic-version=3,virtualization=on,its=off",
    "low": "virt,highmem=off",
}


def test_trees_of_qemu(boot, tmp_path):
    """Whatever machine they were dumped from."""
    trees = {label: dumped(tmp_path, machine) for label, machine in QEMU_MACHINES.items()}
    board = boot(smp=4, mem=2048, bundle=bundle(tmp_path / "bundle.cpio", trees))
    for label in trees:
        starts(board, label, "GICv3")


def test_trees_of_qemu_on_a_gicv2(boot, tmp_path):
    trees = {label: dumped(tmp_path, QEMU_MACHINES[label]) for label in ("default", "gicv3")}
    board = boot(smp=4, mem=2048, gic=2, bundle=bundle(tmp_path / "bundle.cpio", trees))
    for label in trees:
        starts(board, label, "GIC-0")


BOARD = """/dts-v1/;
/ {
	#address-cells = <2>; #size-cells = <2>; compatible = "acme,board"; interrupt-parent = <&gic>;
	aliases { serial0 = &uart; };
	chosen { stdout-path = "serial0:115200n8"; };
	memory@0 { device_type = "memory"; reg = <0x0 0x0 0x0 0x80000000>; };
	psci { compatible = "arm,psci-1.0"; method = "smc"; };
	timer { compatible = "arm,armv8-timer"; interrupts = <1 13 8>, <1 14 8>, <1 11 8>, <1 10 8>; };
	clk: clock { compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <24000000>; };
	soc {
		compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>;
		ranges = <0x40000000 0x0 0x9000000 0x100000>, <0xfe000000 0x0 0xfe000000 0x2000000>;
		gic: interrupt-controller@fe600000 {
			compatible = "arm,gic-400"; interrupt-controller; #interrupt-cells = <3>;
			reg = <0xfe601000 0x1000>, <0xfe602000 0x2000>;
		};
		uart: serial@40000000 {
			compatible = "arm,pl011", "arm,primecell"; reg = <0x40000000 0x1000>;
			interrupts = <0 1 4>; clocks = <&clk>, <&clk>; clock-names = "uartclk", "apb_pclk";
		};
		dma@fe700000 { compatible = "arm,pl330", "arm,primecell"; reg = <0xfe700000 0x1000>;
			interrupts = <0 12 4>; clocks = <&clk>; clock-names = "apb_pclk"; };
		%s
	};
};
"""


def test_a_tree_of_a_board(boot, tmp_path):
    """Everything is elsewhere, behind a bus; and the tree is as large as that of an RK3588."""
    nodes = "".join(f'dev@fe8{n:05x} {{ compatible = "acme,device-{n % 40}"; reg = <0xfe8{n:05x} 0x1>; '
                    f'acme,data = <{" ".join(str(n) for _ in range(8))}>; status = "okay"; }};'
                    for n in range(1300))
    tree = compiled(BOARD % nodes)
    assert len(tree) > 161 * 1024
    board = boot(smp=4, mem=2048, bundle=bundle(tmp_path / "bundle.cpio", {"board": tree}, ""))
    starts(board, "board", "GICv3")


@pytest.mark.parametrize("tree, bootargs, says", [
    ("board", "", "devicetree: its stdout-path, serial9, is not a device of this VM: its UART is the PL011"),
    ("board", "console=ttyAMA0", "devicetree: has no enabled PL011 at 0x9000000"),
    ("qemu", "console=ttyS0,115200n8", "bootargs: console=ttyS0 is not a device of this VM: its UART is ttyAMA0"),
])
def test_silent_consoles_are_noted(boot, tmp_path, tree, bootargs, says):
    """When the VM is made, in what is said about it, and at the desk."""
    other = BOARD.replace('"serial0:115200n8"', '"serial9"').replace("serial0 =", "serial9 =")
    other = other.replace("reg = <0x40000000 0x1000>", "reg = <0xfe800000 0x1000>") % ""
    blob = compiled(other) if tree == "board" else dumped(tmp_path, "virt")
    path = bundle(tmp_path / "bundle.cpio", {"linux": blob}, bootargs)
    desk = subprocess.run([BUILD / "tools/checkdesc", "-b", path], text=True, check=False,
                          stderr=subprocess.PIPE)
    assert desk.returncode == 0 and desk.stderr.startswith(f"vms/linux.dtb: note: {says}")
    board = boot(smp=1, mem=1024, bundle=path)
    vm = new(board, "linux")
    assert vm.note.startswith(says)
    assert re.search(rf"^  note +{re.escape(says)}", board.sh("zvm info linux"), re.M)
    assert f"vm 0 'linux': {says}" in board.sh("host log")


def test_a_tree_that_cannot_be_filled_in(boot, tmp_path):
    tree = compiled('/dts-v1/; / { #address-cells = <3>; #size-cells = <2>; };')
    path = bundle(tmp_path / "bundle.cpio", {"linux": tree})
    says = "devicetree: its root has neither 1 nor 2 cells for addresses and sizes"
    desk = subprocess.run([BUILD / "tools/checkdesc", "-b", path], text=True, check=False,
                          stderr=subprocess.PIPE)
    assert desk.returncode == 1 and says in desk.stderr
    board = boot(smp=1, mem=1024, bundle=path)
    assert says in board.sh("zvm new -t linux")
