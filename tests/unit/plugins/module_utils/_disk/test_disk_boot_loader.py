# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How an image knows its EFI system partition, and what is copied out of an image; partition images as a whole are tested with disk_image."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.boot_loader import known_volume
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.mounted import folder_below
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("line, known", [
    ("UUID=ABCD-1234 /boot/efi vfat umask=0077 0 1", {"UUID": "ABCD-1234"}),
    ('UUID="abcd-1234"\t/boot/efi\tvfat', {"UUID": "abcd-1234"}),
    ("LABEL=UEFI /boot/efi vfat", {"LABEL": "UEFI"}),
    ("LABEL=a-long-label-in-small /boot/efi vfat", {}),
    ("PARTUUID=7f1f2d0a-1f53-4d1b-9c3b-2f0f3d1f6a10 /boot/efi vfat", {}),
    ("UUID=--help /boot/efi vfat", {}),
    ("# UUID=ABCD-1234 /boot/efi vfat", {}),
    ("UUID=ABCD-1234 /boot vfat", {}),
    ("UUID=ABCD-1234", {}),
])
def test_how_an_image_knows_its_partition(line, known):
    assert known_volume(f"# comment\nUUID=1 / ext4 defaults 0 1\n{line}\n") == known


@given(st.text())
def test_any_fstab(text):
    assert set(known_volume(text)) <= {"UUID", "LABEL"}


def test_links_lead_nowhere(tmp_path):
    (tmp_path / "boot/efi").mkdir(parents=True)
    (tmp_path / "link").symlink_to("boot")
    assert folder_below(str(tmp_path), ("boot", "efi")) == str(tmp_path / "boot/efi")
    assert folder_below(str(tmp_path), ("link", "efi")) is None
    assert folder_below(str(tmp_path), ("boot", "other")) is None
