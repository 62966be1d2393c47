# SPDX-License-Identifier: Apache-2.0
"""A Linux guest controls the RTOS by zvmctl; what it may not do; garbage at its port."""

import json
import re

import pytest

from conftest import BOOT_SECONDS, BUILD, KERNELS, LINUX
from guests import HELLO, linux_ready, new, rows

RTOS = "rtos> "


class Controller:
    """The Linux of vms/channel_linux.dts, which may control the RTOS."""

    def __init__(self, board):
        self.board = board
        self.vm = new(board, "linux")
        self.console = self.vm.port()
        self.vm.run()
        linux_ready(self.console)

    def run(self, command, timeout=BOOT_SECONDS):
        return self.console.run(command, LINUX, timeout)

    def ctl(self, request):
        """What zvmctl prints, and its exit status; a tenth of a second after the last request."""
        text, status = self.run(f"usleep 100000; zvmctl {request}; echo =$?").rsplit("=", 1)
        return text.strip(), int(status)

    def does(self, request):
        text, status = self.ctl(request)
        assert status == 0, text
        return text

    def fails(self, request):
        text, status = self.ctl(request)
        assert status == 1, text
        return text


def requests(board):
    """How many the Linux has made so far."""
    return int(re.search(r"org.zvm.control: (\d+) requests", board.sh("zvm info linux"))[1])


@pytest.fixture
def linux(boot, bundles):
    return Controller(boot(smp=2, mem=1024, bundle=bundles(["channel_linux", "channel_rtos"])))


def test_life(linux):
    """What the shell does with a VM, a guest does with one that it controls."""
    board = linux.board
    assert linux.does("list").startswith("TYPE")
    assert [t["type"] for t in json.loads(linux.does("list --json"))["types"]] == ["rtos"]
    assert linux.does("info") == "no VMs; `zvm new -t TYPE` makes one"
    assert linux.does("new rtos") == "vm 1 'rtos' created: 1 vcpu, 16 MiB"
    rtos = board.console(1)
    assert linux.does("run rtos") == "vm 1 'rtos' running"
    rtos.expect(RTOS, BOOT_SECONDS)
    assert linux.does("pause rtos") == "vm 1 'rtos' paused"
    assert rows(board)["rtos"]["STATE"] == "paused"
    assert linux.fails("pause rtos") == "zvm: vm 1 'rtos' is paused: only a running VM can be paused"
    assert linux.does("resume -n 1") == "vm 1 'rtos' running"
    assert linux.does("reset rtos") == "vm 1 'rtos' reset"
    rtos.expect(RTOS, BOOT_SECONDS)
    found = json.loads(linux.does("info --json"))["vms"]
    assert [(vm["name"], vm["state"], vm["restarts"]) for vm in found] == [("rtos", "running", 1)]
    assert "vcpu 0" in linux.does("info rtos")
    late = json.loads(linux.does("stat rtos --json"))["late"]
    assert late[-1]["table"] == "late-ns"
    assert linux.fails("delete rtos") == "zvm: vm 1 'rtos' is running: stop it first, or use -f"
    assert linux.does("stop -f rtos") == "vm 1 'rtos' stopped"
    assert linux.does("run rtos") == "vm 1 'rtos' running"
    assert linux.does("delete -f rtos") == "vm 1 'rtos' deleted"
    assert "rtos" not in rows(board)
    assert requests(board) > 15
    assert "requests, 2 errors" in board.sh("zvm info linux")


def test_rights(linux):
    """Other VMs do not exist for the guest, and it gives a VM no more than its description."""
    board = linux.board
    assert linux.fails("info linux") == "zvm: no VM 'linux'; there are: none"
    assert linux.fails("delete -f 0") == "zvm: no VM '0'; there are: none"
    assert linux.fails("new linux") == "zvm: no type 'linux'; this bundle has: rtos"
    assert linux.fails("top").startswith("a guest has no command 'top'; there are: new, run, pause,")
    assert linux.fails("new rtos -m 512") == "zvm new: a guest may not give -m"
    linux.does("new rtos")
    assert linux.fails("new rtos") == "zvm new: there is vm 1 'rtos' already, and a guest may have one VM of each type"
    assert linux.fails("stop -f linux") == "zvm: no VM 'linux'; there are: 1 rtos"
    assert linux.fails("stat rtos -r") == "zvm stat: a guest may not give -r"
    assert linux.fails("set rtos dedicated=on") == "zvm set: a guest may not give dedicated="
    assert linux.fails("set rtos prio=7") == "zvm set: prio=7 is more than the description of 'rtos' gives it"
    assert linux.fails("set rtos weight=101") == "zvm set: weight=101 is more than the description of 'rtos' gives it"
    assert linux.fails("set rtos budget=500").startswith("zvm set: budget=500 is more than")
    assert linux.does("set rtos prio=9 restart=always") == "vm 1 'rtos' set"
    assert rows(board)["rtos"]["PRIO"] == "9"
    assert linux.does("set rtos prio=8") == "vm 1 'rtos' set"
    # What the operator makes of that type is the guest's too, and so is its end.
    linux.does("delete rtos")
    new(board, "rtos")
    assert [vm["name"] for vm in json.loads(linux.does("info --json"))["vms"]] == ["rtos"]
    linux.does("delete 1")


