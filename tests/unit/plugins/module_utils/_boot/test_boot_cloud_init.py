# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Config drives, read by cloud-init itself: Debian's package, unpacked and not installed."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys

import pycdlib
import pytest
import yaml
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import config_drive, network_layout

UUID = "7f1f2d0a-1f53-4d1b-9c3b-2f0f3d1f6a10"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl operator@example.com"
DATA = {
    "hostname": "node1", "uuid": UUID, "public_keys": [KEY], "user_data": "#cloud-config\nruncmd: [ls]\n", "meta": {"rack": "r1"},
    "vendor_data": {"cloud-init": "#cloud-config\npackages: [chrony]\n"},
    "network_data": {
        "links": [
            {"id": "nic0", "type": "phy", "ethernet_mac_address": "52:54:00:AA:00:01", "mtu": 9000},
            {"id": "nic1", "type": "phy", "ethernet_mac_address": "52:54:00:AA:00:02", "mtu": None},
            {"id": "vlan7", "type": "vlan", "vlan_link": "nic0", "vlan_id": 7, "vlan_mac_address": "52:54:00:AA:00:01"},
        ],
        "networks": [
            {"id": "a", "type": "ipv4", "link": "vlan7", "ip_address": "192.0.2.9", "netmask": "255.255.255.0",
             "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "192.0.2.254"}]},
            {"id": "b", "type": "ipv6", "link": "nic1", "ip_address": "2001:db8::9", "netmask": "ffff:ffff:ffff:ffff::",
             "routes": [{"network": "::", "netmask": "::", "gateway": "2001:db8::1"}]},
            {"id": "c", "type": "ipv4_dhcp", "link": "nic0"},
        ],
        "services": [{"type": "dns", "address": "192.0.2.53"}],
    },
}
PACKAGES = ("cloud-init", "python3-configobj", "python3-jsonpatch", "python3-json-pointer", "python3-oauthlib", "python3-six")
# Run by a Python of its own, because cloud-init changes settings of the process. The folder stands for the mounted drive.
READER = """
import json, sys
from cloudinit import helpers
from cloudinit.net import netplan, network_state
from cloudinit import sources
from cloudinit.sources import DataSourceConfigDrive, DataSourceNoCloud
from cloudinit.sources.helpers import openstack

layout, folder = sys.argv[1:]
if layout == "configdrive":
    found = DataSourceConfigDrive.read_config_drive(folder)
    macs = {link["ethernet_mac_address"].lower(): link["id"] for link in found["networkdata"]["links"] if link["type"] == "phy"}
    config = openstack.convert_net_json(found["networkdata"], known_macs=macs)
    seen = {"metadata": found["metadata"], "userdata": found["userdata"].decode(), "vendordata": sources.convert_vendordata(found["vendordata"])}
else:
    paths = helpers.Paths({"cloud_dir": "/nonexistent", "run_dir": "/nonexistent"})
    source = DataSourceNoCloud.DataSourceNoCloud({}, None, paths)
    source._get_devices = lambda label: []
    source.seed_dirs = [folder]
    assert source._get_data(), "not taken"
    config = source.network_config
    seen = {"metadata": source.metadata, "userdata": source.userdata_raw, "vendordata": source.vendordata_raw, "keys": source.get_public_ssh_keys(),
            "hostname": source.metadata["local-hostname"]}
state = network_state.parse_net_config_data(config)
seen["network"] = sorted([
    one["type"], one.get("mac_address"), one.get("mtu"), one.get("vlan_id"),
    sorted([str(subnet.get("address")), str(subnet.get("prefix"))] for subnet in one["subnets"]),
    sorted([subnet["gateway"] for subnet in one["subnets"] if subnet.get("gateway")]
           + [route["gateway"] for subnet in one["subnets"] for route in subnet.get("routes", [])]),
] for one in state.iter_interfaces())
# The file that the system would get; nothing is started.
netplan.Renderer({"netplan_path": "netplan.yaml", "postcmds": False}).render_network_state(state, target=folder)
with open(folder + "/netplan.yaml", encoding="utf-8") as file:
    seen["netplan"] = file.read()
print(json.dumps(seen, default=lambda data: data.decode()))
"""


def files(image):
    """The files of an ISO image by path, under the names that Linux shows when it is mounted."""
    iso = pycdlib.PyCdlib()
    iso.open_fp(io.BytesIO(image))
    found = {}
    for folder, _folders, names in iso.walk(rr_path="/"):
        for name in names:
            path = folder.rstrip("/") + "/" + name
            out = io.BytesIO()
            iso.get_file_from_iso_fp(out, rr_path=path)
            found[path.lstrip("/")] = out.getvalue()
    iso.close()
    return found


@pytest.fixture(scope="module")
def cloud_init(tmp_path_factory):
    """Return a function that lets cloud-init read an image: (layout, image) -> what it found."""
    if not shutil.which("apt-get"):
        pytest.skip("cloud-init is taken from Debian's package")
    folder = tmp_path_factory.mktemp("cloud-init")
    if subprocess.run(["apt-get", "download", "-qq", *PACKAGES], cwd=folder, capture_output=True, check=False).returncode:
        pytest.skip("Debian's package of cloud-init cannot be fetched")
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", package, folder / "root"], check=True)
    (folder / "reader.py").write_text(READER)
    environment = {**os.environ, "PYTHONPATH": str(folder / "root/usr/lib/python3/dist-packages")}

    def read(layout, image):
        for path, content in files(image).items():
            place = folder / layout / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        done = subprocess.run([sys.executable, folder / "reader.py", layout, folder / layout], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return read


@pytest.fixture(scope="module")
def seen(cloud_init):
    return {layout: cloud_init(layout, config_drive.build(dict(DATA, layout=layout))) for layout in config_drive.LABELS}


def test_both_layouts_say_the_same_to_cloud_init(seen):
    for found in seen.values():
        assert found["metadata"]["meta"] == {"rack": "r1"}
        assert (found["metadata"]["uuid"], found["metadata"]["instance-id"]) == (UUID, UUID)
        assert (found["userdata"], found["vendordata"]) == (DATA["user_data"], DATA["vendor_data"]["cloud-init"])
    assert seen["configdrive"]["metadata"]["hostname"] == seen["nocloud"]["hostname"] == "node1"
    assert seen["nocloud"]["keys"] == [KEY] and list(seen["configdrive"]["metadata"]["public_keys"].values()) == [KEY]


def test_both_layouts_make_the_same_network(seen):
    for layout, found in seen.items():
        network = [[kind, (mac or "").lower(), *rest] for kind, mac, *rest in found["network"]]
        assert [one for one in network if one[0] == "physical"] == [
            ["physical", "52:54:00:aa:00:01", 9000, None, [["None", "None"]], []],
            ["physical", "52:54:00:aa:00:02", None, None, [["2001:db8::9", "64"]], ["2001:db8::1"]],
        ], layout
        # cloud-init 22.4 lets the MAC address of a VLAN fall when it reads version 2.
        (vlan,) = [one for one in network if one[0] == "vlan"]
        assert vlan[2:] == [None, 7, [["192.0.2.9", "24"]], ["192.0.2.254"]], layout


NODE = {"name": "node1", "ports": [{"address": f"52:54:00:aa:00:0{number}", "name": f"eth{number}"} for number in range(3)]}
LAYOUT = [
    {"name": "bond0", "bond": {"mode": "802.3ad", "members": ["eth0", "eth1"], "xmit_hash_policy": "layer3+4"}, "networks": ["boot", "web", "web6"]},
    {"name": "disk", "port": "eth2", "networks": [{"network": "store", "tagged": False}]},
]
NETWORKS = {
    "boot": {"name": "boot", "cidr": "192.0.2.0/24", "vlan": None, "gateway": "192.0.2.254", "dns_nameservers": ["192.0.2.53"], "mtu": None},
    "web": {"name": "web", "cidr": "198.51.100.0/25", "vlan": 7, "gateway": "198.51.100.1", "dns_nameservers": [], "mtu": 1500},
    "web6": {"name": "web6", "cidr": "2001:db8:7::/64", "vlan": 7, "gateway": "2001:db8:7::1", "dns_nameservers": [], "mtu": 1500},
    "store": {"name": "store", "cidr": "203.0.113.0/24", "vlan": 9, "gateway": None, "dns_nameservers": [], "mtu": 9000},
}
ADDRESSES = {"boot": "192.0.2.9", "web": "198.51.100.9", "web6": "2001:db8:7::9", "store": "203.0.113.9"}


@pytest.mark.parametrize("layout", list(config_drive.LABELS))
def test_network_layout_is_what_cloud_init_configures(cloud_init, layout):
    attached = [{**one, "address": ADDRESSES[one["network"]], "network": NETWORKS[one["network"]]} for one in network_layout.attachments(LAYOUT)]
    data = dict(DATA, layout=layout, network_data=network_layout.render(LAYOUT, NODE, attached))
    network = yaml.safe_load(cloud_init(layout, config_drive.build(data))["netplan"])["network"]
    # On a config drive of OpenStack's cloud-init calls the links itself.
    macs = {name: one["match"]["macaddress"] for name, one in network["ethernets"].items()}
    assert sorted(macs.values()) == [port["address"] for port in NODE["ports"]]
    (bond_name, bond), (vlan,) = next(iter(network["bonds"].items())), network["vlans"].values()
    assert [macs[name] for name in bond["interfaces"]] == ["52:54:00:aa:00:00", "52:54:00:aa:00:01"] and bond["macaddress"] == "52:54:00:aa:00:00"
    assert {**bond["parameters"], "mii-monitor-interval": 100} == {"mode": "802.3ad", "mii-monitor-interval": 100, "transmit-hash-policy": "layer3+4"}
    assert bond["addresses"] == ["192.0.2.9/24"] and gateways(bond) == ["192.0.2.254"] and bond["nameservers"]["addresses"] == ["192.0.2.53"]
    assert (vlan["id"], vlan["link"], vlan["mtu"], vlan["addresses"]) == (7, bond_name, 1500, ["198.51.100.9/25", "2001:db8:7::9/64"])
    assert gateways(vlan) == ["2001:db8:7::1"]
    (disk,) = [one for name, one in network["ethernets"].items() if macs[name] == "52:54:00:aa:00:02"]
    assert disk["addresses"] == ["203.0.113.9/24"] and disk["mtu"] == 9000 and gateways(disk) == []


def gateways(entry):
    """Where the default routes of a link lead to."""
    return [entry[key] for key in ("gateway4", "gateway6") if key in entry] + [
        route["via"] for route in entry.get("routes", []) if route["to"] in ("default", "0.0.0.0/0", "::/0")]
