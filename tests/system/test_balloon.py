# SPDX-License-Identifier: Apache-2.0
"""Memory that a VM gives back, with the driver of an unmodified Linux: other VMs get it."""

import json
import re

from conftest import BOOT_SECONDS, BUILD, LINUX
from guests import linux_ready, memory, new
from test_isolation import clean
from test_virtio import device

ALL, SOME, OTHER = 512, 256, 384  # MiB


def types(description, folder):
    """A Linux with a balloon, and a guest that looks through all of its memory."""
    (folder / "stain.elf").write_bytes((BUILD / "guests/stain.elf").read_bytes())
    return [description("linux", "linux/Image", 'balloon0 { compatible = "zvm,virtio-balloon"; };',
                        'initrd = "linux/initrd.cpio.gz"', 'bootargs = "console=ttyAMA0"', "cpus = <2>",
                        f"memory = <0x0 {ALL << 20:#x}>"),
            description("stain", "stain.elf", "", f'bootargs = "stain={OTHER}"', "cpus = <2>",
                        f"memory = <0x0 {OTHER << 20:#x}>")]


def given(board, vm):
    """MiB that it has given back: in pages, and in blocks."""
    line = device(board, vm, "balloon0")
    return tuple(map(int, re.search(r"(\d+) MiB given back in pages, (\d+) MiB in blocks", line).groups()))


def blocks_free(board):
    return int(memory(board)["blocks of 2 MiB free"])


def write_all(console, mib):
    """Linux uses its memory; what it wrote is there."""
    files = f"$(seq {mib // 16})"
    wrong = console.run(f"dd if=/dev/urandom of=/tmp/x bs=1M count=16 2> /dev/null; "
                        f"for i in {files}; do cp /tmp/x /tmp/x.$i; done; "
                        f"for i in {files}; do cmp /tmp/x /tmp/x.$i; done; ls /tmp/x.* | wc -l; rm /tmp/x*",
                        LINUX, timeout=BOOT_SECONDS)
    assert wrong == f"{mib // 16}"


def total(console):
    return int(console.run("sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo", LINUX)) >> 10


def test_linux_gives_memory_back(boot, description, tmp_path):
    board = boot(smp=2, mem=800, guests=types(description, tmp_path))
    before = memory(board)
    linux = new(board, "linux")
    console = linux.port()
    linux.run()
    linux_ready(console)
    write_all(console, 192)
    free = blocks_free(board)
    assert "no memory for 'stain'" in board.sh("zvm new -t stain")
    assert board.sh(f"zvm set -n linux mem={SOME}") == f"vm {linux.id} 'linux' set"
    board.until(lambda: given(board, linux)[0] == ALL - SOME)
    # Linux gives single pages. Nearly all of them make up whole blocks.
    assert given(board, linux)[1] > 0.85 * (ALL - SOME)
    assert blocks_free(board) == free + given(board, linux)[1] / 2
    assert total(console) < ALL - SOME
    facts = json.loads(board.sh("zvm info linux --json"))["facts"]
    assert {"name": "reserved", "text": f"{ALL - given(board, linux)[1]} MiB of it; mem={SOME}"} in facts

    # Another VM gets it, and finds nothing there.
    stain = new(board, "stain")
    there = stain.port()
    stain.run()
    clean(there)
    refusal = board.sh(f"zvm set -n linux mem={ALL}")
    assert re.fullmatch(rf"zvm: no memory: 'linux' has \d+ MiB, and {2 * blocks_free(board)} MiB are free", refusal)
    write_all(console, 64)
    stain.delete(force=True)

    # It comes again, and is zero as far as Linux did not write there.
    board.sh(f"zvm set -n linux mem={ALL}")
    board.until(lambda: given(board, linux) == (0, 0))
    assert blocks_free(board) == free
    assert total(console) > ALL - 64
    write_all(console, 192)

    # A VM that is reset begins with all of it, and gives it back once more.
    board.sh(f"zvm set -n linux mem={SOME}")
    board.until(lambda: given(board, linux)[0] == ALL - SOME)
    linux.reset()
    linux_ready(console)
    board.until(lambda: given(board, linux)[0] == ALL - SOME)
    assert blocks_free(board) == free + given(board, linux)[1] / 2

    # A driver that leaves takes all of it, as the machine has it.
    console.run("rmmod virtio_balloon", LINUX)
    assert device(board, linux, "balloon0").startswith("virtio-balloon, slot 31: no driver, ")
    assert blocks_free(board) == free and total(console) > ALL - 64
    console.run("insmod /lib/modules/virtio_balloon.ko", LINUX)
    board.until(lambda: given(board, linux)[0] == ALL - SOME)
    assert "used without a word" not in device(board, linux, "balloon0")
    linux.delete(force=True)
    assert memory(board) == before


def test_refused(boot, description, tmp_path):
    """Settings that a balloon cannot serve are one line each."""
    board = boot(smp=2, mem=1536, guests=types(description, tmp_path))
    linux, stain = new(board, "linux"), new(board, "stain")
    assert board.sh(f"zvm set -n {stain.name} mem=64") == \
        "zvm set: mem=: 'stain' has no zvm,virtio-balloon in its description"
    assert board.sh("zvm set -n linux mem=8") == f"zvm set: mem=8: the memory in MiB must be 16 to {ALL}"
    assert board.sh(f"zvm set -n linux mem={ALL + 2}").endswith(f"must be 16 to {ALL}")
    real_time = "virtio-balloon is not for real-time VMs: all of their memory is there before they start"
    assert board.sh("zvm set -n linux prio=3 mem=256") == f"zvm: 'linux': {real_time}"
    assert "mem=512" in board.sh("zvm info linux")
    assert board.sh("zvm new -t linux -p 3") == f"zvm: {real_time}"
    # Before the guest has a driver nothing is given back.
    board.sh("zvm set -n linux mem=256")
    assert device(board, linux, "balloon0") == \
        "virtio-balloon, slot 31: no driver, 256 of 512 MiB wanted, 0 MiB given back in pages, 0 MiB in blocks"