def test_garbage(linux):
    """Nonsense gets a line; a flood is the guest's own loss; a dead program leaves nothing."""
    board = linux.board
    linux.does("new rtos")
    rtos = board.console(1)
    linux.does("run rtos")
    rtos.expect(RTOS, BOOT_SECONDS)
    port = linux.run("grep -l org.zvm.control /sys/class/virtio-ports/*/name").split("/")[4]
    # A program that reads: an answer for each line, and nothing for an empty one.
    make_node = f"mknod /tmp/port c $(sed 's/:/ /' /sys/class/virtio-ports/{port}/dev)"
    linux.run(make_node)
    long = "x" * 300
    lines = f"\\n@7 nonsense\\n{long}\\n@a\\n\\001\\n@12345678901234567 info\\ninfo \"rtos\\n"
    linux.run(f"(exec 3<>/tmp/port; printf '{lines}' >&3; head -n 6 <&3) > /tmp/answers")
    answers = linux.run("cat /tmp/answers").splitlines()
    assert answers[0].startswith("error @7: a guest has no command 'nonsense'")
    assert answers[1:] == [
        "error: a request has at most 255 bytes",
        "error @a: an empty request",
        "error: a request has printable ASCII characters only",
        "error: a request's tag has at most 15 characters behind the @",
        "error: the quote \" is not closed",
    ]
    # Floods, whose answers are not read. The operator and the RTOS do not notice.
    for flood in ("yes '@1 info rtos'", "yes garbage", "cat /dev/urandom"):
        before = requests(board)
        linux.run(f"({flood} > /tmp/port) & flood=$!")
        board.until(lambda: requests(board) > before + 20)
        rtos.line("help")
        rtos.expect(RTOS)
        linux.run("kill $flood; wait")
    # The next one is served, as soon as it may be.
    running = ("zvm: vm 1 'rtos' is running already", 1)
    linux.console.until(lambda: linux.ctl("run rtos") == running)
    # Too many at a time: the guest is told so.
    linux.run("for i in $(seq 30); do zvmctl info; done > /dev/null 2> /tmp/errors")
    assert "too many requests: at most 10 a second" in linux.run("cat /tmp/errors")
    # In the middle of a request, and of an answer.
    for _ in range(2):
        linux.run("(exec 3<>/tmp/port; printf 'info --js' >&3; cat <&3) & (exec 3<>/tmp/port; echo info rtos >&3) &")
        linux.vm.reset()
        linux_ready(linux.console)
        linux.run(make_node)
        assert linux.does("info").startswith("ID  NAME")
    linux.vm.delete(force=True)
    board.sh("zvm delete -f rtos")
    assert board.sh("zvm info") == "no VMs; `zvm new -t TYPE` makes one"


def test_load(linux):
    """A new kernel from Linux: checked, for the VM's next run, and not before."""
    board, rtos = linux.board, linux.board.console(1)
    octal = "".join(f"\\{byte:03o}" for byte in HELLO)
    linux.run(f"printf '{octal}' > /tmp/hello")
    assert linux.fails("load rtos /etc/passwd") == \
        "zvm: kernel: is text, not code: it begins with 'root::0:0:root:/root:/bi'"
    assert linux.fails("load linux /tmp/hello") == "zvm: no type 'linux'; this bundle has: rtos"
    linux.does("new rtos")
    linux.does("run rtos")
    rtos.expect(RTOS, BOOT_SECONDS)
    assert linux.does("load rtos /tmp/hello") == "32 bytes for 'rtos', from its next new, run or reset on"
    rtos.line("help")
    rtos.expect(RTOS)
    assert "loaded by a guest" not in board.sh("zvm info rtos")
    linux.does("reset rtos")
    rtos.expect("H")
    board.until(lambda: rows(board)["rtos"]["STATE"] == "stopped")
    assert "loaded by a guest" in board.sh("zvm info rtos")
    assert linux.fails("load rtos /etc/passwd").startswith("zvm: kernel: is text")
    # The program ends in the middle: the next request is served, and the image is the last one.
    linux.run("dd if=/dev/zero of=/tmp/large bs=1 seek=15999999 count=1")
    before = requests(board)
    linux.run("zvmctl load rtos /tmp/large & load=$!")
    board.until(lambda: requests(board) > before)
    linux.run("kill $load; wait")
    assert linux.does("run rtos") == "vm 1 'rtos' running"
    rtos.expect("H")
    linux.run("dd if=/dev/zero of=/tmp/large bs=1 seek=17999999 count=1")
    assert linux.fails("load rtos /tmp/large") == \
        "load rtos: an image of 18000000 bytes: 1 to 16777216 are possible"


