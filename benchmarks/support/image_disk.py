# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the image benchmark works with: an image, a boot server and a disk."""

from __future__ import annotations

import hashlib
import os
import pathlib
import random
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

from ansible_collections.rackwright.baremetal.plugins.module_utils._image.blockmap import data_extents
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.image_builders import gpt

MIB = 1024 ** 2
SIZE = 10 * 1024 * MIB
DATA = 1024 * MIB
CHANGED = 0.05  # of the data, in the second image

_NGINX = """
daemon off; pid {work}/nginx.pid; error_log {work}/nginx.error;
events {{ }}
http {{
  sendfile on; keepalive_timeout 60;
  log_format wire "$bytes_sent"; access_log {work}/access.log wire;
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


def make_image(work):
    """Make the image, and a second one in which 5 % of the data differs in pieces of up to 256 KiB, as after an update.

    A GPT and one ext4 that holds files of this machine's /usr: what an operating system is made of.

    :param work: directory for both.
    :returns: their paths.
    """
    tree, first, second = work / "tree", work / "first.raw", work / "second.raw"
    _fill(tree)
    with open(first, "wb") as file:
        file.truncate(SIZE)
        file.write(gpt(SIZE))
    subprocess.run(["/usr/sbin/mkfs.ext4", "-q", "-F", "-d", tree, "-E", f"offset={MIB},lazy_itable_init=1,lazy_journal_init=1", first,
                    f"{SIZE // MIB - 2}M"], check=True)
    shutil.rmtree(tree)
    subprocess.run(["cp", "--sparse=always", first, second], check=True)
    chance = random.Random(1)
    with open(second, "r+b") as file:
        # Not the partition table.
        extents = [extent for extent in data_extents(file.fileno(), SIZE) if extent[0] >= MIB]
        left = int(DATA * CHANGED)
        while left > 0:
            start, end = chance.choice(extents)
            size = min(end - start, chance.choice([1, 4, 16, 64]) * 4096, left)
            file.seek(start + chance.randrange((end - start - size) // 4096 + 1) * 4096)
            # Half of it packs well.
            file.write((chance.randbytes(2048) + bytes([1]) * 2048) * (size // 4096))
            left -= size
    os.sync()
    return first, second


def _fill(tree):
    left = DATA
    for folder, folders, names in os.walk("/usr"):
        folders.sort()
        for name in sorted(names):
            path = pathlib.Path(folder, name)
            if path.is_symlink() or not path.is_file():
                continue
            copy = tree / path.relative_to("/usr")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            left -= path.stat().st_size
            if left <= 0:
                return
    raise RuntimeError(f"/usr has too few files: {left} bytes are missing")


class BootServer:
    """nginx on the loopback, with a log of the bytes that it sends, headers included.

    :ivar root: its directory.
    :ivar url: its address.
    """

    def __init__(self, work):
        self.root, self._log = work / "http", work / "access.log"
        self.root.mkdir(exist_ok=True)
        # Its workers run as another user.
        for path in (work, self.root):
            path.chmod(0o755)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/"
        (work / "nginx.conf").write_text(_NGINX.format(work=work, port=port, root=self.root))
        self._process = subprocess.Popen([shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-c", work / "nginx.conf", "-e", work / "nginx.error"])
        for dummy in range(100):
            try:
                urllib.request.urlopen(self.url + "up").close()
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.1)

    def sent(self):
        """Bytes sent since it was asked last."""
        time.sleep(0.2)
        count = sum(int(line) for line in self._log.read_text().split())
        os.truncate(self._log, 0)
        return count

    def stop(self):
        """End it."""
        self._process.terminate()
        self._process.wait()


class LoopDisk:
    """A loop device of a file whose space is reserved, past the page cache.

    :ivar device: its path.
    """

    name = "loop device"

    def __init__(self, path, size):
        subprocess.run(["fallocate", "-l", str(size), path], check=True)
        self._path = path
        self._attach(path)

    def _attach(self, path):
        self.device = subprocess.run(["losetup", "--find", "--show", "--direct-io=on", path], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def clear(self):
        """Make it zero by the device's own means, and wait for all writing to end."""
        subprocess.run(["blkdiscard", "--force", "--zeroout", self.device], check=True, stderr=subprocess.DEVNULL)
        os.sync()

    def check(self, digest):
        """See that it holds an image.

        :raises RuntimeError: when it does not.
        """
        found = hashlib.sha256()
        with open(self.device, "rb") as file:
            for piece in iter(lambda: file.read(4 * MIB), b""):
                found.update(piece)
        if f"sha256:{found.hexdigest()}" != digest:
            raise RuntimeError("the disk does not hold the image that was written last")

    def remove(self):
        """Detach it, and make room."""
        subprocess.run(["losetup", "--detach", self.device], check=True)
        self._path.unlink()


class RackDisk(LoopDisk):
    """A disk as the machines of the virtual rack have: a raw file with QEMU's block layer in between, and the same options.

    There is no machine around it, because one without KVM would have its processor measured: QEMU serves the disk by NBD, and FUSE makes it the
    file of a loop device.
    """

    name = "virtual rack's disk"

    def __init__(self, path, size, content=None):
        with open(path, "xb") as file:
            file.truncate(size)
        self._path, self._place, socket_path = path, path.with_name(f"{path.name}.fuse"), path.with_name(f"{path.name}.socket")
        self._place.touch()
        self._processes = [subprocess.Popen([
            "qemu-nbd", "--cache=unsafe", "--discard=unmap", "--persistent", "--shared=0", f"--socket={socket_path}",
            *([content] if content else ["--format=raw", path])])]
        try:
            self._await(socket_path.exists)
            self._processes.append(subprocess.Popen(["nbdfuse", self._place, f"nbd+unix:///?socket={socket_path}"]))
            self._await(lambda: self._place.stat().st_size == size)
            self._attach(self._place)
        except BaseException:
            self._stop()
            raise

    @staticmethod
    def _await(happened):
        for dummy in range(100):
            if happened():
                return
            time.sleep(0.1)
        raise RuntimeError("QEMU does not hand the disk out")

    def _stop(self):
        for process in reversed(self._processes):
            process.terminate()
            process.wait()

    def remove(self):
        """Detach it, and end what it is made of."""
        try:
            super().remove()
        finally:
            self._stop()
