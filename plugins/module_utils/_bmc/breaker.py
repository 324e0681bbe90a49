# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A BMC that cannot be reached costs its time-out once per run and not once per task.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import time

from .connection import BmcUnreachable

FORGOTTEN_AFTER = 60  # seconds; then a BMC is tried again


class Breaker:
    """What one run knows about BMCs that could not be reached.

    :param directory: the run's temporary directory, which ansible-playbook makes and removes itself and its workers share.
    :param clock: for tests.
    """

    def __init__(self, directory, clock=time.time):
        self._directory = pathlib.Path(directory)
        self._clock = clock

    @contextlib.contextmanager
    def watch(self, driver, connection):
        """Fail at once when the BMC could not be reached a short while ago, and remember when it cannot in the block.

        :param driver: name of the driver.
        :param connection: the ``bmc`` dict.
        :raises BmcUnreachable: nothing was sent.
        """
        where = f"{connection.get('address')} port {connection.get('port') or 'of the driver ' + driver}"
        path = self._directory / f"rackwright-unreachable-{hashlib.sha256(f'{driver} {where}'.encode()).hexdigest()[:32]}"
        known = self._read(path)
        if known:
            ago = self._clock() - known["at"]
            raise BmcUnreachable(
                f"the BMC at {where} could not be reached {ago:.0f} s ago, at {time.strftime('%H:%M:%S', time.localtime(known['at']))}, "
                f"and is not tried again before {FORGOTTEN_AFTER} s have passed",
                seen=f"at that time: {known['error']}", cure=known["cure"])
        try:
            yield
        except BmcUnreachable as error:
            self._write(path, error)
            raise

    def _read(self, path):
        try:
            known = json.loads(path.read_text())
            return known if 0 <= self._clock() - known["at"] < FORGOTTEN_AFTER else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write(self, path, error):
        said = ": ".join(str(part) for part in (error.what, error.seen) if part)
        text = json.dumps({"at": self._clock(), "error": said, "cure": error.cure})
        fresh = path.with_name(f"{path.name}.{os.getpid()}.{id(error)}")
        # A run without the file only pays the time-out again.
        with contextlib.suppress(OSError):
            fresh.write_text(text)
            fresh.replace(path)
