# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tracemalloc

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._image import blockmap, publish, seekable, store
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.image_builders import MIB, make_raw
from hypothesis import given, settings
from hypothesis import strategies as st

BLOCK = blockmap.BLOCK_SIZE


@given(st.lists(st.booleans(), max_size=40), st.integers(0, BLOCK - 1), st.booleans())
def test_mapped_runs(blocks, tail, tail_mapped):
    data = b"".join((bytes(BLOCK - 1) + b"\1") if mapped else bytes(BLOCK) for mapped in blocks)
    if tail:
        data += bytes(tail - 1) + (b"\1" if tail_mapped else b"\0")
        blocks = blocks + [tail_mapped]
    found = {number for first, last in blockmap.mapped_runs(data) for number in range(first, last + 1)}
    assert found == {number for number, mapped in enumerate(blocks) if mapped}
    runs = blockmap.mapped_runs(data)
    assert all(after[0] > before[1] + 1 for before, after in zip(runs, runs[1:]))


@st.composite
def block_maps(draw):
    ranges, position = [], 0
    for gap, length in draw(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), max_size=20)):
        first = position + gap
        position = first + length
        ranges.append(blockmap.Range(first, position - 1, hashlib.sha256(bytes([length])).hexdigest()))
    return blockmap.BlockMap(max(512, position * BLOCK - draw(st.sampled_from([0, 512, 4095 // 512 * 512]))), ranges)


def read(*pieces):
    reader = blockmap.Reader()
    for piece in pieces:
        reader.feed(piece)
    return reader.finish()


@given(block_maps(), st.integers(0, 3000))
def test_block_map_round_trip(block_map, cut):
    text = blockmap.render(block_map)
    found = read(text[:cut], text[cut:])
    assert found._replace(ranges=list(found.ranges)) == block_map


def test_the_ranges_of_a_block_map_are_read_in_little_memory():
    """Else it is what a node needs most of its memory for: 1 TiB has a million ranges."""
    ranges = [blockmap.Range(number, number, "5a" * 32) for number in range(0, 40_000, 2)]
    text = blockmap.render(blockmap.BlockMap(40_000 * BLOCK, ranges))
    pieces = [text[start:start + 65536] for start in range(0, len(text), 65536)]
    tracemalloc.start()
    try:
        found = read(*pieces).ranges
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert list(found) == ranges and found[-1] == ranges[-1] and peak < 64 * len(ranges)


@pytest.mark.parametrize("old, new, seen", [
    ('<bmap version="2.0">', '<!DOCTYPE bmap [<!ENTITY all "1">]><bmap version="2.0">', "document type"),
    ("> 7-9 <", "> 7-1030 <", "7-1030 crosses frames"),
    ("> 7-9 <", "> 0-9 <", "0-9 is out of order"),
    ("> 7-9 <", "> 7 - 9999999999999999999999 <", "crosses frames"),
    ("5a" * 32, "5a" * 31, "a checksum of 31 bytes"),
    ('"2.0"', '"3.0"', "another version"),
    ("> 4096 <", "> 512 <", "another version, block size"),
    ("</bmap>", "", "no element found"),
    ("<bmap", "bmap", "syntax error"),
    ('<?xml version="1.0" ?>', '<?xml version="1.0" encoding="rot13" ?>', "rot13"),
    # What could fill the memory before it is known that it was never published.
    ("<BlockMap>", "<BlockMap><BlockMap>", "the element BlockMap"),
    ("<BlockMap>", "<Other/><BlockMap>", "the element Other"),
    (" 40960 ", " 40960" + 300 * " ", "a text that begins with  40960"),
    ("    <ImageSize> 40960 </ImageSize>\n", "", "ImageSize"),
    (" 40960 ", " 4096 ", "outside the image"),
])
def test_what_is_wrong_with_a_block_map_is_told(old, new, seen):
    text = blockmap.render(blockmap.BlockMap(10 * BLOCK, [blockmap.Range(0, 0, "5a" * 32), blockmap.Range(7, 9, "5a" * 32)])).decode()
    assert old in text
    with pytest.raises(BaremetalError, match="the block map cannot be read") as caught:
        read(text.replace(old, new).encode())
    assert seen in caught.value.seen


@given(block_maps(), st.data())
def test_a_damaged_block_map_is_a_clear_error(block_map, data):
    text = bytearray(blockmap.render(block_map))
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        parsed = read(bytes(text[:data.draw(st.integers(0, len(text)))]))
    except BaremetalError as error:
        assert "the block map cannot be read" in str(error) and error.seen and error.cure
    else:
        # Damage that leaves another valid map is found by the digest of the manifest; here it must not lead outside the image.
        edges = [edge for part in parsed.ranges for edge in (part.first, part.last)]
        assert edges == sorted(edges) and all(0 <= edge * BLOCK < parsed.image_size for edge in edges)


frames = st.lists(st.builds(seekable.Frame, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)), max_size=50)


@given(frames)
def test_seek_table_round_trip(table):
    assert seekable.parse_table(seekable.render_table(table)) == table


@given(frames, st.data())
def test_a_cut_seek_table_is_refused(table, data):
    text = seekable.render_table(table)
    with pytest.raises(BaremetalError, match="seek table"):
        seekable.parse_table(text[:data.draw(st.integers(0, len(text) - 1))])


def unpacked(data, size):
    buffer = bytearray(size)
    seekable.decompress(data, buffer)
    return buffer


@given(st.binary(min_size=1, max_size=5000))
def test_frame_round_trip(data):
    assert unpacked(seekable.compress(data), len(data)) == data


def test_a_frame_that_announces_more_is_not_unpacked():
    with pytest.raises(BaremetalError, match="damaged"):
        unpacked(seekable.compress(bytes(64 * MIB)), 4096)
    with pytest.raises(BaremetalError, match="damaged"):
        unpacked(b"no frame", 4096)


@st.composite
def extents(draw):
    size = draw(st.integers(1, 20 * 2048)) * 512
    return size, [(start % size, length) for start, length in draw(st.lists(st.tuples(st.integers(0, size), st.integers(1, 100_000)), max_size=6))]


@settings(max_examples=25, deadline=None)
@given(extents(), st.integers(0, 1000))
@pytest.mark.skipif(not shutil.which("zstd"), reason="zstd is not installed")
def test_stored_image_is_the_raw_image(tmp_path_factory, made, seed):
    size, parts = made
    work = tmp_path_factory.mktemp("stored")
    raw = make_raw(work / "raw", size, [(start, min(length, size - start)) for start, length in parts], head=b"", seed=seed)
    stored = store.store(str(raw), str(work / "disk.zst"))
    content, compressed = raw.read_bytes(), (work / "disk.zst").read_bytes()
    # zstd itself reads the file.
    assert subprocess.run(["zstd", "-dcq", work / "disk.zst"], check=True, stdout=subprocess.PIPE).stdout == content
    assert stored.digest == hashlib.sha256(content).hexdigest()
    assert stored.compressed_digest == hashlib.sha256(compressed).hexdigest()
    assert stored.compressed_size == len(compressed)
    # The table leads to frames that can be read one by one.
    table = compressed[-stored.table_size:]
    position, rest = 0, content
    for frame in seekable.parse_table(table):
        assert unpacked(compressed[position:position + frame.compressed], frame.raw) == rest[:frame.raw]
        position, rest = position + frame.compressed, rest[frame.raw:]
    assert not rest and position + len(table) == len(compressed)
    # The map: every range is what it says and within one frame, everything else is zero.
    left = bytearray(content)
    per_frame = seekable.FRAME_SIZE // BLOCK
    for part in stored.block_map.ranges:
        span = slice(part.first * BLOCK, (part.last + 1) * BLOCK)
        assert hashlib.sha256(content[span]).hexdigest() == part.digest
        assert part.first // per_frame == part.last // per_frame
        left[span] = bytes(len(left[span]))
    assert not any(left)


@st.composite
def frame_runs(draw):
    """Runs as a frame can have them."""
    edges = sorted(draw(st.sets(st.integers(0, blockmap.FRAME_BLOCKS), max_size=60)))
    return [(first, behind - 1) for first, behind in zip(edges[::2], edges[1::2])]


@given(frame_runs(), st.integers(2, 40))
def test_a_frame_has_so_many_ranges_at_most(runs, most):
    spans = store._spans(runs, most)
    assert len(spans) <= most
    found, data = ({block for first, last in parts for block in range(first, last + 1)} for parts in (spans, runs))
    assert all(before[1] < after[0] for before, after in zip(spans, spans[1:]))
    # What more becomes data is no more than it takes: no hole that stayed is smaller.
    assert data <= found and (found == data or len(runs) > most)
    holes = [(behind - before - 1, set(range(before + 1, behind)) <= found) for (dummy, before), (behind, dummy) in zip(runs, runs[1:])]
    gone = [size for size, is_gone in holes if is_gone]
    assert all(size >= max(gone, default=0) for size, is_gone in holes if not is_gone)


def test_an_image_has_so_many_ranges_at_most(tmp_path, monkeypatch):
    full, scattered = [(start, 4 * MIB) for start in range(0, 40 * MIB, 8 * MIB)], [(5 * MIB + start, 4096) for start in range(0, MIB, 16384)]
    raw = make_raw(tmp_path / "raw", 40 * MIB, full + scattered)
    whole = store.store(str(raw), str(tmp_path / "whole")).block_map
    monkeypatch.setattr(store, "_MOST", 30)
    few = store.store(str(raw), str(tmp_path / "few")).block_map
    assert len(few.ranges) <= 30 < len(whole.ranges) and few.mapped_blocks > whole.mapped_blocks
    content = raw.read_bytes()
    for part in few.ranges:
        assert hashlib.sha256(content[part.first * BLOCK:(part.last + 1) * BLOCK]).hexdigest() == part.digest


def test_holes_are_not_read(tmp_path, monkeypatch):
    raw = make_raw(tmp_path / "raw", 4096 * MIB, [(2000 * MIB, 100)])
    read = []
    pread = os.pread
    monkeypatch.setattr(store.os, "pread", lambda descriptor, size, offset: read.append(size) or pread(descriptor, size, offset))
    stored = store.store(str(raw), str(tmp_path / "zst"))
    assert sum(read) == 2 * seekable.FRAME_SIZE
    assert stored.compressed_size < MIB


@pytest.mark.skipif(not shutil.which("bmaptool"), reason="bmaptool (package bmap-tools) is not installed")
def test_bmaptool_reads_what_is_published(published, root, raw, tmp_path):
    folder = root / published["path"]
    copy = tmp_path / "copy"
    subprocess.run(["bmaptool", "copy", "--bmap", folder / publish.MAP, folder / publish.DISK, copy], check=True, stderr=subprocess.DEVNULL)
    assert copy.read_bytes() == raw.read_bytes()
