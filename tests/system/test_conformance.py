# SPDX-License-Identifier: Apache-2.0
"""The same check.elf on the bare machine and in a VM: no case may tell them apart."""

import re
import subprocess
from fnmatch import fnmatchcase

import pytest

from conftest import BOOT_SECONDS, BUILD, CPU_MAX, QEMU, log_file, plain
from guests import new
from test_check import run_smp

CHECK = BUILD / "guests/check.elf"

# What may differ: the verdict on the bare machine, in a VM, and why. Anything else is a bug.
SMC = "without EL3, SMC is undefined; a VM's SMC is answered as its HVC, so that both conduits work"
OPTIONAL = "QEMU leaves out what DEN0022 calls optional"
DEBUG = "AArch32 code in a VM has no debug registers"
STOLEN = "a machine without a hypervisor has no stolen time"
KNOWN = {
    "arrival.devicetree": ("skip", "ok", "QEMU gives an ELF image no devicetree in x0; ZVM does"),
    "sysreg.cntfrq-write": ("skip", "ok", "only the highest level may write CNTFRQ_EL0"),
    "smccc.smc-undefined": ("ok", "absent", SMC),
    "smccc.smc-wild-undefined": ("ok", "absent", SMC),
    "smccc.smc-answers": ("absent", "ok", SMC),
    "smccc.smc-wild": ("absent", "ok", SMC),
    "pv-time.structure": ("skip", "absent", STOLEN),
    "mmio.fetch-from-device": ("skip", "ok", "QEMU executes what it reads from a device"),
    "psci-optional.all": ("skip", "absent", OPTIONAL),
    "power.race": ("skip", "absent", "QEMU starts CPUs by and by, and tells several SUCCESS"),
    "power.race.one-winner": ("absent", "ok", "the same"),
    "power.race.all-end": ("absent", "ok", "the same"),
    "a32.undefined": ("skip", "ok", DEBUG),
    # All the others of these areas.
    "a32.*": ("absent", "ok", DEBUG),
    "pv-time.*": ("absent", "ok", STOLEN),
    "psci-optional.*": ("absent", "ok", OPTIONAL),
}

# The same, for what the bare machine lacks in some versions of QEMU, or now and then.
PAIRS = "QEMU from 8.1 on makes one access of a pair of words, which its devices do not know"
GICC = "a VM with a GICv2 reaches its CPU interface by itself, and no walk of its tables does"
LOOPBACK = "QEMU's PL011 has no loopback before 8.2; a VM's has"
SOMETIMES = {
    "mmio.unaligned.device": ("skip", "ok", "an older QEMU performs what the architecture faults"),
    "debug.breakpoint.os-lock": ("skip", "ok", "the OS lock of QEMU before 8.0 locks nothing"),
    "cache.zva.device": ("skip", "ok", "the same"),
    "walk.device": ("skip", "ok", GICC),
    "walk.device.far": ("absent", "ok", GICC),
    "walk.device.pair": ("absent", "ok", GICC),
    "walk.device.pair.fsc": ("absent", "ok", GICC),
    "uart.loopback": ("skip", "absent", LOOPBACK),
    "uart.loopback.irq": ("absent", "ok", LOOPBACK),
    "uart.loopback.character": ("absent", "ok", LOOPBACK),
    "psci.cpu-on.twice": ("skip", "ok", "of two CPU_ONs at once QEMU may tell both SUCCESS"),
    "groups.disabled-zero-does-not-block": (
        "skip", "ok", "QEMU's CPU interface looks at the most urgent interrupt only"),
    "mmio.ldp-*.*": ("FAIL", "ok", PAIRS),
    "mmio.ldnp-*.*": ("FAIL", "ok", PAIRS),
    "mmio.ldpsw.*": ("FAIL", "ok", PAIRS),
    "mmio.stp-w*.*": ("FAIL", "ok", PAIRS),
    "el0.device.ldp-post.*": ("FAIL", "ok", PAIRS),
    "rtc.second": ("skip", "ok", "QEMU's RTC follows the host's clock, not the counter"),
}

LINE = re.compile(r"^(ok|FAIL|skip) ([^\s:]+)(?:: (.*))?$", re.M)
END = re.compile(r"^(\d+) passed, (\d+) failed$", re.M)


class Verdicts:
    """What check printed: of each case, in order, the verdict and the whole line."""

    def __init__(self, text, where):
        self.where = where
        self.cases = {}
        self.lines = {}
        for line in LINE.finditer(text):
            name, again = line[2], 1
            # A case that is run for each CPU, say, has one name.
            while name in self.cases:
                again += 1
                name = f"{line[2]}, time {again}"
            self.cases[name] = line[1]
            self.lines[name] = line[0]
        end = END.search(text)
        assert end, f"{where}: check did not come to its end:\n{text[-2000:]}"
        verdicts = list(self.cases.values())
        # A lost or torn line would otherwise pass for a case that this machine does not have.
        assert (verdicts.count("ok"), verdicts.count("FAIL")) == (int(end[1]), int(end[2]))


