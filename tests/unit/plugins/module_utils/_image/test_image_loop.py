# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The writer on real block devices, with both sizes of sectors: stale data, and writers that are killed at any moment."""

from __future__ import annotations

import os
import pathlib
import random
import subprocess
import sys
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._image import publish
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.publication import fetch_image
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.renewal import resembles
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.target import Target
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.writer import write_image
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.image_builders import ESP, MIB, gpt, make_raw, mbr, sha256

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root"),
    pytest.mark.skipif(not os.path.exists("/dev/loop-control"), reason="the kernel offers no loop devices here"),
]

PATTERN = b"\xa5" * 512
SIZE, IMAGE_SIZE = 40 * MIB, 32 * MIB
KILLS = 8
COLLECTIONS = pathlib.Path(__file__).resolve().parents[8]

WRITER = """
import sys
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.publication import fetch_image
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.writer import write_image
image = fetch_image(*sys.argv[1:4])
print("ready", flush=True)
write_image(image, sys.argv[4], renew=sys.argv[5] == "renew")
"""


class Disk:
    """A loop device full of old data."""

    def __init__(self, path, sector):
        self.sector = sector
        self._file = path
        self.fill()
        self.device = subprocess.run(
            ["losetup", "--find", "--show", "--sector-size", str(sector), path], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def fill(self):
        with open(self._file, "r+b" if self._file.exists() else "wb") as file:
            file.write(PATTERN * (SIZE // len(PATTERN)))

    def content(self):
        subprocess.run(["blockdev", "--flushbufs", self.device], check=True)
        return pathlib.Path(self.device).read_bytes()


@pytest.fixture(params=[512, 4096])
def disk(tmp_path, request):
    made = Disk(tmp_path / "disk", request.param)
    yield made
    subprocess.run(["losetup", "--detach", made.device], check=True)


def image_for(root, folder, sector, seed=0):
    extents = [(MIB, 300_000), (3 * MIB, 8192), (3 * MIB + 40960, 4096), (9 * MIB, 9 * MIB), (IMAGE_SIZE - 5 * 4096, 4096)]
    raw = make_raw(folder / f"{sector}-{seed}.raw", IMAGE_SIZE, extents, head=gpt(IMAGE_SIZE, sector, first=256, last=IMAGE_SIZE // sector - 34), seed=seed)
    return raw, publish.publish(f"for-{sector}", str(raw), sha256(raw), str(root))[1]


@pytest.fixture
def image(server, root, tmp_path, disk):
    """The raw image, and the image as a node sees it."""
    raw, record = image_for(root, tmp_path, disk.sector)
    return raw, fetch_image(server.url + record["path"], record["digest"], record["manifest_digest"])


def assert_is_on(raw, disk):
    content = disk.content()
    assert content[:IMAGE_SIZE] == raw.read_bytes()
    assert content[IMAGE_SIZE:] == PATTERN * ((SIZE - IMAGE_SIZE - MIB) // len(PATTERN)) + bytes(MIB)


def test_stale_data_never_shows_through_holes(image, disk):
    raw, published = image
    write_image(published, disk.device)
    assert_is_on(raw, disk)
    # A system that ran has written everywhere.
    with open(disk.device, "r+b") as file:
        for offset in range(2 * MIB, IMAGE_SIZE, 3 * MIB):
            file.seek(offset)
            file.write(PATTERN * 100)
    assert resembles(published, disk.device)
    told = write_image(published, disk.device, renew=True)
    assert_is_on(raw, disk)
    assert told["bytes_unchanged"] > 0


def test_table_for_other_sectors_is_refused(server, root, tmp_path, disk):
    other = {512: 4096, 4096: 512}[disk.sector]
    record = image_for(root, tmp_path, other)[1]
    published = fetch_image(server.url + record["path"], record["digest"], record["manifest_digest"])
    with pytest.raises(BaremetalError, match=f"would not be found.*sectors of {other} bytes.*has sectors of {disk.sector} bytes"):
        write_image(published, disk.device)
    assert disk.content() == PATTERN * (SIZE // len(PATTERN))


def test_an_mbr_is_for_sectors_of_512_bytes(server, root, tmp_path, disk):
    raw = make_raw(tmp_path / "mbr.raw", IMAGE_SIZE, [(MIB, 5000)], head=mbr(IMAGE_SIZE))
    record = publish.publish("mbr", str(raw), sha256(raw), str(root))[1]
    published = fetch_image(server.url + record["path"], record["digest"], record["manifest_digest"])
    # Images that were published before do not say so.
    for image in (published, published._replace(manifest=dict(published.manifest, sector_size=None))):
        if disk.sector == 512:
            write_image(image, disk.device)
            assert disk.content()[:IMAGE_SIZE] == raw.read_bytes()
        else:
            with pytest.raises(BaremetalError, match="would not be found.*sectors of 512 bytes.*has sectors of 4096 bytes.*publish an image with a GPT"):
                write_image(image, disk.device)
            assert disk.content() == PATTERN * (SIZE // len(PATTERN))


def test_what_the_disk_boots_from_can_be_withheld(server, root, tmp_path, disk):
    head = gpt(IMAGE_SIZE, disk.sector, first=256, last=IMAGE_SIZE // disk.sector - 34, kind=ESP)
    raw = make_raw(tmp_path / "esp.raw", IMAGE_SIZE, [(256 * disk.sector, 20_000)], head=b"\xfa\x31\xc0" + head[3:])
    record = publish.publish("esp", str(raw), sha256(raw), str(root))[1]
    withheld = []
    write_image(fetch_image(server.url + record["path"], record["digest"], record["manifest_digest"]), disk.device, withheld=withheld)
    expected = bytearray(raw.read_bytes())
    expected[:440] = bytes(440)
    expected[256 * disk.sector:257 * disk.sector] = bytes(disk.sector)
    assert disk.content()[:IMAGE_SIZE] == expected
    target = Target(disk.device)
    target.put_back(withheld)
    target.close()
    assert_is_on(raw, disk)


@pytest.mark.parametrize("way", ["fresh", "renew"])
def test_killed_at_any_moment_and_run_again(server, root, tmp_path, image, disk, way):
    """As after a power cut: what is on the disk then is no table or the whole image, and the same command again mends it."""
    raw, published = image
    old = image_for(root, tmp_path, disk.sector, seed=1)[1]
    arguments = [published.url, published.manifest["digest"], sha256(root / published.url.removeprefix(server.url) / "manifest.json"), disk.device, way]
    chance = random.Random(disk.sector)
    seconds = 0.4
    cut = 0
    for dummy in range(KILLS):
        disk.fill()
        if way == "renew":
            write_image(fetch_image(server.url + old["path"], old["digest"], old["manifest_digest"]), disk.device)
        before = disk.content()
        with subprocess.Popen([sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE, env=dict(os.environ, PYTHONPATH=str(COLLECTIONS))) as writer:
            assert writer.stdout.readline() == b"ready\n"
            begun = time.monotonic()
            try:
                writer.wait(chance.uniform(0, seconds))
                # It was quicker: the next one is killed earlier.
                seconds = (time.monotonic() - begun) * 0.8
            except subprocess.TimeoutExpired:
                writer.kill()
        content = disk.content()
        if content == before:
            # It had not begun: the next one is killed later.
            seconds *= 2
        if content not in (before, raw.read_bytes() + content[IMAGE_SIZE:]):
            cut += 1
            assert not any(content[:4096])
        write_image(published, disk.device, renew=resembles(published, disk.device))
        assert disk.content()[:IMAGE_SIZE] == raw.read_bytes()
    assert cut
