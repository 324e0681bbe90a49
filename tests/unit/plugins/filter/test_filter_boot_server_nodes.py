# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which nodes boot from a boot server."""

from __future__ import annotations

import pytest
from jinja2 import StrictUndefined

from ansible_collections.rackwright.baremetal.plugins.filter.boot_server_nodes import boot_server_nodes

HOSTS = {"node1": {}, "node2": {"ramdisk_boot_server": ""}, "node3": {"ramdisk_boot_server": "boot2"}, "node4": {"ramdisk_boot_server": "boot1"},
         "node5": {"ramdisk_boot_server": StrictUndefined()}, "node6": {"ramdisk_boot_cache": StrictUndefined()}}


@pytest.mark.parametrize(("server", "first", "nodes"), [
    ("boot1", "boot1", ["node1", "node2", "node4", "node6"]), ("boot2", "boot1", ["node3"]), ("boot1", "boot2", ["node4"]), ("boot3", "boot1", [])])
def test_a_nodes_own_boot_server_or_the_first(server, first, nodes):
    assert boot_server_nodes(list(HOSTS), HOSTS, server, first) == nodes
