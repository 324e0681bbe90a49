# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the boot_server_info module: whether nodes would get what was published, looked at on the boot server over its own TFTP and HTTP."""

from __future__ import annotations

import hashlib
import pathlib
import socket
import urllib.parse

from .._boot import ipxe, node_files, ramdisk_store, tftp
from .._checks import FAIL, OK, SKIPPED, WARN, check, of_error, tried, worst
from .._door import Door
from .._errors import BaremetalError
from .._image.publication import fetch_image, seek_table
from .._image.stream import Stream
from ._options import REGISTRY

STAGE = "boot server"

_FIRST_SCRIPT = "boot.ipxe"
_LOADERS = (".efi", ".kpxe", ".pxe")
_PIECE = 1024 * 1024
_CONNECT = 5  # seconds; what reads images is more patient than a preflight can be


def before(call):
    """Fill in the images that the registry has; the boot server knows nothing of the registry."""
    if not call.registry_url or call.params["images"] is not None:
        return {}
    from .._registry import images  # see _registry_access.py
    from .._registry.store import open_registry

    engine = open_registry(call.registry_url, create=False, migrate=not call.check_mode)
    known = images.list_images(engine) if engine is not None else []
    wanted = call.params["image"]
    found = [{key: image[key] for key in ("name", "path", "digest", "manifest_digest")} for image in known if wanted in (None, image["name"])]
    # Its URL, which may hold a password, is of no use there.
    return {"images": found, "registry": None}


def run(call):
    """Look; nothing is changed. Runs on the boot server."""
    root, url, cache = call.params["root"], ipxe.base_url(call.params["url"]), call.params["cache"]
    checks = [tried("daemons", lambda: node_files.refuse_stopped_daemons(root, cache))]
    if cache:
        # It has nothing but images, which it fetches itself.
        checks.append(tried("http", lambda: _connect(url)))
    else:
        checks += [tried("tftp", lambda: _loaders(root, url)), _http(root, url, call.params["further_urls"])]
    works = checks[-1]["status"] != FAIL
    looks = {**({} if cache else {"ramdisk": lambda: _ramdisk(root, url)}), "images": lambda: _images(url, call.params["images"])}
    checks += [look() if works else check(name, SKIPPED, "HTTP does not work") for name, look in looks.items()]
    return {"changed": False, "status": worst(checks), "checks": checks}


def _loaders(root, url):
    """What firmware asks for first, as it asks for it."""
    files = sorted(path for path in pathlib.Path(root, "tftp").glob("*") if path.suffix in _LOADERS and path.is_file())
    if not files:
        raise BaremetalError("there is no boot loader to hand out", stage=STAGE, seen=f"none in {root}/tftp", cure="run boot_server.yml")
    address = urllib.parse.urlsplit(url).hostname
    for path in files:
        expected = path.read_bytes()
        if tftp.fetch(address, path.name, limit=len(expected)) != expected:
            raise BaremetalError("what answers by TFTP is not this boot server", stage=STAGE, seen=f"another {path.name} at {address} than {path}",
                                 cure="look for another server with that address")
    return ", ".join(path.name for path in files)


def _http(root, url, further):
    """The check of what is handed out; another URL that does not work is a warning, for it is that of some nodes, who may find it all the same."""
    found = tried("http", lambda: _script(root, url))
    for other in further if found["status"] != FAIL else ():
        looked = tried("http", lambda other=other: _script(root, ipxe.base_url(other)))
        if looked["status"] == FAIL:
            return {**looked, "status": WARN}
    return found


def _script(root, url):
    path = pathlib.Path(root, "http", _FIRST_SCRIPT)
    try:
        expected = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BaremetalError("the first boot script is not there", stage=STAGE, seen=f"{path}: {error.strerror}",
                             cure="run boot_server.yml, or set root to its boot_server_root") from error
    _connect(url)
    if _digest(f"{url}/{_FIRST_SCRIPT}") != expected:
        raise BaremetalError("what answers by HTTP is not this boot server", stage=STAGE, seen=f"another {_FIRST_SCRIPT} at {url} than {path}",
                             cure="correct boot_server_address and boot_server_http_port, or ramdisk_boot_server_url of the nodes, and look for another "
                                  "server with that address")


