# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work on a disk that is cut short at any step."""

from __future__ import annotations

import ctypes
import os
import signal
import tempfile
import traceback

from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import commands

# Of unshare(2) and mount(2).
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000


def in_a_process_that_dies(work, number, folder):
    """Run work in a process that is killed when it is about to take its step of this number; its mounts die with it. Returns whether it was killed.

    A step is to start a program, or to wait until the disk has what was written. folder: for its temporary files.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    try:
        # What a killed process leaves to its children ends with them too.
        os.setsid()
        libc = ctypes.CDLL(None)
        if libc.unshare(CLONE_NEWNS) or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None):
            os._exit(2)
        left = [number]

        def dying(step):
            def counted(*arguments):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return step(*arguments)
            return counted

        # Asked for by whoever starts a program.
        commands.find_tool = dying(commands.find_tool)
        os.fdatasync = dying(os.fdatasync)
        tempfile.tempdir = str(folder)
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
