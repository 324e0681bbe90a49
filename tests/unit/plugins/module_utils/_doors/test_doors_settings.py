# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is refused of an operator's settings before a node is locked, sentence by sentence."""

from __future__ import annotations

import uuid

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import config_drive, ready_drive
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import _settings
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError

NODE = {"name": "node1", "boot_mac": "52:54:00:00:02:11", "address": "192.0.2.11", "boot_interface": None}
GOOD = {
    "server": "boot1", "server_url": "http://192.0.2.1:8080", "cache_url": "http://192.0.2.2:8080",
    "ssh_private_key_file": "~/.ssh/id_ed25519", "kernel_arguments": "console=ttyS0",
    "ssh_public_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0fZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTU+/ operator@example.com"],
    "timeouts": {"callback": 3600, "connect": "90"}, "interfaces": [], "network": "", "gateway": "", "dns": [],
}
MEDIA = {"interfaces": ["redfish-virtual-media"], "network": "192.0.2.0/24"}


@pytest.mark.parametrize("change", [{}, {"timeouts": None}, {"timeouts": {}}, {"kernel_arguments": ["quiet", "console=tty0"]},
                                    MEDIA, {"interfaces": ["pxe", "ipxe"]}, {"interfaces": ["pxe"], "kernel_arguments": 'a="x || y"'}])
def test_settings_that_work(change):
    _settings.check_ramdisk_boot({**GOOD, **change}, NODE)


@pytest.mark.parametrize(("change", "seen", "cure"), [
    ({"server": ""}, "no host in the inventory group boot_servers", "put the boot server into the group boot_servers"),
    ({"server_url": ""}, "the host boot1 has no boot_server_address", "set boot_server_address for that host"),
    ({"cache_url": ""}, "(ramdisk_boot_cache)", "leave it out to fetch images from the boot server"),
    ({"server_url": "https://192.0.2.1"}, "'https://192.0.2.1'", "http://ADDRESS:PORT"),
    ({"ssh_public_keys": []}, "no readable file ~/.ssh/id_ed25519.pub", "ssh-keygen"),
    ({"ssh_public_keys": None}, "no readable file ~/.ssh/id_ed25519.pub", "ssh-keygen"),
    ({"ssh_public_keys": ["-----BEGIN OPENSSH PRIVATE KEY-----"]}, "Seen: a private key", ".pub file"),
    ({"kernel_arguments": 7}, "7", "give a string, or a list of strings"),
    ({"kernel_arguments": 'a="x || y"'}, "'x || y'", "leave out"),
    ({"timeouts": {"callback": -1, "power": 5}}, "{'callback': -1}", "seconds for any of power, callback, connect"),
    ({"timeouts": []}, "Seen: []", "give a dictionary"),
    ({"interfaces": ["tftp"]}, "['tftp']", "any of ipxe"),
    ({"interfaces": "ipxe"}, "'ipxe'", "give a list"),
    ({**MEDIA, "network": ""}, "address 192.0.2.11", "ramdisk_boot_network"),
    ({"interfaces": ["ipxe", "pxe"], "kernel_arguments": "a=it's"}, '"it\'s"', "single quotes"),
    ({"server_url": "http://[2001:db8:1::1]:8080"}, "ramdisk_boot_server_url: the node boots over IPv4 and would be sent to an address of IPv6",
     "one of IPv4"),
    ({"cache_url": "http://[2001:db8:1::2]:8080"}, "ramdisk_boot_cache: the node boots over IPv4", "the cache"),
])
def test_settings_that_do_not_work(change, seen, cure):
    with pytest.raises(BaremetalError) as refusal:
        _settings.check_ramdisk_boot({**GOOD, **change}, NODE)
    text = str(refusal.value)
    assert text.startswith("node1: plan: ") and seen in text and cure in text.partition("To do: ")[2]
    assert "ramdisk_boot_" in text and "\n" not in text


