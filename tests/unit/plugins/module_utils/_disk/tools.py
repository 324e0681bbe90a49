# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running programs and making partition tables in tests."""

from __future__ import annotations

import os
import struct
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


def write_superblock(device, name, level, disks, *, at_end=False, uuid=bytes(range(16))):
    """Make a device the member of a software RAID that never runs: a superblock of version 1.2, or at the end 1.0 (linux/raid/md_p.h), with its checksum."""
    with open(device, "r+b") as stream:
        sectors = stream.seek(0, os.SEEK_END) // 512
        place = (sectors - 16) // 8 * 8 if at_end else 8
        block = bytearray(256 + 2 * 128)
        struct.pack_into("<II", block, 0, 0xA92B4EFC, 1)
        block[16:32] = uuid
        block[32:32 + len(name)] = name.encode()
        struct.pack_into("<QII", block, 64, 1700000000, level, 0)
        struct.pack_into("<QII", block, 80, 8192, 0, disks)
        struct.pack_into("<QQQ", block, 128, 0 if at_end else 2048, 8192, place)
        block[168:184] = bytes(range(16, 32))
        struct.pack_into("<QQQ", block, 192, 1700000000, 1, 0xFFFFFFFFFFFFFFFF)
        struct.pack_into("<I", block, 220, 128)
        total = sum(struct.unpack("<%dI" % (len(block) // 4), block))
        struct.pack_into("<I", block, 216, ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF)
        stream.seek(place * 512)
        stream.write(block)
        stream.flush()
        os.fsync(stream.fileno())
