# SPDX-License-Identifier: Apache-2.0
"""make dist: a release that works without the sources, and that is the same wherever it is made."""

import filecmp
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
    sums = dict(reversed(line.split()) for line in said.splitlines() if re.match(r"[0-9a-f]{64}  ", line))
    assert run("sha256sum", path).stdout.split()[0] == sums[str(path)]
    assert run("sha256sum", BUILD / "zvm_host.bin").stdout.split()[0] in sums.values()
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
