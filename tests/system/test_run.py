# SPDX-License-Identifier: Apache-2.0
"""What `make run` does around QEMU: terminals for the VMs, a bundle, clear messages."""

import gzip
import os
import re
import shutil
import socket
import subprocess

import pexpect
import pytest

from conftest import BOOT_SECONDS, BUILD, COMMAND_SECONDS, KERNELS, PROMPT, ROOT, Console, end_child, log_file
from guests import UBOOT


@pytest.fixture
def run(request):
    """Starts tools/run on a terminal of its own."""
    started = []

    def start(*options, cpus="2"):
        log = log_file(f"test_run.{request.node.name}")
        child = pexpect.spawn(str(ROOT / "tools/run"),
                              [*(["--cpus", cpus] if cpus else []), "--mem", "1024", "--kernel",
                               str(KERNELS / "zvm_host.bin"), *options],
                              encoding="utf-8", codec_errors="replace", timeout=BOOT_SECONDS)
        child.logfile_read = log
        started.append((child, log))
        return child

    yield start
    for child, log in started:
        end_child(child)
        log.close()


def test_terminals_are_shown_before_the_shell(run):
    child = run("--consoles", "3")
    child.expect_exact(PROMPT)
    ports = re.findall(r"console port (\d) -> (/dev/pts/\d+)", child.before)
    assert [port for port, _ in ports] == ["0", "1", "2"]
    assert all(os.path.exists(path) for _, path in ports)
    child.send("\x01x")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


@pytest.mark.parametrize("net", [[], ["--net", "user,ipv6=off"]])
def test_a_network_card(run, net):
    """With --ssh a port of this computer is a guest's."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    child = run("--consoles", "0", "--ssh", str(port), *net)
    child.expect_exact(PROMPT)
    child.send("zvm net\r")
    child.expect(r"uplink +- +nic0 +52:54:00:")
    child.expect_exact(PROMPT)
    socket.create_connection(("127.0.0.1", port), COMMAND_SECONDS).close()


def test_a_terminal_talks_to_its_vm(run, bundles):
    child = run("--consoles", "1", "--bundle", str(bundles(["uboot"])))
    child.expect_exact(PROMPT)
    path = re.search(r"-> (/dev/pts/\d+)", child.before)[1]
    for command in ("zvm new -t uboot", "zvm run -n 0"):
        child.send(command + "\r")
        child.expect_exact(PROMPT, timeout=COMMAND_SECONDS)
    terminal = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        subprocess.run(["stty", "raw", "-echo"], stdin=terminal, check=True)
        console = Console(pexpect.fdpexpect.fdspawn(terminal, encoding="utf-8", codec_errors="replace"),
                          log_file("test_run.terminal"))
        console.knock(UBOOT)
        console.line("version")
        console.expect("U-Boot 20")
        console.close()
    finally:
        os.close(terminal)


def test_a_packed_bundle_is_unpacked(run, bundles, tmp_path):
    packed = tmp_path / "bundle.cpio.gz"
    packed.write_bytes(gzip.compress(bundles(["smp"]).read_bytes()))
    child = run("--bundle", str(packed))
    child.expect_exact(PROMPT)
    child.send("zvm list\r")
    child.expect("smp +4 +64 MiB", timeout=COMMAND_SECONDS)
    packed.write_bytes(packed.read_bytes()[:1000])
    child = run("--bundle", str(packed))
    child.expect("bundle.cpio.gz: gzip: is cut off")


def test_missing_files_are_named(run):
    child = run("--bundle", "/nonexistent.cpio")
    child.expect("no file /nonexistent.cpio")


@pytest.mark.parametrize("wrong", [["disk.img"], ["-device", "virtio-rng-device"], ["--mem", "1024", "-S"]])
def test_qemus_options_want_two_dashes(run, wrong):
    """Without them a word was QEMU's, as the image of a disk."""
    child = run(*wrong)
    own = wrong[-1] if "--mem" in wrong else wrong[0]
    child.expect(f"run: {own} is no option of tools/run; QEMU's own stand behind --, as in tools/run -- {own}")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1


def test_qemus_options_stand_behind_two_dashes(run):
    child = run("--consoles", "0", "--", "-append", "vgic.lrs=2")
    child.expect_exact(PROMPT)
    child.send("host log\r")
    child.expect("2 list registers", timeout=COMMAND_SECONDS)


def test_exact_is_one_cpu_that_counts_instructions(run, bundles):
    """`zvm stat` says where figures of lateness are the computer's own as well."""
    child = run("--exact", "--cpus", "2", cpus=None)
    child.expect("exact figures want one CPU")
    note = "note: on QEMU"
    for options, cpus, noted in ([], "1", True), (["--exact"], None, False):
        child = run("--cpu", "cortex-a53", "--bundle", str(bundles(["control"])), *options, cpus=cpus)
        child.expect_exact(PROMPT)
        for command in ("zvm new -t control", "zvm run 0", "host info", "zvm stat 0"):
            child.send(command + "\r")
            child.expect_exact(PROMPT, timeout=COMMAND_SECONDS)
            if command == "host info":
                assert "1 cpus" in child.before
        assert (note in child.before) == noted


@pytest.mark.parametrize("arguments, message", [
    (["absent"], "absent: no .*there are: .*linux"),
    (["zephyr"], "zephyr/zephyr.bin; give it with ZEPHYR_BIN=FILE"),
])
def test_bundle_says_what_is_missing(tmp_path, arguments, message):
    environment = {k: v for k, v in os.environ.items() if k != "ZEPHYR_BIN"}
    done = subprocess.run([ROOT / "tools/mkbundle", "--build", BUILD, "--out",
                           tmp_path / "bundle.cpio", *arguments], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 1
    assert re.search(message, done.stdout)
    assert not (tmp_path / "bundle.cpio").exists()


def test_a_moved_checkout_is_configured_anew(tmp_path):
    """Ninja's files name the folder that they were made for: a copy must not build there."""
    moved = tmp_path / "moved"
    shutil.copytree(ROOT, moved, ignore=shutil.ignore_patterns("build", "build-*", ".git", "__pycache__"))
    build = moved / "build"
    for name in ("meson-info", "meson-private"):
        shutil.copytree(BUILD / name, build / name)
    shutil.copy2(BUILD / "build.ninja", build)
    shutil.copytree(BUILD / "deps/libfdt", build / "deps/libfdt")
    configure = [moved / "tools/configure", build, "tools/cross-gcc.ini", f"-Ddeps={build}/deps", "-Dtests=false"]
    first = subprocess.run(configure, check=True, text=True, stdout=subprocess.PIPE).stdout
    assert f"{build} was configured as {BUILD.resolve()}: again" in first
    assert str(ROOT.resolve()) not in (build / "build.ninja").read_text()
    assert subprocess.run(configure, check=True, text=True, stdout=subprocess.PIPE).stdout == ""
