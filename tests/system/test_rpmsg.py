# SPDX-License-Identifier: Apache-2.0
"""RPMsg over a channel: Linux, the RTOS and bare metal on either side, through restarts."""

import os
import random
import re

import pytest

from conftest import BOOT_SECONDS, LINUX, ROOT
from guests import linux_ready, new, rows

RTOS = "rtos> "
# Restarts of either side with messages in flight; `make soak` wants more.
RESTARTS = int(os.environ.get("ZVM_RESTARTS") or 6)

LINK = 'channels { link { peers = "a", "b"; size = <0x0 0x20000>; protocol = <0x4001>; }; }'
GUEST = "guests/rpmsg.elf"
PINGED = re.compile(r"(\d+) pings, (\d+) answered, (\d+) lost, (\d+) sent again(?:; us: min [\d.]+, p50 [\d.]+, p99 [\d.]+, max [\d.]+)?")


def bare(description, name, role="peer"):
    return description(name, GUEST, "", f'bootargs = "rpmsg={role}"', "memory = <0x0 0x400000>", LINK)


def rtos_as(folder, name):
    """The RTOS as one of the two."""
    text = (ROOT / "vms/rtos.dts").read_text().replace('"rtos"', f'"{name}"')
    (folder / f"{name}.dts").write_text(text[:text.rindex("};")] + LINK + ";\n};\n", encoding="utf-8")
    return str(folder / f"{name}.dts")


def start(board, kind):
    vm = new(board, kind)
    console = vm.port()
    vm.run()
    return vm, console


def goes(host):
    """The host's next thousands of questions are answered, each once and rightly."""
    for _ in range(2):
        host.expect(r"rpmsg: (\d+ answers|FAIL[^\n]*)\r?\n", timeout=BOOT_SECONDS)
        assert "FAIL" not in host.match[1]


def test_bare_metal(boot, bundles, description):
    board = boot(smp=2, mem=512, bundle=bundles([bare(description, "a"), bare(description, "b")]))
    a, host = start(board, "a")
    host.expect("rpmsg: peer 0", timeout=BOOT_SECONDS)
    b, remote = start(board, "b")
    remote.expect("rpmsg: peer 1", timeout=BOOT_SECONDS)
    host.expect("rpmsg: bound", timeout=BOOT_SECONDS)
    goes(host)
    for _ in range(3):
        b.reset()
        host.expect("rpmsg: unbound")
        host.expect("rpmsg: bound", timeout=BOOT_SECONDS)
        goes(host)
        a.reset()
        host.expect("rpmsg: bound", timeout=BOOT_SECONDS)
        goes(host)
        b.pause()
        host.expect("rpmsg: unbound")
        b.resume()
        host.expect("rpmsg: bound", timeout=BOOT_SECONDS)
        goes(host)
        a.pause()
        a.resume()
        goes(host)


def test_the_rtos(boot, bundles, description, tmp_path):
    """As the remote of a bare-metal host, and what its command shows."""
    board = boot(smp=2, mem=512, bundle=bundles([bare(description, "a"), rtos_as(tmp_path, "b")]))
    _, console = start(board, "b")
    console.expect(RTOS, timeout=BOOT_SECONDS)
    assert console.run("rpmsg", RTOS).startswith("remote, the link is down, it came up 0 times")
    a, host = start(board, "a")
    host.expect("rpmsg: bound", timeout=BOOT_SECONDS)
    goes(host)
    a.pause()
    shown = console.run("rpmsg", RTOS)
    assert "the link is down, it came up 1 times" in shown
    row = re.search(r"^rpmsg-ping +1024 +- +(\d+) +(\d+)$", shown, re.M)
    assert row and row[1] == row[2] and int(row[1]) >= 2000, shown
    assert "wrong: 0 malformed, 0 unaddressed, 0 refused, 0 broken" in shown
    a.resume()
    goes(host)


@pytest.mark.parametrize("wild", ["a", "b"])
def test_a_wild_peer(boot, bundles, description, tmp_path, wild):
    """It writes anything anywhere: the RTOS goes on, and answers once the peer is a good one."""
    other = "b" if wild == "a" else "a"
    board = boot(smp=2, mem=512, bundle=bundles([bare(description, wild, "wild"), bare(description, "good"),
                                                 rtos_as(tmp_path, other)]))
    rtos, console = start(board, other)
    console.expect(RTOS, timeout=BOOT_SECONDS)
    peer, said = start(board, wild)
    said.expect("rpmsg: peer", timeout=BOOT_SECONDS)
    board.until(lambda: int(re.search(r"(\d+) broken", console.run("rpmsg", RTOS))[1]) >= 5)
    assert "periods missed" in console.run("jitter -n 200", RTOS, timeout=BOOT_SECONDS)
    peer.delete(force=True)
    peer = new(board, "good", f"--name {wild}")
    said = peer.port()
    peer.run()
    if wild == "a":
        goes(said)
    else:
        board.until(lambda: "the peer has rpmsg-ping at 1024" in console.run("rpmsg", RTOS))
    assert rtos.state == "running"


