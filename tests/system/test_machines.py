# SPDX-License-Identifier: Apache-2.0
"""Machines whose devicetree is legal and unlike QEMU's: they start, or print a line why not."""

import re

import pytest

from conftest import BUILD
from test_boards import SILENT, needs_machine
from trees import compiled, machine_source

GIC = '&{/intc@8000000}'


@pytest.fixture
def machine(boot, tmp_path):
    """
    machine("...") starts QEMU's `virt` with these changes of its tree, devicetree source.
    Everything is put in memory as a first-stage loader would: QEMU's own loader of kernels corrects
    trees that it is given.
    """
    def start(changes, *, smp=1, gic=3, bundle=None, **options):
        source = machine_source(tmp_path, smp=smp, gic=gic)
        files = [(BUILD / "zvm_host.bin", "0x40600000,cpu-num=0")]
        if bundle:
            files.append((bundle, "0x48000000"))
            source += (f"/ {{ chosen {{ linux,initrd-start = <0x48000000>; "
                       f"linux,initrd-end = <{0x48000000 + bundle.stat().st_size:#x}>; }}; }};")
        files.append((compiled(tmp_path, source + changes), "0x40400000"))
        extra = [word for file, where in files for word in
                 ("-device", f"loader,file={file},force-raw=on,addr={where}")]
        return boot(cpu="cortex-a53", smp=smp, gic=gic, mem=1024, consoles=0, kernel=False, extra=extra, **options)
    return start


def cpus(board):
    """Hardware ids of the CPUs that run."""
    return re.findall(r"^ *\d+ +(0x\w+) +online", board.sh("host cpus"), re.M)


@pytest.mark.parametrize("status, why", [("okay", "has no driver"), ("disabled", "is disabled")])
def test_another_stdout(machine, status, why):
    """What /chosen names cannot be used: the log says so, on the UART that can."""
    kind = "acme,uart" if status == "okay" else "arm,pl011"
    board = machine(f"""/ {{
        chosen {{ stdout-path = "/first@a000000"; }};
        first@a000000 {{ compatible = "{kind}"; reg = <0 0xa000000 0 0x1000>; interrupts = <0 1 4>;
                        status = "{status}"; }};
    }};""")
    assert f"the devicetree's stdout is {kind}, which {why}; this is arm,pl011 at 0x9000000" in board.sh("host log")


def test_no_stdout(machine):
    """Nothing is named, and the first UART is on a bus that is disabled."""
    board = machine("""/ {
        chosen { /delete-property/ stdout-path; };
        bus@a000000 { compatible = "simple-bus"; status = "disabled"; #address-cells = <2>; #size-cells = <2>; ranges;
                      uart@a000000 { compatible = "arm,pl011"; reg = <0 0xa000000 0 0x1000>; }; };
    };""")
    assert "arm,pl011 here" in board.sh("host info")
    assert "stdout" not in board.sh("host log")


def test_uart_without_interrupt(machine):
    """Keys that come while the shell does not read are kept, and long output comes whole."""
    board = machine("/ { pl011@9000000 { /delete-property/ interrupts; }; };")
    assert "uart: no interrupt" in board.sh("host log")
    assert " uart " not in board.sh("host irq")
    board.send("host version\rhost mem\rhost version\r")
    board.expect(r"ZVM 0(?s:.*)total: \d+ KiB(?s:.*)ZVM 0")


TIMERS = {"sec-phys": 13, "phys": 14, "virt": 11, "hyp-phys": 10}


@pytest.mark.parametrize("names", [["hyp-phys", "virt", "phys"], ["virt", "sec-phys", "hyp-phys", "phys"]])
def test_timer_by_names(machine, names):
    interrupts = " ".join(f"1 {TIMERS[name]} 4" for name in names)
    board = machine(f"""/ {{ timer {{
        interrupts = <{interrupts}>; interrupt-names = {', '.join(f'"{name}"' for name in names)};
    }}; }};""")
    assert re.search(r"^ +26 +timer +\d+", board.sh("host irq"), re.M)
    assert re.search(r"^ +27 +vtimer ", board.sh("host irq"), re.M)


def test_interrupts_extended(machine):
    """Timer and UART; another interrupt of the UART's first, of a controller with one cell."""
    timers = ", ".join(f"<{GIC} 1 {n} 4>" for n in (13, 14, 11, 10))
    board = machine(f"""/ {{
        /delete-property/ interrupt-parent;
        timer {{ /delete-property/ interrupts; interrupts-extended = {timers}; }};
        pl011@9000000 {{ /delete-property/ interrupts; interrupts-extended = <{GIC} 0 1 4>, <&other 5>; }};
        other: other {{ interrupt-controller; #interrupt-cells = <1>; }};
    }};""")
    assert re.search(r"^ +26 +timer +\d+", board.sh("host irq"), re.M)
    assert re.search(r"^ +33 +uart +[1-9]", board.sh("host irq"), re.M)


@pytest.mark.parametrize("change, why", [
    ('method = "hvc";', "PSCI uses HVC, which cannot reach the firmware from EL2"),
    ('compatible = "acme,psci";', "no PSCI in the devicetree"),
    ('status = "disabled";', "no PSCI in the devicetree"),
])
def test_no_firmware_call(machine, change, why):
    board = machine(f"/ {{ psci {{ {change} }}; }};", smp=2)
    assert f"1 of 2 CPUs cannot be started: no spin-table, and {why}" in board.sh("host log")
    assert cpus(board) == ["0x0"]
    assert "the firmware does not restart the machine" in board.sh("host reboot")


