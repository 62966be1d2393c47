# SPDX-License-Identifier: Apache-2.0
"""make dist: a release that works without the sources, and that is the same wherever it is made."""

import filecmp
import hashlib
import json
import re
import shutil
import subprocess
import tarfile

import pytest

from conftest import BUILD, KERNELS, ROOT
from transcripts import play, transcript
from test_guests_readme import PROGRAMS

# What it takes to compile zvm_host.bin.
SOURCES = ("arch", "drivers", "guests", "include", "init", "kernel", "lib", "rtos", "shell", "tools", "vmm",
           "meson.build", "meson_options.txt")


def run(*argv, **how):
    return subprocess.run([str(x) for x in argv], text=True, check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **how)


def made(folder):
    """The archive, and what was said."""
    folder.mkdir(exist_ok=True)
    done = run(ROOT / "tools/make-dist", "--build", BUILD, "--out", folder, cwd=folder)
    assert done.returncode == 0, done.stdout
    return next(folder.glob("zvm-*.tar.gz")), done.stdout


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """The release, unpacked far from the sources."""
    folder = tmp_path_factory.mktemp("dist")
    path, _ = made(folder / "out")
    with tarfile.open(path) as archive:
        archive.extractall(folder)
    return next(path for path in folder.glob("zvm-*") if path.is_dir())


def test_the_sums_are_those_of_the_files(tmp_path):
    path, said = made(tmp_path / "one")
    sums = dict(reversed(line.split("  ")) for line in said.splitlines() if re.match(r"[0-9a-f]{64}  ", line))
    assert run("sha256sum", path).stdout.split()[0] == sums[str(path)]
    assert run("sha256sum", BUILD / "zvm_host.bin").stdout.split()[0] in sums.values()
    size = int(re.search(r"its first (\d+) bytes: `host version` prints this sum$", said, re.M)[1])
    assert hashlib.sha256((BUILD / "zvm_host.bin").read_bytes()[:size]).hexdigest() in sums.values()
    assert filecmp.cmp(path, made(tmp_path / "two")[0], shallow=False)
    with tarfile.open(path) as archive:
        members = archive.getmembers()
    assert [m.name for m in members] == sorted(m.name for m in members)
    assert {(m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, "", "")}
    assert len({m.mtime for m in members}) == 1


def test_nothing_names_the_folder_that_made_it(release):
    for path in release.rglob("*"):
        if path.is_file():
            assert str(ROOT).encode() not in path.read_bytes(), path


