# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the arguments of a burn-in must be, beyond their types: for the plan of a cleaning, and for the ramdisk. Private; may change at any time."""

from __future__ import annotations

import re

_LEAST = {"runtime": 1, "workers": 0, "loops": 1}
_VM_BYTES = re.compile(r"([1-9]|[1-9][0-9]|100)%|[1-9][0-9]{0,11}[kmgt]?", re.IGNORECASE)


def wrong_arguments(test, arguments):
    """What is wrong with arguments of a burn-in, as a list of texts.

    :param test: ``cpu``, ``memory``, ``disk`` or ``network``.
    :param arguments: dict with some of runtime (seconds), workers, loops and vm_bytes, of the right types.
    """
    # Disks are written to their ends however long that takes.
    least = {**_LEAST, "runtime": 0} if test == "disk" else _LEAST
    wrong = ["%s must be at least %d and is %d" % (name, low, arguments[name]) for name, low in least.items() if arguments.get(name, low) < low]
    if not _VM_BYTES.fullmatch(arguments.get("vm_bytes", "98%")):
        wrong.append("vm_bytes must be a part such as 98%% or an amount such as 16g, and is %s" % arguments["vm_bytes"])
    return wrong
