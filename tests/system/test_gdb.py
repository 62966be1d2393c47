# SPDX-License-Identifier: Apache-2.0
"""`zvm gdb`: a real gdb looks into VMs, stops them and changes them (docs/gdb.md)."""

import re
import struct
import subprocess

import pexpect
import pytest

from conftest import BOOT_SECONDS, KERNELS, LINUX, LOGS, ROOT, Console, end_child, log_file
from guests import UBOOT, linux_ready, new, uboot_ready

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
    """QEMU's options for one more port, by its name that of gdb, and one behind it."""
    return ("-chardev", f"socket,id=gdb,path={path},server=on,wait=off",
            "-device", "virtserialport,bus=vser0.0,chardev=gdb,name=org.zvm.gdb",
            "-chardev", "null,id=last", "-device", "virtserialport,bus=vser0.0,chardev=last")


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
        f"vm {vm.id} '{vm.name}': `target remote` in gdb, to port {PORT} (org.zvm.gdb)"


def started(vm, prompt):
    """Runs it; its prompt has come. The port is open before, so nothing is lost."""
    console = vm.port()
    vm.run()
    console.expect(prompt, BOOT_SECONDS)


@pytest.fixture
def board(boot_module, path):
    return boot_module(smp=2, guests=["rtos", "control", "uboot", "lost", "linux"], extra=gdb_port(path))


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
    end_child(link.child)
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


def symbols_of(console, tmp_path, *names):
    """A file for gdb of what /proc/kallsyms says of these."""
    console.run("echo 0 > /proc/sys/kernel/kptr_restrict", LINUX)
    listing, out = tmp_path / "kallsyms", tmp_path / "linux.symbols"
    listing.write_text(console.run(f"grep -E ' ({'|'.join(names)})$' /proc/kallsyms", LINUX))
    done = subprocess.run([ROOT / "tools/zvm-symbols", listing, out], text=True, check=True, stdout=subprocess.PIPE)
    assert done.stdout == f"{out}: {len(names)} symbols\n"
    return out


def program(imm):
    """An ELF program that is a BRK."""
    place = 0x400000
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 183, 1, place + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return head + struct.pack("<IIQQQQQQI", 1, 5, 0, place, place, 124, 124, 65536, 0xd4200000 | imm << 5)


def write_program(console, path, imm):
    octal = "".join(f"\\{byte:03o}" for byte in program(imm))
    console.run(f"printf '{octal}' > {path}; chmod +x {path}", LINUX)


@of_type("linux")
def test_linux(vm, path, tmp_path):
    """Its kernel's functions and strings, by its own kallsyms; its CPUs; its own BRKs."""
    console = vm.port()
    vm.run()
    linux_ready(console)
    symbols = symbols_of(console, tmp_path, "seq_printf", "version_proc_show")
    version = console.run("cat /proc/version", LINUX)
    write_program(console, "/tmp/brk0", 0)
    write_program(console, "/tmp/brk1", 0x5a56)  # as gdb's breakpoints are here
    link = Gdb(path)
    link.do(f"file {symbols}")
    assert re.findall(r"^[* ] (\d) +Thread \1 ", link.do("info threads"), re.M) == ["1", "2"]
    link.do("break *version_proc_show")
    link.line("continue")
    link.expect("Continuing")
    console.line("cat /proc/version")
    link.expect(r"hit Breakpoint 1, 0x\w+ in version_proc_show \(\)")
    link.expect(re.escape(PROMPT))
    link.do("watch -l *(unsigned long *)($x0 + 24)")  # seq_file.count: how much was printed
    link.do("stepi")
    assert link.do("p (long)$pc - (long)version_proc_show") == "$1 = 4"
    link.do("hbreak *seq_printf")
    link.do("continue")
    assert "%s version %s (" in link.do("x/s $x1") and version.split()[2] in link.do("x/s $x3")
    changed = link.do("continue")
    assert re.search(rf"Old value = 0\s+New value = {len(version) + 1}\s", changed), changed
    assert "in seq_printf ()" in changed
    link.do("delete 2 3")
    link.line("continue")
    link.expect("Continuing")
    console.expect(re.escape(version))
    console.expect(re.escape(LINUX))
    for own in ("/tmp/brk0", "/tmp/brk1"):  # each gets SIGTRAP
        assert console.run(f"{own}; echo status=$?", LINUX).splitlines()[-1] == "status=133"
    link.send("\x03")
    link.expect("received signal SIGINT")
    link.expect(re.escape(PROMPT))
    assert "detached" in link.do("detach")
    for cpu in (1, 2):
        assert console.run(f"taskset {cpu} uname", LINUX) == "Linux"
    assert console.run("dmesg | grep -ciE 'stall|lockup|bug:|oops'", LINUX) == "0"
