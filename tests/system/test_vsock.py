# SPDX-License-Identifier: Apache-2.0
"""Sockets between VMs, with the drivers of an unmodified Linux."""

import hashlib
import random
import re
import socket

from conftest import BOOT_SECONDS, BUILD, COMMAND_SECONDS, LINUX
from guests import linux_ready, new
from test_net import device

CHECK = "md5sum /tmp/got | cut -c1-32"


def linux_type(description, name, cid, folder):
    """A Linux with a vsock device; its disk is the program for it."""
    (folder / "vsock").write_bytes((BUILD / "guests/linux_vsock").read_bytes())
    return description(name, "linux/Image", f'vsock0 {{ compatible = "zvm,virtio-vsock"; {cid} }}; '
                       'disk0 { compatible = "zvm,virtio-blk"; image = "vsock"; };', 'initrd = "linux/initrd.cpio.gz"',
                       'bootargs = "console=ttyAMA0"', "memory = <0x0 0x10000000>")


def start(board, kind):
    vm = new(board, kind)
    console = vm.port()
    vm.run()
    return vm, console


def ready(console):
    linux_ready(console)
    size = (BUILD / "guests/linux_vsock").stat().st_size
    console.run(f"head -c {size} /dev/vda > /bin/vsock; chmod +x /bin/vsock", LINUX)


def transfer(receiver, sender, cid, count=3000000):
    """A stream of random bytes: both have the same in the end."""
    receiver.run("vsock 1234 > /tmp/got &", LINUX)
    sums = sender.run(f"head -c {count} /dev/urandom > /tmp/data; md5sum < /tmp/data | cut -c1-32", LINUX)
    # The receiver may not listen yet.
    sender.run(f"until vsock {cid} 1234 < /tmp/data; do sleep 1; done", LINUX)
    assert receiver.run("wait; " + CHECK, LINUX) == sums


def test_linux_pair(boot, description, tmp_path):
    """Files go both ways; a connection to no one is refused at once; resets."""
    board = boot(smp=2, mem=1024, guests=[linux_type(description, "three", "cid = <3>;", tmp_path),
                                          linux_type(description, "nine", "cid = <9>;", tmp_path),
                                          linux_type(description, "again", "cid = <9>;", tmp_path)])
    (one, a), (two, b) = start(board, "three"), start(board, "nine")
    assert "vsock0: context ID 9 is that of vm 'nine'" in board.sh("zvm new -t again")
    for console in (a, b):
        ready(console)
    assert device(board, one, "vsock0").startswith("virtio-vsock, slot 31: cid 3, ")
    transfer(b, a, 9)
    transfer(a, b, 3)
    # 203: connect() failed. No VM has ID 77; no program listens at port 99; the host takes nothing.
    for there in ("77 1234", "9 99", "2 1234"):
        assert a.run(f"vsock {there} < /dev/null; echo $?", LINUX) == "203"
    sent, received = re.search(r"(\d+) packets sent, (\d+) received", device(board, two, "vsock0")).groups()
    assert int(sent) > 40 and int(received) > 1000
    # A driver that is gone, and a VM that was reset in the middle.
    b.run("rmmod vmw_vsock_virtio_transport", LINUX)
    assert device(board, two, "vsock0").startswith("virtio-vsock, slot 31: no driver")
    assert a.run("vsock 9 1234 < /dev/null; echo $?", LINUX) == "203"
    b.run("insmod /lib/modules/vmw_vsock_virtio_transport.ko", LINUX)
    transfer(b, a, 9, 100000)
    b.run("vsock 1234 > /dev/null &", LINUX)
    a.run("until vsock 9 1234 < /dev/zero; do [ $? = 203 ] || break; sleep 1; done &", LINUX)
    board.until(lambda: int(re.search(r"(\d+) received", device(board, two, "vsock0"))[1]) > int(received) + 2000)
    two.reset()
    ready(b)
    a.run("wait", LINUX)
    transfer(b, a, 9)
    transfer(a, b, 3)
    two.pause()
    two.resume()
    transfer(a, b, 3)
    two.delete(force=True)
    assert a.run("vsock 9 1234 < /dev/null; echo $?", LINUX) == "203"


def test_bare_metal(boot):
    """Two devices of one VM; `tools/interference` measures what a storm of theirs costs others."""
    board = boot(smp=2, mem=512, guests=["sockets"])
    vm = new(board, "sockets")
    console = vm.port()
    vm.run()
    console.expect(r"sockets: (PASS|FAIL[^\n]*)", BOOT_SECONDS)
    assert console.match[1] == "PASS"
    assert device(board, vm, "vsock0") == ("virtio-vsock, slot 31: cid 90, 1 packets sent, 6 received, 0 dropped, "
                                           "0 connections")


