# SPDX-License-Identifier: Apache-2.0
"""Networks of VMs, with the drivers of an unmodified Linux and of U-Boot."""

import hashlib
import re
import socket
import struct
import subprocess
import urllib.request
from pathlib import Path

import pytest

from conftest import BOOT_SECONDS, BUILD, LINUX, fetched
from guests import UBOOT, linux_ready, new, uboot_ready


def linux_type(description, name, devices, *properties):
    return description(name, "linux/Image", devices, 'initrd = "linux/initrd.cpio.gz"',
                       'bootargs = "console=ttyAMA0"', "memory = <0x0 0x10000000>", *properties)


def start(board, kind, options=""):
    """A VM with Linux, and its console."""
    vm = new(board, kind, options)
    console = vm.port()
    vm.run()
    return vm, console


def device(board, vm, name):
    """What `zvm info` says about a device."""
    line = re.search(rf"^  {name} +(.*)", board.sh(f"zvm info {vm.name}"), re.M)
    assert line
    return line[1]


def up(console, address):
    console.run(f"ip addr add {address}/24 dev eth0; ip link set eth0 up", LINUX)


def forget(console):
    """Forgets the addresses of neighbours."""
    console.run("ip link set eth0 down; ip link set eth0 up", LINUX)


def ping(console, address, count=3, size=56):
    """Sends so many echo requests; how many were answered."""
    text = console.run(f"ping -c {count} -i 0.2 -W 2 -s {size} {address}", LINUX)
    return int(re.search(r"(\d+) packets received", text)[1])


LAN = 'net0 { compatible = "zvm,virtio-net"; network = "lan0"; };'


class Capture:
    """A reader of a console port that a network is captured to."""

    def __init__(self, board, network, port, options="", link=None):
        self.board, self.network, self.link = board, network, link
        if not link:
            self.link = socket.socket(socket.AF_UNIX)
            self.link.connect(str(board.sockets / str(port)))
            self.link.settimeout(BOOT_SECONDS)
        self.data = b""
        answer = board.sh(f"zvm net dump {network} {options}")
        assert answer == f"network '{network}' is captured to port {port} (hvc{port})"

    def take(self, count):
        """That many bytes, and no more: a socket takes none in that are not asked for."""
        while len(self.data) < count:
            got = self.link.recv(count - len(self.data))
            assert got
            self.data += got
        data, self.data = self.data[:count], self.data[count:]
        return data

    def end(self):
        """Ends the capture: how many frames it says that it has, and how many it dropped."""
        said = re.fullmatch(rf"network '{self.network}': (\d+) frames captured, (\d+) dropped",
                            self.board.sh(f"zvm net dump {self.network} off"))
        assert said
        return int(said[1]), int(said[2])

    def read(self, snap=1518):
        """The file's head, which is checked; then frames, (seconds, length, bytes) each."""
        head = self.take(24)
        assert struct.unpack("<IHHiIII", head) == (0xa1b23c4d, 2, 4, 0, 0, snap, 1)
        yield head
        while True:
            seconds, ns, kept, length = record = struct.unpack("<IIII", self.take(16))
            assert kept == min(length, snap) and length <= 1518 and ns < 10**9, record
            yield seconds + ns / 1e9, length, self.take(kept)


def echo_requests(frames):
    return [data for _, _, data in frames if data[12:14] == b"\x08\0" and data[23] == 1 and data[34] == 8]