@pytest.fixture(scope="module")
def bare():
    """bare(cpu, cpus, gic): the verdicts of the machine itself, with as many CPUs as the VM has."""
    known = {}

    def run(cpu, cpus, gic=3):
        if (cpu, cpus, gic) not in known:
            done = subprocess.run(
                [QEMU, "-machine", f"virt,gic-version={gic}", "-cpu", cpu,
                 "-smp", str(cpus), "-m", "128", "-display", "none", "-nic", "none", "-monitor", "none",
                 "-serial", "stdio", "-kernel", str(CHECK)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, errors="replace", timeout=BOOT_SECONDS, check=False)
            with log_file(f"test_conformance.bare-{cpu}-{cpus}-gicv{gic}") as log:
                log.write(done.stdout)
            known[cpu, cpus, gic] = Verdicts(plain(done.stdout),
                                             f"bare {cpu}, {cpus} CPUs, GICv{gic}")
        return known[cpu, cpus, gic]

    return run


def run_in_vm(board, cpus, where):
    vm = new(board, "check", f"-c {cpus}")
    console = vm.port()
    vm.run()
    console.expect(r"(?m)^\d+ passed, \d+ failed\s", BOOT_SECONDS)
    verdicts = Verdicts(console.before + plain(console.match[0]), where)
    vm.wait_until("stopped")
    vm.delete()
    return verdicts


def expected(case, bare):
    """The verdict that a VM has to give where the bare machine gave this one."""
    for pattern, (on_bare, in_vm, _) in {**KNOWN, **SOMETIMES}.items():
        if bare == on_bare and fnmatchcase(case, pattern):
            return in_vm
    return bare


def differences(bare, vm):
    """A line for each case that tells a VM from the machine, and for each that failed in it."""
    wrong = []
    for case in bare.cases | vm.cases:
        on_bare, in_vm = bare.cases.get(case, "absent"), vm.cases.get(case, "absent")
        if in_vm == "FAIL" or in_vm != expected(case, on_bare):
            wrong.append(f"{bare.where}: {bare.lines.get(case, f'no {case}')}\n"
                         f"    {vm.where}: {vm.lines.get(case, f'no {case}')}")
    return wrong


def compare(boot, bare, cpu, cpus, smp, gic=3, extra=(), beside=None):
    reference = bare(cpu, cpus, gic)
    board = boot(cpu=cpu, smp=smp, gic=gic, mem=1024, guests=["check", "smp"], extra=extra)
    if beside:
        new(board, beside, f"-c {cpus} --name beside").run()
    where = " ".join([f"ZVM {cpu}, {cpus} of {smp} CPUs, GICv{gic}", *extra])
    wrong = differences(reference, run_in_vm(board, cpus, where))
    assert not wrong, f"{len(wrong)} cases differ:\n" + "\n".join(wrong)
    return board


@pytest.mark.parametrize("gic", [3, 2])
@pytest.mark.parametrize("cpus", [1, 4])
@pytest.mark.parametrize("cpu", ["cortex-a53", "cortex-a72", CPU_MAX])
def test_vm_is_the_machine(boot, bare, cpu, cpus, gic):
    compare(boot, bare, cpu, cpus, cpus, gic)


@pytest.mark.parametrize("gic", [3, 2])
@pytest.mark.parametrize("cpus", [1, 4])
def test_one_list_register_is_as_good_as_four(boot, bare, cpus, gic):
    """QEMU's CPUs have four, which the other tests use."""
    board = compare(boot, bare, "cortex-a53", cpus, cpus, gic, ("-append", "quiet vgic.lrs=1"))
    assert "at most 1 list registers" in board.sh("host log")
    vm, terminal = run_smp(board)
    assert "0 unexpected interrupts" in terminal.run("status", "smp> ")
    terminal.line("off")
    vm.wait_until("stopped")


def test_vm_with_more_cpus_than_the_machine(boot, bare):
    """Both vCPUs share the CPU with each other, the shell, and a VM that does the same."""
    compare(boot, bare, CPU_MAX, 2, 1, beside="check")


def test_no_failure_on_the_bare_machine(bare):
    """Otherwise a case says nothing: it expects what QEMU itself does not do."""
    reference = bare(CPU_MAX, 4)
    failed = [reference.lines[case] for case, verdict in reference.cases.items()
              if verdict == "FAIL" and expected(case, verdict) == "FAIL"]
    assert not failed, "\n".join(failed)


def test_known_differences_exist(bare):
    """A row of the table that has become untrue has to go."""
    cases = bare(CPU_MAX, 4).cases
    assert {case: cases.get(case, "absent") for case in KNOWN} == \
        {case: row[0] for case, row in KNOWN.items()}
