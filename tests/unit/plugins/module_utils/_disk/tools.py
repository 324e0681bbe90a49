# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running programs in tests."""

from __future__ import annotations

import subprocess


def run(*arguments, **options):
    """Run a program that must succeed and return what it printed."""
    done = subprocess.run([str(word) for word in arguments], check=True, stdout=subprocess.PIPE, text=True, **options)
    return done.stdout.strip()
