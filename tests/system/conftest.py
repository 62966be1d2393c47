# SPDX-License-Identifier: Apache-2.0
"""Boards for the system tests: ZVM on QEMU, driven as an operator would.

    def test_something(boot):
        board = boot(smp=2, guests=["linux"])
        assert "2 cpus" in board.sh("host info")

`boot` ends every board that it started, by its own process id. `boot_module` gives boards that the
tests of a file share; a test that fails takes those that it used with it, and the next test gets
new ones. The serial line and every VM console are kept in build/test-logs/ (in another build's
folder if that build is tested).

A Linux's answer is read between two marks of that command alone (Console.run). Its kernel is quiet
by then (guests.linux_ready). What it printed before, even within a prompt, is overlooked.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pexpect
import pexpect.fdpexpect
import pytest
import socket

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("ZVM_BUILD", ROOT / "build"))
# The folder of the hypervisor and the RTOS: another build may be tested with the same guests.
KERNELS = Path(os.environ.get("ZVM_KERNELS", BUILD))
LOGS = KERNELS / "test-logs"
QEMU = os.environ.get("QEMU") or "qemu-system-aarch64"
# A folder for what EL2 executes, a file a board: tools/coverage. QEMU writes a block of the image
# when it translates it.
EXECUTED = os.environ.get("ZVM_EXECUTED")
IMAGE = "0x400000000000+0x100000"
# Of the QEMU that is used: (7, 2).
QEMU_VERSION = tuple(int(n) for n in re.search(
    r"version (\d+)\.(\d+)", subprocess.run([QEMU, "--version"], text=True, check=True,
                                           stdout=subprocess.PIPE).stdout).groups())
PROMPT = "zvm_host:~# "
LINUX = "linux:/root# "
# Generous: a loaded machine runs QEMU's TCG ten times slower than an idle one.
BOOT_SECONDS = 120
COMMAND_SECONDS = 60
CPU_MAX = "max,pauth-impdef=on"

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-Z\\-_]")

# A line that a kernel, of a guest or our own, puts in the middle of another one.
KERNEL_LINE = r"(?:\[ *\d+\.\d{6}\] [^\n]*\n)*"


def torn(text):
    """A regular expression for a text that a kernel's lines may have torn into pieces."""
    return KERNEL_LINE.join(re.escape(c) for c in text)


def plain(text):
    """Terminal output as lines of text: no escape sequences, no carriage returns."""
    return ESCAPES.sub("", text).replace("\r", "")


def safe(name):
    """As a file's name."""
    return re.sub(r"[^\w.-]+", "_", name)


def log_file(name):
    LOGS.mkdir(parents=True, exist_ok=True)
    return open(LOGS / f"{safe(name)}.log", "w", encoding="utf-8", errors="replace")


def end_child(child):
    """Ends a program and what it has started, for as long as that takes: close() gives up soon."""
    if child.isalive() and not child.terminate(force=True):
        child.wait()
    child.close()