def test_psci_0_1(machine):
    """Its numbers are the firmware's own; QEMU has the one that KVM had."""
    psci = '/ { psci { compatible = "arm,psci"; cpu_on = <%s>; }; };'
    assert len(cpus(machine(psci % "0x95c1ba60", smp=2))) == 2
    board = machine(psci % "0x95c1ba00", smp=2)
    assert "cpu1 does not start" in board.sh("host log")
    assert cpus(board) == ["0x0"]


def test_clusters(machine, bundles):
    """MPIDRs that count in Aff1: CPUs 0, 16 and 17 of a machine of 18."""
    gone = "".join(f"/delete-node/ cpu@{n};" for n in range(1, 16))
    board = machine(f"/ {{ cpus {{ /delete-node/ cpu-map; {gone} }}; }};", smp=18,
                    bundle=bundles(["smp"]))
    assert cpus(board) == ["0x0", "0x100", "0x101"]
    board.sh("zvm new -t smp -c 3")
    board.sh("zvm run -n 0")
    board.line("zvm console 0")
    board.expect(r"smp: PASS\s+smp> ")


@pytest.mark.parametrize("changes, gic, why", [
    ("/ { reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; "
     "all@40000000 { reg = <0 0x40000000 0 0x40000000>; }; }; };", 3,
     "memory without the devicetree's reservations: "),
    ("/ { timer { interrupts = <1 13 4 1 14 4 1 11 4>; }; };", 3, "the timer of EL2 and its interrupt: "),
    ("/ { intc@8000000 { reg = <0 0x8000000 0 0x10000 0 0x8010000 0 0x10000>; }; };", 2,
     "the devicetree has no usable interrupt controller: arm,gic-v3, or arm,gic-400 with all four "),
    ("/ { intc@8000000 { reg = <0 0x8000000 0 0x10000>; }; };", 3, "the interrupt controller: "),
])
def test_refused(machine, changes, gic, why):
    board = machine(changes, gic=gic, prompt=False)
    board.expect("ZVM cannot run here: " + re.escape(why))


@pytest.mark.parametrize("bus, length", [
    ("", 1 << 30), ("", 0xfffffff4), # which leads back to the property itself
    ("soc { compatible = \"simple-bus\"; #address-cells = <2>; #size-cells = <2>; ranges; ", 1 << 30),
])
def test_tree_that_is_broken(boot, tmp_path, bus, length):
    """Behind its UART: as much as can be read of it names a UART on which it is refused."""
    tree = bytearray(compiled(tmp_path, f"""/dts-v1/;
/ {{
    #address-cells = <2>; #size-cells = <2>;
    off@a000000 {{ compatible = "arm,pl011"; reg = <0 0xa000000 0 0x1000>; status = "disabled"; }};
    {bus} uart@9000000 {{ compatible = "arm,pl011"; reg = <0 0x9000000 0 0x1000>; }}; {"};" if bus else ""}
    memory@40000000 {{ device_type = "memory"; reg = <0 0x40000000 0 0x40000000>; }};
}};
""").read_bytes())
    # The length of the last property leads out of the tree.
    at = tree.rindex((16).to_bytes(4, "big"))
    tree[at:at + 4] = length.to_bytes(4, "big")
    blob = tmp_path / "broken.dtb"
    blob.write_bytes(tree)
    board = boot(cpu="cortex-a53", smp=1, mem=1024, consoles=0, kernel=False, prompt=False, extra=(
        "-device", f"loader,file={BUILD / 'zvm_host.bin'},force-raw=on,addr=0x40600000,cpu-num=0",
        "-device", f"loader,file={blob},force-raw=on,addr=0x40400000"))
    board.expect("ZVM cannot run here: the devicetree has a property longer than the tree")


NPCM845 = """/dts-v1/;
/ {
    compatible = "nuvoton,npcm845"; #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;
    chosen { };
    memory@0 { device_type = "memory"; reg = <0 0 0 0x40000000>; };
    soc { compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>; ranges = <0xf0000000 0 0xf0000000 0x1000>;
        serial@f0000000 { compatible = "nuvoton,npcm845-uart", "nuvoton,npcm750-uart"; reg = <0xf0000000 0x1000>;
                          reg-shift = <2>; interrupts = <0 192 4>; };
    };
    gic: interrupt-controller@dfff9000 { compatible = "arm,gic-400"; interrupt-controller; #interrupt-cells = <3>;
        reg = <0 0xdfff9000 0 0x1000 0 0xdfffa000 0 0x2000>; };
};
"""


def test_refused_on_an_8250(boot, tmp_path):
    """QEMU's NPCM845 has no virtualisation in its GIC, and no stdout-path here."""
    needs_machine("npcm845-evb")
    board = boot(machine="npcm845-evb", smp=4, mem=1024, consoles=0, prompt=False,
                 extra=("-dtb", str(compiled(tmp_path, NPCM845)), *SILENT))
    board.expect("ZVM cannot run here: the devicetree has no usable interrupt controller")
