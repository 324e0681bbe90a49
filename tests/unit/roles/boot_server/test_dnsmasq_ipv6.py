# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the configuration of dnsmasq says of IPv6. What machines then hear is tested in tests/boot_server/test_dhcp6.py."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.tests.simulators.boot_server import BootServer


def lines(**network):
    """The lines about ranges of IPv6 and advertisements."""
    given = {"network": "2001:db8:1::/64", "interface": "eth0", "address": "2001:db8:1::1", **network}
    made = BootServer("no-namespace", boot_server_further_networks=[given])
    try:
        return [line for line in made.render("dnsmasq.conf.j2").splitlines()
                if line.startswith(("enable-ra", "ra-param")) or (line.startswith("dhcp-range") and "2001:" in line)]
    finally:
        made.close()


@pytest.mark.parametrize(("mode", "range_mode"), [("dhcpv6-stateful", "static"), ("dhcpv6-stateless", "ra-stateless"), ("slaac", "ra-only")])
def test_advertised(mode, range_mode):
    assert lines(ipv6_address_mode=mode) == ["enable-ra", "ra-param=eth0,60,0", f"dhcp-range=set:net1,2001:db8:1::,{range_mode},64,1h"]


@pytest.mark.parametrize(("mode", "ranges"), [
    ("dhcpv6-stateful", ["dhcp-range=set:net1,2001:db8:1::,static,64,1h"]), ("dhcpv6-stateless", ["dhcp-range=set:net1,2001:db8:1::,static,64,1h"]),
    ("slaac", [])])
def test_not_advertised(mode, ranges):
    assert lines(ipv6_address_mode=mode, router_advertisements=False) == ["ra-param=eth0,60,0", *ranges]
