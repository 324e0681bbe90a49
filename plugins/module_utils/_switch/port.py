# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings a port of a switch that is a Linux machine into its VLANs. Private to the collection; may change at any time.

The VLANs of a port are a dict by VLAN: ``untagged`` for the one that untagged frames belong to in both directions, ``tagged``, or how else the switch
treats it, in its own words. A switch is a module with ``read`` and ``write``.
"""

from __future__ import annotations

from .._errors import BaremetalError

STAGE = "switch port"


def wanted(state, vlan, trunk_vlans):
    """The VLANs that a port is to have.

    :param state: ``present``, or ``absent`` for none.
    :param vlan: the one for untagged frames, or None.
    :param trunk_vlans: list of those for tagged frames.
    :raises BaremetalError: for what is no VLAN, or contradicts itself.
    """
    given = [*trunk_vlans, *([] if vlan is None else [vlan])]
    if state == "absent":
        if given:
            raise BaremetalError("a port that is in no VLAN was given VLANs", stage=STAGE, seen=f"VLANs {', '.join(map(str, given))}",
                                 cure="leave out vlan and trunk_vlans, or state")
        return {}
    if not given:
        raise BaremetalError("no VLAN was given", stage=STAGE, cure="give vlan, trunk_vlans or both, or state absent for a port in no VLAN")
    wrong = [number for number in given if not 1 <= number <= 4094]
    if wrong:
        raise BaremetalError(f"{wrong[0]} is no VLAN", stage=STAGE, cure="give numbers from 1 to 4094")
    if vlan in trunk_vlans:
        raise BaremetalError(f"the VLAN {vlan} is to be tagged and untagged", stage=STAGE, cure="take it out of trunk_vlans, or leave vlan out")
    return {**dict.fromkeys(trunk_vlans, "tagged"), **({} if vlan is None else {vlan: "untagged"})}


def ensure(switch, run, port, vlans, *, check_mode=False):
    """Bring a port into its VLANs and out of all others, and read it back.

    :param switch: module for the kind of switch.
    :param run: function of a list of words that runs a program and returns its output; raises BaremetalError.
    :param port: name of the port.
    :param vlans: as ``wanted`` returns them.
    :returns: (before, after), VLANs as above.
    :raises BaremetalError: when there is no such port, or the switch does not have it so afterwards.
    """
    before = switch.read(run, port)
    if before == vlans or check_mode:
        return before, vlans
    switch.write(run, port, before, vlans)
    after = switch.read(run, port)
    if after != vlans:
        raise BaremetalError(f"the port {port} was changed and is not as it should be", stage=STAGE, seen=f"VLANs {text(after)}, wanted {text(vlans)}",
                             cure="look for what else configures this port, and see the log of the switch")
    return before, after


def text(vlans):
    """VLANs for a person, as ``10 untagged, 20 tagged``."""
    return ", ".join(f"{number} {how}" for number, how in sorted(vlans.items())) or "none"