# ---- Linux ----

@pytest.fixture
def linux_and_rtos(boot, bundles):
    """The two descriptions that the README names: board, both VMs and their consoles."""
    board = boot(smp=2, mem=1024, bundle=bundles(["channel_linux", "channel_rtos"]))
    linux, shell = start(board, "linux")
    linux_ready(shell)
    shell.run("channel-up", LINUX)
    return board, linux, shell


def ping(shell, count=1000):
    """Its answers: (pings, answered, lost, sent again)."""
    said = shell.run(f"rpmsg ping -n {count}", LINUX, timeout=BOOT_SECONDS)
    found = PINGED.search(said)
    assert found, said
    return tuple(int(n) for n in found.groups())


def echoes(shell, path, text):
    """A line typed at the terminal comes back."""
    said = shell.run(f"(read -t 20 line; echo got $line) < {path} & sleep 0.2; echo {text} > {path}; wait", LINUX)
    assert f"got {text}" in said, said


def test_linux_and_the_rtos(linux_and_rtos):
    board, _, shell = linux_and_rtos
    assert "usage" in shell.run("rpmsg", LINUX) and "usage" in shell.run("rpmsg list all", LINUX)
    assert "must be 1 to 1000000" in shell.run("rpmsg ping -n 0", LINUX)
    assert "announces no rpmsg-tty" in shell.run("rpmsg open rpmsg-tty", LINUX)
    assert "announces no rpmsg-ping" in shell.run("rpmsg ping; echo failed $?", LINUX)
    _, console = start(board, "rtos")
    console.expect(RTOS, timeout=BOOT_SECONDS)
    shown = shell.run("rpmsg list", LINUX)
    assert "the link is up, it came up 1 times" in shown
    assert re.search(r"^rpmsg-ping +1024  -$", shown, re.M) and re.search(r"^rpmsg-tty +1025  -$", shown, re.M), shown
    assert ping(shell) == (1000, 1000, 0, 0)
    path = shell.run("rpmsg open rpmsg-tty", LINUX)
    assert re.fullmatch(r"/dev/pts/\d+", path)
    assert shell.run("rpmsg open rpmsg-tty", LINUX) == path
    assert re.search(rf"^rpmsg-tty +1025  {path}$", shell.run("rpmsg list", LINUX), re.M)
    echoes(shell, path, "hello")
    assert "announces no other" in shell.run("rpmsg open other", LINUX)
    assert re.search(r"^rpmsg-ping +1024 +1\d+ +1000 +1000$", console.run("rpmsg", RTOS), re.M)


def flood(shell):
    """A second terminal of an answering service, written and read without end; what stops it."""
    path = shell.run("rpmsg open rpmsg-ping", LINUX)
    pids = shell.run(f"cat {path} > /dev/null & echo $!; yes > {path} & echo $!", LINUX)
    return "kill " + " ".join(re.findall(r"^\d+$", pids, re.M))


def test_rpmsg_restarts(linux_and_rtos):
    """Either side is reset at random moments with messages in flight: all are answered."""
    board, linux, shell = linux_and_rtos
    chance = random.Random(7)
    rtos, console = start(board, "rtos")
    console.expect(RTOS, timeout=BOOT_SECONDS)
    path = shell.run("rpmsg open rpmsg-tty", LINUX)
    cut = 0  # questions that were under way: by chance none is, in a few restarts
    for n in range(RESTARTS + 20):
        if n >= RESTARTS and cut:
            break
        stop = flood(shell)
        if n % 2:
            shell.line("rpmsg ping -n 1000000")
            board.drain(chance.uniform(0, 1))
            linux.reset()
            linux_ready(shell)
            shell.run("channel-up", LINUX)
            path = shell.run("rpmsg open rpmsg-tty", LINUX)
        else:
            shell.line("rpmsg ping -n 5000; echo status $?")
            board.drain(chance.uniform(0, 1))
            rtos.reset()
            shell.expect(PINGED, timeout=BOOT_SECONDS)
            count, answered, lost, again = (int(x) for x in shell.match.groups())
            assert (count, answered, lost) == (5000, 5000, 0) and again <= 1
            cut += again
            shell.expect("status 0")
            shell.expect(LINUX)
            shell.run(stop, LINUX)
            console.expect(RTOS, timeout=BOOT_SECONDS)
        echoes(shell, path, f"after-{n}")
        assert ping(shell) == (1000, 1000, 0, 0)
        assert "0 unanswered; wrong: 0 malformed, 0 unaddressed, 0 refused, 0 broken" in console.run("rpmsg", RTOS)
    assert cut


