# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every driver needs to know about a BMC's address, and how a failed connection is told.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import socket

from .._errors import BaremetalError

STAGE = "BMC connection"


class BmcLost(BaremetalError):
    """The BMC did not answer, or answered that it cannot do so now: worth another try later.

    Waiting for a power state goes on over it; anything else fails with it.
    """

    def __init__(self, what, **context):
        super().__init__(what, **{"stage": STAGE, **context})


class BmcUnreachable(BmcLost):
    """No connection came about at all: time-out, refused, no route. The run's breaker remembers it."""


class BmcBusy(BmcLost):
    """The BMC answered that it cannot do so now; nothing was done."""


class ResourceBroken(BmcLost):
    """The BMC answered with HTTP status 500 that it failed over one resource: a later try may succeed, and other resources may be well."""


class NotLetIn(BaremetalError):
    """The BMC does not take the user name or the password."""

    def __init__(self, what, **context):
        super().__init__(what, **{"stage": STAGE, **context})


class NotPrivileged(BaremetalError):
    """The BMC lets the user in, and not with the privilege that was asked for."""

    def __init__(self, what, **context):
        super().__init__(what, **{"stage": STAGE, **context})


class SessionsFull(BmcBusy):
    """The BMC has no room for another session."""


class Unreadable(BaremetalError):
    """A Redfish service, which was seen to be one, gave an answer that cannot be read; the next one may be better."""

    def __init__(self, what, **context):
        super().__init__(what, **{"stage": STAGE, **context})


class NotNow(BaremetalError):
    """The BMC refused a change for the moment: after a while, the same request may be taken."""


class Patience:
    """What is borne of a BMC that was there a moment ago and may be starting: for two minutes nonsense, and once that it refuses the password.

    No oftener: by the defaults of many boards the third to fifth time locks the account, or shuts the controller out.
    """

    def __init__(self):
        self._strange = self._refused = 0

    def bear(self, error):
        """Take an error for an answer of a BMC that starts.

        :param error: a BaremetalError.
        :returns: seconds until the next look.
        :raises BaremetalError: the error, when it is enough.
        """
        is_refusal = isinstance(error, NotLetIn)
        self._refused += is_refusal
        self._strange += not is_refusal
        if self._refused == 2 or self._strange == 12:
            raise error
        return 120.0 if is_refusal else 10.0


class PasswordChangeRequired(BaremetalError):
    """The BMC knows the password and lets us do nothing but change it: factory passwords, and passwords that have run out."""

    def __init__(self, what, **context):
        super().__init__(what, **{"stage": STAGE, **context})


def refused(what, **context):
    """The error for a connection that will not work until somebody changes something.

    :param what: the cause, as a sentence.
    :param context: ``seen`` and ``cure`` of BaremetalError.
    """
    return BaremetalError(what, stage=STAGE, **context)


def required(connection, driver, *keys, may_be_empty=()):
    """Check that a connection dict names everything that a driver cannot do without.

    :param connection: the ``bmc`` dict: address, port, username, password and the driver's own keys.
    :param driver: name of the driver, for the message.
    :param keys: the keys that must have a value.
    :param may_be_empty: those of them for which an empty text is one.
    :raises BaremetalError: naming the missing keys.
    """
    missing = [key for key in keys if connection.get(key) is None or connection[key] == "" and key not in may_be_empty]
    if missing:
        raise refused(
            f"the driver {driver} needs {' and '.join(missing)} of the BMC, and nothing gives it",
            cure="complete the option bmc, the host variable baremetal_bmc or the node's entry in the hardware file",
        )


@contextlib.contextmanager
def looked_up():
    """Inside, what cannot be a host name ends as one that nobody knows.

    Python raises a UnicodeError for a label that is empty or longer than 63 characters (RFC 1035, 2.3.4), and asks nobody.

    :raises socket.gaierror: for such a name.
    """
    try:
        yield
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "a part of it between two dots is empty, or longer than 63 characters") from error
