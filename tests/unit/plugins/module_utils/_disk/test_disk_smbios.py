# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SMBIOS tables, written here byte by byte as the specification says."""

from __future__ import annotations

import struct

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import smbios
from hypothesis import given
from hypothesis import strategies as st


def structure(kind, values, texts=(), length=None):
    """One structure. values: {offset: (format, number)}, where a format "s" takes the number of a text."""
    size = length or max([4] + [offset + struct.calcsize("<" + form.replace("s", "B")) for offset, (form, _number) in values.items()])
    area = bytearray(size)
    struct.pack_into("<BBH", area, 0, kind, size, kind)
    for offset, (form, number) in values.items():
        struct.pack_into("<" + form.replace("s", "B"), area, offset, number)
    return bytes(area) + (b"".join(text.encode() + b"\0" for text in texts) or b"\0") + b"\0"


END = structure(127, {})


def dimm(size, **more):
    values = {0x0C: ("H", size), 0x10: ("s", 1), 0x12: ("B", 0x1A), 0x15: ("H", 3200), 0x17: ("s", 2), 0x18: ("s", 3), 0x1A: ("s", 4), 0x1B: ("B", 0x02)}
    values.update({int(offset, 16): value for offset, value in more.items()})
    return structure(17, values, ["DIMM_A1", "ACME", "0123ABCD", "M393A2K43DB3-CWE   "], length=0x5C)


def test_a_server():
    table = (
        structure(1, {0x06: ("s", 1), 0x19: ("s", 2), 0x1A: ("s", 3)}, ["01", "SKU=1", "Default string"])
        + structure(2, {0x04: ("s", 1), 0x05: ("s", 2), 0x07: ("s", 3)}, ["ACME", "X12", "BOARD1"], length=0x0F)
        + structure(3, {0x05: ("B", 0x97), 0x07: ("s", 1), 0x08: ("s", 2)}, ["CHASSIS1", "To Be Filled By O.E.M."])
        + structure(4, {0x04: ("s", 1), 0x10: ("s", 2), 0x14: ("H", 4000), 0x18: ("B", 0x41), 0x23: ("B", 0xFF), 0x25: ("B", 32), 0x2A: ("H", 300)},
                    ["CPU0", "ACME 9000"], length=0x30)
        + structure(4, {0x04: ("s", 1), 0x18: ("B", 0)}, ["CPU1"], length=0x30)
        + dimm(16384)
        + dimm(0)
        + structure(38, {0x04: ("B", 1)}, length=0x12)
        + END
    )
    found = smbios.decode(table)
    assert found["system"] == {"version": "01", "sku": "SKU=1", "family": None}
    assert found["board"] == {"manufacturer": "ACME", "product": "X12", "version": None, "serial": "BOARD1", "asset_tag": None}
    assert found["chassis"] == {"manufacturer": None, "type": "Rack Mount Chassis", "serial": "CHASSIS1", "asset_tag": None}
    assert found["processors"] == [{
        "socket": "CPU0", "manufacturer": None, "model": "ACME 9000", "serial": None, "part_number": None, "cores": 300, "threads": 32,
        "max_speed_mhz": 4000}]
    assert (found["memory_slots"], found["bmc_interface"]) == (2, "KCS")
    assert found["memory_modules"] == [{
        "slot": "DIMM_A1", "bank": None, "size_mb": 16384, "type": "DDR4", "speed_mts": 3200, "configured_speed_mts": None, "manufacturer": "ACME",
        "serial": "0123ABCD", "part_number": "M393A2K43DB3-CWE", "asset_tag": None, "rank": 2}]


@pytest.mark.parametrize("size, more, size_mb", [
    (0x8000 | 2048, {}, 2), (0xFFFF, {}, None), (0x7FFF, {"1c": ("I", 262144)}, 262144), (0x7FFE, {}, 0x7FFE)])
def test_units_of_a_module(size, more, size_mb):
    assert smbios.decode(dimm(size, **more) + END)["memory_modules"][0]["size_mb"] == size_mb


def test_speeds_beyond_16_bits():
    module = smbios.decode(dimm(1, **{"15": ("H", 0xFFFF), "54": ("I", 70000)}))["memory_modules"][0]
    assert module["speed_mts"] == 70000


def test_fields_that_an_old_version_lacks_are_not_told():
    short = structure(17, {0x0C: ("H", 512), 0x10: ("s", 1)}, ["SLOT"], length=0x15)
    module = smbios.decode(short)["memory_modules"][0]
    assert (module["slot"], module["size_mb"], module["speed_mts"], module["serial"]) == ("SLOT", 512, None, None)


def test_a_machine_without_tables(tmp_path):
    assert smbios.read(sysfs=str(tmp_path)) == smbios.decode(b"")
    assert smbios.decode(b"")["memory_slots"] == 0


texts = st.lists(st.text(st.characters(codec="ascii", categories=["L", "Nd"]), min_size=1, max_size=8), max_size=3)


@given(st.lists(st.tuples(st.integers(0, 126), st.binary(max_size=60), texts), max_size=5), st.binary(max_size=20))
def test_structures_come_back_as_they_were_written(written, behind):
    table = b"".join(
        struct.pack("<BBH", kind, len(area) + 4, 0) + area + (b"".join(text.encode() + b"\0" for text in some) or b"\0") + b"\0"
        for kind, area, some in written)
    found = smbios.structures(table + END + behind)
    assert [(kind, area[4:], [text for text in some if text]) for kind, area, some in found[:-1]] == written
    assert found[-1][0] == 127


@given(st.binary(max_size=400))
def test_anything_is_read_without_an_error(data):
    found = smbios.decode(data)
    assert len(found["memory_modules"]) <= found["memory_slots"]


@given(st.integers(0, 400))
def test_a_table_that_was_cut_off_tells_what_is_whole(length):
    table = dimm(1) + dimm(2) + dimm(3) + END
    whole = sum(length >= number * len(dimm(1)) for number in (1, 2, 3))
    assert smbios.decode(table[:length])["memory_slots"] == whole
