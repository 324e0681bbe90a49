# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Publishing images below the HTTP root of the boot server.

``<root>/images/<name>/<first 16 hex digits of the digest>/`` holds disk.raw.zst, disk.bmap and
manifest.json. Such a directory appears complete, by one rename, and never changes afterwards: a
node that reads it while another content of the same name is published is not disturbed.
``<root>/images/<name>/sources.json`` remembers which source digest led to which directory with
which manifest, so that the same source is never converted twice.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
import time

from . import blockmap, checksum, seekable, source as sources
from .._errors import BaremetalError
from .formats import WHOLE_DISK
from .publication import DISK, MANIFEST, MAP
from .sbom import publish_sbom
from .store import store
from .stream import shown

_SOURCES = "sources.json"
_STAGE = "publish the image"
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")
# Seconds to wait for another publisher of the same image, and between two looks.
_LOCK_TIMEOUT = 3600
_LOCK_INTERVAL = 0.5


def publish(name, src, expected, root, check_mode=False, log=lambda text: None, image_type=WHOLE_DISK):
    """Make sure that an image is published.

    :param name: name of the image.
    :param src: absolute path, file URL, http or https URL of the source, as seen from this machine.
    :param expected: checksum of the source, in any form that :func:`.checksum.parse` takes.
    :param root: HTTP root directory of the boot server.
    :param check_mode: change nothing.
    :param log: function that takes a line for a log.
    :param image_type: what the source must be, one of :data:`.formats.TYPES`.
    :returns: ``(changed, image)``; image is the record of the image, or None in check mode when
        it is not published yet, because its digest is not known before.
    :raises BaremetalError: when the source cannot be had, proved or stored.
    """
    _check_name(name)
    wanted = checksum.parse(expected, src, sources.read_checksum_file)
    home = os.path.join(root, "images", name)
    images = os.path.join(root, "images")
    published = _published(home, name, str(wanted), src, image_type)
    if published:
        return _with_sbom(False, published, src, root, wanted, check_mode)
    if check_mode:
        sources.check_reachable(src, image_type)
        return True, None
    seekable.need_zstandard()
    if not os.path.isdir(root):
        raise BaremetalError("the HTTP root of the boot server is no directory", stage=_STAGE,
                             seen=root, cure="set up the boot server first, or correct the option root")
    with _failures_explained(images):
        os.makedirs(images, mode=0o755, exist_ok=True)
        with _lock(images, name):
            published = _published(home, name, str(wanted), src, image_type)
            if published:
                return _with_sbom(False, published, src, root, wanted)
            return _with_sbom(*_publish(name, src, wanted, images, home, log, image_type), src, root, wanted)


def _with_sbom(changed, image, src, root, wanted, check_mode=False):
    """Publish the bill of materials that lies beside the source, too."""
    with _failures_explained(os.path.join(root, "images")):
        fresh, name = publish_sbom(src, os.path.join(root, image["path"]), wanted, check_mode)
    return changed or fresh, {**image, "sbom": f"{image['path']}{name}" if name else None}


def withdraw(name, root, check_mode=False):
    """Make sure that no image of a name is published.

    :param name: name of the image.
    :param root: HTTP root directory of the boot server.
    :param check_mode: change nothing.
    :returns: whether there was one.
    :raises BaremetalError: when it cannot be removed.
    """
    _check_name(name)
    images = os.path.join(root, "images")
    home = os.path.join(images, name)
    if not os.path.isdir(home):
        return False
    if not check_mode:
        with _failures_explained(images), _lock(images, name), _workspace(images, name) as work:
            if os.path.isdir(home):
                os.rename(home, os.path.join(work, "withdrawn"))
                _sync_directory(images)
    return True


def current(name, root):
    """The newest published content of a name, as its manifest tells, or None.

    :param name: name of the image.
    :param root: HTTP root directory of the boot server.
    """
    _check_name(name)
    home = os.path.join(root, "images", name)
    manifests = []
    for entry in os.listdir(home) if os.path.isdir(home) else []:
        with contextlib.suppress(OSError, ValueError):
            manifests.append(_read_manifest(os.path.join(home, entry))[0])
    return max(manifests, key=lambda manifest: manifest["published_at"], default=None)