def test_types(boot, bundles, description, tmp_path):
    """`control` names types of the bundle, and a VM without a console gets one for it."""
    (tmp_path / "rtos.img").write_bytes((KERNELS / "rtos.bin").read_bytes())
    kind = description("boss", "linux/Image", 'disk0 { compatible = "zvm,virtio-blk"; image = "rtos.img"; };',
                       'initrd = "linux/initrd.cpio.gz"', 'bootargs = "console=ttyAMA0"',
                       "memory = <0x0 0x10000000>", 'control = "rtos", "smp"')
    board = boot(smp=2, mem=1024, bundle=bundles([kind, "rtos", "smp"]))
    boss = new(board, "boss")
    console = boss.port()
    boss.run()
    linux_ready(console)
    info = board.sh("zvm info boss")
    assert re.search(r"^  control +virtio-console, slot 30: 0 bytes written, no port; org.zvm.control: 0 requests", info, re.M)
    assert console.run("zvmctl new rtos", LINUX).startswith("vm 1 'rtos' created")
    # The RTOS as the kernel of another type, from Linux' disk.
    size = (KERNELS / "rtos.bin").stat().st_size
    console.run(f"head -c {size} /dev/vda > /tmp/rtos.bin", LINUX)
    assert console.run("zvmctl load smp /tmp/rtos.bin", LINUX).startswith(f"{size} bytes for 'smp'")
    assert console.run("zvmctl new smp", LINUX).startswith("vm 2 'smp' created")
    other = board.console(2)
    assert console.run("zvmctl run smp", LINUX) == "vm 2 'smp' running"
    other.expect(RTOS, BOOT_SECONDS)


CHANNEL = 'channels { rpmsg { peers = "linux", "rtos"; size = <0x0 0x20000>; protocol = <0x4001>; }; }'


def test_mica(boot, bundles, description, tmp_path):
    """The steps of mica's jailhouse pedestal, and what it places in the channel (docs/mica.md)."""
    (tmp_path / "rtos.img").write_bytes((KERNELS / "rtos.bin").read_bytes())
    (tmp_path / "mica.img").write_bytes((BUILD / "guests/linux_mica").read_bytes())
    disks = "".join(f'disk{n} {{ compatible = "zvm,virtio-blk"; image = "{name}.img"; }};'
                    for n, name in enumerate(("rtos", "mica")))
    boss = description("linux", "linux/Image", disks, 'initrd = "linux/initrd.cpio.gz"', 'bootargs = "console=ttyAMA0"',
                       "memory = <0x0 0x10000000>", 'control = "rtos"', CHANNEL)
    # Its own kernel would power it off at once: what runs is what mica loads.
    (tmp_path / "hello.bin").write_bytes(HELLO)
    rtos = description("rtos", "hello.bin", "", "memory = <0x0 0x1000000>", "priority = <8>", CHANNEL)
    board = boot(smp=2, mem=1024, bundle=bundles([boss, rtos]))
    linux = new(board, "linux")
    console = linux.port()
    linux.run()
    linux_ready(console)
    for disk, file in (("vda", KERNELS / "rtos.bin"), ("vdb", BUILD / "guests/linux_mica")):
        console.run(f"head -c {file.stat().st_size} /dev/{disk} > /tmp/{file.name}", LINUX)
    console.run("chmod +x /tmp/linux_mica; channel-up", LINUX)
    # PedestalConf: the head of a cell's configuration.
    console.run(r"printf 'JHCLL\001\015\000rtos' > /tmp/rtos.cell; head -c 32 /dev/zero >> /tmp/rtos.cell", LINUX)

    def jailhouse(command):
        text, status = console.run(f"jailhouse cell {command}; echo =$?", LINUX).rsplit("=", 1)
        assert status == "0", text
        return text.strip()

    assert jailhouse("create /tmp/rtos.cell") == "vm 1 'rtos' created: 1 vcpu, 16 MiB"
    assert jailhouse("load rtos /tmp/rtos.bin").endswith("from its next new, run or reset on")
    console.run("/tmp/linux_mica > /tmp/said &", LINUX)
    console.until(lambda: "are placed" in console.run("cat /tmp/said", LINUX))
    assert jailhouse("start rtos") == "vm 1 'rtos' running"
    console.until(lambda: "mica: rpmsg-ping answered" in console.run("cat /tmp/said", LINUX))
    assert json.loads(console.run("zvmctl info --json", LINUX))["vms"][0]["state"] == "running"
    assert jailhouse("shutdown rtos") == "vm 1 'rtos' stopped"
    assert jailhouse("destroy rtos") == "vm 1 'rtos' deleted"
