# SPDX-License-Identifier: Apache-2.0
"""A QEMU whose first serial line is read and written through pipes, and its debugger's stub."""

import json
import os
import selectors
import socket
import subprocess
import tempfile
import time
from pathlib import Path

QEMU = os.environ.get("QEMU") or "qemu-system-aarch64"
PROMPT = b"zvm_host:~# "
SECONDS = 300  # what any one wait may take


class BenchError(Exception):
    """What went wrong, in one line."""


class Machine:
    """
    A machine of one or two CPUs. Used in a `with`; leaving it ends the QEMU. It counts
    instructions, of 2^shift ns each, or (None) takes the time that it takes.
    """

    def __init__(self, cpu, options, *, smp=1, el2=True, shift=4, sleep="off",
                 memory=1024):
        kind = "virt,gic-version=3" + (",virtualization=on" if el2 else "")
        counted = () if shift is None else ("-icount", f"shift={shift},sleep={sleep}")
        # 16 ns a tick: from QEMU 9.0 on the counter of its newest CPUs has 1 GHz.
        argv = [QEMU, "-machine", kind, "-cpu", f"{cpu},cntfrq=62500000", "-smp", str(smp),
                "-m", str(memory), "-display", "none", "-nic", "none", "-monitor", "none",
                "-serial", "stdio", *counted, *map(str, options)]
        self._qemu = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._qemu.stdout, selectors.EVENT_READ)
        self.output = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._qemu.kill()
        self._qemu.communicate()

    def wait_for(self, holds, what, seconds=SECONDS):
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise BenchError(f"no {what} within {seconds} s")
            if self._ready.select(timeout=0.01):
                data = self._qemu.stdout.read1(65536)
                if not data and not holds():
                    raise BenchError(f"QEMU ended before {what}")
                self.output += data

    def wait_text(self, text):
        self.wait_for(lambda: text.encode() in self.output, text)

    def wait_prompt(self):
        self.wait_for(lambda: PROMPT in self.output, "prompt")

    def type(self, line):
        self._qemu.stdin.write(line.encode() + b"\r")
        self._qemu.stdin.flush()

    def command(self, line):
        """Types a command of ZVM's shell. Returns what came before the next prompt."""
        seen, start = self.output.count(PROMPT), len(self.output)
        self.type(line)
        self.wait_for(lambda: self.output.count(PROMPT) > seen, f"answer to '{line}'")
        return self.output[start:].decode(errors="replace").replace("\r", "")

    def settle(self):
        """Waits until the cleaner has nothing to do: its instructions would count too."""
        while ", 0 to come," not in self.command("host mem"):
            pass


class Consoles:
    """Options that give each of the first `count` VMs a file for its console, and those files."""

    def __init__(self, folder, count):
        self._files = [Path(folder) / f"console{n}" for n in range(count)]
        self.options = ["-device", "virtio-serial-device,max_ports=31"]
        for n, file in enumerate(self._files):
            file.write_bytes(b"")
            self.options += ["-chardev", f"file,id=c{n},path={file}",
                             "-device", f"virtconsole,chardev=c{n}"]

    def text(self, number):
        return self._files[number].read_text(errors="replace").replace("\r", "")


MRS_CNTPCT = 0xd53be020  # mrs x0, cntpct_el0; the other registers are x0's neighbours
ERET = 0xd69f03e0
CPSR, PC, LR = 33, 32, 30


class Program:
    """An ELF: where it begins, its functions, and where it reads the physical counter."""

    def __init__(self, file):
        self._data = Path(file).read_bytes()
        self.entry = int.from_bytes(self._data[24:32], "little")
        self.symbols = {}
        listing = subprocess.run(["nm", str(file)], text=True, check=True, stdout=subprocess.PIPE)
        for line in listing.stdout.splitlines():
            value, _, name = line.split()[-3:]
            self.symbols[name] = int(value, 16)
        self.counter_reads = [(at, word & 0x1f) for at, word in self._words()
                              if word & ~0x1f == MRS_CNTPCT]
        self._erets = [at for at, word in self._words() if word == ERET]

    def _word(self, at, size):
        return int.from_bytes(self._data[at:at + size], "little")

    def _words(self):
        """Addresses and contents of what may be executed."""
        header, entry_size, entries = self._word(32, 8), self._word(54, 2), self._word(56, 2)
        for at in range(header, header + entry_size * entries, entry_size):
            executable = self._word(at, 4) == 1 and self._word(at + 4, 4) & 1
            offset, va, size = (self._word(at + field, 8) for field in (8, 16, 32))
            for place in range(offset, offset + size if executable else offset, 4):
                yield va + place - offset, self._word(place, 4)

    def eret_of(self, name):
        """The first ERET behind the beginning of a function."""
        return min(at for at in self._erets if at > self.address(name))

    def address(self, name):
        if name not in self.symbols:
            raise BenchError(f"zvm_host.elf has no function {name} any more")
        return self.symbols[name]


