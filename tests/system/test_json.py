# SPDX-License-Identifier: Apache-2.0
"""--json: what every command that has tables gives to a script."""

import json

import pytest

from conftest import BUILD
from guests import new
from machine_disks import gpt, options


@pytest.fixture
def board(boot, tmp_path):
    """Two VMs on a network, one of them with a disk, and a type that cannot be created."""
    (tmp_path / "guests").mkdir()
    (tmp_path / "guests/net.elf").write_bytes((BUILD / "guests/net.elf").read_bytes())

    def described(name, devices, *properties):
        path = tmp_path / f"{name}.dts"
        lines = ['compatible = "zvm,vm"', f'label = "{name}"', 'kernel = "guests/net.elf"', "memory = <0x0 0x00800000>",
                 *properties]
        path.write_text("/dts-v1/;\n/ {\n" + "".join(f"{line};\n" for line in lines) + f"devices {{ {devices} }};\n}};\n",
                        encoding="utf-8")
        return str(path)

    lan = 'net0 { compatible = "zvm,virtio-net"; network = "lan0"; };'
    # Its bootargs have what JSON and terminals take for something else.
    args = 'bootargs = "net=echo ip=10.0.0.9 \\"quoted\\" back\\\\slash \\xe4\\xb8\\xad"'
    types = [described("echo", lan + 'disk0 { compatible = "zvm,virtio-blk"; disk = "vda1"; };', args),
             described("send", lan, 'bootargs = "net=send us=1000"')]
    disk = gpt(tmp_path / "disk.img", 16, [("part \\ \"one\"", 1, 8)])
    board = boot(smp=2, mem=512, guests=types, extra=options(disk))
    vms = [new(board, name) for name in ("echo", "send")]
    for vm in vms:
        vm.run()
    board.until(lambda: "send" in board.sh("zvm net") and int(board.sh("zvm net").splitlines()[2].split()[8]) > 10)
    return board


def test_every_table(board):
    """Each is an object of lists of objects, and says what the text says."""
    def ask(command):
        return json.loads(board.sh(f"{command} --json"))

    vms = ask("zvm info")["vms"]
    assert [(vm["id"], vm["name"], vm["state"], vm["memory_mib"]) for vm in vms] == [
        (0, "echo", "running", 8), (1, "send", "running", 8)]
    assert all(isinstance(vm["cpu_percent"], float) and vm["affinity"] == "any" for vm in vms)
    assert [vm["port"] for vm in vms] == [0, 1]
    one = ask("zvm info echo")
    assert [vm["name"] for vm in one["vms"]] == ["echo"]
    facts = {fact["name"]: fact["text"] for fact in one["facts"]}
    assert facts["bootargs"] == 'net=echo ip=10.0.0.9 "quoted" back\\slash \u4e2d'
    assert facts["devices"] == "disk0 532 KiB, net0 72 KiB: 604 KiB of memory"
    assert facts["net0"].startswith("virtio-net, slot 31: network lan0") and "vcpu 0" in facts
    assert [(kind["type"], kind["image"], kind["problem"]) for kind in ask("zvm list")["types"]] == [
        ("echo", "guests/net.elf (vms/echo.dtb)", None), ("send", "guests/net.elf (vms/send.dtb)", None)]
    stat = ask("zvm stat send")
    rows = {(row["table"], row["vcpu"]): row for row in stat["exits"]}
    assert rows["exits", "all"]["total"] >= rows["exits", 0]["total"] > 0
    assert [row["table"] for row in stat["late"]] == ["late", "late", "late-ns"]
    assert sum(row["count"] for row in stat["late_counts"]) == stat["late"][1]["count"] > 0
    assert all(row["from_ns"] <= stat["late"][2]["max"] for row in stat["late_counts"])
    assert stat["budget"] == [{"table": "budget", "vcpu": "all", "throttled": 0, "missed": 0}]
    port, = stat["ports"]
    assert (port["port"], port["network"]) == ("net0", "lan0") and port["out_frames"] > 10
    ports = ask("zvm net")["ports"]
    assert [row["vm"] for row in ports] == ["echo", "send"] and ports[1]["out_frames"] >= port["out_frames"]
    board.sh("zvm net dump lan0")
    lan = ask("zvm net lan0")
    assert len(lan["ports"]) == 2 and lan["stations"] == []
    assert [(c["port"], c["name"]) for c in lan["captures"]] == [(2, "hvc2")]
    assert "is captured already" in ask("zvm net dump lan0")["text"]
    top = ask("zvm top")
    assert [cpu["cpu"] for cpu in top["cpus"]] == [0, 1]
    shares = {thread["name"]: thread for thread in top["threads"]}
    assert shares["vm1.0 send"]["hvc_per_s"] == 0 and "irq_per_s" not in shares["shell"]
    assert [(cpu["cpu"], cpu["hwid"], cpu["state"]) for cpu in ask("host cpus")["cpus"]] == [
        (0, "0x0", "online"), (1, "0x1", "online")]
    memory, = ask("host mem")["memory"]
    assert memory["total_kib"] > memory["free_kib"] > 100000
    disk, part = ask("host disks")["disks"]
    assert disk == {"disk": "vda", "bytes": 16 << 20, "name": "d0", "users": "'echo'", "readonly": False}
    assert part == {"disk": "vda1", "bytes": 8 << 20, "name": "part \\ \"one\"", "users": "'echo'"}
    irqs = ask("host irq")
    assert all(len(irq["counts"]) == 2 for irq in irqs["irqs"]) and irqs["masked"][0]["us"] > 0
    states = {thread["name"]: thread["state"] for thread in ask("host threads")["threads"]}
    assert states["shell"] == "running" and "vm0.0 echo" in states
    locks = ask("host locks")  # by a build that counts them
    assert "does not count locks" in locks.get("text", "") or locks["locks"]


def test_errors_are_json_too(board):
    for command in ("zvm info absent", "zvm stat", "zvm net lan7", "zvm net dump lan7"):
        text = board.sh(command)
        assert json.loads(board.sh(command + " --json")) == {"text": text + "\n"}
    for name in ("echo", "send"):
        board.sh(f"zvm delete -f {name}")
    assert json.loads(board.sh("zvm info --json")) == {"vms": [], "text": "no VMs; `zvm new -t TYPE` makes one\n"}
    assert json.loads(board.sh("zvm net --json"))["ports"] == []