def captures(board, pinging, tmp_path, fetch):
    """What tcpdump reads; a short snap length; a reader that does not read."""
    assert "there is no network 'lan7'" in board.sh("zvm net dump lan7")
    for words, why in [("lan0 3", "too many arguments: '3'"), ("dump lan0 x", "'x': expected the number of a port, or off"),
                       ("dump lan0 3 4", "too many arguments: '4'"), ("dump lan0 -s 13", "bytes of a frame must be 14 to 1518")]:
        assert why in board.sh(f"zvm net {words}")
    assert "port 0 is in use" in board.sh("zvm net dump lan0 0")
    assert "there is no such port" in board.sh("zvm net dump lan0 40")
    assert board.sh("zvm net dump lan0 off") == "network 'lan0' is not captured"
    file = Capture(board, "lan0", 3, "3")
    assert "is captured already, to port 3" in board.sh("zvm net dump lan0")
    pinging(count=5, size=1400)
    assert re.search(r"^captured to port 3 \(hvc3\): \d+ frames, 0 dropped$", board.sh("zvm net lan0"), re.M)
    count, dropped = file.end()
    reader = file.read()
    head = next(reader)
    frames = [next(reader) for _ in range(count)]
    assert len(echo_requests(frames)) == 5 and dropped == 0
    assert [time for time, _, _ in frames] == sorted(time for time, _, _ in frames)
    assert all(length == 1442 for _, length, data in frames if data in echo_requests(frames))
    path = tmp_path / "lan0.pcap"
    path.write_bytes(head + b"".join(struct.pack("<IIII", int(when), int(when % 1 * 1e9), len(data), length) + data
                                     for when, length, data in frames))
    shown = subprocess.run(["tcpdump", "-v", "-n", "-r", str(path)], text=True, check=True, stdout=subprocess.PIPE).stdout
    assert shown.count("ICMP echo request") == shown.count("ICMP echo reply") == 5 and "bad" not in shown
    file = Capture(board, "lan0", 3, "3 -s 64", file.link)
    pinging(count=2, size=1400)
    count, _ = file.end()
    reader = file.read(64)
    next(reader)
    frames = [next(reader) for _ in range(count)]
    assert [(length, len(data)) for _, length, data in frames if data in echo_requests(frames)] == [(1442, 64)] * 2
    # No reader: the network does not wait. What was kept is whole, and a VM can have the port.
    file = Capture(board, "lan0", 2)
    fetch()
    count, dropped = file.end()
    assert dropped > 100 and count > 30  # a frame may have 64 KiB
    reader = file.read()
    next(reader)
    for _ in range(30):
        next(reader)
    vm = new(board, "linux")
    assert "port 2 (hvc2)" in board.sh(f"zvm info {vm.name}")
    vm.delete()


def test_linux_pair(boot, description, tmp_path):
    """Two Linux VMs ping each other and move a stream; captures, resets, drivers that come back."""
    board = boot(smp=2, mem=1024, guests=[linux_type(description, "linux", LAN)])
    (one, a), (two, b) = start(board, "linux"), start(board, "linux")
    for console in (a, b):
        linux_ready(console)
    up(a, "10.0.0.1")
    up(b, "10.0.0.2")
    mac = a.run("cat /sys/class/net/eth0/address", LINUX)
    assert re.fullmatch(r"02(:[0-9a-f]{2}){5}", mac)
    assert mac != b.run("cat /sys/class/net/eth0/address", LINUX)
    assert ping(a, "10.0.0.2") == 3
    assert ping(b, "10.0.0.1", size=1400) == 3
    assert ping(b, "10.0.0.1", size=4000) == 3
    sums = a.run("mkdir /www; head -c 3000000 /dev/urandom > /www/data; httpd -h /www; md5sum < /www/data", LINUX)
    fetch = "wget -q -O - http://10.0.0.1/data | md5sum"
    assert b.run(fetch, LINUX) == sums
    print(b.run("ip -s link", LINUX))
    print(b.run("time " + fetch, LINUX))
    captures(board, lambda **how: ping(a, "10.0.0.2", **how), tmp_path, lambda: b.run(fetch, LINUX))
    for vm in (one, two):
        state = device(board, vm, "net0")
        assert re.fullmatch(r"virtio-net, slot 31: network lan0, in \d+ frames, \d+ dropped, out \d+ frames, 0 dropped",
                            state), state
    table = board.sh("zvm net").splitlines()
    assert table[0].split() == ["NETWORK", "VM", "PORT", "MAC", "LEARNT", "IN-FRAMES", "IN-BYTES", "IN-DROPS",
                                "OUT-FRAMES", "OUT-BYTES", "OUT-DROPS"]
    assert table[1].split()[:5] == ["lan0", "linux", "net0", mac, "0"]
    assert int(table[1].split()[9]) > 3000000
    assert table[2].split()[1] == "linux-2"
    a.run("ip link set eth0 address 06:00:00:00:00:01", LINUX)
    forget(b)
    assert ping(b, "10.0.0.1") == 3
    assert "\nbehind linux net0: 06:00:00:00:00:01\n" in board.sh("zvm net lan0") + "\n"
    # The driver goes and comes back; then the whole machine, in the middle of traffic.
    b.run("ip link set eth0 down; rmmod virtio_net", LINUX)
    assert device(board, two, "net0").startswith("virtio-net, slot 31: no driver, ")
    assert ping(a, "10.0.0.2", count=1) == 0
    b.run("insmod /lib/modules/virtio_net.ko", LINUX)
    up(b, "10.0.0.2")
    assert ping(a, "10.0.0.2") == 3
    a.run("ping -q -f -w 1000 -s 1000 10.0.0.2 > /dev/null &", LINUX)
    two.reset()
    linux_ready(b)
    up(b, "10.0.0.2")
    assert b.run(fetch, LINUX) == sums
    one.reset()
    linux_ready(a)
    up(a, "10.0.0.1")
    forget(b)
    assert ping(b, "10.0.0.1") == 3


