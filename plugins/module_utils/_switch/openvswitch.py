# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of Open vSwitch, by ovs-vsctl(8). Private to the collection; may change at any time.

What the columns mean is in ovs-vswitchd.conf.db(5), VLAN Configuration.
"""

from __future__ import annotations

import json

from .._errors import BaremetalError
from .port import STAGE

# Without a VLAN a port of Open vSwitch is in all of them. 4095, which no frame has by IEEE 802.1Q, takes it out; OpenStack's Neutron does the same.
_NOWHERE = 4095

# ovs-vsctl waits for ever for a daemon that does not run.
_COMMAND = ["ovs-vsctl", "--timeout=30"]


def read(run, port):
    """The VLANs of a port.

    :raises BaremetalError: when there is no such port.
    """
    output = run([*_COMMAND, "--format=json", "--columns=tag,trunks,vlan_mode", "list", "Port", port])
    try:
        tags, trunks, modes = map(_members, json.loads(output)["data"][0])
        return _vlans(tags, trunks, modes[0] if modes else "access" if tags else "trunk")
    except (ValueError, LookupError, TypeError) as error:
        raise BaremetalError("ovs-vsctl tells nothing of the port that is understood", stage=STAGE, seen=output[:200]) from error


def _vlans(tags, trunks, mode):
    """The VLANs that the columns of a port mean."""
    if mode == "access" and tags == [_NOWHERE]:
        return {}
    if mode in ("access", "native-untagged", "native-tagged", "dot1q-tunnel"):
        native = dict.fromkeys(tags or [0], "untagged" if mode in ("access", "native-untagged") else mode)
    else:
        native = {}
    if mode == "access":
        return native
    # All of them, by one entry that is none of a port's that was made here.
    return {**(dict.fromkeys(trunks, "tagged") if trunks else {0: "tagged, as all VLANs"}), **native}


def write(run, port, before, vlans):
    """Set all of it in one transaction.

    :param before: not needed.
    """
    tagged = [number for number, how in sorted(vlans.items()) if how == "tagged"]
    untagged = [number for number, how in vlans.items() if how == "untagged"] or ([] if tagged else [_NOWHERE])
    mode = "native-untagged" if untagged and tagged else "trunk" if tagged else "access"
    run([*_COMMAND, "set", "Port", port, f"vlan_mode={mode}", f"tag={json.dumps(untagged)}", f"trunks={json.dumps(tagged)}"])


def _members(value):
    """A value of OVSDB (RFC 7047, 5.1) as a list: a set of one is written without brackets."""
    return value[1] if isinstance(value, list) and value[0] == "set" else [value]
