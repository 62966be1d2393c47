# SPDX-License-Identifier: Apache-2.0
"""The same binary on QEMU's boards beside `virt`, each with its own UART and interrupt controller.

The devicetrees are those that Debian's kernel has for the boards; QEMU completes them. Boards that
only a newer QEMU has are tested by `make test QEMU=...`.
"""

import re
import socket
import subprocess

import pytest

from conftest import BUILD, QEMU, QEMU_VERSION, fetched
from guests import LINUX, linux_ready, new, uboot_ready
from test_rtos import jitter, ready

# The display's sound would go to the machine that the test runs on.
SILENT = ("-audio", "none") if QEMU_VERSION >= (8, 2) else ("-audiodev", "none,id=none")

ZCU102 = {
    "machine": "xlnx-zcu102,virtualization=on", "dtb": "zynqmp-zcu102-rev1.0.dtb", "mem": 2048,
    "model": "ZynqMP ZCU102", "cpu": "Cortex-A53", "uart": "cdns,uart-r1p12",
}
# The operator's UART is the second one.
IMX8MP = {
    "machine": "imx8mp-evk", "dtb": "imx8mp-evk.dtb", "mem": 2048, "before": ("-serial", "null"),
    "model": "NXP i.MX8MPlus EVK", "cpu": "Cortex-A53", "uart": "fsl,imx6q-uart",
}
# Its CPUs start from a spin-table.
RASPI4 = {
    "machine": "raspi4b", "dtb": "bcm2711-rpi-4-b.dtb", "mem": 2048, "before": ("-serial", "null"),
    "model": "Raspberry Pi 4", "cpu": "Cortex-A72", "uart": "brcm,bcm2835-aux-uart",
}


def needs_machine(name):
    """Skips, with the reason, where this QEMU has no such machine."""
    machines = subprocess.run([QEMU, "-machine", "help"], text=True, stdout=subprocess.PIPE, check=True).stdout
    if not re.search(rf"^{name} ", machines, re.M):
        pytest.skip(f"{QEMU} has no machine {name}; a newer one: make test QEMU=path")


def test_second_uart(boot, tmp_path):
    """A UART that the host does not use is a port behind those of virtio-serial; on `virt` too."""
    if QEMU_VERSION < (9, 1):
        pytest.skip(f"the `virt` of {QEMU} has one UART; from 9.1 on it has two: make test QEMU=path")
    path = str(tmp_path / "second")
    board = boot(cpu="cortex-a53", smp=1, mem=1024, consoles=1, guests=["smp"],
                 extra=("-chardev", f"socket,id=second,path={path},server=on,wait=off", "-serial", "chardev:second"))
    port = re.search(r"(\d+) arm,pl011@9040000", board.sh("host info"))[1]
    hvc = new(board, "smp", "-c 1 --name first")
    second = new(board, "smp", "-c 1 --name second")
    assert "port 0" in board.sh("zvm info first")
    assert f"port {port}" in board.sh("zvm info second")
    link = socket.socket(socket.AF_UNIX)
    link.connect(path)
    terminal = board.terminal(link, "second")
    second.run()
    terminal.expect(r"smp: PASS\s+smp> ", 120)
    assert "ticks" in terminal.run("status", "smp> ")
    # More than a FIFO takes.
    terminal.send("status\r" * 30)
    for _ in range(30):
        terminal.expect(r"ticks.*?smp> ")
    assert re.search(r"uart port +[1-9]", board.sh("host irq"))
    hvc.delete()
    link.close()


@pytest.fixture
def start(boot):
    def start_board(about, **options):
        needs_machine(about["machine"].split(",")[0])
        fetched("boards")
        dtb = BUILD / "guests/boards" / about["dtb"]
        return boot(machine=about["machine"], smp=4, mem=about["mem"], consoles=0, before=about.get("before", ()),
                    extra=("-dtb", str(dtb), *SILENT), **options)
    return start_board


def check_host(board, about):
    """It knows the machine, has all CPUs, and hears by interrupt what is typed."""
    info = board.sh("host info")
    assert re.search(rf"^machine +{about['model']}", info, re.M)
    assert re.search(rf"^cpu +4 cpus, {about['cpu']}", info, re.M)
    assert re.search(rf"^console +{about['uart']} here", info, re.M)
    assert re.search(r"^ +\d+ +uart +[1-9]", board.sh("host irq"), re.M)


@pytest.mark.parametrize("about", [ZCU102, RASPI4], ids=["zcu102", "raspi4"])
def test_board(start, about):
    board = start(about, guests=["linux", "rtos", "smp"])
    check_host(board, about)
    linux = new(board, "linux", "-c 4")
    linux.run()
    with linux.attached() as console:
        linux_ready(console)
        assert console.run("nproc", LINUX) == "4"
        assert " GIC-0 " in console.run("cat /proc/interrupts", LINUX)
    rtos = new(board, "rtos")
    rtos.run()
    with rtos.attached() as console:
        ready(console)
        jitter(console, 100)
    smp = new(board, "smp", "-c 4")
    smp.run()
    with smp.attached() as console:
        console.expect(r"smp: PASS\s+smp> ", 120)
    assert linux.state == rtos.state == "running"


def test_board_without_virtual_interrupts(start):
    """QEMU 10.0 connects none of its i.MX 8M Plus to the CPUs: a guest that needs none runs."""
    board = start(IMX8MP, guests=["uboot"])
    check_host(board, IMX8MP)
    uboot = new(board, "uboot")
    uboot.run()
    with uboot.attached() as console:
        uboot_ready(console)
        assert "U-Boot" in console.run("version", "=> ")