class HostPort:
    """A program on the computer that opens a port of the machine."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(COMMAND_SECONDS)
        self.socket.connect(str(path))
        self.sendall = self.socket.sendall

    def read(self, count):
        data = b""
        while len(data) < count:
            data += self.socket.recv(min(count - len(data), 65536))
        return data

    def __enter__(self):
        return self

    def finish(self):
        """Closes it, when QEMU has read everything: with a close alone QEMU drops the rest."""
        self.socket.shutdown(socket.SHUT_WR)
        while self.socket.recv(65536):
            pass

    def __exit__(self, *unused):
        self.socket.close()


def host_ports(folder, count):
    """The command line of serial ports behind the consoles; their paths."""
    paths = [folder / f"host{n}" for n in range(count)]
    words = []
    for n, path in enumerate(paths):
        words += ["-chardev", f"socket,id=h{n},path={path},server=on,wait=off",
                  "-device", f"virtserialport,bus=vser0.0,chardev=h{n}"]
    return words, paths


def test_host(boot, description, tmp_path):
    """A VM reaches programs of the computer, and is reached; one that does not read; refusals."""
    extra, (first, second) = host_ports(tmp_path, 2)
    kind = linux_type(description, "three", "cid = <3>; host-ports = <1234 22>;", tmp_path)
    board = boot(mem=512, consoles=1, guests=[kind], extra=extra)
    vm, console = start(board, "three")
    ready(console)
    assert "; host port 1234: hvc1, not open; host port 22: hvc2, not open" in device(board, vm, "vsock0")
    # No program has the port open; it is no host port.
    for port in (1234, 1235):
        assert console.run(f"vsock 2 {port} < /dev/null; echo $?", LINUX) == "203"
    with HostPort(first) as host:
        board.until(lambda: "1234: hvc1;" in device(board, vm, "vsock0"))
        for answer in ("one", "two"):  # the same program serves one connection after another
            console.run(f"(echo {answer} | vsock 2 1234 > /tmp/{answer}) &", LINUX)
            assert host.read(4) == answer.encode() + b"\n"
            assert "1234: hvc1, connected" in device(board, vm, "vsock0")
            assert console.run("vsock 2 1234 < /dev/null; echo $?", LINUX) == "203"  # one at a time
            host.sendall(b"to " + answer.encode())
            console.until(lambda answer=answer: console.run(f"cat /tmp/{answer}", LINUX) == f"to {answer}")
            console.run("killall vsock; wait", LINUX)
            board.until(lambda: "1234: hvc1;" in device(board, vm, "vsock0"))
    # The program ends: so does the connection, when the guest has all bytes.
    data = random.Random(1).randbytes(200000)
    console.run("vsock 22 > /tmp/got &", LINUX)
    with HostPort(second) as host:
        host.sendall(data[:1])  # it listens when it has this
        console.run("until [ -s /tmp/got ]; do sleep 1; done", LINUX)
        host.sendall(data[1:])
        host.finish()
    assert console.run("wait; " + CHECK, LINUX) == hashlib.md5(data).hexdigest()
    # No one listens at the guest's port: what was typed waits, until the program has gone.
    before = int(re.search(r"(\d+) received", device(board, vm, "vsock0"))[1])
    with HostPort(second) as host:
        host.sendall(data[100:200])
        board.until(lambda: int(re.search(r"(\d+) received", device(board, vm, "vsock0"))[1]) > before)
    board.until(lambda: "22: hvc2, not open" in device(board, vm, "vsock0"))
    console.run("true", LINUX)
    with HostPort(second) as host:
        host.sendall(data[:100])
        console.run("sleep 1; vsock 22 > /tmp/got &", LINUX)
        console.run("until [ $(wc -c < /tmp/got) = 100 ]; do sleep 1; done", LINUX)
    assert console.run("wait; " + CHECK, LINUX) == hashlib.md5(data[:100]).hexdigest()
    # A program that does not read keeps its own connection waiting only; nothing is lost.
    with HostPort(first) as host:
        sums = console.run("head -c 2000000 /dev/urandom > /tmp/data; md5sum < /tmp/data | cut -c1-32", LINUX)
        board.until(lambda: "1234: hvc1;" in device(board, vm, "vsock0"))
        console.run("vsock 2 1234 < /tmp/data &", LINUX)
        board.until(lambda: "1234: hvc1, connected" in device(board, vm, "vsock0"))
        console.run("vsock 22 > /tmp/got &", LINUX)
        with HostPort(second) as other:
            other.sendall(b"meanwhile")
            assert console.run("until grep meanwhile /tmp/got; do sleep 1; done", LINUX) == "meanwhile"
        assert "1234: hvc1, connected" in device(board, vm, "vsock0")
        assert hashlib.md5(host.read(2000000)).hexdigest() == sums
    console.run("wait", LINUX)
    # After a reset in the middle, a new driver and the same program.
    with HostPort(first) as host:
        board.until(lambda: "1234: hvc1;" in device(board, vm, "vsock0"))
        console.run("vsock 2 1234 < /dev/zero &", LINUX)
        assert host.read(100000) == bytes(100000)
        vm.reset()
        ready(console)
    with HostPort(first) as host:
        board.until(lambda: "1234: hvc1;" in device(board, vm, "vsock0"))
        console.run("echo again | vsock 2 1234 &", LINUX)
        assert host.read(6) == b"again\n"
