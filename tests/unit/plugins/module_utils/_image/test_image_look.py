# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the config drive will find room beside an image, told before the image is written."""

from __future__ import annotations

import struct
import types

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.config_drive import refuse_no_room
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._image import deploy, formats, look, publication, publish, rawstream
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.image_builders import MIB, gpt, make_raw, mbr, sha256

SIZE = 100 * MIB
EXTENDED = 5


def record(*slots):
    """A sector with a boot signature and slots of (type, first sector, sectors)."""
    entries = b"".join(struct.pack("<4xB3xII", *slot) for slot in slots)
    return bytes(446) + entries.ljust(64, b"\0") + b"\x55\xaa"


def mib(kind, first, count):
    return kind, first * 2048, count * 2048


def look_for_room(image, disk_size):
    disk = {"name": "/dev/sda", "size": disk_size, "logical_sectors": 512}
    deploy._check_room(image, disk, types.SimpleNamespace(refuse_no_room=refuse_no_room))


@pytest.fixture
def check(monkeypatch):
    """``check(head, more, disk_size)``: look for room beside an image of SIZE with bytes at some offsets; returns the offsets that it was read at."""
    def check(head, more=(), disk_size=SIZE):
        offsets = []

        def read(image, start):
            offsets.append(start)
            data = bytearray(formats.HEAD)
            for offset, content in {0: head, **dict(more)}.items():
                if start <= offset < start + len(data):
                    data[offset - start:offset - start + len(content)] = content
            return bytes(data)

        monkeypatch.setattr(deploy, "read", read)
        monkeypatch.setattr(look, "read", read)
        look_for_room(types.SimpleNamespace(size=SIZE, table=formats.partition_table(head.ljust(formats.HEAD, b"\0"), SIZE)[0]), disk_size)
        return offsets
    return check


@pytest.mark.parametrize("head, disk_size, what", [
    (gpt(SIZE), SIZE, "no room for a config drive of 64 MiB at the end of /dev/sda. Seen: .* leave 1 MiB free"),
    (gpt(SIZE), SIZE + 60 * MIB, "no room"),
    (gpt(SIZE, first=40 * 2048, last=50 * 2048), SIZE, "no room.*leave 49 MiB free"),
    (mbr(SIZE), SIZE, "no room"),
    (record(mib(0x83, 1, 80), mib(0x83, 90, 1)), SIZE, "no room"),
    (record(*[mib(0x83, number, 1) for number in (1, 2, 3, 4)]), 1000 * SIZE, "four primary partitions"),
    (record(mib(0x83, 1, 20), mib(EXTENDED, 21, 79)), SIZE, "no room"),
])
def test_an_image_that_leaves_no_room_is_refused(check, head, disk_size, what):
    with pytest.raises(BaremetalError, match=what):
        check(head, disk_size=disk_size)


@pytest.mark.parametrize("head, disk_size", [
    (gpt(SIZE), SIZE + 66 * MIB),
    (gpt(SIZE, first=80 * 2048), SIZE),
    (gpt(SIZE, last=30 * 2048), SIZE),
    (mbr(SIZE), SIZE + 66 * MIB),
    (record(mib(0x83, 1, 20)), SIZE),
])
def test_room_behind_or_between_the_partitions(check, head, disk_size):
    check(head, disk_size=disk_size)


def test_a_disk_that_is_far_larger_needs_no_look_at_a_gpt(check):
    assert check(gpt(SIZE), disk_size=10 * SIZE) == []


@pytest.mark.parametrize("head, start", [
    (gpt(SIZE, first=80), 80 * 512),
    (mbr(SIZE), MIB),
    (record(*[mib(0x83, number, 1) for number in (1, 2, 3, 4)]), 4 * MIB),
])
@pytest.mark.parametrize("label", [b"config-2", b"CIDATA"])
def test_an_image_with_a_config_drive_of_its_own_needs_no_room(check, head, start, label):
    check(head, {start + 0x8028: label})


def test_a_config_drive_in_a_logical_partition(check):
    more = {21 * MIB: record(mib(0x83, 1, 4), mib(EXTENDED, 10, 5)), 31 * MIB: record(mib(0x83, 1, 4))}
    head = record(mib(0x83, 1, 20), mib(EXTENDED, 21, 79))
    with pytest.raises(BaremetalError, match="no room"):
        check(head, more)
    check(head, {**more, 32 * MIB + 0x8028: b"config-2"})


def test_records_of_logical_partitions_in_any_order(check):
    head = record(mib(0x83, 1, 20), mib(EXTENDED, 21, 79))
    more = {21 * MIB: record(mib(0x83, 1, 4), mib(EXTENDED, 40, 5)), 61 * MIB: record(mib(0x83, 1, 4), mib(EXTENDED, 10, 5)),
            31 * MIB: record(mib(0x83, 1, 4)), 32 * MIB + 0x8028: b"config-2"}
    check(head, more)


def test_records_of_logical_partitions_that_lead_back(check):
    with pytest.raises(BaremetalError, match="no room"):
        check(record(mib(EXTENDED, 1, 99)), {MIB: record(mib(0x83, 1, 4), mib(EXTENDED, 0, 5))})


@pytest.fixture(params=["published", "raw"])
def image(request, root, server):
    """An image of 12 MiB with one partition, which begins shortly before the end of a frame; its content is served as it is, or published."""
    path = make_raw(root / "os.raw", 12 * MIB, [(8 * MIB - 512, 40_000)], head=gpt(12 * MIB, first=8 * 2048 - 1))
    if request.param == "raw":
        return rawstream.look_at(server.url + "os.raw", sha256(path))
    made = publish.publish("os", str(path), sha256(path), str(root))[1]
    return publication.fetch_image(server.url + made["path"], made["digest"], made["manifest_digest"])


def test_what_an_image_holds_is_read_from_the_server(image, root):
    content = (root / "os.raw").read_bytes()
    for start in (0, 8 * MIB - 512, 12 * MIB - 512, 12 * MIB, 20 * MIB):
        assert look.read(image, start) == content[start:start + formats.HEAD]
    with pytest.raises(BaremetalError, match="no room"):
        look_for_room(image, image.size)
    look_for_room(image, image.size + 66 * MIB)


def test_the_beginning_of_a_raw_image_is_had_without_ranges(root, server):
    path = make_raw(root / "os.raw", 12 * MIB, [(8 * MIB, 40_000)])
    server.ranges = False
    image = rawstream.look_at(server.url + "os.raw", sha256(path))
    assert look.read(image, 0) == path.read_bytes()[:formats.HEAD]


def test_a_damaged_frame_is_no_reason_to_write(root, server):
    path = make_raw(root / "os.raw", 12 * MIB)
    made = publish.publish("os", str(path), sha256(path), str(root))[1]
    image = publication.fetch_image(server.url + made["path"], made["digest"], made["manifest_digest"])
    ranges = [part._replace(digest="0" * 64) for part in image.block_map.ranges]
    with pytest.raises(BaremetalError, match="not what was published"):
        look.read(image._replace(block_map=image.block_map._replace(ranges=ranges)), 0)
