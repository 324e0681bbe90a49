# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks that appear late: controllers and enclosures take their time after the machine has booted."""

from __future__ import annotations

import time

from .._errors import BaremetalError
from .arrays import disks_for
from .hints import NoMatch, select
from .partitions import settle

# Seconds that a disk gets to appear, and between two looks.
PATIENCE = 30
INTERVAL = 1
# Seconds that controllers get to look for their disks; one of SAS takes up to 300, after which its driver (mpt3sas) gives up.
SCAN_PATIENCE = 330


def wait_for_scans():
    """Wait until the controllers of this machine have looked for their disks, so that a list of these is whole.

    udev loads their drivers, and the kernel ends the loading of a module only when the scans that it began are over, also those in the background
    (async_synchronize_full in do_init_module). Where all that is over, nothing is waited for. Raises BaremetalError when it takes too long.
    """
    try:
        settle(patience=SCAN_PATIENCE)
    except BaremetalError as error:
        raise BaremetalError(
            "this machine still looks for its devices, and not all of its disks may be known yet", stage="disks", seen=error.what,
            cure="Look at the kernel log (dmesg) for a controller or a disk that does not answer, and mend it or take it out.") from None


def find_disk(hints, *, skip=(), list_disks=None, patience=PATIENCE, node=None):
    """Return the one disk of this machine that meets the hints, and wait for it while none does.

    hints, skip: as select takes them. list_disks: function that returns the disks, those of arrays.disks_for without it. patience: seconds.
    Raises BaremetalError for bad hints and several matches at once, for no match when the time is over.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return select(list_disks() if list_disks else disks_for(hints, skip), hints, skip, node=node)
        except NoMatch as error:
            if time.monotonic() >= deadline:
                raise NoMatch(error.what, node=node, stage=error.stage, seen="%s, for %d s" % (error.seen, patience), cure=error.cure) from None
        time.sleep(INTERVAL)
        settle(node=node)
