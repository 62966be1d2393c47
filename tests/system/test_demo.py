# SPDX-License-Identifier: Apache-2.0
"""`make demo`: the page of Linux, the figures of the RTOS in it, the restart by its button, ssh."""

import json
import socket
import subprocess
import urllib.error
import urllib.request

from conftest import BOOT_SECONDS, fetched


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Desk:
    """What a user's computer asks the demo."""

    def __init__(self, board, known):
        self.board = board
        self.web, self.ssh_port = free_port(), free_port()
        self.known = known

    def options(self):
        return ["-netdev", f"user,id=n,hostfwd=tcp:127.0.0.1:{self.web}-:80,hostfwd=tcp:127.0.0.1:{self.ssh_port}-:22",
                "-device", "virtio-net-device,netdev=n"]

    def get(self, path, data=None):
        """(status, body); status 0: no connection."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/{path}", data, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def until(self, holds):
        self.board.until(holds, 4 * BOOT_SECONDS)

    def jitter(self):
        """The figures, once the RTOS answers."""
        found = []

        def answered():
            status, body = self.get("cgi-bin/jitter")
            if status == 200:
                found.append(json.loads(body))
            return bool(found)

        self.until(answered)
        return found[-1]

    def ssh(self, command):
        return subprocess.run(["ssh", "-p", str(self.ssh_port), "-F", "none", "-o", "StrictHostKeyChecking=no", "-o",
                               f"UserKnownHostsFile={self.known}", "-o", "ConnectTimeout=60", "-o", "BatchMode=yes",
                               "root@127.0.0.1", command], text=True, check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)


def test_demo(boot, tmp_path):
    fetched("demo")
    desk = Desk(None, tmp_path / "known")
    board = desk.board = boot(smp=4, mem=1024, guests=["demo_linux", "demo_rtos"], extra=desk.options())
    desk.until(lambda: "Kill and restart the RTOS" in desk.get("")[1])
    first = desk.jitter()
    assert first["period_us"] == 1000 and first["periods"] > 0 and 0 < len(first["last_ns"]) <= 24
    assert first["p50_ns"] <= first["p99_ns"] <= first["max_ns"]
    assert desk.jitter()["periods"] > first["periods"]
    # The button: what it does by accident it does not do.
    assert desk.get("cgi-bin/restart")[0] == 405
    desk.until(lambda: desk.jitter()["periods"] > 1000)
    assert desk.get("cgi-bin/restart", b"") == (200, "restarted\n")
    assert desk.jitter()["periods"] < 1000
    # A control loop that is gone is said to be gone, and Linux goes on.
    board.sh("zvm pause rtos")
    desk.until(lambda: desk.get("cgi-bin/jitter")[0] == 503)
    board.sh("zvm resume rtos")
    desk.jitter()
    # A tenth of a second after each other, as a guest has 10 requests a second.
    done = desk.ssh("usleep 100000; zvmctl info --json; rpmsg list; usleep 100000")
    assert done.returncode == 0 and '"rtos"' in done.stdout and "rtos-jitter" in done.stdout, done
    assert "no VM 'linux'; there are: 1 rtos" in desk.ssh("zvmctl reset linux").stderr
