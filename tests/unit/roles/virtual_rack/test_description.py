# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rack is made from: the checks before anything is made, and the rendered files."""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET

import jinja2
import pytest
import yaml
from rackkit import preflight
from rackkit.ground import Rack, RackError


@pytest.fixture(autouse=True)
def as_root(monkeypatch):
    monkeypatch.setattr(preflight.os, "geteuid", lambda: 0)


def test_the_default_rack_passes(rack):
    assert preflight.check(rack, False)["changed"] is False


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("mac", 52, "put quotes"),
        ("mac", "52:54:00:AA:03:01", "lower case"),
        ("uuid", "6F9619FF-8B86-4D01-B42D-00CF4FC90301", "lower case"),
        ("uuid", "none", "uuid is 'none'"),
        ("address", "203.0.113.7", "outside 192.0.2.0/24"),
        ("bmc_address", "192.0.2.77", "inside 192.0.2.0/24"),
        ("bmc_address", "bmc.example.com", "give an IP address"),
        ("name", "Node_1", "not a host name"),
        ("name", "node2", "name of a node 'node2' stands more than once"),
        ("disks", [], "has no disk"),
        ("disks", [{"name": "a", "serial": "S" * 21, "size_gib": 1}], "at most 20"),
        ("disks", [{"name": "a", "serial": "S", "size_gib": 0}], "at least 1"),
        ("disks", [{"name": "a", "serial": "RW-0302-DATA", "size_gib": 1}], "disk serial 'RW-0302-DATA'"),
    ],
)
def test_a_wrong_node_is_named_with_its_fault(rack, key, value, told):
    rack.nodes[0][key] = value
    with pytest.raises(RackError) as caught:
        preflight.check(rack, False)
    assert told in str(caught.value)


def test_a_rack_of_ipv6(rack):
    rack.spec["gateway"] = "2001:db8:6::1/64"
    for number, node in enumerate(rack.nodes, 1):
        node["address"], node["firmware"] = f"2001:db8:6::{number}0", "uefi"
    preflight.check(rack, False)
    rack.nodes[0]["firmware"], rack.nodes[1]["address"] = "bios", "192.0.2.12"
    with pytest.raises(RackError) as caught:
        preflight.check(rack, False)
    assert "192.0.2.12 is outside 2001:db8:6::/64" in str(caught.value) and "node 'node1': a BIOS does not boot over IPv6" in str(caught.value)
    rack.nodes[0]["boot_interface"], rack.nodes[1]["address"] = "redfish-virtual-media", "2001:db8:6::20"
    preflight.check(rack, False)


@pytest.mark.parametrize(("spare", "passes"), [(0, True), (1, False)])
def test_a_socket_path_may_have_107_bytes(rack, short_path, spare, passes):
    rest = len("/libvirt/run/libvirt/libvirt-sock")
    directory = str(short_path / "r")
    directory += "x" * (107 - rest - len(directory) + spare)
    faults = list(preflight.place_faults(Rack({**rack.spec, "dir": directory})))
    assert (faults == []) is passes
    assert passes or "at least 1 bytes shorter" in faults[0]


def test_somebody_elses_directory_is_refused(rack):
    (rack.dir / ".rackwright-rack").unlink()
    assert any("was not made as a rack" in fault for fault in preflight.place_faults(rack))


@pytest.mark.parametrize("directory", ["relative/rack", "/rack", "/srv/../rack", "/srv/my rack", "/srv/a?b"])
def test_unusable_directories_are_refused(rack, directory):
    assert list(preflight.place_faults(Rack({**rack.spec, "dir": directory})))


def render(role_path, role_defaults, template, **variables):
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(role_path / "templates"), trim_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False
    )
    known = {**role_defaults, "virtual_rack_dir": "/srv/rack", "ansible_managed": "Ansible managed", **variables}
    return environment.get_template(template).render(**known)


@pytest.mark.parametrize("kvm", [True, False])
def test_machines_are_described_as_their_node_is(role_path, role_defaults, kvm):
    for node in role_defaults["virtual_rack_nodes"]:
        root = ET.fromstring(render(role_path, role_defaults, "machine.xml.j2", item=node, virtual_rack__kvm=kvm))
        assert root.get("type") == ("kvm" if kvm else "qemu")
        assert root.findtext("uuid") == root.findtext("sysinfo/system/entry[@name='uuid']") == node["uuid"]
        assert root.findtext("sysinfo/system/entry[@name='serial']") == node["serial"]
        assert [disk.findtext("serial") for disk in root.findall("devices/disk")] == [disk["serial"] for disk in node["disks"]]
        assert root.find("devices/interface/mac").get("address") == node["mac"]
        assert (root.find("os/loader") is not None) == (node["firmware"] == "uefi")


@pytest.mark.parametrize(("more", "without", "rom"), [
    ({}, [], True), ({"network_boot": "http"}, ["4", "6"], False), ({"address": "2001:db8:6::610"}, ["4"], False),
    ({"address": "2001:db8:6::610", "network_boot": "http"}, ["4", "6"], False), ({"secure_boot": True}, [], False),
])
def test_what_a_machine_boots_with_from_the_network(role_path, role_defaults, more, without, rom):
    node = {**role_defaults["virtual_rack_nodes"][1], **more}
    root = ET.fromstring(render(role_path, role_defaults, "machine.xml.j2", item=node, virtual_rack__kvm=False))
    off = [entry.get("name") for entry in root.findall("sysinfo[@type='fwcfg']/entry") if entry.text == "n"]
    assert off == [f"opt/org.tianocore/IPv{version}PXESupport" for version in without]
    assert (root.find("devices/interface/rom") is None) is rom


def test_the_hardware_file_names_what_the_registry_needs(role_path, role_defaults):
    text = render(role_path, role_defaults, "hardware.yml.j2", virtual_rack_name="rackwright")
    nodes = {node["name"]: node for node in yaml.safe_load(text)["nodes"]}
    assert set(nodes) == {"node1", "node2", "node3"}
    assert nodes["node1"]["bmc"]["cipher_suite"] == 3 and nodes["node1"]["boot_mode"] == "bios"
    assert nodes["node2"]["bmc"]["ca_file"] == "/srv/rack/bmc-ca.pem"
    assert str(uuid.UUID(nodes["node2"]["bmc"]["system_id"])) == nodes["node2"]["system_uuid"]
    for node in nodes.values():
        assert node["bmc"]["password"] == {"file": f"/srv/rack/secrets/{node['name']}.password"}
        assert node["ports"][0]["address"].count(":") == 5
        assert node["root_device"]["serial"].endswith("-TARGET")


def test_the_smallest_disk_is_not_always_the_target(role_defaults):
    sizes = [[disk["size_gib"] for disk in node["disks"]] for node in role_defaults["virtual_rack_nodes"]]
    assert any(target > data for target, data in sizes) and any(target < data for target, data in sizes)
