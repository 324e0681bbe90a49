# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of a Linux bridge. The double answers as iproute2 6.1 does; Open vSwitch itself is tested in tests/boot_server/test_switches.py."""

from __future__ import annotations

import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._switch import linux_bridge, openvswitch
from ansible_collections.rackwright.baremetal.plugins.module_utils._switch.port import ensure, wanted
from hypothesis import given
from hypothesis import strategies as st

FLAGS = ["PVID", "Egress Untagged"]
VLANS = st.dictionaries(st.integers(1, 4094), st.sampled_from([[], FLAGS, FLAGS[1:], FLAGS[:1]]), max_size=6)


class Bridge:
    """A bridge with one port, swp1."""

    def __init__(self, vlans, *, filtering=1, deaf=False):
        self.vlans, self.filtering, self.deaf, self.said = dict(vlans), filtering, deaf, []

    def __call__(self, command):
        if command[0] == "ip":
            port = {"ifname": "swp1", "master": "br0", "linkinfo": {"info_kind": "veth", "info_slave_kind": "bridge"}}
            bridge = {"ifname": "br0", "linkinfo": {"info_kind": "bridge", "info_data": {"vlan_filtering": self.filtering}}}
            return json.dumps([{"swp1": port, "br0": bridge, "eth0": {"ifname": "eth0"}}[command[-1]]])
        if "show" in command:
            listed = [{"vlan": number, **({"flags": flags} if flags else {})} for number, flags in sorted(self.vlans.items())]
            # A port without VLANs is left out.
            return json.dumps([{"ifname": "swp1", "vlans": listed}] if listed else []) + "\n"
        self.said.append(command)
        _bridge, _vlan, verb, _dev, _port, _vid, number, *flags = command
        if self.deaf:
            return ""
        if verb == "del":
            del self.vlans[int(number)]
        else:
            if flags:
                # A bridge has one PVID for a port: the newest.
                self.vlans = {other: [flag for flag in kept if flag != "PVID"] for other, kept in self.vlans.items()}
            self.vlans[int(number)] = FLAGS if flags == ["pvid", "untagged"] else []
        return ""


def test_a_port_leaves_its_networks_before_it_joins_others():
    bridge = Bridge({10: FLAGS, 30: []})
    before, after = ensure(linux_bridge, bridge, "swp1", wanted("present", 20, [30, 40]))
    assert (before, after) == ({10: "untagged", 30: "tagged"}, {20: "untagged", 30: "tagged", 40: "tagged"})
    assert [(command[2], command[6]) for command in bridge.said] == [("del", "10"), ("add", "20"), ("add", "40")]
    assert bridge.said[1][7:] == ["pvid", "untagged"]
    bridge.said.clear()
    assert ensure(linux_bridge, bridge, "swp1", wanted("present", 20, [30, 40]))[0] == after
    assert ensure(linux_bridge, bridge, "swp1", wanted("absent", None, []), check_mode=True)[1] == {}
    assert bridge.said == []


@given(VLANS, st.none() | st.integers(1, 4094), st.sets(st.integers(1, 4094), max_size=4))
def test_whatever_a_port_was(vlans, vlan, trunk):
    bridge = Bridge(vlans)
    state = "present" if vlan or trunk - {vlan} else "absent"
    meant = wanted(state, vlan, sorted(trunk - {vlan}))
    assert ensure(linux_bridge, bridge, "swp1", meant)[1] == meant
    assert bridge.vlans == {number: FLAGS if how == "untagged" else [] for number, how in meant.items()}


def test_what_is_no_port_of_a_filtering_bridge():
    with pytest.raises(BaremetalError, match="eth0 is no port of a bridge. Seen: master none"):
        linux_bridge.read(Bridge({}), "eth0")
    with pytest.raises(BaremetalError, match="bridge br0 does not filter VLANs.*vlan_filtering 1"):
        linux_bridge.read(Bridge({}, filtering=0), "swp1")
    with pytest.raises(BaremetalError, match="printed no JSON"):
        linux_bridge.read(lambda command: "2: swp1", "swp1")


def test_a_range_of_vlans():
    def run(command):
        return json.dumps([{"ifname": "swp1", "vlans": [{"vlan": 5, "vlanEnd": 7}]}]) if command[0] == "bridge" else Bridge({})(command)

    assert linux_bridge.read(run, "swp1") == dict.fromkeys((5, 6, 7), "tagged")


def test_a_switch_that_does_not_do_it():
    with pytest.raises(BaremetalError, match="is not as it should be. Seen: VLANs 10 untagged, wanted 20 untagged"):
        ensure(linux_bridge, Bridge({10: FLAGS}, deaf=True), "swp1", wanted("present", 20, []))


@pytest.mark.parametrize(("arguments", "said"), [
    (("present", None, []), "no VLAN was given"),
    (("absent", 10, []), "in no VLAN was given VLANs"),
    (("present", 4095, []), "4095 is no VLAN"),
    (("present", 10, [0]), "0 is no VLAN"),
    (("present", 10, [10]), "VLAN 10 is to be tagged and untagged"),
])
def test_what_is_no_place_for_a_port(arguments, said):
    with pytest.raises(BaremetalError, match=said):
        wanted(*arguments)


@pytest.mark.parametrize("output", ["", "{}", '{"data":[]}', '{"data":[[1]]}', '{"data":[[{},{},{}]]}', "[]"])
def test_answers_of_open_vswitch_that_are_none(output):
    with pytest.raises(BaremetalError, match="nothing of the port that is understood"):
        openvswitch.read(lambda command: output, "p0")