@pytest.mark.parametrize("server", ["[2001:db8:1::1]", "boot1.example.com"])
def test_settings_of_a_node_that_boots_over_ipv6(server):
    node, url = {**NODE, "address": "2001:db8:1::110"}, f"http://{server}:8080"
    _settings.check_ramdisk_boot({**GOOD, **MEDIA, "server_url": url, "cache_url": url, "network": "2001:db8:1::/64"}, node)
    with pytest.raises(BaremetalError, match="node1: plan: ramdisk_boot_server_url: the node boots over IPv6 and would be sent to an address of IPv4"):
        _settings.check_ramdisk_boot({**GOOD, "cache_url": url}, node)


INSTANCE = {"uuid": str(uuid.uuid4()), "image_digest": "sha256:1"}
DATA = {"hostname": "node1", "public_keys": GOOD["ssh_public_keys"], "user_data": "#cloud-config\npassword: canary"}


@pytest.mark.parametrize(("layout", "label", "datasource"), [({}, "config-2", "ConfigDrive"), ({"layout": "nocloud"}, "cidata", "NoCloud")])
def test_what_a_config_drive_will_say(layout, label, datasource):
    found = _settings.look_at_config_drive({**DATA, "meta": {"rack": "3"}, **layout}, NODE, INSTANCE)
    assert found.pop("data") == {"hostname": "node1", "public_keys": GOOD["ssh_public_keys"], "uuid": INSTANCE["uuid"],
                                 "meta": {"rack": "3", "rackwright_image_digest": "sha256:1"}}
    assert found == {
        "label": label, "datasource": datasource, "hostname": "node1", "instance_uuid": INSTANCE["uuid"], "image_digest": "sha256:1"}


def test_what_a_config_drive_is_made_of_makes_one_that_says_so():
    """The role deploy adds what may be secret, and gives it to the filter."""
    found = _settings.look_at_config_drive(DATA, NODE, INSTANCE)
    image = config_drive.build({**DATA, **found["data"]})
    assert {key: found[key] for key in ("label", "hostname", "instance_uuid", "image_digest")} == ready_drive.marks(image)


def test_what_a_ready_config_drive_says(tmp_path):
    other = str(uuid.uuid4())
    (tmp_path / "drive.iso").write_bytes(config_drive.build({"hostname": "node9", "uuid": other, "layout": "nocloud"}))
    assert _settings.look_at_config_drive({"hostname": "node1", "iso": f"{tmp_path}/drive.iso"}, NODE, INSTANCE) == {
        "label": "cidata", "datasource": "NoCloud", "hostname": "node9", "instance_uuid": other, "image_digest": None, "data": {}}


def test_a_config_drive_is_preserved_where_there_is_one():
    data = {"hostname": "node1", "iso": "preserve"}
    assert _settings.look_at_config_drive(data, NODE, INSTANCE, keeps=True) == {
        "label": None, "datasource": None, "hostname": None, "instance_uuid": INSTANCE["uuid"], "image_digest": None, "data": {}}
    with pytest.raises(BaremetalError, match="none on the disk that could be preserved. Seen: the node is available"):
        _settings.look_at_config_drive(data, {**NODE, "provision_state": "available"}, INSTANCE)


def test_a_config_drive_is_checked_and_user_data_is_not_shown():
    with pytest.raises(BaremetalError, match="^node1: plan: the config drive cannot be made: .*user_data.*deploy_user_data") as refusal:
        _settings.look_at_config_drive({**DATA, "user_data": ["canary"]}, NODE, INSTANCE)
    assert "canary" not in str(refusal.value)
    with pytest.raises(BaremetalError, match="64|limit"):
        _settings.look_at_config_drive({**DATA, "user_data": "x" * (65 << 20)}, NODE, INSTANCE)
    with pytest.raises(BaremetalError, match="/nowhere cannot be read.*deploy_config_drive"):
        _settings.look_at_config_drive({"hostname": "node1", "iso": "/nowhere"}, NODE, INSTANCE)