class Debugger:
    """
    QEMU's debugger stub, which stops the machine at an instruction and costs it none. What the
    counter says there is found out by the machine itself: it is made to run one `mrs` of the
    program that it is in, and then is as before.
    """

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "gdb"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self.options = ["-gdb", f"unix:{path},server=off", "-S"]
        self._socket = None
        self._input = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._socket:
            self._socket.close()
        self._listener.close()
        self._folder.cleanup()

    def attach(self):
        self._listener.settimeout(SECONDS)
        self._socket, _ = self._listener.accept()
        self._socket.settimeout(SECONDS)
        self._ask("qXfer:features:read:target.xml:0,fff")  # else it has no registers one by one
        self._ask("?")

    def _send(self, text):
        self._socket.sendall(f"${text}#{sum(text.encode()) % 256:02x}".encode())

    def _receive(self):
        while True:
            start = self._input.find(b"$")
            end = self._input.find(b"#", start + 1)
            if start >= 0 and 0 <= end < len(self._input) - 2:
                packet, self._input = self._input[start + 1:end], self._input[end + 3:]
                self._socket.sendall(b"+")
                return packet.decode()
            data = self._socket.recv(65536)
            if not data:
                raise BenchError("QEMU's debugger stub closed")
            self._input += data

    def _ask(self, text):
        self._send(text)
        return self._receive()

    def register(self, number):
        return int.from_bytes(bytes.fromhex(self._ask(f"p{number:x}")), "little")

    def _set_register(self, number, value):
        self._ask(f"P{number:x}={value.to_bytes(8, 'little').hex()}")

    def go(self):
        self._send("c")

    def _stopped(self):
        stop = self._receive()
        while stop[0] not in "TS":
            stop = self._receive()
        if "thread:" in stop:
            thread = stop.split("thread:")[1].split(";")[0]
            self._ask(f"Hg{thread}")
            self._ask(f"Hc{thread}")

    def interrupt(self):
        """Stops a machine that goes."""
        self._socket.sendall(b"\x03")
        self._stopped()

    def _breakpoints(self, kind, addresses):
        for address in addresses:
            self._ask(f"{kind}0,{address:x},4")

    def run_to(self, addresses, level, action=None):
        """Goes on, and does `action`, to one of these addresses at this exception level."""
        if self.register(PC) in addresses:
            self._ask("s")
        self._breakpoints("Z", addresses)
        self.go()
        if action:
            action()
        self._stopped()
        while self.register(CPSR) >> 2 & 3 != level or self.register(PC) not in addresses:
            # Something else is at that address: step over it.
            self._breakpoints("z", addresses)
            self._ask("s")
            self._breakpoints("Z", addresses)
            self.go()
            self._stopped()
        self._breakpoints("z", addresses)

    def ticks(self, program):
        """The physical counter at this instruction."""
        address, register = program.counter_reads[0]
        old_pc, old_value = self.register(PC), self.register(register)
        self._set_register(PC, address)
        self._ask("s")
        value = self.register(register)
        self._set_register(register, old_value)
        self._set_register(PC, old_pc)
        return value

    def duration(self, program):
        """The machine is at a function's first instruction: what passes until it has returned."""
        start = self.ticks(program)
        self.run_to([self.register(LR)], 2)
        return self.ticks(program) - start

    def run_into_guest(self, program):
        """To the first instruction of EL1, behind the ERET that every way down ends with."""
        while self.register(CPSR) >> 2 & 3 != 1:
            self.run_to([program.eret_of("lower_resume")], 2)
            self._ask("s")


class Counted:
    """
    How many instructions QEMU has executed, as its QMP says. The counter that the machine reads
    would do only without stops: a stop lets timers come early, as if it had been idle.
    """

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "qmp"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self.options = ["-qmp", f"unix:{path},server=off"]
        self._file = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._file:
            self._file.close()
        self._listener.close()
        self._folder.cleanup()

    def _command(self, name):
        self._file.write(json.dumps({"execute": name}).encode() + b"\n")
        self._file.flush()
        while True:  # a greeting and events come in between
            answer = json.loads(self._file.readline() or b'{"error": "closed"}')
            if "error" in answer:
                raise BenchError(f"QMP: {name}: {answer['error']}")
            if "return" in answer:
                return answer["return"]

    def attach(self):
        self._listener.settimeout(SECONDS)
        connection, _ = self._listener.accept()
        connection.settimeout(SECONDS)
        self._file = connection.makefile("rwb")
        connection.close()
        self._command("qmp_capabilities")

    def instructions(self):
        """From reset on; the machine is stopped."""
        return self._command("query-replay")["icount"]
