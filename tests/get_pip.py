#!/usr/bin/env python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installs pip and the packages named on the command line, without fetching pip itself."""

from __future__ import annotations

import subprocess
import sys

if __name__ == "__main__":
    # In a process of its own: ensurepip changes the environment of the one it runs in.
    subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"])
    packages = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
    if packages:
        subprocess.check_call([sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *packages])
