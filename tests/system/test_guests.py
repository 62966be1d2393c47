# SPDX-License-Identifier: Apache-2.0
"""Linux, U-Boot and a bare-metal guest at once, from their first line to the last page returned."""

import re

import pytest

from conftest import BOOT_SECONDS, CPU_MAX
from guests import (LINUX, SMP, UBOOT, linux_ready, memory, new, rows, timer_counts,
                    uboot_ready)

GUESTS = ["linux", "uboot", "smp"]


class World:
    """A board with a VM of each kind, all running, each with its own terminal."""

    def __init__(self, board):
        self.board = board
        self.free = memory(board)
        self.linux, self.uboot = new(board, "linux"), new(board, "uboot")
        self.smp = new(board, "smp")
        self.vms = [self.smp, self.linux, self.uboot]
        self.terminals = {vm: vm.port() for vm in self.vms}
        self.smp.run()
        self.smp_passes()
        self.linux.run()
        linux_ready(self.terminals[self.linux])
        # The last: it never sleeps, and keeps a CPU busy from then on.
        self.uboot.run()
        uboot_ready(self.terminals[self.uboot])

    def smp_passes(self):
        self.terminals[self.smp].expect(r"smp: (PASS|FAIL)\s+smp> ", BOOT_SECONDS)
        assert self.terminals[self.smp].match[1] == "PASS"

    def in_linux(self, command, timeout=BOOT_SECONDS):
        return self.terminals[self.linux].run(command, LINUX, timeout)

    def in_uboot(self, command, timeout=BOOT_SECONDS):
        return self.terminals[self.uboot].run(command, UBOOT, timeout)

    def in_smp(self, command, timeout=BOOT_SECONDS):
        return self.terminals[self.smp].run(command, SMP, timeout)

    def linux_uptime(self):
        return float(self.in_linux("cat /proc/uptime").split()[0])

    def host_seconds(self):
        """The machine's own clock, in whole seconds."""
        return int(re.search(r"time +(\d+) s since", self.board.sh("host info"))[1])


def all_alive(world):
    """Each of them answers on its own terminal, and no other does."""
    assert re.fullmatch(r"Linux linux 6\.\d+\S* .* aarch64.*", world.in_linux("uname -a"))
    assert world.in_linux("nproc") == "2"
    assert "U-Boot 20" in world.in_uboot("version")
    assert re.search(r"pong \d+", world.in_smp("ping"))


def check_timers(world):
    """Both CPUs of Linux get timer interrupts."""
    console = world.terminals[world.linux]
    before = timer_counts(console)
    assert len(before) == 2
    world.in_linux("taskset 1 sleep 0.1; taskset 2 sleep 0.1")
    after = timer_counts(console)
    assert all(now > then > 0 for now, then in zip(after, before))


def pause_linux(world):
    """U-Boot goes on for seconds while Linux, and its time, stand still."""
    linux_before, host_before = world.linux_uptime(), world.host_seconds()
    world.linux.pause()
    assert world.linux.state == "paused"
    # Typed into a VM that does not run: answered afterwards.
    world.terminals[world.linux].line("echo $((6 * 7))")
    assert "U-Boot 20" in world.in_uboot("sleep 4; version")
    world.linux.resume()
    world.terminals[world.linux].expect(r"[\r\n]42[\r\n]", BOOT_SECONDS)
    world.terminals[world.linux].expect(re.escape(LINUX), BOOT_SECONDS)
    linux_passed = world.linux_uptime() - linux_before
    host_passed = world.host_seconds() - host_before
    # Both clocks are the machine's counter; the host's is read in whole seconds.
    assert linux_passed < host_passed + 1 - 4


def pause_uboot(world):
    """Linux answers while U-Boot stands still."""
    world.uboot.pause()
    world.terminals[world.uboot].line("version")
    assert world.in_linux("sleep 1; uname -s") == "Linux"
    assert world.uboot.state == "paused"
    world.uboot.resume()
    world.terminals[world.uboot].expect("U-Boot 20", BOOT_SECONDS)
    world.terminals[world.uboot].expect(UBOOT, BOOT_SECONDS)


def power_off_linux(world):
    """Linux turns itself off; no other VM notices."""
    world.terminals[world.linux].line("poweroff")
    world.linux.wait_until("stopped")
    assert world.linux.state == "stopped"
    assert "U-Boot 20" in world.in_uboot("version")


def delete_all(world):
    """Every page comes back."""
    for vm in world.vms:
        vm.delete(force=vm.state == "running")
    world.vms = []
    assert rows(world.board) == {}
    assert memory(world.board) == world.free


# ---- everything, on one kind of machine ----

@pytest.fixture
def world(boot_module):
    """One for all tests below; after one that failed, a new one, in which everything runs."""
    return boot_module(cpu=CPU_MAX, smp=4, mem=4096, guests=GUESTS).once(World)


def test_all_are_alive(world):
    assert {row["STATE"] for row in rows(world.board).values()} == {"running"}
    all_alive(world)


def test_both_cpus_of_linux_have_timers(world):
    check_timers(world)


