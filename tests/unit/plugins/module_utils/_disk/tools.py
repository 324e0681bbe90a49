# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running programs and making partition tables in tests."""

from __future__ import annotations

import subprocess

from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import partitions


def run(*arguments, **options):
    """Run a program that must succeed and return what it printed."""
    done = subprocess.run([str(word) for word in arguments], check=True, stdout=subprocess.PIPE, text=True, **options)
    return done.stdout.strip()


def table(device, kind, *lines):
    """Write a partition table; sfdisk does it at once, where sgdisk waits a second after each."""
    run("sfdisk", "--no-reread", "--no-tell-kernel", device, input="label: %s\n%s\n" % (kind, "\n".join(lines)))
    partitions.reread(device)


def gpt(device, *sizes):
    """Make a GPT with partitions of these sizes."""
    table(device, "gpt", *("size=" + size for size in sizes))


def mbr(device, *lines):
    """Make an MBR with these lines for sfdisk."""
    table(device, "dos", *lines)
