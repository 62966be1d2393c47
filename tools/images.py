# SPDX-License-Identifier: Apache-2.0
"""Plain images out of the files that distributions ship: compressed ones, EFI zboot, uImage, FIT.

    get(Path("fitImage"), "kernel").data

The distribution's tools do the work: dumpimage (u-boot-tools), zstd, lz4, lzop, fdtget; they are
installed when a file needs them. Checksums are verified: those of the compressed formats, the
uImage's two, a FIT's hashes.
"""

import bz2
import hashlib
import lzma
import shutil
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

DEPS = Path(__file__).resolve().parent / "deps"

UIMAGE_MAGIC = b"\x27\x05\x19\x56"
FDT_MAGIC = b"\xd0\x0d\xfe\xed"
# Of a uImage, by what it says that it is: types that are one image, and those made of several.
UIMAGE_TYPES = {2: "kernel", 14: "kernel", 3: "initrd", 8: "devicetree"}
UIMAGE_MULTI = 4
UIMAGE_ARM64 = 22
UIMAGE_HEADER = struct.Struct(">7I4B32s")
# What one of several is, by its place.
MULTI_ORDER = ("kernel", "initrd", "devicetree")
# What a FIT's configuration calls it.
FIT_ROLES = {"kernel": "kernel", "initrd": "ramdisk", "devicetree": "fdt"}


class ImageError(Exception):
    """What is wrong with a file, in one line."""


class Image:
    """What is to be put into the bundle; where raw code wants to be; what else the file has."""

    def __init__(self, data, load=None, others=()):
        self.data = data
        self.load = load
        self.others = others


def run(package, *argv, data=None):
    """Runs a tool of that Debian package, which is installed if it is missing; what it prints."""
    if not shutil.which(argv[0]):
        subprocess.run([DEPS, package], check=False)
    try:
        done = subprocess.run(argv, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False)
    except FileNotFoundError:
        raise ImageError(f"{argv[0]} is needed: apt-get install {package}") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise ImageError(lines[-1] if lines else f"{argv[0]} failed")
    return done.stdout


# ---- compression ----

def with_library(make):
    """Unpacks by a decompressor of the standard library; what follows its data does not count."""
    def unpack(data):
        stream = make()
        try:
            plain = stream.decompress(data)
        except (zlib.error, OSError, EOFError, lzma.LZMAError) as why:
            raise ImageError(f"is damaged: {why}") from None
        if not stream.eof:
            raise ImageError("is cut off")
        return plain
    return unpack


def with_tool(package, *argv):
    return lambda data: run(package, *argv, data=data)


def zboot(data):
    """EFI zboot: where the payload is, and how long, as le32 at 8 and 12."""
    start, size = struct.unpack_from("<2I", data, 8)
    if start + size > len(data):
        raise ImageError("is cut off")
    return unpack_once(data[start:start + size])[1]


# Magic numbers, what they mean, how it is unpacked.
FORMATS = (
    (0, b"\x1f\x8b", "gzip", with_library(lambda: zlib.decompressobj(wbits=31))),
    (0, b"BZh", "bzip2", with_library(bz2.BZ2Decompressor)),
    (0, b"\xfd7zXZ", "xz", with_library(lzma.LZMADecompressor)),
    (0, b"\x5d\0\0", "lzma", with_library(lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE))),
    (0, b"\x28\xb5\x2f\xfd", "zstd", with_tool("zstd", "zstd", "-dcq")),
    (0, b"\x04\x22\x4d\x18", "lz4", with_tool("lz4", "lz4", "-dcq")),
    (0, b"\x02\x21\x4c\x18", "lz4", with_tool("lz4", "lz4", "-dcq")),
    (0, b"\x89LZO", "lzo", with_tool("lzop", "lzop", "-dcq")),
    (4, b"zimg", "EFI zboot", zboot),
)


def unpack_once(data):
    """The format's name and what is in it; (None, data) if it is packed in none that is known."""
    for at, magic, name, unpack in FORMATS:
        if data[at:at + len(magic)] == magic:
            try:
                return name, unpack(data)
            except ImageError as why:
                raise ImageError(f"{name}: {why}") from None
    return None, data


def unpack(data):
    name = ""
    while name is not None:
        name, data = unpack_once(data)
    return data


# ---- containers ----

def is_fit(path, data):
    if data[:4] != FDT_MAGIC:
        return False
    return "images" in run("device-tree-compiler", "fdtget", "-l", path, "/").decode().split()


def component(path, kind, number):
    """One component of a container, which dumpimage takes out of it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "component"
        run("u-boot-tools", "dumpimage", "-T", kind, "-p", str(number), "-o", out, path)
        return out.read_bytes()


def check_uimage(data):
    """Both checksums; the header's is of the header with zero in its place."""
    if len(data) < UIMAGE_HEADER.size:
        raise ImageError("is cut off")
    fields = UIMAGE_HEADER.unpack_from(data)
    header = data[:4] + bytes(4) + data[8:UIMAGE_HEADER.size]
    if zlib.crc32(header) != fields[1]:
        raise ImageError("is damaged: the checksum of its header does not match")
    if UIMAGE_HEADER.size + fields[3] > len(data):
        raise ImageError("is cut off")
    if zlib.crc32(data[UIMAGE_HEADER.size:UIMAGE_HEADER.size + fields[3]]) != fields[6]:
        raise ImageError("is damaged: the checksum of its data does not match")
    return fields


