# SPDX-License-Identifier: Apache-2.0
"""`zvm gdb`: a real gdb looks into VMs, stops them and changes them (docs/gdb.md)."""

import re
import subprocess

import pexpect
import pytest

from conftest import BOOT_SECONDS, KERNELS, LOGS, Console, log_file
from guests import UBOOT, new, uboot_ready

PORT = 4  # behind the four that each board has
SECONDS = 120
SYMBOLS = KERNELS / "rtos.elf"
PROMPT = "(gdb) "
OPTIONS = ("-q", "-nx", "-ex", "set confirm off", "-ex", "set pagination off", "-ex", "set style enabled off",
           "-ex", "set architecture aarch64", "-ex", "set remotetimeout 60")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The socket of the module's board."""
    return tmp_path_factory.mktemp("gdb") / "socket"


def gdb_port(path):
    """QEMU's options for one more port, which is the highest one."""
    return ("-chardev", f"socket,id=gdb,path={path},server=on,wait=off",
            "-device", "virtserialport,bus=vser0.0,chardev=gdb")


def gdb(path, *commands, symbols=None):
    """A gdb that connects, carries the commands out, and ends; what it printed."""
    argv = ["gdb-multiarch", "-batch", *OPTIONS, *(["-ex", f"file {symbols}"] if symbols else []),
            "-ex", f"target remote {path}"]
    for command in commands:
        argv += ["-ex", command]
    done = subprocess.run(argv, text=True, timeout=SECONDS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, stdin=subprocess.DEVNULL)
    LOGS.mkdir(parents=True, exist_ok=True)
    with open(LOGS / "gdb.log", "a", encoding="utf-8") as log:
        log.write(f"{commands}\n{done.stdout}\n")
    return done.stdout


class Gdb(Console):
    """A gdb at its prompt, connected."""

    def __init__(self, path):
        child = pexpect.spawn("gdb-multiarch", list(OPTIONS), encoding="utf-8", codec_errors="replace",
                              timeout=SECONDS, dimensions=(50, 200))
        super().__init__(child, log_file("gdb.typed"))
        self.expect(re.escape(PROMPT))
        self.do(f"target remote {path}")

    def do(self, command):
        return self.run(command, PROMPT, SECONDS)


def serve(vm):
    assert vm.board.sh(f"zvm gdb {vm.name}") == \
        f"vm {vm.id} '{vm.name}': `target remote` in gdb, to port {PORT} (hvc{PORT})"


def started(vm, prompt):
    """Runs it; its prompt has come. The port is open before, so nothing is lost."""
    console = vm.port()
    vm.run()
    console.expect(prompt, BOOT_SECONDS)


@pytest.fixture
def board(boot_module, path):
    return boot_module(smp=2, guests=["rtos", "control", "uboot", "lost"], extra=gdb_port(path))


@pytest.fixture
def vm(board, request):
    """A VM of the type that a test names, which gdb is served for; it goes with the test."""
    vm = new(board, *request.param)
    serve(vm)
    yield vm
    vm.delete(force=True)


def of_type(*words):
    return pytest.mark.parametrize("vm", [words], indirect=True)


@of_type("rtos")
def test_registers_memory_and_hardware_breakpoints(vm, path):
    started(vm, "rtos> ")
    said = gdb(path, "info threads", "info registers pc cpsr TTBR0_EL1 v0", "p cpu_count", "p/x *(int *)0x123",
               "hbreak loop_released", "continue", "bt 2", "p $pc == loop_released", "stepi", "p (long)$pc - (long)loop_released",
               "stepi", "p (long)$pc - (long)loop_released", "p $x3", "set $x3 = 0x1234567890", "p/x $x3",
               "p/x $sp = $sp", "delete", "detach", symbols=SYMBOLS)
    for line in ["* 1    Thread 1 ", "  2    Thread 2 ", "$1 = 2",
                 "Cannot access memory at address 0x123", "hit Breakpoint 1, loop_released (", "#1  0x",
                 " in control (", "$2 = 1", "$3 = 4", "$4 = 8", "$6 = 0x1234567890",
                 "[Inferior 1 (Remote target) detached]"]:
        assert line in said, said
    assert re.search(r"^TTBR0_EL1 +0x40\w{6} ", said, re.M), said
    assert vm.state == "running"
    assert "periods" in vm.port().run("jitter -n 10", "rtos> ")


