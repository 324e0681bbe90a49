# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the partitions for a partition image lie: on any disk, for any wish."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import layout
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given
from hypothesis import strategies as st

MIB, GIB, TIB = 2 ** 20, 2 ** 30, 2 ** 40


def wanted(**changes):
    return {"disk_label": "gpt", "root_gb": None, "swap_mb": 0, "ephemeral_gb": 0, **changes}


WISHES = st.fixed_dictionaries({
    "disk_label": st.sampled_from(layout.LABELS), "root_gb": st.none() | st.integers(0, 20), "swap_mb": st.integers(0, 8000),
    "ephemeral_gb": st.integers(0, 20)})


@given(size=st.integers(64 * GIB, 8 * TIB), sector=st.sampled_from([512, 4096]), wish=WISHES, mode=st.sampled_from(["uefi", "bios"]), drive=st.booleans())
def test_no_overlap_aligned_within_the_disk(size, sector, wish, mode, drive):
    size -= size % sector
    if wish["disk_label"] == "msdos" and mode == "uefi" and wish["swap_mb"] and wish["ephemeral_gb"] and drive:
        return
    made = layout.plan(size, sector, wish, boot_mode=mode, config_drive=drive)
    position = MIB
    for number, part in enumerate(made.parts, 1):
        assert part.number == number
        assert part.start % MIB == 0 and part.size % MIB == 0 and part.size > 0
        assert part.start >= position
        position = part.start + part.size
        assert made.type_of(part.role)
    # Both ends are left to the table, and nothing lies where an MBR cannot tell of it.
    assert position <= size - MIB
    assert wish["disk_label"] == "gpt" or (position <= 2 ** 32 * sector and len(made.parts) <= 4)
    roles = [part.role for part in made.parts]
    assert roles[-1] == "root"
    assert (made.part("root").size == wish["root_gb"] * GIB) if wish["root_gb"] else (size - position < 3 * MIB or wish["disk_label"] == "msdos")
    assert ("efi" in roles, "bios_boot" in roles) == (mode == "uefi", mode == "bios" and wish["disk_label"] == "gpt")
    assert ("ephemeral" in roles, "swap" in roles, "config_drive" in roles) == (bool(wish["ephemeral_gb"]), bool(wish["swap_mb"]), drive)
    table = {"label": made.label, "parts": {part.number: (part.start, part.size, made.type_of(part.role)) for part in made.parts}}
    assert layout.difference(made, table) is None


def test_the_order_is_that_of_ironic():
    made = layout.plan(100 * GIB, 512, wanted(swap_mb=1024, ephemeral_gb=10, root_gb=20), boot_mode="uefi", config_drive=True)
    assert [(part.role, part.start // MIB, part.size // MIB) for part in made.parts] == [
        ("efi", 1, 550), ("ephemeral", 551, 10240), ("swap", 10791, 1024), ("config_drive", 11815, 65), ("root", 11880, 20480)]
    assert made.script().splitlines()[-1] == "5 : start=24330240, size=41943040, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=root"
    assert made.device("/dev/nvme0n1", "root") == "/dev/nvme0n1p5"


@pytest.mark.parametrize("size, wish, mode, what", [
    (10 * GIB, wanted(root_gb=10), "bios", "do not fit.*10240 MiB for root"),
    (10 * GIB, wanted(ephemeral_gb=10), "bios", "do not fit"),
    (MIB, wanted(), "bios", "do not fit"),
    (3 * TIB, wanted(root_gb=2048, disk_label="msdos"), "bios", "do not fit.*gpt reaches beyond"),
    (99 * GIB, wanted(disk_label="msdos", swap_mb=1, ephemeral_gb=1), "uefi", "four partitions.*efi, ephemeral, swap, config_drive, root"),
    (99 * GIB, wanted(swap_mb=-1), "uefi", "negative"),
    (99 * GIB, wanted(root_gb=-1), "uefi", "negative"),
])
def test_refused(size, wish, mode, what):
    with pytest.raises(BaremetalError, match=what):
        layout.plan(size, 512, wish, boot_mode=mode, config_drive=True)


def test_what_differs_is_told():
    made = layout.plan(100 * GIB, 512, wanted(ephemeral_gb=10, root_gb=20), boot_mode="bios", config_drive=False)
    parts = {part.number: (part.start, part.size, made.type_of(part.role)) for part in made.parts}
    start, size, kind = parts[3]
    assert layout.difference(made, {"label": "gpt", "parts": {**parts, 3: (start, size + GIB, kind.lower())}}) is None
    assert "where root starts" in layout.difference(made, {"label": "gpt", "parts": {**parts, 3: (start, size - MIB, kind)}})
    assert "where ephemeral starts" in layout.difference(made, {"label": "gpt", "parts": {**parts, 2: (2 * MIB, 11 * GIB, kind)}})
    assert "a msdos partition table" in layout.difference(made, {"label": "msdos", "parts": parts})
    assert "no partition table" in layout.difference(made, {"label": None, "parts": {}})
    assert "the partitions 1 where" in layout.difference(made, {"label": "gpt", "parts": {1: parts[1]}})
