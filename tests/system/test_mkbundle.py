# SPDX-License-Identifier: Apache-2.0
"""Bundles out of the files that distributions ship: unpacked at the desk, checked, and started."""

import bz2
import gzip
import lzma
import re
import struct
import subprocess

import pytest

from conftest import BOOT_SECONDS, BUILD, ROOT, make_bundle
from guests import HELLO, new

RTOS = BUILD / "rtos.bin"  # an arm64 Image


def packed_by(*argv):
    return lambda data: subprocess.run(argv, input=data, stdout=subprocess.PIPE, check=True).stdout


def zboot(payload, size_appended=True):
    """EFI zboot: header, then the payload; all but gzip have the plain size behind it."""
    head = struct.pack("<4s4s2I8x32s", b"MZ\0\0", b"zimg", 4096, len(payload), b"zstd22")
    return head.ljust(4096, b"\0") + payload + (struct.pack("<I", 1) if size_appended else b"")


PACKED = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zstd": packed_by("zstd", "-cq"),
    "lz4": packed_by("lz4", "-cq"),
    "lz4-legacy": packed_by("lz4", "-clq"),
    "lzo": packed_by("lzop", "-cq"),
    "zboot-gzip": lambda data: zboot(gzip.compress(data), False),
    "zboot-zstd": lambda data: zboot(packed_by("zstd", "-cq")(data)),
    "zboot-xz": lambda data: zboot(lzma.compress(data)),
    "twice": lambda data: gzip.compress(zboot(gzip.compress(data), False)),
}


