# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pyghmi's fake BMC, taught cipher suite 17: no emulator that can be installed speaks it.

Run with the port and the credentials: ``suite17_bmc.py PORT USERNAME PASSWORD``.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import sys
import types

from pyghmi.cmd.fakebmc import FakeBmc
from pyghmi.ipmi.bmc import Bmc
from pyghmi.ipmi.private import constants, serversession

# The server names its digest sha1 wherever it uses it.
serversession.hashlib = types.SimpleNamespace(sha1=hashlib.sha256)


class Suite17Session(serversession.ServerSession):
    """RAKP-HMAC-SHA256 with HMAC-SHA256-128 (IPMI 2.0, table 22-20)."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.currhashlen = 16

    def create_open_session_response(self, request):
        response = super().create_open_session_response(request)
        response[16], response[24] = 3, 4
        return response

    def _send_rakp4(self, tagvalue, statuscode):
        message = bytes(self.Rm + self.managedsessionid + self.uuiddata)
        code = hmac.new(self.sik, message, hashlib.sha256).digest()[:16]
        payload = bytearray([tagvalue, statuscode, 0, 0]) + self.clientsessionid + code
        self.send_payload(payload, constants.payload_types["rakp4"], retry=False)
        self.confalgo = "aes"
        self.integrityalgo = "sha256"
        self.sequencenumber = 1
        self.sessionid = struct.unpack("<I", bytes(self.clientsessionid))[0]


serversession.ServerSession = Suite17Session


class LoopbackBmc(FakeBmc):
    """The fake BMC, which by itself listens on all addresses."""

    def __init__(self, authdata, port):
        Bmc.__init__(self, authdata, port, address="127.0.0.1")
        self.powerstate = "off"
        self.bootdevice = "default"
        self.flags = bytes(5)
        self.busy = 0

    def handle_raw_request(self, request, session):
        """Boot flags are kept byte by byte; boot option 127 is for the tests: the BMC is busy for so many commands."""
        netfn, command, data = request["netfn"], request["command"], bytes(request["data"])
        print("heard", f"{netfn:02x}{command:02x}{data.hex()}", flush=True)
        if self.busy:
            self.busy -= 1
            session.send_ipmi_response(code=0xC0)
        elif (netfn, command) == (0, 8):
            if data[0] == 5:
                self.flags = data[1:]
            elif data[0] == 127:
                self.busy = data[1]
            session.send_ipmi_response(code=0 if data[0] in (0, 3, 5, 127) else 0x80)
        elif (netfn, command) == (0, 9):
            session.send_ipmi_response(data=b"\x01\x05" + self.flags)
        else:
            super().handle_raw_request(request, session)


if __name__ == "__main__":
    LoopbackBmc({sys.argv[2]: sys.argv[3]}, int(sys.argv[1])).listen()