def _connect(url):
    parts = urllib.parse.urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port or 80), timeout=_CONNECT).close()
    except (OSError, ValueError) as error:
        # One for a port that is none.
        raise BaremetalError(f"nothing answers by HTTP at {url}", stage=STAGE, seen=getattr(error, "strerror", None) or error,
                             cure="run boot_server.yml; if it runs, check boot_server_address, boot_server_http_port, "
                                  "ramdisk_boot_server_url of the nodes and firewalls") from error


def _digest(url):
    """The sha256 of what is served, as hex digits."""
    digest, buffer = hashlib.sha256(), bytearray(_PIECE)
    with Stream(url, STAGE) as stream:
        while count := stream.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
    return digest.hexdigest()


def _ramdisk(root, url):
    """The ramdisks of all architectures, or what is wrong with one."""
    checks = [_ramdisk_of(root, url, architecture) for architecture in ramdisk_store.architectures(root) or [None]]
    return next((found for found in checks if found["status"] != OK), {**checks[0], "seen": ", ".join(found["seen"] for found in checks)})


def _ramdisk_of(root, url, architecture):
    try:
        ramdisk = ramdisk_store.current(root, architecture)
        paths = {**{part: ramdisk[part] for part in ("kernel", "initrd", "shim", "grub") if part in ramdisk},
                 **({"medium": ramdisk["medium"]["path"]} if "medium" in ramdisk else {})}
        # Of a ramdisk of earlier days it is not known what all of them should be.
        served = {part: _digest(f"{url}/{path}") for part, path in paths.items() if part in ramdisk["sha256"] or part in ("kernel", "initrd")}
    except BaremetalError as error:
        return of_error("ramdisk", FAIL, error)
    if not ramdisk["sha256"]:
        return check("ramdisk", WARN, "kernel and initrd are served, and no digest of them was recorded when they were built",
                     "build the ramdisk anew with ramdisk.yml and another ramdisk_revision")
    wrong = [f"{url}/{paths[part]}: sha256 {digest}, built was {ramdisk['sha256'].get(part)}"
             for part, digest in served.items() if digest != ramdisk["sha256"].get(part)]
    if wrong:
        return check("ramdisk", FAIL, "; ".join(wrong), f"delete {root}/http/{pathlib.PurePath(ramdisk['kernel']).parent} and run ramdisk.yml")
    return check("ramdisk", OK, ramdisk["digest"][:16])


def _images(url, images):
    """Manifest, block map and seek table, against the registry; the blocks themselves are verified while they are written."""
    if not images:
        return check("images", SKIPPED, "the registry has no image to look for")
    wrong, cures = [], []
    for image in images:
        try:
            seek_table(fetch_image(f"{url}/{image['path']}", image["digest"], image["manifest_digest"]))
        except BaremetalError as error:
            wrong.append(f"{image['name']}: {error.what}" + (f" ({error.seen})" if error.seen else ""))
            cures.append(error.cure or "publish the image again")
    if wrong:
        return check("images", FAIL, "; ".join(wrong), "; ".join(dict.fromkeys(cures)))
    return check("images", OK, ", ".join(image["name"] for image in images))


DOOR = Door(
    argument_spec={
        "root": {"type": "path", "default": "/srv/rackwright"},
        "url": {"type": "str", "required": True},
        "further_urls": {"type": "list", "elements": "str", "default": []},
        "cache": {"type": "bool", "default": False},
        "image": {"type": "str"},
        "images": {"type": "list", "elements": "dict", "options": {
            "name": {"type": "str", "required": True}, "path": {"type": "str", "required": True}, "digest": {"type": "str", "required": True},
            "manifest_digest": {"type": "str", "required": True}}},
        **REGISTRY,
    },
    run=run,
    before=before,
    names_node=False,
)