class Console:
    """A terminal: the shell's serial line or a VM's console port."""

    def __init__(self, child, log):
        self.child = child
        self.child.logfile_read = log
        self.child.delaybeforesend = None
        self._log = log
        self._marks = 0

    def expect(self, pattern, timeout=COMMAND_SECONDS):
        """Waits for a regular expression (or a list); the match's index. Fails with the tail."""
        try:
            return self.child.expect(pattern, timeout=timeout)
        except pexpect.TIMEOUT:
            tail = plain((self.child.before or "")[-3000:])
            pytest.fail(f"no {pattern!r} within {timeout} s; the last output:\n{tail}")
        except pexpect.EOF:
            tail = plain((self.child.before or "")[-3000:])
            pytest.fail(f"ended before {pattern!r}; the last output:\n{tail}")

    @property
    def before(self):
        return plain(self.child.before or "")

    @property
    def match(self):
        return self.child.match

    def send(self, text):
        self.child.send(text)

    def line(self, text=""):
        """Types a line; a terminal's Enter key sends a carriage return."""
        self.child.send(text + "\r")

    def run(self, command, prompt, timeout=COMMAND_SECONDS):
        """Types a command, waits for the prompt, answers what was printed between."""
        if prompt == LINUX:
            return self._run_marked(command, timeout)
        self.line(command)
        self.expect(torn(prompt), timeout)
        output = self.before
        # The echo may be redrawn piece by piece: what follows its line is the answer.
        return output.split("\n", 1)[1].strip() if "\n" in output else ""

    def _run_marked(self, command, timeout):
        """The same at a Linux shell. The echo has no marks, as the shell computes them."""
        self._marks += 1
        mark = f"echo mark-$(({self._marks - 1} + 1))"
        self.line(f"{mark}-begin; eval {shlex.quote(command)}; {mark}-end")
        self.expect(torn(f"mark-{self._marks}-begin"), timeout)
        self.expect(torn(f"mark-{self._marks}-end"), timeout)
        output = self.before.strip()
        self.expect(torn(LINUX), timeout)
        return output

    def knock(self, prompt, timeout=BOOT_SECONDS):
        """Presses Enter until the prompt shows: the terminal may have opened too late."""
        def answered():
            self.line()
            return self.child.expect([re.escape(prompt), pexpect.TIMEOUT], timeout=2) == 0

        self.until(answered, timeout)

    def until(self, look, timeout=BOOT_SECONDS):
        """Calls look() until its result is true, and returns it. For what no text announces."""
        end = time.monotonic() + timeout
        while not (found := look()):
            if time.monotonic() > end:
                pytest.fail(f"not so within {timeout} s; the last look gave {found!r}")
            self.drain(0.1)
        return found

    def drain(self, seconds=0.2):
        """Throws away what is there already."""
        try:
            while True:
                self.child.read_nonblocking(65536, timeout=seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            pass
        self.child.buffer = ""

    def close(self):
        self._log.close()


class Board(Console):
    """One QEMU machine, `virt` or another, with ZVM as its kernel; also its shell's console."""

    def __init__(self, name, *, cpu=CPU_MAX, smp=4, mem=4096, kernel=None, bundle=None,
                 consoles=4, virtualization=True, gic=3, machine=None, before=(), extra=()):
        self.sockets = Path(tempfile.mkdtemp(prefix="zvm-"))
        self.name = name
        self._ports = {}
        self._terminals = []
        self._made = {}
        if kernel is None:
            kernel = KERNELS / "zvm_host.bin"
        on = "on" if virtualization else "off"
        virt = ["-machine", f"virt,gic-version={gic},virtualization={on}", "-cpu", cpu]
        argv = [*(["-machine", machine] if machine else virt), "-smp", str(smp), "-m", str(mem),
                "-display", "none", "-nic", "none", "-monitor", "none", "-chardev", "stdio,id=shell,signal=off",
                *before, "-serial", "chardev:shell"]
        if kernel:
            argv += ["-kernel", str(kernel)]
        if bundle:
            argv += ["-initrd", str(bundle)]
        for device in reversed(range(-(-consoles // 31))):
            argv += ["-device", f"virtio-serial-device,id=vser{device},max_ports=31"]
        for port in range(consoles):
            path = self.sockets / str(port)
            argv += ["-chardev", f"socket,id=c{port},path={path},server=on,wait=off",
                     "-device", f"virtconsole,bus=vser{port // 31}.0,chardev=c{port}"]
        if EXECUTED:
            argv += ["-d", "in_asm", "-dfilter", IMAGE, "-D", str(Path(EXECUTED, safe(name)))]
        self.started = time.monotonic()
        child = pexpect.spawn(QEMU, argv + list(extra), timeout=BOOT_SECONDS,
                              encoding="utf-8", codec_errors="replace", maxread=65536,
                              dimensions=(50, 200))
        super().__init__(child, log_file(name))

    def wait_prompt(self, timeout=BOOT_SECONDS):
        """Waits for the shell; answers what was printed until then."""
        self.expect(torn(PROMPT), timeout)
        return self.before

    def sh(self, command, timeout=COMMAND_SECONDS):
        """Runs a command of the shell; its output."""
        return self.run(command, PROMPT, timeout)

    def once(self, make):
        """What make(board) gave, the first time it was asked for."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]

    def console(self, port):
        """The terminal of a VM's console port."""
        if port not in self._ports:
            link = socket.socket(socket.AF_UNIX)
            link.connect(str(self.sockets / str(port)))
            self._ports[port] = (self.terminal(link, f"port{port}"), link)
        return self._ports[port][0]

    def terminal(self, link, label):
        """A terminal at the other end of a socket or of a file descriptor."""
        child = pexpect.fdpexpect.fdspawn(link, encoding="utf-8", codec_errors="replace",
                                          timeout=COMMAND_SECONDS, maxread=65536)
        self._terminals.append(Console(child, log_file(f"{self.name}.{label}")))
        return self._terminals[-1]

    def expect_end(self, timeout=COMMAND_SECONDS):
        """Waits until the machine is off."""
        self.expect(pexpect.EOF, timeout)

    def alive(self):
        return self.child.isalive()

    def close(self):
        """Ends this board's QEMU, and no other."""
        if self.child.closed:
            return
        self.drain(0.05)
        # Waited for as long as it takes: pexpect's own way out gives up after half a second.
        if self.child.isalive():
            self.child.kill(signal.SIGKILL)
            self.child.wait()
        self.child.close()
        for terminal in self._terminals:
            terminal.close()
        for _, link in self._ports.values():
            link.close()
        shutil.rmtree(self.sockets, ignore_errors=True)
        super().close()


def make_bundle(out, guests):
    """Packs a bundle; skips the test, with the reason, where an image cannot be had."""
    done = subprocess.run([ROOT / "tools/mkbundle", "--build", BUILD, "--out", out, *guests],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        pytest.skip(done.stdout.strip())
    return out


def fetched(group):
    """Fetches a guest that `make guests` leaves out; skips, with the reason, where it cannot."""
    done = subprocess.run([ROOT / "tools/fetch-guests", "--build", BUILD, group], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        pytest.skip(done.stdout.strip())


@pytest.fixture(scope="session")
def bundles(tmp_path_factory):
    """bundles(["linux", "uboot"]) gives the path of a bundle with these guests, made once."""
    made = {}

    def get(guests):
        key = tuple(guests)  # whole paths: two tests may describe types of one name
        if key not in made:
            name = "-".join(Path(guest).stem for guest in guests)
            made[key] = make_bundle(tmp_path_factory.mktemp("bundle") / f"{name}.cpio", guests)
        return made[key]

    return get


@pytest.fixture
def description(tmp_path):
    """description(name, kernel, devices, *properties): a VM type with these nodes in /devices."""
    def write(name, kernel, devices, *properties):
        path = tmp_path / f"{name}.dts"
        lines = [f'label = "{name}"', f'kernel = "{kernel}"', 'compatible = "zvm,vm"', *properties]
        path.write_text("/dts-v1/;\n/ {\n" + "".join(f"\t{line};\n" for line in lines) +
                        f"\tdevices {{ {devices} }};\n}};\n", encoding="utf-8")
        return str(path)

    return write


def booter(bundles, name):
    """A function that starts boards, and the list of those it started."""
    boards = []

    def boot(*, guests=None, prompt=True, **options):
        if guests:
            options["bundle"] = bundles(guests)
        number = f"-{len(boards)}" if boards else ""
        board = Board(name + number, **options)
        boards.append(board)
        if prompt:
            board.banner = board.wait_prompt()
        return board

    return boot, boards


@pytest.fixture
def boot(bundles, request):
    """Starts boards that end with the test: boot(smp=2, guests=["linux"])."""
    start, boards = booter(bundles, f"{request.module.__name__}.{request.node.name}")
    yield start
    for board in boards:
        board.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    item.failed = report.failed or getattr(item, "failed", False)


class SharedBoards:
    """Boards that tests share, by the options that they were started with."""

    def __init__(self, start):
        self.start = start
        self.running = {}

    def get(self, options):
        key = repr(sorted(options.items()))
        if key not in self.running:
            self.running[key] = self.start(**options)
        return self.running[key]

    def drop(self, board):
        board.close()
        self.running = {key: other for key, other in self.running.items() if other is not board}


@pytest.fixture(scope="module")
def shared_boards(bundles, request):
    start, boards = booter(bundles, request.module.__name__)
    shared = SharedBoards(start)
    yield shared
    for board in boards:
        board.close()


@pytest.fixture
def boot_module(shared_boards, request):
    """As `boot`, but the file's next test that wants this board gets it, unless this one fails."""
    used = []

    def boot(**options):
        used.append(shared_boards.get(options))
        return used[-1]

    yield boot
    for board in used if request.node.failed else ():
        shared_boards.drop(board)
