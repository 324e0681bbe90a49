# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every way to boot, each up to a login to the deployed system, one machine at a time (make rack-matrix).

The machines, and the rack that they are in, are described in the file that RACKWRIGHT_RACK names: boot_ways.yml, or boot_ways_ipv6.yml for one with IPv6 alone.
"""

from __future__ import annotations

import ipaddress
import json
import pathlib
import subprocess

import pytest
import yaml

from rack import VARIANT
from steps import IMAGE, host_tasks, nodes, run

MACHINES = yaml.safe_load((pathlib.Path(__file__).parent / f"{VARIANT or 'boot_ways'}.yml").read_text())["virtual_rack_nodes"]
ADDRESSES = {machine["name"]: machine["address"] for machine in MACHINES}
IPV6 = any(":" in address for address in ADDRESSES.values())
MACS = {machine["name"]: machine["mac"] for machine in MACHINES}


@pytest.fixture(scope="module")
def enrolled(virtual_rack):
    hardware = yaml.safe_load((virtual_rack.RACK / "hardware.yml").read_text())
    for node in hardware["nodes"]:
        # What is proved here is the boot, and one boot for each machine does.
        node["automated_clean"] = False
    (virtual_rack.SITE / "changed-hardware.yml").write_text(yaml.safe_dump(hardware))
    if IPV6:
        # Of which its installed systems get their addresses.
        run(virtual_rack, "networks.yml")
    run(virtual_rack, "enroll.yml", "-e", f"enroll_hardware_file={virtual_rack.SITE}/changed-hardware.yml")
    run(virtual_rack, "provide.yml")
    return virtual_rack


def deploy(rack, name, *more):
    """Deploy a machine, which ends with the proof over SSH, and switch it off for the next one.

    :returns: the requests that the boot server logged, and the lines of its DHCP and TFTP service.
    """
    http, dnsmasq = rack.BOOT / "log/http.log", rack.BOOT / "log/dnsmasq.log"
    read = [len(path.read_bytes()) for path in (http, dnsmasq)]
    try:
        output = run(rack, "deploy.yml", "-l", name, *IMAGE, *more)
    finally:
        subprocess.run(["ip", "netns", "exec", rack.NETNS, "ansible", name, "-m", "rackwright.baremetal.power", "-a", "state=off"],
                       cwd=rack.SITE, env=rack.environment(), check=False)
    assert nodes(rack)[name]["provision_state"] == "active" and host_tasks(output, name) <= 15
    requests = [json.loads(line) for line in http.read_bytes()[read[0]:].decode().splitlines()]
    said = {request["node"] for request in requests if request["client"] in own(name) and request["stage"] in ("kernel", "initrd", "ramdisk", "image")}
    assert said == {name}
    return requests, dnsmasq.read_bytes()[read[1]:].decode().splitlines()


def own(name):
    """The addresses that a machine has while it boots: one of IPv4, or sixteen of IPv6."""
    return {str(one) for one in ipaddress.ip_network((ADDRESSES[name], 124 if IPV6 else 32))}


def which(**wanted):
    """The names of the machines that are described so. A test without a machine would be skipped unseen; the rack with IPv6 alone has them for two ways."""
    found = [machine["name"] for machine in MACHINES if all(machine.get(key) == value for key, value in wanted.items())]
    assert found or (IPV6 and any(wanted.values())), f"no machine with {wanted}"
    return found


def fetched(requests, path, name):
    """Whether a machine got a file by HTTP."""
    return any(request["uri"] == path and request["client"] in own(name) and request["status"] == 200 for request in requests)


def sent(lines, name, path):
    """Whether TFTP sent a file to a machine."""
    return any("sent " in line and line.endswith(f"{path} to {address}") for line in lines for address in own(name))


def script(name):
    return f"/node/{MACS[name].replace(':', '-')}/boot.ipxe"


@pytest.mark.parametrize("name", which(boot_interface=None))
def test_ipxe(enrolled, name):
    requests, lines = deploy(enrolled, name)
    assert fetched(requests, script(name), name)
    if IPV6:
        # From the firmware on, nothing of this machine is anywhere else; elsewhere its network card has iPXE built in.
        assert sent(lines, name, "snponly.efi") and {request["client"] for request in requests} <= own(name)


@pytest.mark.parametrize("name", which(boot_interface="http-ipxe"))
def test_uefi_http_boot(enrolled, name):
    requests, lines = deploy(enrolled, name)
    assert fetched(requests, "/snponly.efi", name) and fetched(requests, script(name), name)
    assert not sent(lines, name, "")


@pytest.mark.parametrize("name", which(boot_interface="pxe"))
def test_secure_boot_from_the_network(enrolled, name):
    requests, lines = deploy(enrolled, name)
    mac = MACS[name].replace(":", "-")
    # By the name that DHCP gives to all, this node finds shim.
    for path in (f"{mac}/snponly.efi", "grubx64.efi", f"{mac}.cfg", "vmlinuz", "initrd.img"):
        assert sent(lines, name, path), path
    assert not fetched(requests, script(name), name)
    assert "Secure boot enabled" in (enrolled.RACK / f"console/{name}.log").read_text(errors="replace")


@pytest.mark.parametrize("name", which(boot_interface="redfish-virtual-media"))
def test_virtual_media_without_dhcp(enrolled, name):
    network_data = {
        "links": [{"id": "nic0", "type": "phy", "ethernet_mac_address": MACS[name]}],
        "networks": [{"id": "net0", "link": "nic0", "type": "ipv4", "ip_address": ADDRESSES[name], "netmask": "255.255.255.0"}],
        "services": []}
    # The other rack has it of its layout.
    requests, lines = deploy(enrolled, name, *([] if IPV6 else ["-e", json.dumps({"deploy_network_data": network_data})]))
    folder = f"/node/{MACS[name].replace(':', '-')}/"
    media = {request["uri"] for request in requests if request["uri"].startswith(folder) and request["uri"].endswith("/boot.iso")}
    # It has the keys with it.
    assert not [request for request in requests if request["stage"] == "keys"]
    # Any system looks for the routers of its network, which is no DHCP.
    assert len(media) == 1 and not [line for line in lines if MACS[name] in line and "RTR-SOLICIT" not in line]
    # It is deleted, and the drive is empty.
    assert not (enrolled.BOOT / "http/node" / folder.split("/")[2]).exists()
    done = subprocess.run(["ip", "netns", "exec", enrolled.NETNS, "ansible", name, "-m", "rackwright.baremetal.virtual_media", "-a", "state=ejected",
                           "--check"], cwd=enrolled.SITE, env=enrolled.environment(), capture_output=True, text=True, check=True)
    assert "SUCCESS" in done.stdout and '"changed": false' in done.stdout
