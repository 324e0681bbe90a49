# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which datasource cloud-init uses: told before the first boot, read after it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile

from .._errors import BaremetalError
from .commands import run
from .config_drive import LABELS
from .devices import partitions
from .mounted import ROOTS, folder_below
from .partitions import label, settle
from .system import read_text

STAGE = "cloud-init"
RUN = "/run/cloud-init"
# By the label of the config drive; cloud-init's names.
DATASOURCES = dict(zip(LABELS, ("ConfigDrive", "NoCloud")))
FILE_SYSTEMS = ("ext4", "ext3", "ext2", "xfs", "btrfs")
FOLDER = ("etc", "cloud", "cloud.cfg.d")
# Behind the files of images, of which the last one wins.
FILE = "99-rackwright-datasource.cfg"


def used(run_dir=RUN):
    """Return (datasource, detail): the name of the datasource that cloud-init used at this boot, and its own words on it.

    (None, None) where cloud-init has not run. The words are from result.json; where that is not written yet, from status.json.
    """
    for name in ("result.json", "status.json"):
        try:
            detail = json.loads(read_text(os.path.join(run_dir, name)) or "")["v1"]["datasource"]
        except (ValueError, KeyError, TypeError):
            continue
        found = re.match(r"DataSource(\w+)", detail) if isinstance(detail, str) else None
        if found:
            # The datasources that run before the network is up have a name of their own, DataSourceNoCloudNet for instance.
            return re.sub(r"(Net|Local)$", "", found.group(1)), detail
    return None, None


def pin(device, config_drive, *, root=None, node=None, runner=run):
    """Tell the system on a disk that its cloud-init shall look at the config drive alone.

    device: a disk that carries an image and a config drive. config_drive: the partition with it. root: the only partition to look into, where
    that is known: mounting an ext file system writes to it when its journal is not empty. A file is written into
    /etc/cloud/cloud.cfg.d of the partition that has such a folder; with this list, ds-identify searches no further either.
    Returns that partition, or None when there is none whose file system can be mounted. Raises BaremetalError when it
    cannot be written.
    """
    datasource = DATASOURCES[(label(config_drive, node=node) or "").lower()]
    text = "# Written by rackwright.baremetal: the config drive is on this disk.\ndatasource_list: [%s, None]\n" % datasource
    for partition in [root] if root else [path for _number, path in partitions(device)]:
        argv = ["blkid", "-p", "-s", "TYPE", "-o", "value", partition]
        kind = runner(argv, node=node, stage=STAGE, ok=(0, 2)).decode().strip()
        if kind in FILE_SYSTEMS and _write(partition, kind, text, node, runner):
            settle(node=node)
            return partition
    return None


def _write(partition, kind, text, node, runner):
    with tempfile.TemporaryDirectory(prefix="root-") as mount:
        try:
            runner(["mount", "-t", kind, "-o", "ro,nosuid,nodev", partition, mount], node=node, stage=STAGE)
        except BaremetalError:
            # Another generation of the file system, or a part of something larger.
            return False
        try:
            root = next((parts for parts in ROOTS if folder_below(mount, parts + FOLDER) is not None), None)
            if root is None:
                return False
            runner(["mount", "-o", "remount,rw", mount], node=node, stage=STAGE)
            _create(mount, root, text, partition, node)
        finally:
            runner(["umount", mount], node=node, stage=STAGE)
    return True


def _create(mount, root, text, partition, node):
    place = os.path.join(folder_below(mount, root + FOLDER), FILE)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(place)
        # O_EXCL follows no link (open(2)).
        with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as stream:
            stream.write(text)
            os.fchmod(stream.fileno(), 0o644)
            os.fsync(stream.fileno())
    except OSError as error:
        raise BaremetalError(
            "the datasource of cloud-init cannot be pinned on %s" % partition,
            node=node,
            stage=STAGE,
            seen=error.strerror,
            cure="Set deploy_pin_datasource to false, and pin the datasource when the image is built.",
        ) from None
