# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ways of writing an image that the image benchmark compares."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time

from ansible_collections.rackwright.baremetal.plugins.module_utils._image import publish

from .figures import ROOT, figure

MIB = 1024 ** 2
ROUNDS = 3
# From here the benchmark itself imports, too.
COLLECTIONS = ROOT / "build" / "collections"

# In a process of its own, as in the ramdisk; VmHWM is the peak of this program alone, without what it was forked from.
_WRITER = """
import json, sys, time
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.publication import fetch_image
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.renewal import resembles
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.writer import write_image
url, digest, manifest_digest, device, renew = sys.argv[1:]
begun = time.monotonic()
image = fetch_image(url, digest, manifest_digest)
told = write_image(image, device, renew=bool(renew) or resembles(image, device))
told["wall"] = time.monotonic() - begun
told["cpu"] = time.process_time()
with open("/proc/self/status") as status:
    told["memory"] = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
print(json.dumps(told))
"""


def _timed(*command):
    begun = time.monotonic()
    subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - begun


def limit(mapped, disk, reading=False):
    """Seconds that as many bytes as are mapped take, one after the other, to the disk or from it."""
    if reading:
        return _timed("dd", f"if={disk.device}", "of=/dev/null", "bs=4M", f"count={mapped}", "iflag=count_bytes,direct")
    disk.clear()
    return _timed("dd", "if=/dev/zero", f"of={disk.device}", "bs=4M", f"count={mapped}", "iflag=count_bytes", "oflag=direct", "conv=fdatasync")


def others(work, raw, published):
    """The other ways.

    :param raw: the raw image.
    :param published: directory of its published form, which bmaptool reads.
    :returns: {name: function that takes a disk, writes the image and returns seconds}.
    """
    plain, packed = work / "plain.qcow2", work / "packed.qcow2"
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, plain], check=True)
    subprocess.run(["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", raw, packed], check=True)
    convert = ("qemu-img", "convert", "-f", "qcow2", "-O", "host_device")
    return {
        "dd of the raw file": lambda disk: _timed("dd", f"if={raw}", f"of={disk.device}", "bs=4M", "oflag=direct", "conv=fdatasync"),
        "qemu-img convert of compressed qcow2": lambda disk: _timed(*convert, "-t", "directsync", "-S", "0", "-W", packed, disk.device),
        "qemu-img convert of uncompressed qcow2": lambda disk: _timed(*convert, "-t", "none", "-W", plain, disk.device),
        "bmaptool copy": lambda disk: _timed("bmaptool", "copy", "--bmap", published / publish.MAP, published / publish.DISK, disk.device),
    }


class Ours:
    """Publishing and writing by this collection.

    :ivar one_frame: bytes of the image that was published first as ``zstd`` packs it by itself.
    """

    def __init__(self, server):
        self._server = server
        self.one_frame = None

    def publish(self, name, raw):
        """Publish a raw image.

        :returns: its record, and figures of the publishing.
        """
        with open(raw, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        begun = time.monotonic()
        record = publish.publish(name, str(raw), digest, str(self._server.root))[1]
        seconds = time.monotonic() - begun
        mapped = record["manifest"]["mapped_size"]
        if self.one_frame is None:
            packed = subprocess.Popen(["zstd", "-3", "-T0", "-q", "-c", raw], stdout=subprocess.PIPE)
            self.one_frame = sum(len(piece) for piece in iter(lambda: packed.stdout.read(MIB), b""))
            packed.wait()
        return record, [
            figure("publishing", seconds, "s"),
            figure("publishing, mapped data", mapped / MIB / seconds, "MiB/s"),
            figure("publishing, size of the image", record["virtual_size"] / MIB / seconds, "MiB/s"),
            figure("data in the image", mapped / MIB, "MiB"),
            figure("published file", record["manifest"]["compressed_size"] / MIB, "MiB"),
        ]

    def write(self, record, disk, renew=False):
        """Write a published image.

        :param renew: compare first, whatever the disk holds.
        :returns: what the writer told, with wall and cpu (seconds), memory (bytes) and wire (bytes that the server sent).
        """
        self._server.sent()
        done = subprocess.run(
            [sys.executable, "-c", _WRITER, self._server.url + record["path"], record["digest"], record["manifest_digest"], disk.device,
             "renew" if renew else ""],
            check=True, stdout=subprocess.PIPE, text=True, env=dict(os.environ, PYTHONPATH=str(COLLECTIONS)))
        return dict(json.loads(done.stdout), wire=self._server.sent())
