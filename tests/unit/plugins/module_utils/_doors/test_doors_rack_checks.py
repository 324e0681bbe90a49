# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only shows when all nodes are looked at together."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._checks import check
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors._rack_checks import (
    duplicates, image_check, shared_switch_ports, with_duplicates, with_switch_ports, with_virtual_media)

UUIDS = [f"5241434b-0000-4000-8000-00000000000{number}" for number in range(4)]


def machine(number, **more):
    return {"serial": f"SER{number}", "system_uuid": UUIDS[number], "macs": [f"02:00:00:00:00:0{number}"], "place": f"192.0.2.{number}", **more}


def record(number, **more):
    return {"name": f"node{number}", "serial": f"SER{number}", "system_uuid": UUIDS[number], "ports": [{"address": f"02:00:00:00:00:0{number}"}], **more}


RACK = {f"node{number}": machine(number) for number in range(3)}
RECORDS = [record(number) for number in range(4)]


def test_a_rack_in_order():
    assert duplicates(RACK, RECORDS) == duplicates(RACK, []) == duplicates({}, RECORDS) == {}


@pytest.mark.parametrize(("change", "said"), [
    ({"serial": "SER2"}, "the serial number ser2 is also that of node2"),
    ({"system_uuid": UUIDS[2]}, f"the system UUID {UUIDS[2]} is also that of node2"),
    ({"macs": ["02:00:00:00:00:02"]}, "the MAC address 02:00:00:00:00:02 is also that of node2"),
    ({"place": "192.0.2.2"}, "the BMC address 192.0.2.2 is also that of node2"),
], ids=lambda value: "".join(value) if isinstance(value, dict) else "")
def test_two_of_the_rack(change, said):
    found = duplicates({**RACK, "node1": machine(1, **change)}, RECORDS)
    assert found == {"node1": [said], "node2": [said.replace("node2", "node1")]}


@pytest.mark.parametrize("change", [{"serial": "SER3"}, {"system_uuid": UUIDS[3]}, {"macs": ["02:00:00:00:00:03"]}])
def test_one_of_the_rack_and_one_that_was_not_looked_at(change):
    found = duplicates({**RACK, "node1": machine(1, **change)}, RECORDS)
    assert list(found) == ["node1"] and "also that of node3" in found["node1"][0]


def test_one_switch_port_of_two_records():
    wired = [{"address": f"02:00:00:00:00:0{number}", "local_link_connection": {"switch_info": "0", "port_id": "0"}} for number in (1, 3, 5)]
    # The third is a second link of the first one's.
    found = shared_switch_ports([record(1, ports=[wired[0], wired[2]]), record(3, ports=[wired[1]]), record(2)])
    assert found == {"node1": ["the switch port 0 0 is also that of node3"], "node3": ["the switch port 0 0 is also that of node1"]}
    assert shared_switch_ports([record(1, ports=[wired[0], wired[2]])]) == {}


def test_a_shared_switch_port_is_a_warning():
    fine, wrong = check("identity", "ok", "as enrolled"), check("identity", "fail", "the BMC belongs to another machine", "x")
    assert with_switch_ports(fine, None) == fine and with_switch_ports(wrong, ["a"]) == wrong
    told = with_switch_ports(fine, ["a", "b"])
    assert (told["status"], told["seen"]) == ("warn", "a; b") and "local_link_connection" in told["cure"]


def test_what_says_nothing_is_shared_by_many():
    blank = {"serial": "To be filled by O.E.M.", "system_uuid": "00000000-0000-0000-0000-000000000000", "macs": [], "place": None}
    assert duplicates(dict.fromkeys(["node1", "node2"], blank), []) == {}


def test_it_goes_into_the_identity():
    fine, wrong = check("identity", "ok", "SER1"), check("identity", "fail", "the BMC belongs to another machine", "x")
    assert with_duplicates(fine, []) == fine
    assert with_duplicates(fine, ["a", "b"])["seen"] == "a; b"
    assert with_duplicates(wrong, ["a"])["seen"] == "the BMC belongs to another machine; a" and with_duplicates(wrong, ["a"])["status"] == "fail"


@pytest.mark.parametrize(("name", "size", "disk", "status"), [
    (None, 1, 8, "skipped"), ("debian-12", None, 8, "fail"), ("debian-12", 1 << 33, 8, "ok"), ("debian-12", (1 << 33) + 1, "8", "fail"),
    ("debian-12", 1, None, "skipped"), ("https://images.example.com/os.raw", None, 8, "skipped"),
])
def test_the_image_and_the_disk(name, size, disk, status):
    image = size and {"virtual_size": size}
    found = image_check(name, image, {"properties": {"local_gb": disk} if disk else {}})
    assert found["status"] == status and (status != "fail" or found["cure"])
    assert image_check(name, image, None)["status"] == "skipped"


@pytest.mark.parametrize(("privileges", "status"), [
    (["ConfigureComponents", "Login"], "warn"), ([], "warn"), (["ConfigureComponents", "ConfigureManager"], "ok"), (None, "ok"),
    # Of the board's own.
    (["AccessVirtualMedia", "ConfigureComponents"], "ok"), (["ConfigureComponents", "VirtualMediaPriv"], "ok"),
])
def test_who_may_insert_virtual_media(privileges, status):
    fine, wrong = check("privilege", "ok", "Operator"), check("privilege", "fail", "the account is ReadOnly", "x")
    found = with_virtual_media(fine, privileges, ["redfish-virtual-media", "ipxe"])
    assert found["status"] == status and (status == "ok" or "Operator" in found["seen"] and "Administrator" in found["cure"])
    assert with_virtual_media(fine, privileges, ["ipxe", "redfish-https"]) == fine
    assert with_virtual_media(wrong, privileges, ["redfish-virtual-media"]) == wrong
