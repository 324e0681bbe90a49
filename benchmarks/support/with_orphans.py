# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a command, and end with it when all that it left behind has ended too, such as the heartbeat of a run.

Who waits for this process has waited for all of them, and counts what they used.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys

# prctl(2): processes whose parent ends become children of this one.
_PR_SET_CHILD_SUBREAPER = 36

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    code = subprocess.call(sys.argv[1:])
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    sys.exit(code)
