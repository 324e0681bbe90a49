# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A BMC that cannot be reached costs its time-out once per run and not once per task.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import time

from .connection import BmcUnreachable

FORGOTTEN_AFTER = 60  # seconds; then a BMC is tried again


class Breaker:
    """What one run knows about BMCs that could not be reached.

    :param facts: the RunFacts, or those that were HandedOver.
    :param clock: for tests.
    """

    def __init__(self, facts, clock=time.time):
        self.facts = facts
        self._clock = clock

    @contextlib.contextmanager
    def watch(self, driver, connection):
        """Fail at once when the BMC could not be reached a short while ago, and remember when it cannot in the block.

        :param driver: name of the driver.
        :param connection: the ``bmc`` dict.
        :raises BmcUnreachable: nothing was sent.
        """
        address, port = connection.get("address"), connection.get("port")
        facts, key = self.facts.about(address), ("unreachable", driver, str(port))
        known = self._known(facts.get(key))
        if known:
            ago = self._clock() - known["at"]
            raise BmcUnreachable(
                f"the BMC at {address} port {port or 'of the driver ' + driver} could not be reached {ago:.0f} s ago, "
                f"at {time.strftime('%H:%M:%S', time.localtime(known['at']))}, and is not tried again before {FORGOTTEN_AFTER} s have passed",
                seen=f"at that time: {known['error']}", cure=known["cure"])
        try:
            yield
        except BmcUnreachable as error:
            said = ": ".join(str(part) for part in (error.what, error.seen) if part)
            facts[key] = {"at": self._clock(), "error": said, "cure": error.cure}
            raise

    def _known(self, fact):
        try:
            return fact if 0 <= self._clock() - fact["at"] < FORGOTTEN_AFTER and "error" in fact and "cure" in fact else None
        except (KeyError, TypeError):
            return None
