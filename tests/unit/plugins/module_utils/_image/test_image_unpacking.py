# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packed sources: what comes out, and that damage, bombs and full disks end in words."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random

import pytest
import zstandard
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._image import unpacking
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.image_builders import MIB
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def zst(data):
    return zstandard.ZstdCompressor(level=1, write_checksum=True).compress(data)


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zst}


@pytest.fixture(params=sorted(PACKERS))
def kind(request):
    return request.param


def unpacked(tmp_path, kind, data):
    (tmp_path / "packed").write_bytes(data)
    (tmp_path / "unpacked").unlink(missing_ok=True)
    unpacking.unpack(str(tmp_path / "packed"), kind, str(tmp_path / "unpacked"))
    return (tmp_path / "unpacked").read_bytes()


def test_content_and_holes(tmp_path, kind):
    content = random.Random(1).randbytes(3 * MIB + 5) + bytes(9 * MIB) + b"x" + bytes(2 * MIB)
    assert unpacked(tmp_path, kind, PACKERS[kind](content)) == content
    assert (tmp_path / "unpacked").stat().st_blocks * 512 < 4 * MIB


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=4))
def test_several_streams_behind_each_other(tmp_path, kind, parts):
    assert unpacked(tmp_path, kind, b"".join(PACKERS[kind](part) for part in parts)) == b"".join(parts)


@pytest.mark.parametrize("padding", [4, 4096, 2 * MIB + 4])
def test_zeros_between_streams_of_xz(tmp_path, padding):
    data = lzma.compress(b"one") + bytes(padding) + lzma.compress(b"two") + bytes(padding)
    assert unpacked(tmp_path, "xz", data) == b"onetwo"


def test_cut_or_damaged(tmp_path, kind):
    data = PACKERS[kind](random.Random(2).randbytes(300_000))
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 0x55
    for bad in (data[:-100], data[:len(data) // 3], bytes(damaged)):
        try:
            seen = unpacked(tmp_path, kind, bad)
        except BaremetalError as error:
            assert "cannot be unpacked" in str(error) and error.seen and error.cure
        else:
            # zstd reads on at the end of a file that is cut: what came out is shorter, and no image.
            assert kind == "zst" and len(seen) < 300_000


def test_a_bomb_is_stopped(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(unpacking, "SIZE_LIMIT", 4 * MIB)
    with pytest.raises(BaremetalError, match="unpacks to more than"):
        unpacked(tmp_path, kind, PACKERS[kind](bytes(64 * MIB)))
    assert (tmp_path / "unpacked").stat().st_size <= 6 * MIB


def test_more_memory_than_is_given(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "_MEMORY", 1 * MIB)
    for kind, data in (("xz", lzma.compress(bytes(MIB), preset=9)), ("zst", zstandard.ZstdCompressor(level=19).compress(bytes(16 * MIB)))):
        with pytest.raises(BaremetalError, match="cannot be unpacked"):
            unpacked(tmp_path, kind, data)
