# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What it takes to get an image onto a disk, beside other ways and beside what the disk itself can take.

One image of 10 GiB with about 1 GiB of data goes to a loop device and to a disk as the virtual rack has, by direct I/O, in each way of the
same run. Ours comes by HTTP from nginx as it does on a rack; all others are given local files. Before each way, the device is made zero by its
own means; ways take turns, and the best of their times counts, because others use the machine too. Needs root, and about 20 GiB below build/.
"""

from __future__ import annotations

import pathlib
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "build" / "collections"))

from support import large_image  # noqa: E402
from support.figures import figure, report  # noqa: E402
from support.image_disk import BootServer, LoopDisk, RackDisk, make_image  # noqa: E402
from support.image_ways import ROUNDS, Ours, limit, others  # noqa: E402

MIB = 1024 ** 2
TURNS = 3  # in a round, of the limit and of ours
LIMIT = "the limit: writing the mapped bytes alone by dd"


def measure(work):
    """Publish two images that differ in 5 % of their data, and write them in every way to every disk; and write the largest image that there can be.

    :param work: an empty directory.
    :returns: list of figures.
    """
    raw, changed = make_image(work)
    server = BootServer(work)
    try:
        ours = Ours(server)
        first, figures = ours.publish("first", raw)
        second = ours.publish("second", changed)[0]
        ways = others(work, raw, server.root / first["path"])
        for kind in (LoopDisk, RackDisk):
            disk = kind(work / "disk", raw.stat().st_size)
            try:
                figures += [dict(one, metric=f"{kind.name}: {one['metric']}") for one in compare(disk, ours, first, second, ways)]
            finally:
                disk.remove()
        figures += memory(work, server, ours)
    finally:
        server.stop()
    return figures


def memory(work, server, ours):
    """Write the largest image that there can be to a disk that keeps nothing.

    :returns: list of figures.
    """
    record = large_image.publish(server.root)
    disk = large_image.NullDisk(work / "disk", large_image.SIZE)
    try:
        told = {name: ours.write(record, disk, renew=name != "fresh") for name in ("fresh", "compared first")}
    finally:
        disk.remove()
    return [figure(f"1 TiB with a million ranges, {name}: peak memory of the writer", one["memory"] / MIB, "MiB", 256) for name, one in told.items()]


def compare(disk, ours, first, second, ways):
    """Write to one disk in every way.

    :param first: record of the image.
    :param second: record of the image that differs.
    :param ways: the other ways, as ``others`` returns them.
    :returns: list of figures.
    """
    mapped = first["manifest"]["mapped_size"]
    best, told = {}, {}

    def keep(name, seconds):
        best[name] = min(seconds, best.get(name, seconds))
        print(f"{disk.name}: {name}: {seconds:.2f} s", flush=True)

    for dummy in range(ROUNDS):
        # What takes a second is disturbed more than what takes many, and takes more turns for it.
        for dummy in range(TURNS):
            keep(LIMIT, limit(mapped, disk))
            keep("reading the mapped bytes alone by dd", limit(mapped, disk, reading=True))
            disk.clear()
            for name, image in (("fresh", first), ("the same image again", first), ("5 % changed", second)):
                told[name] = ours.write(image, disk)
                keep(f"ours, {name}", told[name]["wall"])
                keep(f"ours, {name}: CPU of the writer", told[name]["cpu"])
        for name, way in ways.items():
            disk.clear()
            keep(name, way(disk))
    disk.clear()
    ours.write(first, disk)
    ours.write(second, disk)
    disk.check(second["digest"])
    fresh, again, new = told["fresh"], told["the same image again"], told["5 % changed"]
    return [figure(name, seconds, "s") for name, seconds in best.items()] + [
        figure("ours fresh, in times of the limit", best["ours, fresh"] / best[LIMIT], "times", 1.5),
        figure("ours fresh, in times of the best other", best["ours, fresh"] / min(best[name] for name in ways), "times", 0.5),
        figure("ours fresh: bytes on the wire, of the image as one frame of zstd", 100 * fresh["wire"] / ours.one_frame, "%", 100),
        figure("the same image again, in times of ours fresh", best["ours, the same image again"] / best["ours, fresh"], "times", 0.7),
        figure("the same image again: mapped bytes that had to be written", mapped - again["bytes_unchanged"], "bytes", 0),
        figure("the same image again: both ends of the disk, put back", again["bytes_written"], "bytes"),
        figure("the same image again: bytes on the wire, of those of a fresh write", 100 * again["wire"] / fresh["wire"], "%", 1),
        figure("5 % changed: bytes written, of the mapped", 100 * new["bytes_written"] / mapped, "%", 7),
        figure("peak memory of the writer", max(one["memory"] for one in told.values()) / MIB, "MiB", 256),
    ]


if __name__ == "__main__":
    (ROOT / "build").mkdir(exist_ok=True)
    place = pathlib.Path(tempfile.mkdtemp(prefix="bench-image-", dir=ROOT / "build"))
    try:
        measured = measure(place)
    finally:
        shutil.rmtree(place)
    sys.exit(report("image", measured))
