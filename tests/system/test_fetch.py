# SPDX-License-Identifier: Apache-2.0
"""tools/fetch-guests, without a network."""

from importlib.machinery import SourceFileLoader

import pytest

from conftest import ROOT

TOOL = SourceFileLoader("fetch_guests", str(ROOT / "tools/fetch-guests")).load_module()


def test_modules(tmp_path):
    """Debian's 6.12 has virtio built in, 6.1 has modules of it."""
    modules = tmp_path / "usr/lib/modules/6.12.0-cloud-arm64"
    (modules / "kernel/drivers/virtio").mkdir(parents=True)
    (modules / "modules.builtin").write_text("kernel/drivers/virtio/virtio_ring.ko\n", encoding="utf-8")
    (modules / "kernel/drivers/virtio/virtio_mmio.ko").write_bytes(b"\x7fELF the module")
    assert TOOL.module_files(tmp_path, ("virtio_ring", "virtio_mmio")) == {"virtio_mmio": b"\x7fELF the module"}
    with pytest.raises(TOOL.FetchError, match="no \\*\\*/virtio_blk.ko"):
        TOOL.module_files(tmp_path, ("virtio_blk",))
