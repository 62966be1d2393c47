# SPDX-License-Identifier: Apache-2.0
"""Commands for gdb on the machine that the hypervisor runs on (`make debug`).

    zvm-threads           the kernel's threads
    zvm-vms               the VMs and their vCPUs
    zvm-stage2 VM [IPA]   where a VM's memory is: all of it, or one address

They read the hypervisor's own memory, so a CPU has to be in the hypervisor: they choose one.
"""

import gdb

VALID, TABLE, WRITE, NEVER = 1, 2, 1 << 7, 1 << 54
ADDRESS = (1 << 48) - (1 << 12)
ENTRIES = 512
LINEAR = 0x0000_8000_0000_0000  # all RAM (docs/architecture.md, virtual addresses of our own level)


def value(expression):
    return gdb.parse_and_eval(expression)


def entry(node, kind, member):
    """The struct of this kind whose list node this is."""
    offset = int(value(f"(unsigned long)&(({kind} *)0)->{member}"))
    return value(f"({kind} *){int(node) - offset}").dereference()


def each_thread():
    head = value("&all_threads")
    node = head["next"]
    while int(node) != int(head):
        yield entry(node, "struct thread", "all_node")
        node = node["next"]


def each_vm():
    table = value("'vms.c'::vms")
    for n in range(table.type.range()[1] + 1):
        if int(table[n]):
            yield table[n].dereference()


def name_of(enum):
    return str(enum).split("_", 1)[1].lower()


class Command(gdb.Command):
    """Runs on a CPU that is at EL2, and leaves gdb on the CPU where it was."""

    def __init__(self):
        super().__init__(self.name, gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        before = gdb.selected_thread()
        try:
            self.to_el2()
            self.run(gdb.string_to_argv(argument))
        finally:
            before.switch()

    @staticmethod
    def to_el2():
        for cpu in gdb.selected_inferior().threads():
            cpu.switch()
            if int(value("$cpsr")) >> 2 & 3 == 2:
                return
        raise gdb.GdbError("all CPUs run guests now: `continue`, then Ctrl-C")


class Threads(Command):
    """The kernel's threads: name, state, priority, CPU, how often it was switched to."""

    name = "zvm-threads"

    def run(self, _words):
        print(f"{'NAME':24} {'STATE':8} PRIO CPU SWITCHES")
        for thread in each_thread():
            state = name_of(value(f"(enum thread_state){int(thread['state'])}"))
            print(f"{thread['name'].string():24} {state:8} {int(thread['prio']):4} {int(thread['cpu']):3} "
                  f"{int(thread['switches']):8}")


class Vms(Command):
    """The VMs: id, name, state, memory; and their vCPUs: power, CPU, PC at the last exit."""

    name = "zvm-vms"

    def run(self, _words):
        for vm in each_vm():
            print(f"{int(vm['id'])} {vm['name'].string()}: {name_of(vm['state'])}, "
                  f"{int(vm['ram']['size']) >> 20} MiB")
            for n in range(int(vm["nvcpus"])):
                vcpu = vm["vcpus"][n].dereference()
                frame = vcpu["arch"]["frame"]
                at = f", pc {int(frame['elr']):#x}" if int(frame) else ""
                print(f"  vcpu {n}: {name_of(vcpu['power'])}, cpu {int(vcpu['cpu'])}"
                      f"{', parked' if vcpu['parked'] else ''}{at}")


class Stage2(Command):
    """zvm-stage2 VM [IPA]: a VM's stage 2, by id or name."""

    name = "zvm-stage2"

    def run(self, words):
        if not 1 <= len(words) <= 2:
            raise gdb.GdbError("usage: zvm-stage2 VM [IPA]")
        vm = next((vm for vm in each_vm() if words[0] in (str(int(vm["id"])), vm["name"].string())), None)
        if vm is None:
            raise gdb.GdbError(f"no VM '{words[0]}': zvm-vms shows them")
        only = int(value(words[1])) if len(words) > 1 else None
        found = [part for part in self.mappings(int(vm["s2"]["root"]), 1, 0, ENTRIES * 2)
                 if only is None or part[0] <= only < part[0] + part[2]]
        for ipa, pa, size, attributes in merged(found):
            print(f"{ipa:#014x} -> {pa:#014x} {size >> 10:8} KiB  {attributes}")
        if not found:
            print("nothing is mapped there")

    def mappings(self, table, level, base, entries=ENTRIES):
        """(IPA, PA, bytes, attributes) of each block and page below the table at this address."""
        size = 1 << (39 - 9 * level)
        data = gdb.selected_inferior().read_memory(table, 8 * entries)
        for n, descriptor in enumerate(data.cast("B").cast("Q")):
            if not descriptor & VALID:
                continue
            if level < 3 and descriptor & TABLE:
                yield from self.mappings(LINEAR + (descriptor & ADDRESS), level + 1, base + n * size)
            else:
                attributes = ("rw" if descriptor & WRITE else "r-") + ("-" if descriptor & NEVER else "x")
                yield base + n * size, descriptor & ADDRESS, size, attributes


def merged(parts):
    """Neighbours that continue each other, as one."""
    last = None
    for ipa, pa, size, attributes in parts:
        if last and (last[0] + last[2], last[1] + last[2], last[3]) == (ipa, pa, attributes):
            last = (last[0], last[1], last[2] + size, attributes)
            continue
        if last:
            yield last
        last = (ipa, pa, size, attributes)
    if last:
        yield last


for command in (Threads, Vms, Stage2):
    command()