def test_links_of_its_documents_lead_to_files_of_it(release):
    for page in release.rglob("*.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page}: {link}"


def test_the_book_is_in_it(release):
    """Its pages, which need nothing of the web: mkdocs' theme is there."""
    index = (release / "book/index.html").read_text()
    assert "docs/quick-start.html" in index
    assert "zvm new -t linux" in (release / "book/docs/quick-start.html").read_text()
    for link in re.findall(r'<(?:script src|link href)="([^"]+)"', index):
        assert (release / "book" / link).is_file(), link


def test_the_bill_of_materials_is_that_of_the_files(release):
    """The fields that SPDX 2.3 asks for, and that they say what is there."""
    bill = json.loads((release / "zvm.spdx.json").read_text())
    assert bill["spdxVersion"] == "SPDX-2.3" and bill["dataLicense"] == "CC0-1.0" and bill["name"] == release.name
    assert re.fullmatch(r"https://\S+[^#]", bill["documentNamespace"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", bill["creationInfo"]["created"])
    assert all(re.match(r"(Tool|Organization|Person): \S", by) for by in bill["creationInfo"]["creators"])
    elements = [bill, *bill["packages"], *bill["files"]]
    names = [element["SPDXID"] for element in elements]
    assert len(set(names)) == len(names) and all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", name) for name in names)
    for package in bill["packages"]:
        assert package["name"] and package["downloadLocation"] and package["licenseDeclared"]
        assert package["filesAnalyzed"] == ("packageVerificationCode" in package)
    relations = [(r["spdxElementId"], r["relationshipType"], r["relatedSpdxElement"]) for r in bill["relationships"]]
    assert {name for a, _, b in relations for name in (a, b)} <= set(names)
    with tarfile.open(release.parent / "out" / f"{release.name}.tar.gz") as archive:
        files = {m.name.split("/", 1)[1]: archive.extractfile(m).read() for m in archive.getmembers()}
    assert files["zvm.spdx.json"] == (release.parent / "out/zvm.spdx.json").read_bytes()
    listed = {entry["fileName"].removeprefix("./"): entry for entry in bill["files"]}
    assert set(listed) == set(files) - {"zvm.spdx.json"}
    for name, entry in listed.items():
        for checksum in entry["checksums"]:
            assert hashlib.new(checksum["algorithm"].lower(), files[name]).hexdigest() == checksum["checksumValue"], name
    own = next(package for package in bill["packages"] if package["name"] == "zvm")
    assert sorted(own["hasFiles"]) == sorted(entry["SPDXID"] for entry in bill["files"])
    digests = sorted(hashlib.sha1(files[name]).hexdigest() for name in listed)
    assert own["packageVerificationCode"]["packageVerificationCodeValue"] == hashlib.sha1("".join(digests).encode()).hexdigest()
    # The library in the image, as it was fetched.
    libfdt = next(package for package in bill["packages"] if package["name"] == "libfdt-dev")
    assert libfdt["versionInfo"] == (BUILD / "deps/libfdt/version").read_text().strip()
    assert hashlib.sha256((BUILD / "deps/libfdt/libfdt.a").read_bytes()).hexdigest() in str(libfdt["checksums"])
    assert (listed["build/zvm_host.bin"]["SPDXID"], "STATIC_LINK", libfdt["SPDXID"]) in relations


@pytest.mark.parametrize("name", ["first-guest", "windows"])
def test_an_example_runs_in_it(release, name):
    play(f"dist.{name}", transcript(release / "examples" / name / "README.md"), release)


def test_its_tools_run_in_any_folder(release, tmp_path):
    own = tmp_path / "own.dts"
    own.write_text('/dts-v1/; / { compatible = "zvm,vm"; label = "own"; memory = <0 0x1000000>; kernel = "rtos.bin"; };')
    done = run(release / "tools/mkbundle", "--out", "b.cpio", "own.dts", "control", cwd=tmp_path)
    assert done.returncode == 0 and re.fullmatch(r"mkbundle: b.cpio: own control \(.* MiB\)\n", done.stdout)
    done = run(release / "tools/zvm-check", "own.dts", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout == "zvm-check: all is well\n"
    own.write_text(own.read_text().replace("label", "lable"))
    done = run(release / "tools/zvm-check", "own.dts", cwd=tmp_path)
    assert done.returncode == 1 and "own.dts:1: /: lable: unknown property; did you mean 'label'?" in done.stdout


def test_a_guest_on_the_kit_runs(release, boot):
    """The program of guests/README.md, by the command of docs/release.md."""
    (release / "hello.c").write_text(PROGRAMS[0])
    command = re.search(r"^    \$ (aarch64-linux-gnu-gcc .*)", (release / "docs/release.md").read_text(), re.M)[1]
    done = run("/bin/sh", "-c", command, cwd=release)
    assert done.returncode == 0 and done.stdout == ""
    board = boot(kernel=release / "hello.elf", virtualization=False, cpu="cortex-a53", smp=1, mem=128, consoles=0,
                 prompt=False)
    board.expect(r"hello\s+tick\s")


def test_the_image_is_the_same_in_another_folder(tmp_path):
    if KERNELS != BUILD:
        pytest.skip("another build is tested")
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    done = run("meson", "setup", "--cross-file", "tools/cross-gcc.ini", f"-Ddeps={BUILD / 'deps'}", "-Dtests=false",
               "build", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    done = run("ninja", "-C", "build", "--quiet", "zvm_host.bin", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert filecmp.cmp(BUILD / "zvm_host.bin", tmp_path / "build/zvm_host.bin", shallow=False)
