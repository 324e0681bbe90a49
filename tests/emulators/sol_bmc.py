# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pyghmi's fake BMC with a serial line, on which a line of text comes in ten times a second.

Run with the port and the credentials: ``sol_bmc.py PORT USERNAME PASSWORD``.
"""

from __future__ import annotations

import sys
import time

from pyghmi.cmd.fakebmc import FakeBmc
from pyghmi.ipmi.bmc import Bmc
from pyghmi.ipmi.private.session import Session


class SerialBmc(FakeBmc):
    """The fake BMC, which by itself listens on all addresses and has no serial line."""

    def __init__(self, authdata, port):
        Bmc.__init__(self, authdata, port, address="127.0.0.1")
        self.port = port
        self.powerstate = "on"
        self.bootdevice = "default"

    def is_active(self):
        return True

    def iohandler(self, data):
        """What comes from the console is not looked at."""

    def pulse_diag(self):
        return 0

    def print_on(self):
        """Print on the serial line for ever."""
        number, due = 0, 0
        while True:
            Session.wait_for_rsp(0.1)
            if time.monotonic() < due:
                continue
            due = time.monotonic() + 0.1
            # Only when the last text was acknowledged: sending more would make this loop wait.
            if self.sol is not None and not self.sol.awaitingack:
                number += 1
                self.sol.awaitingack = True
                self.sol.myseq = self.sol.myseq % 15 + 1
                text = f"\x1b[32m[{time.monotonic():.1f}]\x1b[0m line {number}\r\n".encode()
                self.sol.lastpayload = bytearray((self.sol.myseq, 0, 0, 0)) + text
                self.sol.send_payload(self.sol.lastpayload, retry=False)


if __name__ == "__main__":
    SerialBmc({sys.argv[2]: sys.argv[3]}, int(sys.argv[1])).print_on()