def from_uimage(path, data, role):
    try:
        fields = check_uimage(data)
        load, entry, arch, kind = fields[4], fields[5], fields[8], fields[9]
        if role == "kernel" and arch != UIMAGE_ARM64:
            raise ImageError(f"is for another architecture (number {arch}), not for arm64")
        if kind == UIMAGE_MULTI:
            return Image(component(path, "multi", MULTI_ORDER.index(role)))
        if UIMAGE_TYPES.get(kind) != role:
            raise ImageError(f"has no {role}, its type is {UIMAGE_TYPES.get(kind, kind)}")
        types = {"kernel": "kernel", "initrd": "ramdisk", "devicetree": "flat_dt"}
        return Image(component(path, types[role], 0), load=(load, entry))
    except ImageError as why:
        raise ImageError(f"uImage: {why}") from None


class Fit:
    """A flattened image tree: images with hashes, and configurations that name some of them."""

    def __init__(self, path):
        self.path = path
        self.images = self.nodes("/images")
        self.config = self.configuration()

    def _fdtget(self, *argv):
        return run("device-tree-compiler", "fdtget", *argv[:-2], self.path, *argv[-2:]).decode()

    def nodes(self, path):
        return run("device-tree-compiler", "fdtget", "-l", self.path, path).decode().split()

    def text(self, node, name):
        return self._fdtget("-d", "", "-t", "s", node, name).strip()

    def number(self, node, name):
        cells = [int(x, 16) for x in self._fdtget("-d", "", "-t", "x", node, name).split()]
        return sum(cell << 32 * n for n, cell in enumerate(reversed(cells))) if cells else None

    def configuration(self):
        """The one that is the default, or the only one; None if there is none at all."""
        if "configurations" not in self.nodes("/"):
            return None
        configs = self.nodes("/configurations")
        name = self.text("/configurations", "default")
        if not name and len(configs) == 1:
            name = configs[0]
        if name not in configs:
            raise ImageError(f"FIT: no default among its configurations {' '.join(configs)}")
        return f"/configurations/{name}"

    def find(self, role):
        """The image's name: what the configuration says, else the only one of its type."""
        if self.config:
            names = self.text(self.config, FIT_ROLES[role]).split()
        else:
            kind = {"kernel": "kernel", "initrd": "ramdisk", "devicetree": "flat_dt"}[role]
            names = [x for x in self.images if self.text(f"/images/{x}", "type") == kind]
        if len(names) > 1:
            raise ImageError(f"FIT: its {role} is made of several images: {' '.join(names)}")
        return names[0] if names else None

    def verify(self, name, data):
        for node in self.nodes(f"/images/{name}"):
            if not node.startswith("hash"):
                continue
            algorithm = self.text(f"/images/{name}/{node}", "algo")
            value = bytes(int(x, 16) for x in
                          self._fdtget("-t", "bx", f"/images/{name}/{node}", "value").split())
            if algorithm == "crc32":
                found = struct.pack(">I", zlib.crc32(data))
            elif algorithm in hashlib.algorithms_guaranteed:
                found = hashlib.new(algorithm, data).digest()
            else:
                raise ImageError(f"FIT: {name} has a hash of an unknown kind, {algorithm}")
            if found != value:
                raise ImageError(f"FIT: {name} is damaged: its {algorithm} does not match")

    def get(self, role):
        name = self.find(role)
        if not name:
            raise ImageError(f"FIT: has no {role}")
        if name not in self.images:
            raise ImageError(f"FIT: has no image {name}, which its configuration names")
        arch = self.text(f"/images/{name}", "arch")
        if role == "kernel" and arch != "arm64":
            raise ImageError(f"FIT: {name} is for {arch or 'no architecture'}, not for arm64")
        data = component(self.path, "flat_dt", self.images.index(name))
        self.verify(name, data)
        load, entry = (self.number(f"/images/{name}", x) for x in ("load", "entry"))
        others = [x for x in FIT_ROLES if x != role and self.find(x)]
        return Image(data, load=None if load is None else (load, entry), others=others)


# ---- both ----

def is_raw(data):
    """Neither an arm64 Image nor an ELF file: it has to be told where it goes."""
    return data[56:60] != b"ARM\x64" and data[:4] != b"\x7fELF"


def get(path, role):
    """The image in a file, for a role: kernel, initrd, devicetree. An initrd stays packed."""
    data = path.read_bytes()
    if role != "initrd":
        data = unpack(data)
    if data[:4] == UIMAGE_MAGIC or data[:4] == FDT_MAGIC:
        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / "image"
            plain.write_bytes(data)
            if data[:4] == UIMAGE_MAGIC:
                image = from_uimage(plain, data, role)
            elif is_fit(plain, data):
                image = Fit(plain).get(role)
            else:
                return Image(data)
    else:
        return Image(data)
    if role != "initrd":
        image.data = unpack(image.data)
    if role != "kernel" or not is_raw(image.data):
        image.load = None
    elif image.load and image.load[1] not in (None, image.load[0]):
        raise ImageError("its entry point 0x%x is not where it is loaded, 0x%x: a raw image is "
                         "entered at its first byte" % (image.load[1], image.load[0]))
    return image


def is_packed(start):
    """True if a file that begins with these bytes is one to unpack: compressed, or a uImage."""
    return start[:4] == UIMAGE_MAGIC or any(start[at:at + len(magic)] == magic
                                            for at, magic, _, _ in FORMATS)


def get_archive(path):
    """The cpio archive in a bundle that is compressed, or wrapped as U-Boot's ramdisk."""
    data = path.read_bytes()
    if data[:4] == UIMAGE_MAGIC:
        data = from_uimage(path, data, "initrd").data
    return unpack(data)
