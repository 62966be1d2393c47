# SPDX-License-Identifier: Apache-2.0
"""Channels between VMs, with guests that know nothing of ZVM."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import BOOT_SECONDS, BUILD, LINUX, ROOT, fetched
from guests import UBOOT, linux_ready, new, uboot_ready

sys.path.insert(0, str(ROOT / "tools"))
import cpio  # noqa: E402

LOOP = 'channels { loop { peers = "a", "b"; size = <0x0 0x100000>; output = <0x10000>; protocol = <0x4000>; }; }'
GUEST = "guests/channel.elf"


def peer(description, name, role, *properties, channel=LOOP):
    return description(name, GUEST, "", f'bootargs = "channel={role}"', "memory = <0x0 0x400000>", channel,
                       *properties)


def start(board, kind):
    vm = new(board, kind)
    console = vm.port()
    vm.run()
    return vm, console


def table(board):
    """`zvm channel`, by the VM's name."""
    rows = re.findall(r"^(\S+) +(\d+) +(\S+) +(\S+) +(0x\w+) +(\d+) +(\d+) +(?:yes|no) +(.*)$", board.sh("zvm channel"), re.M)
    return {row[2]: row for row in rows}


@pytest.mark.parametrize("gic", [2, 3])
def test_function(boot, bundles, description, gic):
    board = boot(smp=1, mem=512, gic=gic, bundle=bundles([peer(description, "a", "check"),
                                                         peer(description, "b", "pong")]))
    vm, console = start(board, "a")
    console.expect("channel: peer 0 of 2, 1048576 bytes shared: PASS", timeout=BOOT_SECONDS)
    info = board.sh("zvm info a")
    assert re.search(r"loop +channel, 00:01.0: peer 0 of 2, state 0x\w+, .* 2 stores refused, "
                     r"the last at 0x111000, which it only reads", info), info
    assert "loop 1160 KiB" in info


def comes(ping, state):
    """Peer 1 comes, or is back, in that state, and answers."""
    ping.expect(f"channel: peer 1 is in state {state}", timeout=BOOT_SECONDS)
    ping.expect("channel: 1000 rounds, PASS", timeout=BOOT_SECONDS)


@pytest.mark.parametrize("smp", [1, 2])
def test_two_vms(boot, bundles, description, smp):
    """Rounds by doorbells and interrupts; whatever ends a peer shows at the other one."""
    board = boot(smp=smp, mem=512, bundle=bundles([peer(description, "a", "ping"), peer(description, "b", "pong")]))
    assert "no channels" in board.sh("zvm channel")
    a, ping = start(board, "a")
    ping.expect("channel: ping", timeout=BOOT_SECONDS)
    assert table(board)["b"][3:5] == ("-", "0x00000000")
    b, _ = start(board, "b")
    comes(ping, 1)
    rows = table(board)
    assert rows["a"][:5] == ("loop", "0", "a", "running", "0x00000001") and rows["b"][4] == "0x00000001"
    assert int(rows["b"][5]) >= 1000 and int(rows["a"][6]) >= 1000 and "s ago" in rows["b"][7]
    one, two = json.loads(board.sh("zvm channel --json"))["peers"]
    assert (two["channel"], two["peer"], two["vm"], two["vm_state"], two["state"]) == ("loop", 1, "b", "running", "0x00000001")
    assert two["events"] >= two["interrupts"] >= 1000 and two["last_ms_ago"] >= 0 and one["waits"] is False
    b.reset()
    comes(ping, 2)
    b.pause()
    ping.expect("channel: peer 1 is in state 0", timeout=BOOT_SECONDS)
    b.resume()
    comes(ping, 2)
    board.sh("zvm stop -f b")
    ping.expect("channel: peer 1 is in state 0", timeout=BOOT_SECONDS)
    b.run()
    comes(ping, 3)
    b.delete(force=True)
    ping.expect("channel: peer 1 is in state 0", timeout=BOOT_SECONDS)
    b, _ = start(board, "b")
    comes(ping, 4)
    a.delete(force=True)
    assert set(table(board)) == {"a", "b"}
    b.delete(force=True)
    assert "no channels" in board.sh("zvm channel")
    _, ping = start(board, "a")  # the memory is new
    start(board, "b")
    comes(ping, 1)


def archive(folder, sources):
    """A bundle that mkbundle would refuse."""
    out = cpio.Writer()
    for source in sources:
        blob = subprocess.run(["dtc", "-q", "-O", "dtb", source], stdout=subprocess.PIPE, check=True).stdout
        out.file(f"vms/{Path(source).stem}.dtb", blob)
    out.file(GUEST, (BUILD / GUEST).read_bytes())
    (folder / "bundle.cpio").write_bytes(out.finish())
    return folder / "bundle.cpio"


