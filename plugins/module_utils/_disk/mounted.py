# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looking into the root file system of an image: mounted for a moment, and never followed out of."""

from __future__ import annotations

import contextlib
import os
import tempfile

from .commands import run

# Where the root of a system may be in its file system: btrfs has it in a subvolume as a rule.
ROOTS = ((), ("@",), ("root",))


@contextlib.contextmanager
def mounted(partition, kind, *, options="ro", node=None, stage=None, runner=run):
    """Mount a file system and yield the folder.

    kind: file system as mount takes it. options: ro or rw. Raises BaremetalError when it cannot be mounted.
    """
    with tempfile.TemporaryDirectory(prefix="root-") as folder:
        runner(["mount", "-t", kind, "-o", options + ",nosuid,nodev", partition, folder], node=node, stage=stage)
        try:
            yield folder
        finally:
            runner(["umount", folder], node=node, stage=stage)


def folder_below(mount, parts):
    """Return the folder below a mounted root, or None when it is not there or a link is on the way: that would lead out of the image."""
    place = mount
    for part in parts:
        place = os.path.join(place, part)
        if os.path.islink(place) or not os.path.isdir(place):
            return None
    return place
