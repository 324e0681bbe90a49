# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The network of the nodes that a boot server boots."""

from __future__ import annotations

import pytest

from ansible_collections.rackwright.baremetal.plugins.filter.boot_server_network import boot_server_network

SERVER = {"boot_server_network": "192.0.2.0/24", "boot_server_gateway": "192.0.2.254", "boot_server_dns": ["192.0.2.53"]}
ITS = {"network": "192.0.2.0/24", "gateway": "192.0.2.254", "dns": ["192.0.2.53"]}


@pytest.mark.parametrize(("variables", "given", "found"), [
    (SERVER, {}, ITS),
    ({}, {}, {"network": "", "gateway": "", "dns": []}),
    (SERVER, {"network": "198.51.100.0/24"}, {**ITS, "network": "198.51.100.0/24"}),
    # What is empty is said, too: no router, no name server.
    (SERVER, {"gateway": "", "dns": []}, {**ITS, "gateway": "", "dns": []}),
])
def test_the_servers_own_or_what_the_node_says(variables, given, found):
    assert boot_server_network(variables, **given) == found
