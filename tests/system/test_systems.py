# SPDX-License-Identifier: Apache-2.0
"""Guests that use the machine as other systems for `virt` do: NuttX, LK and Embox."""

import pytest

from conftest import BOOT_SECONDS
from guests import new

SYSTEMS = ["nuttx_like", "lk_like", "embox_like"]


@pytest.mark.parametrize("gic, cpu", [(3, "cortex-a53"), (2, "cortex-a72")])
@pytest.mark.parametrize("system", SYSTEMS)
def test_other_systems_run(boot_module, gic, cpu, system):
    """PCI, virtio and fw_cfg are empty and no aborts; timers come as each of them sets them."""
    board = boot_module(gic=gic, cpu=cpu, smp=2, mem=512, guests=SYSTEMS)
    vm = new(board, system)
    terminal = vm.port()
    vm.run()
    terminal.expect(rf"{system}: (PASS|FAIL)", BOOT_SECONDS)
    assert terminal.match[1] == "PASS", terminal.before
    assert "0 pci functions, 0 of 32 virtio slots in use" in terminal.before
    vm.wait_until("stopped")
    vm.delete()
