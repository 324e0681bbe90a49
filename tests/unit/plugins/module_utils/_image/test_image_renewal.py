# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing over an earlier image: the same disk in the end as by a fresh write, and no more work than the difference."""

from __future__ import annotations

import random

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._image import publish, target
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.publication import fetch_image
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.renewal import resembles
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.writer import write_image
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.image_builders import MIB, gpt, make_raw, sha256

PATTERN = b"\xa5"


@pytest.fixture
def disk(published, raw, tmp_path):
    """A disk with the image ``raw`` at its start and old data behind it."""
    path = tmp_path / "disk"
    path.write_bytes(raw.read_bytes() + PATTERN * (10 * MIB) + bytes(MIB))
    return path


def renew(server, record, disk):
    image = fetch_image(server.url + record["path"], record["digest"], record["manifest_digest"])
    server.requests.clear()
    return write_image(image, str(disk), renew=True)


def overwrite(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def test_same_image_is_neither_fetched_nor_written(server, published, raw, disk):
    before = disk.read_bytes()
    told = renew(server, published, disk)
    assert server.requests == []
    assert told["bytes_unchanged"] == told["bytes_mapped"] == published["manifest"]["mapped_size"]
    # Both ends are put back: the table and what lies below 1 MiB.
    assert told["bytes_written"] <= 20 * 1024
    assert disk.read_bytes() == before


def test_what_was_written_into_holes_is_gone(server, published, raw, disk):
    for offset in (MIB // 2, 2 * MIB, 3 * MIB + 16384, 10 * MIB):
        overwrite(disk, offset, PATTERN * 5000)
    told = renew(server, published, disk)
    assert disk.read_bytes()[:raw.stat().st_size] == raw.read_bytes()
    # One of them lies between two ranges of a frame: what must be zero needs not be fetched. Blocks that differ are written and no more.
    assert server.requests == []
    assert told["bytes_written"] <= 40 * 1024


@pytest.mark.parametrize("seed", range(12))
def test_any_disk_ends_as_the_image(server, published, raw, tmp_path, seed):
    chance = random.Random(seed)
    size = raw.stat().st_size
    content = bytearray(raw.read_bytes() + PATTERN * chance.choice([0, 512, 7 * MIB]))
    for dummy in range(chance.randrange(30)):
        length = chance.choice([1, 512, 5000, 2 * MIB])
        start = chance.randrange(len(content) - length)
        content[start:start + length] = chance.choice([chance.randbytes(length), bytes(length)])
    disk = tmp_path / "disk"
    disk.write_bytes(content if seed else PATTERN * len(content))
    server.cut = [chance.randrange(1, 400_000) for dummy in range(chance.randrange(3))]
    renew(server, published, disk)
    assert disk.read_bytes()[:size] == raw.read_bytes()
    # Beyond the image nothing but the end of the disk was touched.
    assert disk.read_bytes()[size:-MIB] == (content if seed else PATTERN * len(content))[size:-MIB]


def test_another_image(server, root, published, raw, disk, tmp_path):
    other = make_raw(tmp_path / "other.raw", 21 * MIB, [(MIB, 300_000), (3 * MIB, 8192), (13 * MIB + 100, 5 * MIB), (19 * MIB, 9000)])
    overwrite(other, 14 * MIB, b"changed")
    record = publish.publish("some", str(other), sha256(other), str(root))[1]
    told = renew(server, record, disk)
    assert disk.read_bytes()[:21 * MIB] == other.read_bytes()
    assert told["bytes_written"] < told["bytes_mapped"]
    assert told["bytes_unchanged"] > 0


@pytest.mark.parametrize("dirty", ["nothing", "data", "behind"])
def test_an_image_that_ends_inside_a_sector(server, root, tmp_path, monkeypatch, dirty):
    """On a disk with sectors of 4096 bytes; a sector is written as a whole, and what lies in it behind the image is zero."""
    size = 9 * MIB - 1536
    whole = size + 1536
    raw = make_raw(tmp_path / "odd.raw", size, [(5 * MIB, 10_000), (size - 700, 700)], head=gpt(size, 4096, first=256, last=1000))
    record = publish.publish("odd", str(raw), sha256(raw), str(root))[1]
    disk = tmp_path / "disk"
    disk.write_bytes(raw.read_bytes() + bytes(1536) + PATTERN * (3 * MIB))
    if dirty != "nothing":
        overwrite(disk, {"data": size - 600, "behind": size + 5}[dirty], PATTERN)
    real = target.Target.__init__

    def with_large_sectors(self, path):
        real(self, path)
        self.sector = 4096

    def aligned_write(descriptor, data, offset):
        assert len(data) % 4096 == offset % 4096 == 0
        return pwrite(descriptor, data, offset)

    pwrite = target.os.pwrite
    monkeypatch.setattr(target.Target, "__init__", with_large_sectors)
    monkeypatch.setattr(target.os, "pwrite", aligned_write)
    renew(server, record, disk)
    content = disk.read_bytes()
    assert content[:size] == raw.read_bytes()
    assert content[size:whole] == bytes(1536) and content[whole:-MIB] == PATTERN * (2 * MIB)
    assert bool(server.requests) == (dirty == "data")


def test_a_disk_that_cannot_be_read_is_written(server, published, raw, disk, monkeypatch):
    real = target.os.preadv

    def failing(descriptor, buffers, offset):
        if 13 * MIB <= offset < 17 * MIB:
            raise OSError(5, "Input/output error")
        return real(descriptor, buffers, offset)

    overwrite(disk, 14 * MIB, PATTERN * 600_000)
    with monkeypatch.context() as patch:
        patch.setattr(target.os, "preadv", failing)
        renew(server, published, disk)
    assert disk.read_bytes()[:raw.stat().st_size] == raw.read_bytes()


def test_damage_on_the_boot_server_is_found_where_it_matters(server, published, root, raw, disk):
    path = root / published["path"] / "disk.raw.zst"
    good = path.read_bytes()
    chance = random.Random(3)
    found = 0
    for dummy in range(24):
        data = bytearray(good)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        disk.write_bytes(PATTERN * disk.stat().st_size)
        try:
            renew(server, published, disk)
        except BaremetalError:
            found += 1
            content = disk.read_bytes()
            assert not any(content[:MIB]) and not any(content[-MIB:])
        else:
            # In a frame that is not needed.
            assert disk.read_bytes()[:raw.stat().st_size] == raw.read_bytes()
    assert found > 16


def test_nothing_bootable_is_there_while_the_disk_is_neither_old_nor_new(server, published, disk, monkeypatch):
    overwrite(disk, 14 * MIB, PATTERN * 4096)
    seen = []
    real = target.Target._write_all

    def look(self, data, start):
        if start >= target.EDGE:
            seen.append(any(disk.read_bytes()[:MIB]))
        real(self, data, start)

    monkeypatch.setattr(target.Target, "_write_all", look)
    renew(server, published, disk)
    assert seen == [False]


def test_which_disks_resemble_an_image(server, published, disk, raw, tmp_path):
    image = fetch_image(server.url + published["path"], published["digest"], published["manifest_digest"])
    assert resembles(image, str(disk))
    # A system that ran has changed its table and some of its blocks.
    overwrite(disk, 0, bytes(64 * 1024))
    overwrite(disk, 15 * MIB, PATTERN * MIB)
    assert resembles(image, str(disk))
    for content in (PATTERN * (22 * MIB), bytes(22 * MIB), PATTERN * MIB):
        (tmp_path / "other").write_bytes(content)
        assert not resembles(image, str(tmp_path / "other"))