def test_shell_console_and_port_are_one_console(world):
    """What is typed at the shell's `zvm console` is answered there and on the VM's own port."""
    for vm, typed, answer, prompt in (
            (world.linux, "echo $((40 + 2))-$(uname -m)", "42-aarch64", LINUX),
            (world.uboot, "echo ${arch}-; version", "arm-.*U-Boot 20", UBOOT),
            (world.smp, "ping", r"pong \d+", SMP)):
        with vm.attached() as terminal:
            terminal.line(typed)
            terminal.expect(f"{answer}.*{re.escape(prompt)}")
        world.terminals[vm].expect(f"{answer}.*{re.escape(prompt)}")


def test_log_shows_the_past(world):
    assert "Booting Linux on physical CPU" in world.linux.log()
    assert re.search(r"U-Boot 20\d\d", world.uboot.log())


def test_pause_linux(world):
    pause_linux(world)


def test_pause_uboot(world):
    pause_uboot(world)


def test_pause_all_vcpus(world):
    """A guest with four busy vCPUs stops as a whole, and finds no time gone."""
    before = int(re.search(r"up (\d+) ms", world.in_smp("status"))[1])
    host = world.host_seconds()
    world.smp.pause()
    world.in_uboot("sleep 3")
    world.smp.resume()
    after = int(re.search(r"up (\d+) ms", world.in_smp("status"))[1])
    assert after - before < (world.host_seconds() - host + 1 - 3) * 1000
    assert "0 bad" in world.in_smp("status")


def test_reboot_from_inside(world):
    before = int(world.linux.row()["RESTARTS"])
    world.in_linux("touch /tmp/mark")
    world.terminals[world.linux].line("reboot")
    linux_ready(world.terminals[world.linux])
    assert world.in_linux("ls /tmp") == ""
    assert world.linux.row()["STATE"] == "running"
    assert int(world.linux.row()["RESTARTS"]) == before + 1
    assert "U-Boot 20" in world.in_uboot("version")


def test_reset(world):
    world.in_linux("touch /tmp/mark")
    world.linux.reset()
    linux_ready(world.terminals[world.linux])
    assert world.in_linux("ls /tmp") == ""
    world.in_uboot("setenv mark 1")
    world.uboot.reset()
    uboot_ready(world.terminals[world.uboot])
    assert "not defined" in world.in_uboot("printenv mark")
    all_alive(world)


def test_reset_of_a_paused_vm(world):
    world.uboot.pause()
    world.uboot.reset()
    uboot_ready(world.terminals[world.uboot])
    assert world.uboot.state == "running"


def test_power_off_and_start_again(world):
    power_off_linux(world)
    world.linux.run()
    world.terminals[world.linux].expect("Booting Linux on physical CPU", BOOT_SECONDS)
    assert world.linux.state == "running"


def test_cut_off_and_start_again(world):
    world.uboot.pause() # it never sleeps, and would halve a CPU of a guest that passes messages
    world.smp.stop()
    assert world.smp.state == "stopped"
    world.smp.run()
    world.smp_passes()
    world.uboot.resume()


def test_delete_returns_all_memory(world):
    delete_all(world)


def test_twenty_lives_without_a_lost_page(world):
    """Each begins and ends mid-boot."""
    board = world.board
    delete_all(world)
    before = memory(board)
    for _ in range(20):
        vms = [new(board, "linux", "-m 128"), new(board, "uboot"), new(board, "smp")]
        for vm in vms:
            vm.run()
        for vm in vms:
            vm.delete(force=True)
    assert memory(board) == before
    assert board.sh("zvm info").startswith("no VMs")


def test_a_last_linux_is_as_good_as_the_first(world):
    delete_all(world)
    linux = new(world.board, "linux", "--name last")
    terminal = linux.port()
    terminal.drain() # it was another VM's before
    linux.run()
    linux_ready(terminal)
    assert terminal.run("nproc", LINUX) == "2"
    linux.delete(force=True)


# ---- the same in short, on the others ----

@pytest.mark.parametrize("cpu, smp", [
    ("cortex-a53", 1), ("cortex-a53", 4), ("cortex-a72", 1), ("cortex-a72", 4), (CPU_MAX, 1),
])
def test_on_other_machines(boot, cpu, smp):
    """-smp 1: seven vCPUs share the CPU with the shell."""
    world = World(boot(cpu=cpu, smp=smp, mem=2048, guests=GUESTS))
    all_alive(world)
    check_timers(world)
    pause_linux(world)
    pause_uboot(world)
    power_off_linux(world)
    delete_all(world)


@pytest.mark.parametrize("smp, mem", [(1, 512), (2, 1024), (3, 1536), (5, 3072), (6, 4096),
                                      (7, 6144), (8, 8192)])
def test_machine_sizes(boot, smp, mem):
    """A guest as wide as the machine, and with half of its memory."""
    board = boot(smp=smp, mem=mem, guests=["smp"])
    cpus = re.findall(r"^ *\d+ +0x\w+ +(\w+)", board.sh("host cpus"), re.M)
    assert cpus == ["online"] * smp
    free = memory(board)
    vm = new(board, "smp", f"-c {smp} -m {mem // 2}")
    terminal = vm.port()
    vm.run()
    terminal.expect(rf"smp: {smp} cpus, round 1, timer 100/100, sgi ok, fp ok", BOOT_SECONDS)
    vm.delete(force=True)
    assert memory(board) == free
