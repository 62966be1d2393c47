# SPDX-License-Identifier: Apache-2.0
"""VMs as an operator handles them, and the guests that the tests talk to.

    linux = new(board, "linux")
    console = linux.port()
    linux.run()
    linux_ready(console)
    assert console.run("nproc", LINUX) == "2"
"""

import re
import struct
from contextlib import contextmanager

import pytest

from conftest import BOOT_SECONDS, LINUX, PROMPT, torn

# Prompts, beside LINUX.
UBOOT = "=> "
SMP = "smp> "

# Writes H to the UART and turns the VM off:
# mov x1, #0x9000000; mov w0, #'H'; str w0, [x1]; PSCI SYSTEM_OFF.
HELLO = struct.pack("<8I", 0xd2a12001, 0x52800900, 0xb9000020, 0x52800100, 0x72b08000, 0xd4000002,
                    0xd503207f, 0x17ffffff)

CREATED = re.compile(r"vm (\d+) '([^']+)' created: (\d+) vcpus?, (\d+) MiB(?:\nnote: (.*))?")
LEAVE = "\x1d"


class Vm:
    """A VM, by its name at the shell; what was noted when it was made."""

    def __init__(self, board, vm_id, name, note=None):
        self.board = board
        self.id = vm_id
        self.name = name
        self.note = note

    def _do(self, command, done, options=""):
        answer = self.board.sh(f"zvm {command} {options}-n {self.id}")
        assert answer == f"vm {self.id} '{self.name}' {done}"

    def run(self):
        self._do("run", "running")

    def pause(self):
        self._do("pause", "paused")

    def resume(self):
        self._do("resume", "running")

    def reset(self):
        self._do("reset", "reset")

    def stop(self):
        self._do("stop", "stopped", "-f ")

    def delete(self, force=False):
        self._do("delete", "deleted", "-f " if force else "")

    def log(self):
        return self.board.sh(f"zvm log -n {self.id}")

    def row(self):
        """Its row of `zvm info`: NAME TYPE STATE VCPUS MEMORY ..."""
        return rows(self.board)[self.name]

    @property
    def state(self):
        return self.row()["STATE"]

    def port(self):
        """Its own terminal, on a port of the machine."""
        answer = self.board.sh(f"zvm info -n {self.id}")
        number = re.search(r"^ *console .*\bport (\d+)", answer, re.M)
        assert number, answer
        return self.board.console(int(number[1]))

    @contextmanager
    def attached(self):
        """The shell's terminal as this VM's console, until the block ends."""
        self.board.line(f"zvm console {self.name}")
        self.board.expect(r"\[console of vm \d+ '[^']+'; Ctrl-\] leaves\]")
        yield self.board
        self.board.send(LEAVE)
        self.board.expect(re.escape(PROMPT))

    def wait_until(self, state, timeout=BOOT_SECONDS):
        """Follows the console until the VM is over: `stopped` or `crashed`."""
        self.board.line(f"zvm console {self.name}")
        self.board.expect(rf"\[vm {self.id} '{self.name}' (\w+)\]", timeout)
        assert self.board.match[1] == state
        self.board.expect(re.escape(PROMPT))


def rows(board):
    """`zvm info` as a dictionary of dictionaries, by name."""
    lines = board.sh("zvm info").splitlines()
    heads = lines[0].split()
    if heads[0] != "ID":
        return {}
    found = {}
    for line in lines[1:]:
        row = dict(zip(heads, line.replace(" MiB", "MiB").split()))
        found[row["NAME"]] = row
    return found


def new(board, kind, options=""):
    """Creates a VM of this type."""
    answer = board.sh(f"zvm new -t {kind} {options}".strip(), timeout=BOOT_SECONDS)
    created = CREATED.fullmatch(answer)
    if not created:
        pytest.fail(f"zvm new -t {kind} {options}: {answer}")
    return Vm(board, int(created[1]), created[2], created[5])


def memory(board):
    """What `host mem` says, a number a line, but for what is clear: that changes by itself."""
    found = dict(re.findall(r"^([^:\n]+): (\d+)", board.sh("host mem"), re.M))
    return {name: number for name, number in found.items() if not name.startswith(("blocks cleared", "blocks taken"))}


def linux_ready(console):
    """Linux has started: its shell asks for a command. Its kernel is silent from now on."""
    console.expect(torn("zvm-guest: Linux ready"), BOOT_SECONDS)
    console.expect(torn(LINUX), BOOT_SECONDS)
    console.run("dmesg -n 1", LINUX)


def uboot_ready(console):
    """U-Boot's prompt; its autoboot, which would find nothing, is cut short."""
    console.expect("Hit any key to stop autoboot", BOOT_SECONDS)
    console.send(" ")
    console.expect(UBOOT, BOOT_SECONDS)


def timer_counts(console):
    """Interrupts of the architected timer on each CPU of a Linux guest."""
    table = console.run("cat /proc/interrupts", LINUX)
    row = re.search(r"^ *\d+: +(.*?) +(?:GICv3|GIC-0) +\d+ .*\barch_timer$", table, re.M)
    assert row, table
    return [int(count) for count in row[1].split()]
