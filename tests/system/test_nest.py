# SPDX-License-Identifier: Apache-2.0
"""VMs that are paused, moved and switched while their CPUs are deep inside interrupt handlers."""

import pytest

from conftest import BOOT_SECONDS
from guests import new


class Nest:
    """A VM of the guest `nest`, whose vCPUs sit inside four handlers each until a line is typed."""

    def __init__(self, board, options):
        self.vm = new(board, "nest", options)
        self.board = board
        self.terminal = self.vm.port()
        self.terminal.drain()
        self.vm.run()
        self.round = 0

    def inside(self):
        self.round += 1
        self.terminal.expect(rf"nest: round {self.round}: \d cpus, 4 deep\s", BOOT_SECONDS)

    def leave(self):
        self.terminal.line()
        self.terminal.expect(rf"nest: round {self.round}: (PASS|FAIL)\s", BOOT_SECONDS)
        assert self.terminal.match[1] == "PASS", self.terminal.before

    def move(self, cpus):
        answer = self.board.sh(f"zvm set {self.vm.name} affinity={cpus:#x}")
        assert answer == f"vm {self.vm.id} '{self.vm.name}' set"


@pytest.mark.parametrize("gic, registers", [(3, 4), (3, 1), (2, 4), (2, 1)])
def test_inside_handlers(boot, gic, registers):
    extra = ("-append", f"quiet vgic.lrs={registers}")
    board = boot(gic=gic, cpu="cortex-a53", smp=3, mem=512, guests=["nest"], extra=extra)
    nest = Nest(board, "-c 2 -a 0x6")
    nest.inside()
    nest.vm.pause()
    nest.vm.resume()
    nest.leave()
    # Both to one CPU, which they share; to others while it runs, and while it is paused.
    nest.inside()
    nest.move(0x2)
    nest.leave()
    nest.inside()
    nest.vm.pause()
    nest.move(0x4)
    nest.vm.resume()
    nest.move(0x3)
    nest.leave()
    # Two that do the same share the CPUs.
    other = Nest(board, "--name other -c 2 -a 0x3")
    nest.inside()
    other.inside()
    nest.vm.pause()
    other.leave()
    other.inside()
    nest.vm.resume()
    nest.leave()
    other.leave()
    # Reset there: the first round of a new life is as the first ever.
    nest.inside()
    nest.vm.reset()
    nest.round = 0
    nest.inside()
    nest.leave()
