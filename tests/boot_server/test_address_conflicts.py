# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who has the address of a node, asked of kernels as they are: two network namespaces that are joined by one cable."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors.address_conflict_info import DOOR
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.boot_server.conftest import MACS, OURS, THEIRS, run

NODE = "02:00:00:00:00:0b"


def look(spaces, *nodes, own=OURS, **options):
    params = {"interface": "eth0", "network": "192.0.2.0/24", "own": own, "netns": spaces[OURS], "timeout": 2,
              "nodes": [{"name": name, "address": address, "macs": macs} for name, address, macs in nodes], **options}
    return DOOR.run(Call(params=params))


def test_a_stranger_with_the_address_of_a_node_is_named(spaces):
    found = look(spaces, ("node1", THEIRS, [NODE]), ("node2", "192.0.2.12", [NODE]), ("node3", THEIRS, [MACS[THEIRS].upper()]), ("node4", THEIRS, []),
                 ("node5", "198.51.100.5", [NODE]), ("node6", "2001:db8::6", [NODE]), ("node7", None, [NODE]))
    assert {name: checks[0]["status"] for name, checks in found["nodes"].items()} == {
        "node1": "fail", "node2": "ok", "node3": "ok", "node4": "skipped", "node5": "skipped", "node6": "skipped", "node7": "skipped"}
    check = found["nodes"]["node1"][0]
    assert THEIRS in check["seen"] and MACS[THEIRS] in check["seen"] and check["cure"]
    assert (found["conflicts"], found["holders"], found["changed"]) == (["node1"], {THEIRS: [MACS[THEIRS]]}, False)
    # Nobody but this host itself has its own address.
    assert [item["status"] for item in found["checks"]] == ["ok"]


def test_a_stranger_with_the_address_of_the_host_is_named(spaces):
    run("ip", "-n", spaces[THEIRS], "address", "add", f"{OURS}/24", "dev", "eth0")
    try:
        check, = look(spaces)["checks"]
        # Not a stranger, but another card of the host itself.
        run("ip", "-n", spaces[OURS], "link", "add", "eth9", "address", MACS[THEIRS], "type", "veth", "peer", "name", "eth10")
        assert look(spaces)["checks"][0]["status"] == "ok"
    finally:
        subprocess.run(["ip", "-n", spaces[OURS], "link", "delete", "eth9"], check=False, stderr=subprocess.DEVNULL)
        run("ip", "-n", spaces[THEIRS], "address", "delete", f"{OURS}/24", "dev", "eth0")
    assert check["status"] == "fail" and MACS[THEIRS] in check["seen"]
    assert look(spaces, own=None)["checks"] == []


@pytest.mark.parametrize(("options", "said"), [
    ({"network": "192.0.2.1/24"}, "give it as CIDR"),
    ({"interface": "eth7"}, "eth7.*correct the option interface"),
    ({"netns": "no-such-space"}, "no-such-space.*correct the option netns"),
])
def test_what_is_wrong_is_told(spaces, options, said):
    with pytest.raises(BaremetalError, match=said):
        look(spaces, **options)


def test_the_nodes_come_from_the_registry(tmp_path):
    url = f"sqlite:///{tmp_path}/registry.db"
    with open_registry(url).begin() as connection:
        for number in (1, 2):
            ports = [{"address": NODE[:-1] + str(number)}]
            node = schema.normalise({"name": f"node{number}", "driver": "manual", "address": f"192.0.2.1{number}", "ports": ports})
            nodes.upsert(connection, node, None, same_credential=lambda old, new: old == new)
    filled = DOOR.before(Call(params={"registry": url, "nodes": None, "names": ["node2", "node3"]}))
    # The host that asks is not told where the registry is.
    assert filled == {"nodes": [{"name": "node2", "address": "192.0.2.12", "macs": ["02:00:00:00:00:02"]}], "registry": None}
    assert DOOR.before(Call(params={"registry": url, "nodes": [], "names": None})) == {}
