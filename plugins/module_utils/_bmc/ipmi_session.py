# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logging on to a BMC with the cipher suite that it really speaks.

pyghmi proposes cipher suite 17 (SHA-256) and falls back to suite 3 (SHA-1) only when the BMC says
no. Some BMCs say yes and then answer with SHA-1 all the same; pyghmi's own server, on which
virtualbmc is built, is one. pyghmi has no public option for the suite: this file is the one place
that touches its private ``attemptedhash``. Suites: IPMI 2.0, table 22-20.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import struct

try:
    from pyghmi.ipmi.command import Command
    from pyghmi.ipmi.private.session import Session
except ImportError as error:
    Command = None
    Session = object
    IMPORT_ERROR = error
else:
    IMPORT_ERROR = None

SUITES = (17, 3)
_SHA256, _SHA1 = 256, 1

# The text of the exception for a BMC that answers until it is told the user name.
SILENT = "no answer to the user name"

# The suite that a BMC turned out to need, by (address, port), for the life of this process.
_known = {}


class SuiteMismatch(Exception):
    """The BMC does not speak the cipher suite that was proposed."""


class _Bounded(Session):
    """A session that gives up on a BMC that falls silent in the middle of the login.

    pyghmi begins the login anew as often as it takes; a BMC that does not answer at all to a user
    name it does not know (virtualbmc) would keep it busy for ever.
    """

    _logins_left = 3

    def _relog(self):
        if self._logins_left or self.sessioncontext not in ("EXPECTINGRAKP2", "EXPECTINGRAKP4"):
            self._logins_left -= 1
            return super()._relog()
        self.onlogon({"error": SILENT})


class _Suite17(_Bounded):
    """A session that proposes suite 17 and nothing less."""

    def __init__(self, *args, **kwargs):
        self.suite_refused = False
        try:
            super().__init__(*args, **kwargs)
        except struct.error as error:
            # The digest in the answer has SHA-1's length. What is left of the session must go, or
            # pyghmi would hand it out for the next login to the same BMC, which then never ends.
            self._mark_broken(str(error))
            raise SuiteMismatch(str(error)) from error

    def _open_rmcpplus_request(self):
        if self.attemptedhash == _SHA256:
            return super()._open_rmcpplus_request()
        self.suite_refused = True
        self.onlogon({"error": "the BMC refused cipher suite 17"})


class _Suite3(_Bounded):
    """A session that proposes suite 3 from the beginning."""

    def _initsession(self):
        super()._initsession()
        self.attemptedhash = _SHA1


def _login_17(*credentials):
    session = _Suite17.__new__(_Suite17, *credentials)
    try:
        session.__init__(*credentials)
    except Exception as error:
        if getattr(session, "suite_refused", False):
            raise SuiteMismatch(str(error)) from error
        raise
    return session


_LOGIN = {17: _login_17, 3: _Suite3}


def log_on(address, port, username, password, suite=None, log=lambda text: None):
    """Log on to a BMC.

    :param address: host name or IP address.
    :param port: UDP port.
    :param username: text.
    :param password: text.
    :param suite: 17 or 3; None tries 17, then 3, and remembers for this process what worked.
    :param log: called with lines for a person who looks closer.
    :returns: pyghmi's Command; ``ipmi_session.logout()`` ends the session.
    :raises SuiteMismatch: when the BMC does not speak the suite that was demanded.
    :raises pyghmi.exceptions.IpmiException: when it does not let us in.
    """
    # As bytes: with text, pyghmi does not find its own sessions again and hangs at the second login.
    credentials = (address, str(username).encode(), str(password).encode(), port)
    suites = [suite or _known.get((address, port))]
    if suites == [None]:
        suites = SUITES
    for candidate in suites:
        log(f"logging on to {address} port {port} with cipher suite {candidate}")
        try:
            session = _LOGIN[candidate](*credentials)
        except SuiteMismatch as error:
            log(f"cipher suite {candidate}: {error}")
            if candidate == suites[-1]:
                raise
            continue
        _known[(address, port)] = candidate
        # Finds the live session of the same credentials and uses it: no packet is sent.
        command = Command(bmc=address, userid=credentials[1], password=credentials[2], port=port)
        if command.ipmi_session is not session:
            session.logout()
        return command
