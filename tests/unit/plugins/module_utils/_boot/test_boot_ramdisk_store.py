# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which ramdisk a node boots, on a boot server with those of several architectures and with none."""

from __future__ import annotations

import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import ramdisk_store
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError


def built(root, digest, *names, **more):
    """A ramdisk as the role leaves it, by these names."""
    folder = root / "http/ramdisk" / digest
    folder.mkdir(parents=True)
    for name in ("vmlinuz", "initrd.img"):
        (folder / name).write_text("x")
    for name in names:
        (folder.parent / f"{name}.json").write_text(json.dumps({
            "digest": digest, "kernel": f"ramdisk/{digest}/vmlinuz", "initrd": f"ramdisk/{digest}/initrd.img", **more}))


@pytest.fixture
def root(tmp_path):
    built(tmp_path, "abc", "current", "current-amd64", architecture="amd64")
    return tmp_path


@pytest.mark.parametrize(("architecture", "digest"), [(None, "abc"), ("amd64", "abc"), ("arm64", "def")])
def test_each_architecture_has_its_own(root, architecture, digest):
    built(root, "def", "current-arm64", architecture="arm64")
    assert ramdisk_store.current(root, architecture)["digest"] == digest


def test_the_only_one_is_for_all_of_whom_nothing_is_known_and_for_nobody_else(tmp_path):
    built(tmp_path, "def", "current", "current-arm64", architecture="arm64")
    assert ramdisk_store.current(tmp_path)["architecture"] == "arm64"
    with pytest.raises(BaremetalError, match="no ramdisk for amd64. Seen: one for arm64 alone.*ramdisk_architecture: amd64.*cpu_arch"):
        ramdisk_store.current(tmp_path, "amd64")


def test_one_that_says_nothing_is_for_amd64(tmp_path):
    built(tmp_path, "abc", "current")
    assert ramdisk_store.current(tmp_path, "amd64") == {
        "digest": "abc", "kernel": "ramdisk/abc/vmlinuz", "initrd": "ramdisk/abc/initrd.img", "architecture": "amd64", "sha256": {}}
    with pytest.raises(BaremetalError, match="no ramdisk for arm64"):
        ramdisk_store.current(tmp_path, "arm64")


@pytest.mark.parametrize("spoil", [
    lambda http: (http / "ramdisk/current.json").unlink(),
    lambda http: (http / "ramdisk/current.json").write_text("{"),
    lambda http: (http / "ramdisk/current.json").write_text("[]"),
    lambda http: (http / "ramdisk/current.json").write_text("{}"),
    lambda http: (http / "ramdisk/abc/vmlinuz").unlink(),
    lambda http: (http / "ramdisk/abc/initrd.img").write_text(""),
])
def test_no_ramdisk(root, spoil):
    spoil(root / "http")
    with pytest.raises(BaremetalError, match="run ramdisk.yml"):
        ramdisk_store.current(root)
