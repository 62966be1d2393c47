# SPDX-License-Identifier: Apache-2.0
"""Debian's installer, as it boots over a network, on the VM's serial line."""

from conftest import BOOT_SECONDS, fetched
from guests import new


def test_first_screens(boot):
    """It asks for the language, and, answered, goes on to the next question."""
    fetched("installer")
    board = boot(cpu="cortex-a53", smp=2, mem=2560, guests=["installer"])
    vm = new(board, "installer")
    console = vm.port()
    vm.run()
    console.expect("Select a language", 3 * BOOT_SECONDS)
    console.expect("English", BOOT_SECONDS)
    console.expect("activates buttons", BOOT_SECONDS)
    console.line()
    console.expect("Select your location", BOOT_SECONDS)
    assert vm.state == "running"
