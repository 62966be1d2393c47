# SPDX-License-Identifier: Apache-2.0
"""The README's start command, word for word: QEMU's loader places the images; no bundle."""

import os
import re
import subprocess
from pathlib import Path

import pexpect
import pytest

from conftest import BOOT_SECONDS, BUILD, KERNELS, LINUX, PROMPT, QEMU, Console, end_child, log_file, torn
from guests import LEAVE, linux_ready

LINUX_DTS = """/dts-v1/;
/ {
	#address-cells = <2>; #size-cells = <2>;
	compatible = "linux,dummy-virt";
	interrupt-parent = <&gic>;
	chosen { bootargs = "console=ttyAMA0"; stdout-path = "/pl011@9000000"; };
	memory@40000000 { device_type = "memory"; reg = <0x0 0x40000000 0x0 0x20000000>; };
	cpus {
		#address-cells = <1>; #size-cells = <0>;
		cpu@0 { device_type = "cpu"; compatible = "arm,cortex-a57"; reg = <0>; enable-method = "psci"; };
		cpu@1 { device_type = "cpu"; compatible = "arm,cortex-a57"; reg = <1>; enable-method = "psci"; };
	};
	psci { compatible = "arm,psci-1.0", "arm,psci-0.2"; method = "hvc"; };
	timer {
		compatible = "arm,armv8-timer";
		interrupts = <1 13 4>, <1 14 4>, <1 11 4>, <1 10 4>;
		always-on;
	};
	gic: intc@8000000 {
		compatible = "arm,gic-v3"; #interrupt-cells = <3>; interrupt-controller;
		reg = <0x0 0x8000000 0x0 0x10000>, <0x0 0x80a0000 0x0 0xf60000>;
	};
	clk: apb-pclk { compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <24000000>; };
	pl011@9000000 {
		compatible = "arm,pl011", "arm,primecell"; reg = <0x0 0x9000000 0x0 0x1000>;
		interrupts = <0 1 4>; clocks = <&clk>, <&clk>; clock-names = "uartclk", "apb_pclk";
	};
};
"""


class Session(Console):
    """The stock QEMU with the command line of the README; the terminal is its multiplexed stdio."""

    def __init__(self, folder, name, zephyr):
        dtb = folder / "linux.dtb"
        dts = folder / "linux.dts"
        dts.write_text(LINUX_DTS)
        subprocess.run(["dtc", "-q", "-O", "dtb", "-o", dtb, dts], check=True)
        linux = BUILD / "guests/linux"
        loaders = [(linux / "Image", "0xe0000000,force-raw=on"),
                   (linux / "initrd.cpio.gz", "0xe4000000,force-raw=on"), (dtb, "0xf2a00000")]
        if zephyr:
            loaders.insert(0, (zephyr, "0xc8000000,force-raw=on"))
        argv = ["-machine", "virt,gic-version=3", "-machine", "virtualization=on", "-cpu", "max",
                "-smp", "4", "-m", "4096", "-chardev", "stdio,id=con,mux=on",
                "-mon", "chardev=con,mode=readline", "-serial", "chardev:con",
                "-serial", "pty", "-serial", "pty", "-nographic", "-net", "none"]
        for image, where in loaders:
            argv += ["-device", f"loader,file={image},addr={where}"]
        argv += ["-kernel", str(KERNELS / "zvm_host.elf")]
        super().__init__(pexpect.spawn(QEMU, argv, encoding="utf-8", codec_errors="replace",
                                       timeout=BOOT_SECONDS), log_file(f"test_preload.{name}"))
        self.expect(torn(PROMPT), BOOT_SECONDS)

    def sh(self, command):
        return self.run(command, PROMPT)

    def close(self):
        end_child(self.child)
        super().close()


@pytest.fixture
def session(tmp_path, request):
    if not (BUILD / "guests/linux/Image").exists():
        pytest.skip("the Linux guest is not there: make guests")
    sessions = []

    def start(zephyr=None):
        sessions.append(Session(tmp_path, request.node.name, zephyr))
        return sessions[-1]

    yield start
    for one in sessions:
        one.close()


def linux_to_its_shell(session, vm_id):
    session.line(f"zvm console {vm_id}")
    linux_ready(session)
    assert session.run("nproc", LINUX) == "2"
    session.send(LEAVE)
    session.expect(torn(PROMPT))


def test_linux_without_a_bundle(session):
    board = session()
    assert re.search(r"^linux +2 +512 MiB", board.sh("zvm list"), re.M)
    assert "vm 0 'linux' created: 2 vcpus, 512 MiB" in board.sh("zvm new -t linux")
    assert "vm 0 'linux' running" in board.sh("zvm run -n 0")
    linux_to_its_shell(board, 0)


def test_the_whole_session(session):
    zephyr = os.environ.get("ZVM_ZEPHYR")
    if not zephyr:
        pytest.skip("ZVM_ZEPHYR names no zephyr.bin")
    board = session(Path(zephyr))
    board.sh("zvm new -t zephyr")
    board.sh("zvm run -n 0")
    board.sh("zvm new -t linux")
    board.sh("zvm run -n 1")
    linux_to_its_shell(board, 1)
    assert "Zephyr" in board.sh("zvm log zephyr") or "uart:~$" in board.sh("zvm log zephyr")
