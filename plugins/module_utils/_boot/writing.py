# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the file system of a boot server refuses, as errors that a person can act on. Private to the collection; may change at any time."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil

from .._errors import BaremetalError

_STAGE = "boot files"
_BECOME = "have the task done as root on the boot server (ansible_become: true for that host), which is who made its directories"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_DENIED = (errno.EACCES, errno.EPERM)


def refuse_read_only(directories):
    """Make sure that files can be made in directories, before the first one is; also for check mode, which makes none.

    :param directories: paths; what is not there is not looked at.
    :raises BaremetalError: naming those in which none can.
    """
    closed = [str(path) for path in directories if os.path.isdir(path) and not os.access(path, os.W_OK | os.X_OK, effective_ids=True)]
    if closed:
        raise BaremetalError("the boot files cannot be written", stage=_STAGE, seen=f"user id {os.geteuid()} may not write in {', '.join(closed)}",
                             cure=f"{_BECOME}; as root, look whether the file system is mounted read-only")


@contextlib.contextmanager
def explained(root):
    """Inside, an OSError becomes a BaremetalError.

    :param root: boot_server_root.
    :raises BaremetalError: instead, with the path, and what to do where it is known.
    """
    try:
        yield
    except OSError as error:
        seen = f"{error.filename or root}: {error.strerror or error}"
        if error.errno in _FULL:
            with contextlib.suppress(OSError):
                seen = f"{seen}, {shutil.disk_usage(root).free} bytes free in {root}"
            cure = f"make room in the file system of {root}, a ramdisk's medium needs its size once per node; then run the same command again"
        elif error.errno in _DENIED:
            cure = _BECOME
        else:
            cure = f"look at the file system of {root} and at the kernel log of the boot server, then run the same command again"
        raise BaremetalError("the boot files cannot be written", stage=_STAGE, seen=seen, cure=cure) from error
