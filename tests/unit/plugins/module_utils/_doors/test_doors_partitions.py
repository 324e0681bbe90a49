# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Partitions that are planned before the node is touched."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors._partitions import plan_partitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError

GIB = 1024 ** 3
IMAGE = {"name": "root", "virtual_size": 2 * GIB, "image_type": "partition"}
NODE = {"name": "node1", "boot_mode": "uefi", "properties": {"local_gb": 40}}


def planned(wanted, image=None, node=None, **options):
    return plan_partitions(wanted, {**IMAGE, **(image or {})}, {**NODE, **(node or {})},
                           **{"keeps": False, "drive": True, "plan": [], **options})


def test_what_is_planned():
    assert planned(None) == [{"role": "efi", "size_mb": 550}, {"role": "config_drive", "size_mb": 65}, {"role": "root", "size_mb": None}]
    wanted = {"root_gb": 10, "swap_mb": 512, "ephemeral_gb": 20, "ephemeral_format": None}
    assert [(part["role"], part["size_mb"]) for part in planned(wanted, node={"properties": {}}, drive=False)] == [
        ("efi", 550), ("ephemeral", 20480), ("swap", 512), ("root", 10240)]
    kept = {"ephemeral_gb": 20, "preserve_ephemeral": True, "install_boot_loader": True}
    # Which makes what is not there, and leaves the rest.
    plan = [{"step": "raid.create_configuration", "args": {"target_raid_config": {}}}]
    assert [part["role"] for part in planned(kept, node={"boot_mode": "bios"}, keeps=True, plan=plan)] == ["bios_boot", "ephemeral", "config_drive", "root"]


@pytest.mark.parametrize("record", [{"image_type": "whole-disk"}, {"image_type": None}])
def test_a_whole_disk_has_none(record):
    image = {key: value for key, value in {**IMAGE, **record}.items() if value}
    assert plan_partitions(None, image, NODE, keeps=False, drive=True, plan=[]) is None
    with pytest.raises(BaremetalError, match="node1: plan: the image root is a whole disk"):
        plan_partitions({}, image, NODE, keeps=False, drive=True, plan=[])


@pytest.mark.parametrize(("wanted", "more", "said"), [
    ({"root_gb": 41}, {}, "do not fit on the disk"),
    ({"root_gb": 1}, {}, "larger than the root partition.*2147483648 bytes.*1073741824"),
    ({"ephemeral_gb": 39}, {}, "larger than the root partition"),
    ({"disk_label": "msdos", "swap_mb": 1, "ephemeral_gb": 1}, {}, "four partitions"),
    ({}, {"node": {"boot_mode": "bios"}}, "grub-install, which is not allowed"),
    ({"ephemeral_gb": 1, "preserve_ephemeral": True}, {}, "could be preserved.*not rebuilt"),
    ({"preserve_ephemeral": True}, {"keeps": True}, "could be preserved.*ephemeral_gb of 0"),
    *(({"ephemeral_gb": 1, "preserve_ephemeral": True}, {"keeps": True, "plan": [{"step": step, "args": args}]}, f"the step {step}") for step, args in (
        ("deploy.erase_devices_express", {}), ("raid.delete_configuration", {}), ("raid.create_configuration", {"delete_existing": True}))),
])
def test_refused(wanted, more, said):
    with pytest.raises(BaremetalError, match=f"node1: .*{said}.*To do: "):
        planned(wanted, **more)
