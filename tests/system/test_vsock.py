# SPDX-License-Identifier: Apache-2.0
"""Sockets between VMs, with the drivers of an unmodified Linux."""

import re

from conftest import BOOT_SECONDS, BUILD, LINUX
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