def test_refusals(boot, description, tmp_path):
    """Half a channel, halves that differ, and a VM that is no peer; mkbundle says the same."""
    differs = LOOP.replace("0x4000>", "0x4001>")
    half = LOOP.replace("loop", "half").replace('"a", "b"', '"c", "d"')
    other = LOOP.replace("loop", "other").replace('"a", "b"', '"e", "d"')
    sources = [peer(description, "a", "pong"), peer(description, "b", "pong", channel=differs),
               peer(description, "c", "pong", channel=half), peer(description, "d", "pong", channel=other)]
    says = {"a": "vms/a.dtb: /channels/loop: protocol: differs from vms/b.dtb",
            "b": "vms/b.dtb: /channels/loop: protocol: differs from vms/a.dtb",
            "c": "vms/c.dtb: /channels/half: peers: 'd' has no such channel (vms/d.dtb)"}
    done = subprocess.run([ROOT / "tools/mkbundle", "--build", BUILD, "--out", tmp_path / "out.cpio", *sources],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    # There with the line of the source.
    said = re.sub(r"[^\s(]*/([a-d])\.dts:\d+:", r"vms/\1.dtb:", done.stdout)
    assert done.returncode and all(text in said for text in says.values())
    board = boot(smp=1, mem=512, bundle=archive(tmp_path, sources))
    for kind, text in says.items():
        assert board.sh(f"zvm new -t {kind}") == f"zvm: type '{kind}' cannot be created: {text}"
    assert "channel 'other' is for the VMs e, d: choose one by --name" in board.sh("zvm new -t d --name f")
    new(board, "d")
    assert "channel 'other' is for the VMs e, d: choose one by --name" in board.sh("zvm new -t d")
    board.sh("zvm new -t d --name e")
    assert table(board)["e"][3] == "created"


LINUX_PEER = """/dts-v1/;
/ {
	compatible = "zvm,vm";
	label = "a";
	memory = <0x0 0x10000000>;
	kernel = "linux/Image";
	initrd = "linux/initrd.cpio.gz";
	bootargs = "console=ttyAMA0";
	%s;
};
"""


def linux_peer(folder):
    """A description of VM a with Linux, whose initramfs has the program."""
    (folder / "a.dts").write_text(LINUX_PEER % LOOP, encoding="utf-8")
    return str(folder / "a.dts")


def test_linux(boot, bundles, description, tmp_path):
    """Debian's kernel enumerates the function, uio_pci_generic takes it, and a program uses it."""
    board = boot(smp=2, mem=1024, bundle=bundles([linux_peer(tmp_path), peer(description, "b", "pong")]))
    _, console = start(board, "a")
    linux_ready(console)
    at = "/sys/bus/pci/devices/0000:00:01.0"
    assert console.run("ls /sys/bus/pci/devices", LINUX).split() == ["0000:00:00.0", "0000:00:01.0"]
    assert console.run(f"cat {at}/vendor {at}/device {at}/class {at}/irq", LINUX).split()[:3] == \
        ["0x110a", "0x4106", "0xff4000"]
    resources = [line.split() for line in console.run(f"cat {at}/resource", LINUX).splitlines()]
    sizes = [int(end, 16) - int(begin, 16) + 1 for begin, end, _ in resources if int(end, 16)]
    assert sizes == [0x1000, 0x200000] and int(resources[2][0], 16) >= 1 << 39  # it was moved
    said = console.run("dmesg | grep -i pci", LINUX)
    assert not re.search(r"fail|error|can't|invalid|bogus|no space", said, re.I), said
    console.run("channel-up", LINUX)
    assert console.run("cat /sys/class/uio/uio0/name", LINUX) == "uio_pci_generic"
    # The program waits for the other VM, and is interrupted when it comes.
    console.line("channel")
    board.until(lambda: table(board)["a"][4] == "0x00000001")
    b, _ = start(board, "b")
    console.expect(r"channel: 1000 rounds, ns: p50 \d+, p99 \d+, max \d+", timeout=BOOT_SECONDS)
    console.expect(LINUX)
    shown = table(board)
    assert int(shown["b"][6]) >= 1000 and int(shown["a"][6]) >= 1 and shown["a"][4] == "0x00000000"
    b.reset()
    board.until(lambda: table(board)["b"][4] == "0x00000002")
    assert "1000 rounds" in console.run("channel", LINUX, timeout=BOOT_SECONDS)


def test_zephyr(boot, bundles, description, tmp_path):
    """
    A Zephyr with CONFIG_IVSHMEM_V2, whose zephyr.bin ZVM_ZEPHYR_IVSHMEM names: an application that
    shows a state and, as peer 0, rings peer 1 once that shows one.
    """
    image = os.environ.get("ZVM_ZEPHYR_IVSHMEM")
    if not image:
        pytest.skip("ZVM_ZEPHYR_IVSHMEM names no zephyr.bin")
    (tmp_path / "zephyr.bin").write_bytes(Path(image).read_bytes())
    board = boot(smp=2, mem=1024, cpu="cortex-a53",
                 bundle=bundles([description("a", "zephyr.bin", "", "memory = <0x0 0x8000000>", "priority = <8>", LOOP),
                                 peer(description, "b", "pong")]))
    a, _ = start(board, "a")
    board.until(lambda: int(table(board)["a"][4], 16) != 0)
    b, _ = start(board, "b")
    board.until(lambda: min(int(table(board)[name][6]) for name in "ab") >= 1)
    b.reset()
    a.reset()
    board.until(lambda: int(table(board)["a"][4], 16) != 0 and int(table(board)["b"][6]) >= 1)
    assert a.state == b.state == "running"


def described(folder, source, old, new_name):
    """A description of vms/ under another name, with the channel."""
    text = (ROOT / "vms" / source).read_text().replace(f'"{old}"', f'"{new_name}"')
    path = folder / f"{new_name}.dts"
    path.write_text(text[:text.rindex("};")] + LOOP + ";\n};\n", encoding="utf-8")
    return str(path)


def test_uboot_sees_it(boot, bundles, tmp_path, description):
    fetched("uboot")
    source = described(tmp_path, "uboot.dts", "uboot", "b")
    board = boot(smp=1, mem=512, bundle=bundles([source, peer(description, "a", "ping")]))
    _, console = start(board, "b")
    uboot_ready(console)
    assert re.search(r"00\.01\.00 +0x110a +0x4106 +\S+", console.run("pci", UBOOT))
    bars = console.run("pci bar 00.01.00", UBOOT)
    assert re.search(r"^ *0 +0x0*1\w{7} +0x0*1000 +32 +MEM", bars, re.M), bars
    assert re.search(r"^ *2 +0x\w+ +0x0*200000 +64 +MEM *P?", bars, re.M), bars



RTOS = "rtos> "


def test_rtos_answers(boot, bundles, description, tmp_path):
    board = boot(smp=2, mem=512, bundle=bundles([peer(description, "a", "ping"),
                                                 described(tmp_path, "rtos.dts", "rtos", "b")]))
    _, ping = start(board, "a")
    _, console = start(board, "b")
    comes(ping, 1)
    console.expect(RTOS, timeout=BOOT_SECONDS)
    assert console.run("channel", RTOS) == \
        "peer 1 of 2, 1024 KiB are shared, states: 1 1; 1000 rounds were answered"


def test_rtos_asks(boot, bundles, description, tmp_path):
    board = boot(smp=2, mem=512, bundle=bundles([described(tmp_path, "rtos.dts", "rtos", "a"),
                                                 peer(description, "b", "pong")]))
    _, console = start(board, "a")
    console.expect(RTOS, timeout=BOOT_SECONDS)
    assert console.run("channel", RTOS) == \
        "peer 0 of 2, 1024 KiB are shared, states: 1 0; 0 rounds were answered"
    _, pong = start(board, "b")
    pong.expect("channel: pong", timeout=BOOT_SECONDS)
    assert re.search(r"^round +1000( +\d+){6}$", console.run("channel", RTOS, timeout=BOOT_SECONDS), re.M)
    board.sh("zvm stop -f b")
    assert "states: 1 0;" in console.run("channel", RTOS)


def test_linux_and_the_rtos(boot, bundles):
    """The two descriptions that the README names."""
    board = boot(smp=2, mem=1024, bundle=bundles(["channel_linux", "channel_rtos"]))
    _, linux = start(board, "linux")
    linux_ready(linux)
    linux.run("channel-up", LINUX)
    rtos, console = start(board, "rtos")
    console.expect(RTOS, timeout=BOOT_SECONDS)
    assert "1000 rounds" in linux.run("channel", LINUX, timeout=BOOT_SECONDS)
    assert "1000 rounds were answered" in console.run("channel", RTOS)
    rtos.reset()
    console.expect(RTOS, timeout=BOOT_SECONDS)
    assert "1000 rounds" in linux.run("channel", LINUX, timeout=BOOT_SECONDS)
