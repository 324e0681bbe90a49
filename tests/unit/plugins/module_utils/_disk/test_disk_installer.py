# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The path by which an installer finds its disk."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.installer import path_for_installer
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError

BY_PATH = "/dev/disk/by-path/pci-0000:01:00.0-nvme-1"


@pytest.fixture(name="dev")
def _dev(tmp_path):
    (tmp_path / "disk/by-id").mkdir(parents=True)
    return tmp_path


def disk(dev, name, wwn=None, by_path=None, links=()):
    (dev / name).touch()
    for link in links:
        (dev / "disk/by-id" / link).symlink_to(dev / name)
    return {"name": str(dev / name), "size": 10 ** 12, "wwn": wwn, "wwn_with_extension": wwn, "by_path": by_path}


def path(dev, *disks):
    """Of the first of these disks."""
    return path_for_installer(disks[0], list(disks), {}, {}, dev=str(dev), refuse=lambda *_arguments: None)


def test_the_place_of_a_disk_goes_before_its_wwn(dev):
    assert path(dev, disk(dev, "nvme0n1", "eui.1", BY_PATH, ["nvme-eui.1"]), disk(dev, "nvme1n1", "eui.2")) == BY_PATH


@pytest.mark.parametrize("link", ["nvme-eui.1", "wwn-eui.1"])
def test_a_disk_without_a_place_is_found_by_its_wwn(dev, link):
    """As NVMe drives with several ways in: what the kernel makes of these stands below no bus."""
    found = path(dev, disk(dev, "nvme0n1", "eui.1", links=[link, "nvme-ACME_S1"]), disk(dev, "nvme1n1", "eui.2", links=["nvme-eui.2"]))
    assert found == str(dev / "disk/by-id" / link)


@pytest.mark.parametrize("wwn, other, links", [
    (None, None, ["nvme-ACME_S1"]), ("eui.1", "eui.2", ["nvme-ACME_S1"]), ("eui.1", "eui.1", ["nvme-eui.1"])],
    ids=["none", "no link", "of two disks"])
def test_a_disk_without_a_sure_path_is_refused_beside_others(dev, wwn, other, links):
    with pytest.raises(BaremetalError, match="would surely find it; nothing was written.*other disks: [^ ]*nvme1n1"):
        path(dev, disk(dev, "nvme0n1", wwn, links=links), disk(dev, "nvme1n1", other))


def test_the_only_disk_of_a_machine_needs_no_link(dev):
    assert path(dev, disk(dev, "vda")) == str(dev / "vda")


def test_a_link_to_another_disk_is_not_taken(dev):
    with pytest.raises(BaremetalError):
        path(dev, disk(dev, "nvme0n1", "eui.1"), disk(dev, "nvme1n1", "eui.2", links=["nvme-eui.1"]))


def test_a_disk_that_must_not_be_written_has_no_path(dev):
    def refuse(found, interlock, hints):
        raise BaremetalError("protected", seen="%s %s %s" % (found["by_path"], interlock, hints))

    meant = disk(dev, "nvme0n1", by_path=BY_PATH)
    with pytest.raises(BaremetalError, match="Seen: %s {'skip_block_devices': 1} {'size': 2}" % BY_PATH):
        path_for_installer(meant, [meant], {"skip_block_devices": 1}, {"size": 2}, refuse=refuse)
