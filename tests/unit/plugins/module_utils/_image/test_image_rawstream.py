# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Raw images from any HTTP server: what reaches the disk, and that nothing half-written boots."""

from __future__ import annotations

import gzip
import hashlib
import random

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._image import target
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.rawstream import look_at, write_raw
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.image_builders import MIB, make_raw, sha256

PATTERN = b"\xa5"


@pytest.fixture
def served(raw, root):
    """The image ``raw`` as a file that a server hands out."""
    path = root / "os.raw"
    path.write_bytes(raw.read_bytes())
    return path


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(PATTERN * (32 * MIB))
    return path


def assert_does_not_boot(disk):
    content = disk.read_bytes()
    assert not any(content[:MIB]) and not any(content[-MIB:])


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_image_is_written(server, served, disk, algorithm):
    content = served.read_bytes()
    reports = []
    image = look_at(server.url + "os.raw", f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}")
    assert (image.size, image.sector) == (len(content), 512)
    told = write_raw(image, str(disk), lambda done, total: reports.append((done, total)))
    assert disk.read_bytes() == content + PATTERN * (10 * MIB) + bytes(MIB)
    # Pieces that are all zero are not written.
    assert told["bytes_written"] < told["bytes_mapped"] == len(content)
    assert reports[-1] == (len(content), len(content))


@pytest.mark.parametrize("seed", range(6))
def test_broken_connections_and_any_content(server, root, tmp_path, seed):
    chance = random.Random(seed)
    size = chance.randrange(6 * 2048, 30 * 2048) * 512
    extents = [(chance.randrange(2 * MIB, size - MIB), chance.choice([1, 4096, 900_000])) for dummy in range(6)]
    raw = make_raw(root / "r.raw", size, extents, seed=seed)
    disk = tmp_path / "disk"
    disk.write_bytes(PATTERN * (size + chance.choice([0, 512, 3 * MIB])))
    image = look_at(server.url + "r.raw", sha256(raw))
    server.cut = [chance.randrange(1, size) for dummy in range(3)]
    write_raw(image, str(disk))
    assert disk.read_bytes()[:size] == raw.read_bytes()
    assert any(part for path, part in server.requests)


@pytest.mark.parametrize("content, what", [
    (b"<html><body>404</body></html>", "web page"),
    (b"", "no partition table|does not end|text file|empty"),
    (gzip.compress(b"data", mtime=0), "packed, or in a format of its own"),
    (b"QFI\xfb" + bytes(2000), "packed, or in a format of its own"),
    (bytes(MIB), "no partition table"),
])
def test_what_is_refused_by_its_first_bytes(server, root, content, what):
    (root / "x").write_bytes(content)
    with pytest.raises(BaremetalError, match=what):
        look_at(server.url + "x", sha256(root / "x"))


def test_digest_by_address_and_weak_digests_are_refused(server, served):
    for digest in (server.url + "SUMS", "md5:" + "0" * 32):
        with pytest.raises(BaremetalError, match="checksum"):
            look_at(server.url + "os.raw", digest)


def test_larger_than_the_disk(server, served, tmp_path):
    disk = tmp_path / "small"
    disk.write_bytes(PATTERN * (20 * MIB))
    with pytest.raises(BaremetalError, match="larger than the disk"):
        write_raw(look_at(server.url + "os.raw", sha256(served)), str(disk))
    assert disk.read_bytes() == PATTERN * (20 * MIB)


def test_bit_flip(server, served, disk):
    image = look_at(server.url + "os.raw", sha256(served))
    content = bytearray(served.read_bytes())
    content[14 * MIB] ^= 1
    served.write_bytes(content)
    with pytest.raises(BaremetalError, match="not the one that was asked for"):
        write_raw(image, str(disk))
    assert_does_not_boot(disk)


def test_another_size_than_before(server, served, disk):
    image = look_at(server.url + "os.raw", sha256(served))
    served.write_bytes(served.read_bytes()[:-512])
    with pytest.raises(BaremetalError, match="changed after it was looked at"):
        write_raw(image, str(disk))
    assert_does_not_boot(disk)


@pytest.mark.parametrize("cut, ranges, what", [([3 * MIB] + [0] * 100, True, "did not come back"), ([3 * MIB], False, "cannot begin in the middle")])
def test_server_that_goes_away(server, served, disk, cut, ranges, what, impatient):
    image = look_at(server.url + "os.raw", sha256(served))
    server.cut, server.ranges = cut, ranges
    with pytest.raises(BaremetalError, match=what):
        write_raw(image, str(disk))
    assert_does_not_boot(disk)


def test_disk_that_fails(server, served, disk, monkeypatch):
    real = target.os.pwrite

    def failing(descriptor, data, offset):
        if 13 * MIB < offset < 20 * MIB:
            raise OSError(5, "Input/output error")
        return real(descriptor, data, offset)

    image = look_at(server.url + "os.raw", sha256(served))
    monkeypatch.setattr(target.os, "pwrite", failing)
    with pytest.raises(BaremetalError, match="does not take what is written.*Input/output error"):
        write_raw(image, str(disk))
    monkeypatch.undo()
    assert_does_not_boot(disk)