UPLINK = 'net0 { compatible = "zvm,virtio-net"; network = "uplink"; };'


@pytest.mark.parametrize("transport", ["legacy", "modern"])
def test_uplink(boot, description, transport):
    """Guests get addresses by DHCP from outside; a service of one is reached from there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["-netdev", f"user,id=n,hostfwd=tcp:127.0.0.1:{port}-10.0.2.15:80",
               "-device", "virtio-net-device,netdev=n,mac=52:54:00:00:00:01", "-global",
               f"virtio-mmio.force-legacy={'on' if transport == 'legacy' else 'off'}"]
    board = boot(smp=2, mem=1024, guests=[linux_type(description, "linux", UPLINK)], extra=options)
    assert "nic0: the uplink of network 'uplink'" in board.sh("host log")
    (_, a), (_, b) = start(board, "linux"), start(board, "linux")
    for console in (a, b):
        linux_ready(console)
        assert "obtained" in console.run("udhcpc -n -q -f -t 15 2>&1", LINUX)
    assert "10.0.2.15" in a.run("ip addr show eth0", LINUX)
    assert "10.0.2.16" in b.run("ip addr show eth0", LINUX)
    assert ping(a, "10.0.2.2") == 3
    assert ping(a, "10.0.2.16") == 3
    a.run("mkdir /www; head -c 1000000 /dev/urandom > /www/data; httpd -h /www", LINUX)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/data", timeout=60) as answer:
        data = answer.read()
    assert a.run("md5sum < /www/data", LINUX).split()[0] == hashlib.md5(data).hexdigest()
    table = board.sh("zvm net uplink")
    assert re.search(r"^uplink +- +nic0 +52:54:00:00:00:01 +\d+ ", table, re.M), table
    assert re.search(r"^behind - nic0: .*52:55:0a:00:02:02", table, re.M), table


def test_ping_among_systems(boot, description):
    """Linux, U-Boot and a bare-metal guest on one network, each with its own driver."""
    fetched("uboot")
    uboot = description("uboot", "uboot/u-boot.bin", LAN, "memory = <0x0 0x08000000>",
                        "load-address = <0x0 0x40200000>")
    board = boot(smp=2, mem=1024, guests=["echo", uboot, linux_type(description, "linux", LAN)])
    echo = new(board, "echo")
    ready = echo.port()
    echo.run()
    ready.expect("net: ready")
    _, linux = start(board, "linux")
    linux_ready(linux)
    up(linux, "10.0.0.1")
    assert ping(linux, "10.0.0.9") == 3
    assert ping(linux, "10.0.0.9", size=1472) == 3
    _, loader = start(board, "uboot")
    uboot_ready(loader)
    loader.run("setenv ipaddr 10.0.0.2", UBOOT)
    for address in ("10.0.0.9", "10.0.0.1"):
        assert f"host {address} is alive" in loader.run(f"ping {address}", UBOOT)
    assert "is not alive" in loader.run("ping 10.0.0.77", UBOOT)
    echo.reset()
    ready.expect("net: ready")
    assert "host 10.0.0.9 is alive" in loader.run("ping 10.0.0.9", UBOOT)


def bare(description, name, mac, what):
    return description(name, "guests/net.elf", "net0 { compatible = \"zvm,virtio-net\"; network = \"lan0\"; "
                       f"mac = [02 00 00 00 00 0{mac}]; }};", "memory = <0x0 0x00800000>", f'bootargs = "net={what}"')


def test_a_flood_keeps_no_other_out(boot, description, tmp_path):
    """A receiver that cannot keep up with one sender still gets the frames of a modest one."""
    (tmp_path / "guests").mkdir()
    (tmp_path / "guests/net.elf").write_bytes((BUILD / "guests/net.elf").read_bytes())
    kinds = [bare(description, "sink", 0, "count us=200"), bare(description, "flood", 1, "send"),
             bare(description, "good", 2, "send us=1000 count=1000")]
    # They take turns on one CPU. Instructions are counted: a computer that is busy changes nothing.
    board = boot(smp=1, mem=512, guests=kinds, extra=["-icount", "shift=4,sleep=off"])
    sink = new(board, "sink")
    console = sink.port()
    sink.run()
    console.expect("net: ready")
    flood = new(board, "flood")
    flood.run()
    console.expect(r"net: counted 0 [1-9]\d* 0 0")
    good = new(board, "good")
    done = good.port()
    good.run()
    done.expect("net: sent")
    console.expect(r"net: counted 0 (\d+) (9[5-9]\d|1000) 0")
    assert int(console.match[1]) > 1000
    drops = {line.split()[1]: int(line.split()[7]) for line in board.sh("zvm net lan0").splitlines()[1:]}
    assert drops["sink"] > 1000


def test_addresses(boot, description):
    """Two devices with one address are refused; with mac-filter a guest cannot use another's."""
    mac = 'net0 { compatible = "zvm,virtio-net"; network = "lan0"; mac = [02 00 00 00 00 05]; mac-filter; };'
    board = boot(smp=2, mem=1024, guests=[linux_type(description, "one", mac), linux_type(description, "any", LAN)])
    (vm, a), (_, b) = start(board, "one"), start(board, "any")
    assert "net0: network lan0 has a port with address 02:00:00:00:00:05 already" in board.sh("zvm new -t one")
    for console in (a, b):
        linux_ready(console)
    up(a, "10.0.0.1")
    up(b, "10.0.0.2")
    assert a.run("cat /sys/class/net/eth0/address", LINUX) == "02:00:00:00:00:05"
    assert ping(b, "10.0.0.1") == 3
    a.run("ip link set eth0 address 02:00:00:00:00:06", LINUX)
    assert ping(a, "10.0.0.2", count=2) == 0
    assert re.search(r"out \d+ frames, [1-9]\d* dropped", device(board, vm, "net0"))
    # Without it, the address of another device still cannot be taken.
    a.run("ip link set eth0 address 02:00:00:00:00:05", LINUX)
    b.run("ip link set eth0 address 02:00:00:00:00:05", LINUX)
    assert ping(b, "10.0.0.1", count=2) == 0