def test_linux_beside_a_wild_peer(boot, bundles, description, tmp_path):
    """The process that serves survives, and works with a good peer afterwards."""
    text = (ROOT / "vms/channel_linux.dts").read_text().replace('"linux"', '"a"')
    text = re.sub(r"^\tcontrol = .*\n", "", text, flags=re.M)  # the RTOS is not there
    (tmp_path / "a.dts").write_text(text[:text.index("\tchannels")] + LINK + ";\n};\n", encoding="utf-8")
    board = boot(smp=2, mem=1024, bundle=bundles([str(tmp_path / "a.dts"), bare(description, "b", "wild"),
                                                  bare(description, "good")]))
    _, shell = start(board, "a")
    linux_ready(shell)
    shell.run("channel-up", LINUX)
    wild, said = start(board, "b")
    said.expect("rpmsg: peer", timeout=BOOT_SECONDS)
    board.until(lambda: int(re.search(r"(\d+) broken", shell.run("rpmsg list", LINUX))[1]) >= 5)
    wild.delete(force=True)
    new(board, "good", "--name b").run()
    board.until(lambda: "rpmsg-ping" in shell.run("rpmsg list", LINUX))
    assert ping(shell) == (1000, 1000, 0, 0)


# ---- as a virtio device ----

def driver(description, name, *properties, args="quiet", link="link"):
    return description(name, "guests/rpmsg_virtio.elf",
                       f'rpmsg0 {{ compatible = "zvm,virtio-rpmsg"; link = "{link}"; }}; ',
                       f'bootargs = "{args}"', "memory = <0x0 0x400000>", *properties)


@pytest.mark.parametrize("smp", [1, 2])
def test_virtio(boot, bundles, description, smp):
    """Two drivers, whichever comes first: each hears when the other's services end or return."""
    board = boot(smp=smp, mem=512, bundle=bundles([driver(description, "a"), driver(description, "b"),
                                                   driver(description, "c")]))
    a, one = start(board, "a")
    one.expect("rpmsg: started", timeout=BOOT_SECONDS)
    assert "link 'link', alone, 0 messages sent" in board.sh("zvm info a")
    b, two = start(board, "b")
    for console in one, two:
        console.expect("rpmsg: bound", timeout=BOOT_SECONDS)
        goes(console)
    assert re.search(r"link 'link' with b, \d{4,} messages sent, \d{4,} received, \d dropped, 0 services refused",
                     board.sh("zvm info a"))
    board.sh("zvm new -t c")
    assert "link 'link' has its two VMs, 'b' and 'a'" in board.sh("host log")
    for _ in range(3):
        for vm, other in (b, one), (a, two):
            vm.reset()
            other.expect("rpmsg: unbound", timeout=BOOT_SECONDS)
            other.expect("rpmsg: bound", timeout=BOOT_SECONDS)
            goes(other)
    b.pause()
    b.resume()
    goes(one)
    b.delete(force=True)
    one.expect("rpmsg: unbound", timeout=BOOT_SECONDS)
    _, two = start(board, "c")
    two.expect("rpmsg: bound", timeout=BOOT_SECONDS)
    goes(two)


def test_a_wild_virtio_peer(boot, bundles, description):
    board = boot(smp=2, mem=512, bundle=bundles([driver(description, "a"), driver(description, "b", args="wild"),
                                                 driver(description, "c")]))
    _, one = start(board, "a")
    one.expect("rpmsg: started", timeout=BOOT_SECONDS)
    wild, two = start(board, "b")
    two.expect("rpmsg: started", timeout=BOOT_SECONDS)
    for _ in range(20):  # the shell and the good one go on meanwhile
        assert rows(board)["a"]["STATE"] == "running"
    wild.delete(force=True)
    _, two = start(board, "c")
    for console in one, two:
        console.expect("rpmsg: bound", timeout=BOOT_SECONDS)
        goes(console)
