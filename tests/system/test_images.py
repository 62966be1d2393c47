# SPDX-License-Identifier: Apache-2.0
"""Files that are no kernels in a kernel's place: refused by name in the list and by `zvm new`."""

import bz2
import gzip
import lzma
import subprocess
import sys

from conftest import BUILD, ROOT

sys.path.insert(0, str(ROOT / "tools"))
import cpio  # noqa: E402

SMP = BUILD / "guests/smp.elf"


def description(label, properties):
    source = f'/dts-v1/; / {{ compatible = "zvm,vm"; label = "{label}"; {properties} }};'
    return subprocess.run(["dtc", "-q", "-O", "dtb"], input=source.encode(),
                          stdout=subprocess.PIPE, check=True).stdout


def bundle(path, kernels, more=""):
    """A bundle made by hand: a type for each of these kernels, which nothing has unpacked."""
    archive = cpio.Writer()
    for label, data in kernels.items():
        properties = f'memory = <0x0 0x2000000>; kernel = "img/{label}"; {more}'
        archive.file(f"vms/{label}.dtb", description(label, properties))
        archive.file(f"img/{label}", data)
    path.write_bytes(archive.finish())
    return path


def check_bundle(path):
    """What the checker at the desk says of a bundle."""
    return subprocess.run([BUILD / "tools/checkdesc", "-b", path], text=True, check=False,
                          stderr=subprocess.PIPE).stderr


def test_kernels_are_refused_by_name(boot, tmp_path):
    image = SMP.read_bytes()
    kernels = {
        "gzip": (gzip.compress(image), "is gzip-compressed: unpack it"),
        "bzip2": (bz2.compress(image), "is bzip2-compressed: unpack it"),
        "xz": (lzma.compress(image), "is xz-compressed: unpack it"),
        "lzma": (lzma.compress(image, lzma.FORMAT_ALONE), "is lzma-compressed: unpack it"),
        "zboot": (b"MZ\0\0zimg" + bytes(100), "is an EFI zboot image: unpack it"),
        "uimage": (b"\x27\x05\x19\x56" + bytes(100), "is a uImage: take the kernel out of it"),
        "fit": (description("fit", ""), "is a FIT image or a devicetree: take the kernel out"),
        "zimage": (bytes(36) + b"\x18\x28\x6f\x01" + bytes(99), "is a kernel for 32-bit Arm"),
        "text": (b"#!/bin/sh\necho hello\n", "is text, not code: it begins with '#!/bin/sh'"),
        "zeros": (bytes(4096), "is not code: it begins with 0x00000000"),
    }
    path = bundle(tmp_path / "bundle.cpio", {k: data for k, (data, _) in kernels.items()})
    desk = check_bundle(path)
    board = boot(smp=1, mem=512, bundle=path)
    listed = {line.split()[0]: line for line in board.sh("zvm list").splitlines()[1:]}
    for label, (_, says) in kernels.items():
        assert says in listed[label]
        answer = board.sh(f"zvm new -t {label}")
        assert says in answer and len(answer.splitlines()) == 1
        assert says in desk


def test_a_load_address_is_no_way_round(boot, tmp_path):
    path = bundle(tmp_path / "bundle.cpio", {"packed": gzip.compress(SMP.read_bytes())},
                  "load-address = <0x0 0x40200000>;")
    board = boot(smp=1, mem=512, bundle=path)
    assert "kernel: is gzip-compressed" in board.sh("zvm new -t packed")


def test_preloaded_images_are_refused_by_name(boot, tmp_path):
    """The README's start command with the files that a distribution ships."""
    packed = tmp_path / "vmlinuz"
    packed.write_bytes(gzip.compress(SMP.read_bytes()))
    readme = ROOT / "README.md"
    board = boot(smp=1, mem=4096, extra=(
        "-device", f"loader,file={packed},addr=0xe0000000,force-raw=on",
        "-device", f"loader,file={readme},addr=0xc8000000,force-raw=on"))
    for kind, says in (("linux", "kernel: is gzip-compressed: unpack it"),
                       ("zephyr", "kernel: is text, not code: it begins with '# ZVM'")):
        assert says in board.sh("zvm list")
        assert says in board.sh(f"zvm new -t {kind}")
