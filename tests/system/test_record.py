# SPDX-License-Identifier: Apache-2.0
"""tools/record: a session that is typed, and the picture of it."""

import importlib.machinery
import importlib.util
import re
import shutil
from xml.etree import ElementTree

import pytest

from conftest import KERNELS, ROOT

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def record():
    """The tool, as a module."""
    loader = importlib.machinery.SourceFileLoader("record", str(ROOT / "tools/record"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("record", loader))
    loader.exec_module(module)
    return module


def test_a_session_is_recorded(record, bundles, monkeypatch):
    """What was typed and printed, in steps of time that no load of the computer changes."""
    monkeypatch.setattr(record, "SESSION", ((record.SHELL, "zvm new -t control"), (record.SHELL, "zvm info")))
    events = record.record(KERNELS, bundles(["control"]))
    times = [at for at, _ in events]
    assert times == sorted(times) and 3 < times[-1] < 10
    assert times[1:5] == pytest.approx([n * record.WORD for n in range(1, 5)])
    shown = "".join(text for _, text in events).replace("\r", "")
    assert shown.startswith(record.SHELL + "zvm new -t control\nvm 0 'control' created: ")
    assert re.search(r"zvm info\n.* control .*\n$", shown.removesuffix(record.SHELL), re.S)


@pytest.mark.skipif(not shutil.which("termtosvg"), reason="no termtosvg: apt-get install termtosvg")
def test_the_picture_shows_the_session(record, tmp_path):
    out = tmp_path / "session.svg"
    record.draw([(0.0, record.SHELL), (0.5, "zvm  info"), (1.0, "\r\nno VMs\r\n"), (2.0, "")],
                tmp_path / "session.cast", out)
    texts = ["".join(text.itertext()) for text in ElementTree.parse(out).iter(f"{SVG}text")]
    assert {"zvm_host:~#", "no\u00a0VMs"} <= {text.strip("\u00a0") for text in texts}
    assert any("zvm\u00a0\u00a0info" in text for text in texts)