def _check_name(name):
    if not _NAME.match(name):
        raise BaremetalError("the name of the image cannot be part of an address", stage=_STAGE, seen=repr(name),
                             cure="use at most 64 letters, digits, dots, hyphens, underscores and plus signs, the first a letter or digit")


@contextlib.contextmanager
def _failures_explained(images):
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            where = images if os.path.isdir(images) else os.path.dirname(images)
            free = shutil.disk_usage(where).free
            raise BaremetalError("there is not enough space to publish the image; nothing was left behind", stage=_STAGE,
                                 seen=f"{error.strerror}, {free} bytes free in {where}", cure="make room there, then run the same command again") from error
        raise BaremetalError("the image cannot be published; nothing was left behind", stage=_STAGE, seen=str(error),
                             cure="look at the directory's permissions and at the kernel log of the boot server") from error


@contextlib.contextmanager
def _lock(images, name):
    """Keep other publishers of the same name away; wait for one that is at work."""
    path = os.path.join(images, f".{name}.lock")
    deadline = time.monotonic() + _LOCK_TIMEOUT
    descriptor = _try_lock(path)
    while descriptor is None:
        if time.monotonic() > deadline:
            raise BaremetalError(f"another publisher of {name} is at work", stage=_STAGE, seen=f"{path} is locked for more than {_LOCK_TIMEOUT} s",
                                 cure="wait for it, or end it, then run the same command again")
        time.sleep(_LOCK_INTERVAL)
        descriptor = _try_lock(path)
    try:
        yield
    finally:
        os.unlink(path)
        os.close(descriptor)


