# SPDX-License-Identifier: Apache-2.0
"""tools/zvm-import: the domains of a devicetree for Xen become VMs that run."""

import subprocess

import pytest

from conftest import BOOT_SECONDS, KERNELS, ROOT, make_bundle
from guests import HELLO

# A domain from a file, and one that the loader leaves in memory, with memory that both share.
TREE = """/dts-v1/;
/ {
	chosen {
		#address-cells = <2>; #size-cells = <2>;
		module@48000000 { compatible = "multiboot,kernel", "multiboot,module"; reg = <0 0x48000000 0 0x1000000>; };
		pool { compatible = "xen,cpupool"; };
		control {
			compatible = "xen,domain"; #address-cells = <2>; #size-cells = <1>;
			memory = <0 16383>; cpus = <2>; vpl011; nr_spis = <32>; xen,enhanced = "enabled";
			module@4a000000 {
				compatible = "multiboot,kernel", "multiboot,module"; reg = <0 0x4a000000 0xffffff>;
				bootargs = "console=hvc0 quiet \\"a b\\"";
			};
			module@4c000000 { compatible = "multiboot,device-tree", "multiboot,module"; reg = <0 0x4c000000 0xffff>; };
			mem@70000000 {
				compatible = "xen,domain-shared-memory-v1"; role = "borrower";
				xen,shm-id = "loop"; xen,shared-mem = <0 0x70000000 0 0x60000000 0x100000>;
			};
		};
		domU2 {
			compatible = "xen,domain"; #address-cells = <1>; #size-cells = <1>;
			memory = <0 8192>; cpus = <1>; direct-map; xen,static-mem = <0x50000000 0x800000>;
			kernel { compatible = "multiboot,module"; reg = <0x60000000 0x20>; };
			mem@70000000 {
				compatible = "xen,domain-shared-memory-v1"; role = "owner";
				xen,shm-id = "loop"; xen,shared-mem = <0x60000000 0x100000>;
			};
			alone@72000000 {
				compatible = "xen,domain-shared-memory-v1"; xen,shm-id = "single"; xen,shared-mem = <0x62000000 0x1000>;
			};
		};
	};
};
"""

NOTES = """\
control: memory: 16383 KiB became 16 MiB: RAM is made of blocks of 2 MiB
control: bootargs: console=hvc0 became console=ttyAMA0: the console is a PL011
control: module@4c000000: devicetree of passed-through devices, not taken over: there is no pass-through; \
virtio devices (`devices`), or a whole tree (`devicetree`)
control: nr_spis: not taken over: every VM has 256 SPIs
control: xen,enhanced: not taken over: there are no grants, event channels or xenstore: virtio devices (`devices`) \
and channels
control: loop: shared memory became a channel: an ivshmem device on PCI (docs/guest-abi.md)
domU2: direct-map: the guest sees its RAM there, but the machine's RAM behind it is another
domU2: kernel: the kernel: the loader has to put it at 0x60000000, of 0x20 bytes at most; from a file: \
--file 0x60000000=FILE
domU2: loop: shared memory became a channel: an ivshmem device on PCI (docs/guest-abi.md)
domU2: single: shared memory without a second domain: not taken over
module@48000000: Xen's dom0, not taken over: there is none; `control` lets a VM operate others
pool: not taken over: `affinity`, `dedicated`, or time windows
"""


def imported(folder, tree, *options):
    (folder / "xen.dts").write_text(tree)
    return subprocess.run([ROOT / "tools/zvm-import", "--out", folder / "vms", *options, folder / "xen.dts"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def test_two_domains(boot, tmp_path):
    done = imported(tmp_path, TREE, "--file", "0x4a000000=rtos.bin")
    assert done.returncode == 0, done.stdout
    said = [line.removeprefix("zvm-import: ") for line in done.stdout.splitlines()]
    vms = [str(tmp_path / "vms" / name) for name in ("control.dts", "domU2.dts")]
    assert said == [*vms, *NOTES.splitlines()]
    (tmp_path / "vms/rtos.bin").write_bytes((KERNELS / "rtos.bin").read_bytes())
    (tmp_path / "hello.bin").write_bytes(HELLO)
    board = boot(smp=2, mem=1024, bundle=make_bundle(tmp_path / "b.cpio", vms),
                 extra=["-device", f"loader,file={tmp_path / 'hello.bin'},addr=0x60000000,force-raw=on"])
    board.console(0).knock("rtos> ", BOOT_SECONDS)
    info = board.sh("zvm info control")
    assert 'bootargs    console=ttyAMA0 quiet "a b"' in info and "memory      16 MiB at 0x40000000" in info
    assert "memory      8 MiB at 0x50000000" in board.sh("zvm info domU2")
    assert board.sh("zvm log domU2").strip() == "H"
    channel = board.sh("zvm channel")
    assert channel.index("loop") < channel.index("domU2") < channel.index("control")


@pytest.mark.parametrize("old, new, says", [
    ('"xen,domain"', '"xen,none"', "xen.dts: /chosen has no xen,domain"),
    ("memory = <0 8192>;", "", "/chosen/domU2: memory: missing, or zero"),
    ('kernel { compatible = "multiboot,module"; reg = <0x60000000 0x20>; };', "", "/chosen/domU2: has no kernel"),
    ("reg = <0x60000000 0x20>", "reg = <0x60000000>", "/chosen/domU2/kernel: reg: 1 cells, not 2"),
    ("<0x50000000 0x800000>", "<0x50000000>", "/chosen/domU2: xen,static-mem: 1 cells, not a multiple of 2"),
    ("cpus = <1>", "cpus = [01]", "/chosen/domU2: cpus: is not made of cells"),
    ("domU2 {", "control@2 {", "/chosen/control: another domain would be called 'control' too"),
    ("pool {", "pool {{", "syntax error"),
])
def test_trees_that_are_refused(tmp_path, old, new, says):
    done = imported(tmp_path, TREE.replace(old, new))
    assert done.returncode == 1 and says in done.stdout and len(done.stdout.splitlines()) == 1
    assert not (tmp_path / "vms").exists()


@pytest.mark.parametrize("name, becomes", [("cafe", "cafe"), ("domU2@1", "domU2"), ("17", "vm17"), ("a,b+c", "a-b-c"),
                                           ("d" * 30, "d" * 23)])
def test_names_of_vms(tmp_path, name, becomes):
    done = imported(tmp_path, TREE.replace("domU2 {", name + " {"))
    assert done.returncode == 0 and (tmp_path / f"vms/{becomes}.dts").is_file()
    assert f'label = "{becomes}";' in (tmp_path / f"vms/{becomes}.dts").read_text()
    assert (f"{becomes}: name: was {name}: " in done.stdout) == (becomes != name.split("@")[0])


def test_options_that_are_refused(tmp_path):
    done = imported(tmp_path, TREE, "--file", "0x123=rtos.bin")
    assert done.returncode == 1 and "--file: no module is at 0x123" in done.stdout
    assert imported(tmp_path, TREE).returncode == 0
    done = imported(tmp_path, TREE)
    assert done.returncode == 1 and "control.dts is there already: another --out" in done.stdout