def mkbundle(folder, properties, label="vm", name="vm"):
    """Packs a description whose images lie beside it: (bundle, output, whether it was made)."""
    (folder / f"{name}.dts").write_text(
        f'/dts-v1/;\n/ {{\n\tcompatible = "zvm,vm";\n\tlabel = "{label}";\n\t{properties}\n}};\n')
    out = folder / "bundle.cpio"
    before = out.exists()
    done = subprocess.run([ROOT / "tools/mkbundle", "--build", BUILD, "--out", out, folder / f"{name}.dts"],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode in (0, 1) and (done.returncode == 0 or before) == out.exists()
    return out, done.stdout, done.returncode == 0


def files(bundle):
    """Name to contents of the archive that mkbundle wrote."""
    data, at, found = bundle.read_bytes(), 0, {}
    while True:
        size, length = (int(data[at + 6 + 8 * n:at + 14 + 8 * n], 16) for n in (6, 11))
        name = data[at + 110:at + 110 + length - 1].decode()
        start = (at + 110 + length + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        found[name] = data[start:start + size]
        at = (start + size + 3) // 4 * 4


@pytest.mark.parametrize("kind", PACKED)
def test_kernels_are_unpacked(tmp_path, kind):
    (tmp_path / "vmlinuz").write_bytes(PACKED[kind](RTOS.read_bytes()))
    bundle, said, made = mkbundle(tmp_path, 'memory = <0x0 0x1000000>; kernel = "vmlinuz";')
    assert made, said
    assert files(bundle)["vmlinuz"] == RTOS.read_bytes()


@pytest.mark.parametrize("kind", ["gzip", "zstd", "xz", "lz4", "zboot-gzip"])
def test_packed_kernels_that_are_damaged(tmp_path, kind):
    whole = PACKED[kind](RTOS.read_bytes())
    for data in (whole[:len(whole) // 2], whole[:-3]):
        (tmp_path / "vmlinuz").write_bytes(data)
        _, said, made = mkbundle(tmp_path, 'memory = <0x0 0x1000000>; kernel = "vmlinuz";')
        assert not made and "vmlinuz: " in said and len(said.splitlines()) == 1


def mkimage(folder, out, *argv):
    subprocess.run(["mkimage", *argv, out], cwd=folder, stdout=subprocess.DEVNULL, check=True)


def uimage(folder, out, data, kind="kernel", arch="arm64", load=0x40000000, entry=0x40000000):
    (folder / "plain").write_bytes(data)
    mkimage(folder, out, "-A", arch, "-O", "linux", "-T", kind, "-C", "none", "-a", f"{load:x}",
            "-e", f"{entry:x}", "-n", "test", "-d", "plain")


def test_a_uimage(tmp_path):
    uimage(tmp_path, "uImage", gzip.compress(RTOS.read_bytes()))
    uimage(tmp_path, "uInitrd", gzip.compress(b"ramdisk"), "ramdisk")
    bundle, said, made = mkbundle(
        tmp_path, 'memory = <0x0 0x1000000>; kernel = "uImage"; initrd = "uInitrd";')
    assert made, said
    assert files(bundle)["uImage"] == RTOS.read_bytes()
    # An initrd stays packed: Linux unpacks it.
    assert gzip.decompress(files(bundle)["uInitrd"]) == b"ramdisk"


def test_a_uimage_of_several(tmp_path):
    (tmp_path / "k").write_bytes(RTOS.read_bytes())
    (tmp_path / "r").write_bytes(b"a ramdisk")
    mkimage(tmp_path, "multi", "-A", "arm64", "-T", "multi", "-C", "none", "-n", "m", "-d", "k:r")
    bundle, said, made = mkbundle(
        tmp_path, 'memory = <0x0 0x1000000>; kernel = "multi"; initrd = "multi";')
    assert made, said
    assert files(bundle)["multi"] == RTOS.read_bytes()
    assert files(bundle)["multi.initrd"] == b"a ramdisk"
    assert b"multi.initrd\0" in files(bundle)["vms/vm.dtb"]


@pytest.mark.parametrize("kind, says", [
    ("header", "uImage: is damaged: the checksum of its header"),
    ("data", "uImage: is damaged: the checksum of its data"),
    ("cut", "uImage: is cut off"),
    ("arm", "uImage: is for another architecture (number 2), not for arm64"),
    ("ramdisk", "uImage: has no kernel, its type is initrd"),
])
def test_uimages_that_are_refused(tmp_path, kind, says):
    uimage(tmp_path, "uImage", RTOS.read_bytes(), "ramdisk" if kind == "ramdisk" else "kernel",
           "arm" if kind == "arm" else "arm64")
    data = bytearray((tmp_path / "uImage").read_bytes())
    if kind in ("header", "data"):
        data[20 if kind == "header" else 5000] ^= 1
    (tmp_path / "uImage").write_bytes(data[:-1] if kind == "cut" else data)
    _, said, made = mkbundle(tmp_path, 'memory = <0x0 0x1000000>; kernel = "uImage";')
    assert not made and says in said and len(said.splitlines()) == 1


FIT = """/dts-v1/;
/ {
	description = "for a VM"; #address-cells = <1>;
	images {
		other { data = "x"; type = "firmware"; compression = "none"; };
		kernel-1 {
			data = /incbin/("k"); type = "kernel"; arch = "%(arch)s"; os = "linux"; compression = "gzip";
			load = <0x40000000>; entry = <0x40000000>;
			hash-1 { algo = "sha256"; }; hash-2 { algo = "crc32"; };
		};
		ramdisk-1 {
			data = /incbin/("r"); type = "ramdisk"; arch = "arm64"; os = "linux"; compression = "none";
			hash-1 { algo = "sha1"; };
		};
		fdt-1 {
			data = /incbin/("d"); type = "flat_dt"; arch = "arm64"; compression = "none";
			hash-1 { algo = "sha256"; };
		};
	};
	configurations {
		%(default)s
		conf-0 { kernel = "kernel-1"; };
		conf-1 { kernel = "kernel-1"; ramdisk = "ramdisk-1"; fdt = "fdt-1"; };
	};
};
"""


def fit(folder, *options, arch="arm64", default='default = "conf-1";'):
    subprocess.run(["qemu-system-aarch64", "-machine", f"virt,gic-version=3,dumpdtb={folder / 'd'}",
                    "-cpu", "cortex-a53", "-nographic", "-nic", "none"], check=True,
                   stderr=subprocess.DEVNULL)
    (folder / "k").write_bytes(gzip.compress(RTOS.read_bytes()))
    (folder / "r").write_bytes(b"a ramdisk")
    (folder / "fit.its").write_text(FIT % {"arch": arch, "default": default})
    mkimage(folder, "fitImage", *options, "-f", "fit.its")


@pytest.mark.parametrize("options", [(), ("-E",), ("-E", "-p", "0x2000")])
def test_a_fit(tmp_path, options):
    """One file for kernel, initrd and devicetree, as Yocto has it; its data inside or behind."""
    fit(tmp_path, *options)
    bundle, said, made = mkbundle(
        tmp_path, 'memory = <0x0 0x1000000>; kernel = "fitImage"; initrd = "fitImage"; devicetree = "fitImage";')
    assert made, said
    found = files(bundle)
    assert found["fitImage"] == RTOS.read_bytes()
    assert found["fitImage.initrd"] == b"a ramdisk"
    assert found["fitImage.devicetree"] == (tmp_path / "d").read_bytes()
    # What is not asked for is told.
    _, said, _ = mkbundle(tmp_path, 'memory = <0x0 0x1000000>; kernel = "fitImage";')
    assert 'fitImage also has what initrd = "fitImage"; would take' in said
    assert 'fitImage also has what devicetree = "fitImage"; would take' in said


@pytest.mark.parametrize("kind, says", [
    ("kernel", "FIT: kernel-1 is damaged: its sha256 does not match"),
    ("ramdisk", "FIT: ramdisk-1 is damaged: its sha1 does not match"),
    ("arch", "FIT: kernel-1 is for arm, not for arm64"),
    ("default", "FIT: no default among its configurations conf-0 conf-1"),
])
def test_fits_that_are_refused(tmp_path, kind, says):
    fit(tmp_path, arch="arm" if kind == "arch" else "arm64",
        **({"default": ""} if kind == "default" else {}))
    data = bytearray((tmp_path / "fitImage").read_bytes())
    if kind in ("kernel", "ramdisk"):
        data[data.index((tmp_path / kind[0]).read_bytes()) + 5] ^= 1
    (tmp_path / "fitImage").write_bytes(data)
    _, said, made = mkbundle(
        tmp_path, 'memory = <0x0 0x1000000>; kernel = "fitImage"; initrd = "fitImage";')
    assert not made and says in said


def test_raw_code_goes_where_its_container_says(boot, tmp_path):
    uimage(tmp_path, "uImage", HELLO, load=0x40400000, entry=0x40400000)
    bundle, said, made = mkbundle(tmp_path, 'memory = <0x0 0x1000000>; kernel = "uImage";')
    assert made, said
    board = boot(smp=1, mem=512, bundle=bundle)
    vm = new(board, "vm")
    assert "raw, entry 0x40400000" in board.sh("zvm info vm")
    vm.run()
    vm.wait_until("stopped")
    assert vm.log().strip() == "H"
    _, said, made = mkbundle(tmp_path / ".", 'memory = <0x0 0x1000000>; kernel = "uImage"; '
                             'load-address = <0x0 0x40200000>;', name="other")
    assert "load-address: 0x40200000, but" in said and "says 0x40400000" in said
    uimage(tmp_path, "uImage", HELLO, load=0x40400000, entry=0x40400040)
    _, said, _ = mkbundle(tmp_path, 'memory = <0x0 0x1000000>; kernel = "uImage";')
    assert "its entry point 0x40400040 is not where it is loaded, 0x40400000" in said


def test_what_is_made_of_them_starts(boot, tmp_path):
    """From a FIT, and from a file and a folder whose names are Chinese."""
    fit(tmp_path)
    folder = tmp_path / "\u5185\u6838"
    folder.mkdir()
    (folder / "\u7cfb\u7edf.gz").write_bytes(gzip.compress(RTOS.read_bytes()))
    for properties, shown in (('kernel = "fitImage"; devicetree = "fitImage";', "fitImage"),
                              ('kernel = "\u5185\u6838/\u7cfb\u7edf.gz";', "\u5185\u6838/\u7cfb\u7edf.gz")):
        bundle, said, made = mkbundle(tmp_path, "cpus = <2>; memory = <0x0 0x1000000>; " + properties)
        assert made, said
        board = boot(smp=2, mem=512, bundle=bundle)
        assert shown in board.sh("zvm list")
        vm = new(board, "vm")
        console = vm.port()
        vm.run()
        console.expect("rtos> ", BOOT_SECONDS)


def test_what_the_hypervisor_would_refuse(tmp_path):
    """The desk says the same, and nothing takes the place of a bundle that is there."""
    (tmp_path / "k").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    bundle, said, made = mkbundle(tmp_path, 'memory = <0x0 0x1000000>; kernel = "k";')
    assert not made and not bundle.exists()
    assert "vm.dts:5: /: kernel: is text, not code: it begins with 'version https://git-lfs.'" in said
    (tmp_path / "k").write_bytes(RTOS.read_bytes())
    assert mkbundle(tmp_path, 'memory = <0x0 0x1000000>; kernel = "k";')[2]
    before = bundle.read_bytes()
    for name in ("one", "two"):
        (tmp_path / f"{name}.dts").write_text('/dts-v1/; / { compatible = "zvm,vm"; label = "same"; '
                                              'memory = <0x0 0x1000000>; kernel = "k"; };')
    done = subprocess.run([ROOT / "tools/mkbundle", "--build", BUILD, "--out", bundle,
                           tmp_path / "one.dts", tmp_path / "two.dts"], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 1 and "/: label: 'same' is taken by vms/one.dtb" in done.stdout
    assert bundle.read_bytes() == before


LISTED = """\
echo (vms/echo.dtb): 1 vcpu, 8 MiB, priority 20
  kernel     guests/net.elf, # bytes
  bootargs   net=echo ip=10.0.0.9
  0x0008000000 64 KiB     intc
  0x00080a0000 128 KiB    intc
  0x0009000000 4 KiB      pl011, interrupt 33
  0x0009010000 4 KiB      pl031, interrupt 34
  0x0009030000 4 KiB      pl061, interrupt 39
  0x000a003e00 512 bytes  virtio_mmio net0, interrupt 79
  0x0040000000 8 MiB      memory
rtos (vms/channel_rtos.dtb): 1 vcpu, 16 MiB, priority 8
  kernel     rtos.bin, # bytes
  0x0008000000 64 KiB     intc
  0x00080a0000 128 KiB    intc
  0x0009000000 4 KiB      pl011, interrupt 33
  0x0009010000 4 KiB      pl031, interrupt 34
  0x0009030000 4 KiB      pl061, interrupt 39
  0x0040000000 16 MiB     memory
  0x4010000000 1 MiB      pcie
  channel    loop: linux rtos, 1 MiB for all
  channel    rpmsg: linux rtos, 128 KiB for all
"""


def listed(bundle):
    done = subprocess.run([ROOT / "tools/mkbundle", "--build", BUILD, "--list", bundle], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, re.sub(r"(elf|bin), \d+ (bytes|KiB)", r"\1, # bytes", done.stdout)


def test_what_vms_will_see(tmp_path):
    bundle = make_bundle(tmp_path / "b.cpio", ["echo", "channel_rtos"])
    assert listed(bundle) == (0, LISTED)
    bundle.write_bytes(bundle.read_bytes().replace(b"10.0.0.9\0", b"10.0.0.9."))
    code, said = listed(bundle)
    assert code == 1 and said.startswith("vms/echo.dtb: /: bootargs: ") and said.endswith(LISTED[LISTED.index("rtos (vms"):])
    (tmp_path / "none").write_bytes(b"not a bundle")
    code, said = listed(tmp_path / "none")
    assert code == 1 and len(said.splitlines()) == 1


def test_what_dtc_says_comes_with_its_place(tmp_path):
    source = tmp_path / "vm.dts"
    source.write_text('/dts-v1/;\n/ {\n\tcompatible = "zvm,vm"\n\tlabel = "vm";\n};\n')
    done = subprocess.run([ROOT / "tools/mkbundle", "--build", BUILD, "--out", tmp_path / "b", source],
                          text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 1
    assert f"{source}:4.2-3 syntax error" in done.stdout
    assert "Unable to parse" not in done.stdout


def test_complaints_are_whole_in_a_deep_folder(tmp_path):
    """The file and the reason are named, wherever the checkout lies."""
    deep = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 8)
    deep.mkdir(parents=True)
    image = "an-image-whose-name-is-longer-than-what-there-was-room-for-in-a-complaint.bin"
    (deep / image).write_bytes(b"")
    _, said, _ = mkbundle(deep, f'memory = <0 0x4000000>; kernel = "{image}"; initrd-address = <1>;')
    assert said.rstrip().endswith("/a-folder-with-a-long-name/vm.dts:5: /: initrd-address: must be 2 cells, but has 4 bytes")
    _, said, _ = mkbundle(deep, f'memory = <0 0x4000000>; kernel = "{image}";')
    assert said.rstrip().endswith(f"/a-folder-with-a-long-name/vm.dts:5: /: kernel: '{image}' is empty")