@of_type("rtos")
def test_software_breakpoints_and_watchpoints(vm, path):
    started(vm, "rtos> ")
    said = gdb(path, "break plant_step", "continue", "continue", "info breakpoints", "p p->steps", "finish", "delete",
               "watch loop.plant.steps", "continue", "delete", "rwatch loop.plant.output", "continue",
               "delete", "x/i plant_step", "set var loop.missed = 77", "p loop.missed", "detach", symbols=SYMBOLS)
    assert said.count("hit Breakpoint 1, plant_step (") == 2, said
    assert "breakpoint already hit 2 times" in said, said
    assert re.search(r"Hardware watchpoint 2: loop.plant.steps\s+Old value = (\d+)\nNew value = \d+", said), said
    assert "Hardware read watchpoint 3: loop.plant.output" in said, said
    assert "brk" not in said and "$2 = 77" in said, said
    assert vm.state == "running"
    assert "missed" in vm.port().run("jitter -n 10", "rtos> ")


@of_type("rtos")
def test_ctrl_c_and_what_the_operator_sees(vm, path, board):
    started(vm, "rtos> ")
    other = new(board, "control")
    other.run()
    link = Gdb(path)
    assert vm.state == "paused" and other.state == "running"
    serve(vm)  # it is said again
    assert "or it is in use" in board.sh("zvm gdb -p 4 control")
    link.line("continue")
    link.expect("Continuing")
    board.until(lambda: vm.state == "running")
    link.send("\x03")
    link.expect("received signal SIGINT")
    link.expect(re.escape(PROMPT))
    assert vm.state == "paused"
    # The operator has the last word.
    link.line("continue")
    link.expect("Continuing")
    board.until(lambda: vm.state == "running")
    vm.pause()
    link.expect("received signal SIGSTOP")
    link.expect(re.escape(PROMPT))
    link.do(f"file {SYMBOLS}")
    link.do("break plant_step")
    link.line("continue")
    link.expect("hit Breakpoint 1")
    link.expect(re.escape(PROMPT))
    assert board.sh("zvm gdb --off rtos") == f"vm {vm.id} 'rtos' is without gdb"
    assert vm.state == "running"
    assert "missed" in vm.port().run("jitter -n 10", "rtos> ")
    link.child.close(force=True)
    assert "is without gdb" in board.sh("zvm gdb --off rtos")
    other.delete(force=True)


@of_type("rtos")
def test_from_the_first_instruction(vm, path):
    """A VM that has not run yet: gdb starts it."""
    assert vm.state == "created"
    console = vm.port()
    said = gdb(path, "p/x $pc", "stepi", "p/x $pc", "stepi", "p/x $pc - 0x40000000", "hbreak kernel_main", "continue",
               "detach", symbols=SYMBOLS)
    assert "Breakpoint 1, kernel_main" in said and "$1 = 0x40000000" in said, said
    console.expect("rtos> ", BOOT_SECONDS)


@of_type("lost", "--bootargs how=null.")
def test_a_vm_that_has_crashed(vm, path, board):
    vm.run()
    board.until(lambda: vm.state == "crashed")
    said = gdb(path, "p/x $ELR_EL1", "p/x $x30", "x/i $pc", "detach")
    assert "received signal" not in said
    assert re.search(r"\$1 = 0x\w+\n\$2 = 0x\w+", said), said
    assert vm.state == "crashed"


@of_type("uboot")
def test_uboot(vm, path):
    """No symbols: U-Boot has moved itself. Breakpoints where it polls its UART."""
    console = vm.port()
    vm.run()
    uboot_ready(console)
    said = gdb(path, "x/i $pc", "stepi", "stepi", "set $here = $pc", "hbreak *$here", "continue", "p $pc == $here",
               "delete", "break *$here", "continue", "p $pc == $here", "p/x $x18", "x/2gx $sp", "delete", "detach")
    for line in ["\nBreakpoint 1, ", "$1 = 1", "\nBreakpoint 2, ", "$2 = 1", "detached"]:
        assert line in said, said
    console.line("echo still-$prompt-here")
    console.expect("still--here")
    console.expect(UBOOT)
