# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Streams and the writer, on files in place of disks; test_image_loop.py has real block devices."""

from __future__ import annotations

import json
import random
import socket
import time
import types

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._image import blockmap, publication, publish, rawstream, renewal, stream, target, writer
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.image_builders import ESP, MIB, gpt, make_raw, mbr, sha256

PATTERN = b"\xa5"


def read_all(url):
    with stream.Stream(url, "test") as body:
        buffer = bytearray(100_000)
        return buffer[:body.readinto(buffer)]


@pytest.fixture
def body(root):
    data = random.Random(5).randbytes(50_000)
    (root / "body").write_bytes(data)
    return data


def test_stream_goes_on_where_it_broke(server, body):
    server.cut = [1000, 20_000]
    assert read_all(server.url + "body") == body
    assert server.requests == [("/body", None), ("/body", "bytes=1000-"), ("/body", "bytes=21000-")]


def test_stream_gives_up_where_nothing_comes(server, body, impatient):
    server.cut = [1000] + [0] * 100
    with pytest.raises(BaremetalError, match="did not come back.*body ended after 1000 of 50000 bytes at byte 1000, for [0-9]+ s"):
        read_all(server.url + "body")


class Clock:
    """Time that passes while a stream waits; ``then(now)`` is called after each wait."""

    def __init__(self, monkeypatch, then=lambda now: None):
        self.now, self.pauses, self._then = 0, [], then
        monkeypatch.setattr(stream, "time", types.SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(stream, "PAUSE", 0.5)

    def wait(self, seconds):
        self.now += seconds
        self.pauses.append(seconds)
        self._then(self.now)


def test_stream_waits_for_a_server_that_boots_and_does_so_again(server, body, monkeypatch):
    clock = Clock(monkeypatch, lambda now: server.statuses.clear() if now % 1000 >= 70 else None)
    server.cut = [1000, 1000, 1000]
    found = bytearray(len(body))
    with stream.Stream(server.url + "body", "test", wait=clock.wait) as source:
        for start in range(0, 4000, 1000):
            server.statuses, clock.now = [503] * 1000, start
            assert source.readinto(memoryview(found)[start:start + 1000]) == 1000
        assert source.readinto(memoryview(found)[4000:]) == len(body) - 4000 and found == body
    assert max(clock.pauses) <= 10


def test_stream_waits_no_longer_than_that(server, monkeypatch):
    clock = Clock(monkeypatch)
    server.statuses = [503] * 1000
    with pytest.raises(BaremetalError, match="cannot be reached.*HTTP status 503 at byte 0, for 1[01][0-9] s"):
        with stream.Stream(server.url + "body", "test", wait=clock.wait) as source:
            source.open()
    assert 100 <= clock.now <= 110


def test_stream_needs_ranges_to_go_on(server, body):
    server.cut, server.ranges = [1000], False
    with pytest.raises(BaremetalError, match="cannot begin in the middle.*HTTP status 200"):
        read_all(server.url + "body")


def test_stream_notices_another_file(server, body, root):
    server.cut = [1000]
    with stream.Stream(server.url + "body", "test") as source:
        assert source.readinto(bytearray(10)) == 10
        (root / "body").write_bytes(body + b"more")
        with pytest.raises(BaremetalError, match="the file changed"):
            source.readinto(bytearray(2000))


def test_stream_server_gone(impatient):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(BaremetalError, match="cannot be reached.*Connection refused.* at byte 0, for [0-9]+ s"):
            read_all(f"http://127.0.0.1:{unused.getsockname()[1]}/x")


def test_stream_overloaded_server_is_asked_again(server, body):
    server.statuses = [503, 500]
    assert read_all(server.url + "body") == body


def test_stream_missing_file_is_not_asked_again(server):
    with pytest.raises(BaremetalError, match="404"):
        read_all(server.url + "missing")
    assert len(server.requests) == 1


def test_fetch_has_a_limit(server, body):
    with pytest.raises(BaremetalError, match="larger than it can be"):
        stream.fetch(server.url + "body", "test", 49_999)
    assert stream.fetch(server.url + "body", "test", 50_000) == body


@pytest.mark.parametrize("piece", [999, 1000, 1001, 60_000])
def test_a_file_comes_in_pieces(server, body, monkeypatch, piece):
    monkeypatch.setattr(stream, "_PIECE", piece)
    assert stream.fetch(server.url + "body", "test", 50_000) == body
    found = list(stream.pieces(server.url + "body", "test", 50_000))
    assert b"".join(found) == body and max(map(len, found)) == min(piece, len(body))


def test_a_block_map_is_not_in_memory_as_a_whole(server, published, monkeypatch):
    fed = []
    feed = blockmap.Reader.feed
    monkeypatch.setattr(stream, "_PIECE", 100)
    monkeypatch.setattr(blockmap.Reader, "feed", lambda self, data, last=False: fed.append(len(data)) or feed(self, data, last))
    assert image_of(server, published).mapped_size == published["manifest"]["mapped_size"]
    assert max(fed) == 100 and sum(fed) > 2000


@pytest.fixture
def disk(tmp_path):
    """A disk of 32 MiB full of old data."""
    path = tmp_path / "disk"
    path.write_bytes(PATTERN * (32 * MIB))
    return path


def image_of(server, record, **changes):
    given = dict({"url": server.url + record["path"], "digest": record["digest"], "manifest_digest": record["manifest_digest"]}, **changes)
    return publication.fetch_image(given["url"], given["digest"], given["manifest_digest"])


def assert_does_not_boot(disk):
    data = disk.read_bytes()
    assert not any(data[:MIB]) and not any(data[-MIB:])


def test_image_is_written(server, published, raw, disk):
    reports = []
    told = writer.write_image(image_of(server, published), str(disk), lambda done, total: reports.append((done, total)))
    assert reports[-1] == (published["manifest"]["mapped_size"],) * 2
    content = raw.read_bytes()
    assert disk.read_bytes()[:len(content)] == content
    # What the image does not cover keeps its old data, but for the end where a backup table would be.
    rest = disk.read_bytes()[len(content):]
    assert rest == PATTERN * (len(rest) - MIB) + bytes(MIB)
    assert told["bytes_mapped"] == published["manifest"]["mapped_size"]
    assert told["bytes_mapped"] <= told["bytes_written"] < told["bytes_mapped"] + 2 * MIB


def test_image_that_fills_the_disk(server, published, raw, disk):
    disk.write_bytes(PATTERN * raw.stat().st_size)
    writer.write_image(image_of(server, published), str(disk))
    assert disk.read_bytes() == raw.read_bytes()


@pytest.mark.parametrize("size", [512 * 2048 + 512, MIB + 3 * 512, 4 * MIB + 512, 9 * MIB - 1536])
@pytest.mark.parametrize("slack", [0, 512, 5 * MIB])
def test_sizes_around_frames_blocks_and_edges(server, root, tmp_path, size, slack):
    raw = make_raw(tmp_path / "odd.raw", size, [(size - 700, 700), (MIB - 5, 10)])
    record = publish.publish("odd", str(raw), sha256(raw), str(root))[1]
    disk = tmp_path / "disk"
    disk.write_bytes(PATTERN * (size + slack))
    writer.write_image(image_of(server, record), str(disk))
    assert disk.read_bytes()[:size - MIB] == raw.read_bytes()[:size - MIB]
    assert disk.read_bytes()[:size] == raw.read_bytes()


@pytest.mark.parametrize("seed", range(8))
def test_random_images(server, root, tmp_path, seed):
    chance = random.Random(seed)
    size = chance.randrange(4, 60_000) * 512
    extents = [(chance.randrange(size), chance.choice([1, 600, 4096, 70_000, 3_000_000])) for dummy in range(chance.randrange(12))]
    raw = make_raw(tmp_path / "r.raw", size + 4 * MIB, [(start, min(length, size - start)) for start, length in extents], head=mbr(size + 4 * MIB), seed=seed)
    record = publish.publish("r", str(raw), sha256(raw), str(root))[1]
    disk = tmp_path / "disk"
    disk.write_bytes(PATTERN * (raw.stat().st_size + chance.randrange(3) * MIB))
    server.cut = [chance.randrange(1, 1_000_000) for dummy in range(chance.randrange(4))]
    writer.write_image(image_of(server, record), str(disk))
    assert disk.read_bytes()[:raw.stat().st_size] == raw.read_bytes()


def test_larger_than_the_disk(server, published, tmp_path, raw):
    disk = tmp_path / "small"
    disk.write_bytes(PATTERN * (20 * MIB))
    with pytest.raises(BaremetalError, match=f"larger than the disk.*{raw.stat().st_size} bytes.*{20 * MIB} bytes"):
        writer.write_image(image_of(server, published), str(disk))
    assert disk.read_bytes() == PATTERN * (20 * MIB)


@pytest.mark.parametrize("option", ["digest", "manifest_digest"])
def test_another_image_than_expected(server, published, option):
    with pytest.raises(BaremetalError, match="sha256:0000"):
        image_of(server, published, **{option: "sha256:" + "0" * 64})


def test_manifest_of_another_version(server, published, root):
    path = root / published["path"] / "manifest.json"
    path.write_text(json.dumps(dict(published["manifest"], version=2)))
    with pytest.raises(BaremetalError, match="another kind"):
        image_of(server, published, manifest_digest=sha256(path))


def test_damage_in_a_range_is_named(server, published, disk):
    """Even a publication that agrees with itself in everything else fails on a range that is not in its map."""
    image = image_of(server, published)
    ranges = list(image.block_map.ranges)
    ranges[2] = ranges[2]._replace(digest="0" * 64)
    with pytest.raises(BaremetalError, match=f"wrong checksum for the .* bytes at {ranges[2].first * 4096}"):
        writer.write_image(image._replace(block_map=image.block_map._replace(ranges=ranges)), str(disk), renew=True)
    assert_does_not_boot(disk)


def write_fresh(server, record, disk):
    return writer.write_image(image_of(server, record), str(disk))


@pytest.mark.parametrize("file", ["disk.raw.zst", "disk.bmap", "manifest.json"])
def test_every_bit_flip_and_truncation_is_detected(server, root, tmp_path, file):
    """More than 1,000 in all: none leads to a disk that boots."""
    raw = make_raw(tmp_path / "flip.raw", 5 * MIB, [(MIB, 10_000), (2 * MIB, 3000), (4 * MIB + 4096, 20_000)])
    record = publish.publish("flip", str(raw), sha256(raw), str(root))[1]
    path = root / record["path"] / file
    good = path.read_bytes()
    disk = tmp_path / "disk"
    disk.write_bytes(PATTERN * (6 * MIB))
    chance = random.Random(1)
    for turn in range(350):
        data = bytearray(good)
        if turn % 4:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        else:
            del data[chance.randrange(len(data)):]
        path.write_bytes(data)
        with pytest.raises(BaremetalError):
            write_fresh(server, record, disk)
        with open(disk, "rb") as written:
            assert written.read(MIB) == (bytes(MIB) if file == "disk.raw.zst" else PATTERN * MIB)
    path.write_bytes(good)
    write_fresh(server, record, disk)
    assert disk.read_bytes()[:5 * MIB] == raw.read_bytes()


def test_server_that_goes_away_in_the_middle(server, published, disk, impatient):
    image = image_of(server, published)
    server.cut = [2 * MIB] + [0] * 100
    with pytest.raises(BaremetalError, match="did not come back"):
        writer.write_image(image, str(disk))
    assert_does_not_boot(disk)


@pytest.mark.parametrize("way", ["fresh", "renew", "raw"])
def test_work_that_ends_waits_for_no_server(server, published, raw, root, disk, monkeypatch, way):
    """Whoever waits for the server when the work is stopped, or fails elsewhere, asks it nothing more."""
    (root / "os.raw").write_bytes(raw.read_bytes())
    image = rawstream.look_at(server.url + "os.raw", sha256(raw)) if way == "raw" else image_of(server, published)
    work = [] if way == "raw" else list(publication.plan(image))
    monkeypatch.setattr(stream, "PAUSE", 10)
    monkeypatch.setattr(stream, "PATIENCE", 15)
    server.requests.clear()
    server.statuses = [503] * 1000

    def fail():
        while not server.requests:
            time.sleep(0.01)
        raise BaremetalError("it was ended")

    def fill(target, crew):
        crew.submit_aside(fail)
        if way == "raw":
            rawstream._fetch(image, target, crew)
        elif way == "renew":
            renewal.Renewal(image, target).run(crew)
        else:
            writer._fetch(image, target, crew)

    with pytest.raises(BaremetalError, match="it was ended"):
        writer.put(image, str(disk), lambda done, total: None, fill)
    # Each thread that was at a frame may have asked once.
    assert len(server.requests) <= (sum(bool(item.ranges) for item in work) if way == "renew" else 1)
    assert_does_not_boot(disk)


def test_nothing_bootable_is_there_before_all_is_verified(server, published, disk, monkeypatch):
    """A machine that loses power at any moment before the last one has a disk without a table."""
    seen = []
    real = target.Target.write_edges

    def look(self, withheld=None):
        self.sync()
        data = disk.read_bytes()
        seen.append(any(data[:MIB]) or any(data[-MIB:]))
        real(self, withheld)

    monkeypatch.setattr(target.Target, "write_edges", look)
    write_fresh(server, published, disk)
    assert seen == [False]


@pytest.mark.parametrize("head, start", [
    (gpt(21 * MIB, kind=ESP), MIB),
    (gpt(21 * MIB, first=64, kind=ESP), 64 * 512),
    (gpt(21 * MIB, first=42000, kind=ESP), 42000 * 512),
    (mbr(21 * MIB, kind=0xEF), MIB),
    (gpt(21 * MIB), None),
])
@pytest.mark.parametrize("way", ["fresh", "renew", "raw"])
def test_what_the_disk_boots_from_can_be_withheld(server, root, tmp_path, head, start, way):
    """Boot code and the start of an EFI system partition, between the ends of the disk and in either; the rest is there, the table too."""
    raw = make_raw(root / "esp.raw", 21 * MIB, [(start or MIB, 5000), (13 * MIB, MIB)], head=b"\xfa\x31\xc0" + head[3:])
    disk = tmp_path / "disk"
    disk.write_bytes(PATTERN * (21 * MIB))
    expected = bytearray(raw.read_bytes())
    expected[:440] = bytes(440)
    if start:
        expected[start:start + 512] = bytes(512)
    withheld = []
    if way == "raw":
        rawstream.write_raw(rawstream.look_at(server.url + "esp.raw", sha256(raw)), str(disk), withheld=withheld)
    else:
        image = image_of(server, publish.publish("esp", str(raw), sha256(raw), str(root))[1])
        if way == "renew":
            writer.write_image(image, str(disk))
        writer.write_image(image, str(disk), renew=way == "renew", withheld=withheld)
    assert disk.read_bytes() == expected
    # What changes in the first sector meanwhile stays: an entry for the config drive.
    with open(disk, "r+b") as file:
        file.seek(440)
        file.write(b"entry")
    opened = target.Target(str(disk))
    opened.put_back(withheld)
    opened.close()
    assert disk.read_bytes() == raw.read_bytes()[:440] + b"entry" + raw.read_bytes()[445:]


@pytest.mark.parametrize("call", [1, 4])
def test_disk_that_fails(server, published, disk, monkeypatch, call):
    count = iter(range(100))
    real = target.os.pwrite

    def failing(descriptor, data, offset):
        if offset >= MIB and offset < 31 * MIB and next(count) >= call:
            raise OSError(5, "Input/output error")
        return real(descriptor, data, offset)

    monkeypatch.setattr(target.os, "pwrite", failing)
    with pytest.raises(BaremetalError, match="does not take what is written.*Input/output error"):
        write_fresh(server, published, disk)
    monkeypatch.undo()
    assert_does_not_boot(disk)


def test_holes_are_not_fetched_as_data(server, root, tmp_path):
    raw = make_raw(tmp_path / "thin.raw", 400 * MIB, [(200 * MIB, 100)])
    record = publish.publish("thin", str(raw), sha256(raw), str(root))[1]
    assert record["manifest"]["compressed_size"] < 50_000
    assert record["manifest"]["mapped_size"] < MIB