def test_limits(boot, description):
    """Limits of a description hold, and change at once."""
    slow = ('net0 { compatible = "zvm,virtio-net"; network = "lan0"; mac = [02 00 00 00 00 01]; '
            "rate-out-frames = <100 0 1000>; };")
    sender = description("slow", "guests/net.elf", slow, "memory = <0x0 0x00800000>", 'bootargs = "net=send"')
    folder = Path(sender).parent / "guests"
    folder.mkdir()
    (folder / "net.elf").write_bytes((BUILD / "guests/net.elf").read_bytes())
    board = boot(smp=2, mem=512, guests=[sender, bare(description, "sink", 0, "count")])
    sink = new(board, "sink")
    console = sink.port()
    sink.run()
    console.expect("net: ready")
    vm = new(board, "slow")
    vm.run()

    def rate():
        """Frames between two of the receiver's looks, a second of its time apart."""
        for _ in range(3):  # what was printed before; a full bucket
            console.expect(r"net: counted 0 (\d+) 0 0\r?\n")
        first = int(console.match[1])
        console.expect(r"net: counted 0 (\d+) 0 0\r?\n")
        return int(console.match[1]) - first

    assert 50 <= rate() <= 150
    assert board.sh("zvm set -n slow rate=net0:out-frames:20/1000") == f"vm {vm.id} 'slow' set"
    assert 10 <= rate() <= 40
    assert board.sh("zvm set -n slow rate=net0:out-frames:none") == f"vm {vm.id} 'slow' set"
    assert rate() > 200