def _try_lock(path):
    """Descriptor of the locked file, or None when another process holds the lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The former holder removes the file; a lock on a removed file keeps nobody out.
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


@contextlib.contextmanager
def _workspace(images, name):
    """A temporary directory beside the images; those of killed publishers are removed first."""
    prefix = f".{name}.tmp-"
    for entry in os.listdir(images):
        if entry.startswith(prefix):
            shutil.rmtree(os.path.join(images, entry))
    work = tempfile.mkdtemp(prefix=prefix, dir=images)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _publish(name, src, wanted, images, home, log, image_type):
    with _workspace(images, name) as work:
        raw = sources.obtain(src, wanted, work, image_type)
        log(f"{shown(src)} is {raw.format} with a {f'{raw.table} partition table' if raw.table else f'{raw.file_system} file system'}")
        begun = time.monotonic()
        made = os.path.join(work, "made")
        os.mkdir(made)
        stored = store(raw.path, os.path.join(made, DISK))
        if raw.unproved and stored.digest != raw.unproved.hex:
            raise sources.mismatch(raw.unproved, f"sha256:{stored.digest}", src)
        sources.check_unchanged(raw.path, raw.identity)
        block_map = blockmap.render(stored.block_map)
        manifest = {
            "version": 1,
            "name": name,
            "digest": f"sha256:{stored.digest}",
            "virtual_size": stored.block_map.image_size,
            "mapped_size": stored.block_map.mapped_blocks * blockmap.BLOCK_SIZE,
            "compressed_size": stored.compressed_size,
            "compressed_digest": f"sha256:{stored.compressed_digest}",
            "frame_size": seekable.FRAME_SIZE,
            "seek_table_size": stored.table_size,
            "seek_table_digest": f"sha256:{stored.table_digest}",
            "bmap_digest": f"sha256:{hashlib.sha256(block_map).hexdigest()}",
            "image_type": image_type,
            "partition_table": raw.table,
            "file_system": raw.file_system,
            "sector_size": raw.sector,
            "source_format": raw.format,
            "source_digest": str(wanted),
            "published_at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        }
        log(f"{manifest['virtual_size']} bytes, {manifest['mapped_size']} of them mapped, stored as {stored.compressed_size} bytes "
            f"in {time.monotonic() - begun:.1f} s")
        place = stored.digest[:16]
        target = os.path.join(home, place)
        pins = {known["directory"]: known["manifest_digest"] for known in _sources(home).values()}
        changed = not _intact(target, pins.get(place))
        if changed:
            manifest_text = json.dumps(manifest, indent=2, sort_keys=True).encode() + b"\n"
            pins[place] = f"sha256:{hashlib.sha256(manifest_text).hexdigest()}"
            _write(os.path.join(made, MAP), block_map)
            _write(os.path.join(made, MANIFEST), manifest_text)
            os.chmod(os.path.join(made, DISK), 0o644)
            os.chmod(made, 0o755)
            _sync_directory(made)
        # Everything that takes space comes before the first visible change.
        memory = os.path.join(work, _SOURCES)
        _write(memory, _memory(home, str(wanted), place, pins[place]))
        if changed:
            _move_into_place(made, target, home, work)
        os.rename(memory, os.path.join(home, _SOURCES))
        _sync_directory(home)
        return changed, _record(name, target, src)


def _move_into_place(made, target, home, work):
    if not os.path.isdir(home):
        os.mkdir(home)
        os.chmod(home, 0o755)
        _sync_directory(os.path.dirname(home))
    if os.path.lexists(target):
        # Damaged, or it would have been kept.
        os.rename(target, os.path.join(work, "damaged"))
    try:
        os.rename(made, target)
        _sync_directory(home)
    except OSError:
        with contextlib.suppress(OSError):
            os.rmdir(home)
        raise


def _write(path, data):
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(path, 0o644)


def _sync_directory(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sources(home):
    """What is remembered: {source digest: {directory, manifest_digest}}."""
    try:
        with open(os.path.join(home, _SOURCES), encoding="utf-8") as file:
            return {digest: {"directory": entry["directory"], "manifest_digest": entry["manifest_digest"]} for digest, entry in json.load(file).items()}
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        # Only a memory: without it the source is converted once more.
        return {}


def _memory(home, source_digest, place, manifest_digest):
    known = {digest: entry for digest, entry in _sources(home).items() if os.path.isdir(os.path.join(home, entry["directory"]))}
    known[source_digest] = {"directory": place, "manifest_digest": manifest_digest}
    for entry in known.values():
        if entry["directory"] == place:
            entry["manifest_digest"] = manifest_digest
    return json.dumps(known, indent=2, sort_keys=True).encode() + b"\n"


def _read_manifest(directory):
    with open(os.path.join(directory, MANIFEST), "rb") as file:
        data = file.read()
    manifest = json.loads(data)
    if not isinstance(manifest, dict) or not manifest.get("digest") or not manifest.get("published_at"):
        raise ValueError("not a manifest")
    return manifest, hashlib.sha256(data).hexdigest()


def _intact(directory, manifest_digest):
    """Whether a published directory is complete and holds what was published: a writer that finds damage asks for it to be published again."""
    try:
        manifest, digest = _read_manifest(directory)
        with open(os.path.join(directory, MAP), "rb") as file:
            same_map = manifest["bmap_digest"] == f"sha256:{hashlib.sha256(file.read()).hexdigest()}"
        disk = hashlib.sha256()
        with open(os.path.join(directory, DISK), "rb") as file:
            while block := file.read(1 << 20):
                disk.update(block)
    except (OSError, ValueError, KeyError):
        return False
    return same_map and manifest.get("compressed_digest") == f"sha256:{disk.hexdigest()}" and f"sha256:{digest}" == manifest_digest


def _published(home, name, source_digest, src, image_type):
    known = _sources(home).get(source_digest)
    if known is None:
        return None
    directory = os.path.join(home, known["directory"])
    record = _record(name, directory, src) if _intact(directory, known["manifest_digest"]) else None
    if record and record["image_type"] != image_type:
        raise BaremetalError("the image is of another type than was asked for", stage=_STAGE, seen=f"it is published as {record['image_type']}",
                             cure=f"say type: {record['image_type']}, or correct the source")
    return record


def _record(name, directory, src):
    manifest, digest = _read_manifest(directory)
    return {
        "name": name,
        "digest": manifest["digest"],
        "virtual_size": manifest["virtual_size"],
        "format": manifest["source_format"],
        # Images that were published before there was another type do not say.
        "image_type": manifest.get("image_type", WHOLE_DISK),
        "source": shown(src) if "://" in src else src,
        "published_at": manifest["published_at"],
        "path": f"images/{name}/{os.path.basename(directory)}/",
        "manifest": manifest,
        "manifest_digest": f"sha256:{digest}",
    }
