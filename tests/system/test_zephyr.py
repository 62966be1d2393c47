# SPDX-License-Identifier: Apache-2.0
"""An unmodified Zephyr application, if ZVM_ZEPHYR names its zephyr.bin; beside U-Boot.

Known by what they print: hello_world, philosophers, the shell sample; of anything else, the banner.
"""

import os
import re
import subprocess

import pytest

from conftest import BOOT_SECONDS, BUILD, ROOT
from guests import UBOOT, new, uboot_ready

PROMPT = "uart:~$ "
# The first words of an application: the shell has no banner, the others say more after it.
FIRST = [re.escape(PROMPT), r"\*\*\* Booting Zephyr OS[^\r\n]*\*\*\*\s+(\S[^\r\n]*)\r?\n"]


@pytest.fixture(scope="module")
def zephyr_bundle(tmp_path_factory):
    image = os.environ.get("ZVM_ZEPHYR")
    if not image:
        pytest.skip("ZVM_ZEPHYR names no zephyr.bin")
    bundle = tmp_path_factory.mktemp("zephyr") / "bundle.cpio"
    subprocess.run([ROOT / "tools/mkbundle", "--build", BUILD, "--out", bundle, "zephyr", "uboot"],
                   env=dict(os.environ, ZEPHYR_BIN=image), check=True)
    return bundle


def uptime(terminal):
    return int(re.search(r"(\d+) ms", terminal.run("kernel uptime", PROMPT))[1])


def use(terminal):
    """What an operator sees of the application, and what it answers."""
    if terminal.expect(FIRST, BOOT_SECONDS) == 0:
        assert "Zephyr version" in terminal.run("kernel version", PROMPT)
        before = uptime(terminal) # in ticks of 10 ms
        assert any(uptime(terminal) > before for _ in range(1000))
    elif "Philosopher" in terminal.match[1]:
        # They go on, each of them: time and scheduling work.
        for number in range(6):
            terminal.expect(rf"Philosopher {number}.*(THINKING|EATING|HOLDING)", BOOT_SECONDS)


@pytest.mark.parametrize("smp, cpus", [(1, 1), (4, 2)])
def test_zephyr_beside_uboot(boot, zephyr_bundle, smp, cpus):
    """A second vCPU is there for applications of SMP boards; the others leave it off."""
    board = boot(cpu="cortex-a53", smp=smp, mem=1024, bundle=zephyr_bundle)
    uboot, zephyr = new(board, "uboot"), new(board, "zephyr", f"-c {cpus}")
    other, terminal = uboot.port(), zephyr.port()
    uboot.run()
    uboot_ready(other)
    zephyr.run()
    use(terminal)
    assert "U-Boot 20" in other.run("version", UBOOT)
    zephyr.pause()
    zephyr.resume()
    zephyr.reset()
    use(terminal)
    assert zephyr.state == "running"
    zephyr.delete(force=True)
    uboot.delete(force=True)
