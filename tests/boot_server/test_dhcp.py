# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What firmware and iPXE get by DHCP: in several networks, over a relay, beside another DHCP server, and from a boot server that serves none."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import node_files, wait
from ansible_collections.rackwright.baremetal.tests.simulators import boot_client as wire
from ansible_collections.rackwright.baremetal.tests.simulators.boot_server import boot_server, cable, ip, namespaces

BROADCAST = ("255.255.255.255", 67)
NODE, OTHER = "52:54:00:00:02:11", "52:54:00:00:02:99"
NATIVE, UNLISTED = "52:54:00:00:02:14", "52:54:00:00:02:15"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0fZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTU+/ operator@example.com"

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(shutil.which(tool, path="/usr/sbin:/sbin:/usr/bin:/bin") for tool in ("ip", "nginx", "dnsmasq")),
    reason="needs root, iproute2, nginx-light, dnsmasq-base")


def reserve(server, mac, address):
    (server.root / "dnsmasq/hosts.d" / mac.replace(":", "-")).write_text(f"{mac},{address}\n")
    assert node_files.reload_reservations(server.root)


@contextlib.contextmanager
def rack(client_address="192.0.2.200/24", **variables):
    """A boot server and a client's namespace, joined by a cable."""
    with namespaces("s", "c") as (server, client):
        cable((server, "eth0", "192.0.2.1/24"), (client, "eth0", client_address))
        for number, network in enumerate(variables.get("boot_server_further_networks", ()), 1):
            if network.get("interface"):
                cable((server, network["interface"], f"{network['address']}/24"), (client, f"eth{number}", None))
                ip("-n", client, "address", "add", "198.51.100.200/24", "dev", f"eth{number}")
        with boot_server(server, **variables) as made:
            made.client = client
            yield made


def offers(server, mac, options, card="eth0", kind=wire.DISCOVER, settle=0.5, **more):
    with wire.udp(server.client, ("0.0.0.0", 68), card) as client:
        # Each with a number of its own: a late answer to the one before does not count twice.
        asked = (wire.ask(client, wire.dhcp(kind, mac, options, **more), BROADCAST, timeout=max(2, 2 * settle), settle=settle) for dummy in range(4))
        return next(filter(None, asked), [])


def told(offer):
    return offer["address"], offer["server"], offer["file"]


@pytest.fixture(scope="module")
def full():
    networks = [
        {"network": "198.51.100.0/24", "interface": "eth1", "address": "198.51.100.1", "gateway": "198.51.100.254", "dns": ["198.51.100.53", "192.0.2.53"]},
        {"network": "203.0.113.0/24", "gateway": "203.0.113.254"},
    ]
    with rack(boot_server_further_networks=networks, boot_server_gateway="192.0.2.254", boot_server_native_macs=[NATIVE.upper()],
              boot_server_arm64_loader="/opt/arm64.efi", boot_server_macs=[NODE, NATIVE, "52-54-00-00-02-12", "52:54:00:00:02:13"]) as made:
        (made.root / "tftp/arm64.efi").write_bytes(b"arm64")
        reserve(made, NATIVE, "192.0.2.14")
        reserve(made, UNLISTED, "192.0.2.15")
        reserve(made, NODE, "192.0.2.11")
        reserve(made, "52:54:00:00:02:12", "198.51.100.11")
        reserve(made, "52:54:00:00:02:13", "203.0.113.11")
        # The way to the relay and what is behind it.
        ip("-n", made.space, "route", "add", "203.0.113.0/24", "via", "192.0.2.200")
        ip("-n", made.client, "address", "add", "203.0.113.254/32", "dev", "lo")
        yield made


def test_each_network_has_its_own_server_router_and_names(full):
    first, = offers(full, NODE, wire.firmware(7))
    assert told(first) == ("192.0.2.11", "192.0.2.1", "snponly.efi")
    assert first["options"][3] == bytes([192, 0, 2, 254]) and 6 not in first["options"]
    second, = offers(full, "52:54:00:00:02:12", wire.firmware(0), card="eth1")
    assert told(second) == ("198.51.100.11", "198.51.100.1", "undionly.kpxe")
    assert second["options"][3] == bytes([198, 51, 100, 254]) and second["options"][6] == bytes([198, 51, 100, 53, 192, 0, 2, 53])
    third, = offers(full, "52:54:00:00:02:12", wire.firmware(0, ipxe=True), card="eth1")
    assert third["file"] == "http://198.51.100.1:8080/boot.ipxe"
    for address in ("192.0.2.1", "198.51.100.1"):
        assert wire.http(full.client, address, "/boot.ipxe")[0] == 200
        assert wire.tftp(full.client, address, "snponly.efi")


@pytest.mark.parametrize(("mac", "architecture", "file"), [
    (NODE, 0, "undionly.kpxe"), (NODE, 7, "snponly.efi"), (NODE, 9, "snponly.efi"), (NATIVE, 0, "ipxe.pxe"), (NATIVE, 7, "ipxe.efi"),
    (NATIVE, 9, "ipxe.efi"), (NODE, 11, "arm64.efi"), (NATIVE, 11, "arm64.efi"), (NODE, 6, None), (NODE, 18, None)])
def test_each_architecture_and_driver_has_its_boot_file(full, mac, architecture, file):
    offer, = offers(full, mac, wire.firmware(architecture))
    assert offer["file"] == file and (not file or wire.tftp(full.client, "192.0.2.1", file))
    offer, = offers(full, mac, wire.firmware(architecture, ipxe=True))
    assert offer["file"] == "http://192.0.2.1:8080/boot.ipxe"


def test_arm64_boots_by_http(full):
    offer, = offers(full, NODE, wire.firmware(19, vendor="HTTPClient"))
    assert (offer["file"], offer["options"][60]) == ("http://192.0.2.1:8080/arm64.efi", b"HTTPClient")
    assert wire.http(full.client, "192.0.2.1", "/arm64.efi") == (200, b"arm64")
    offer, = offers(full, NODE, wire.firmware(11))
    assert 60 not in offer["options"]


def test_a_machine_that_is_not_listed_gets_nothing(full):
    assert offers(full, UNLISTED, wire.firmware(7)) == []


def test_a_machine_gets_nothing_in_a_network_that_is_not_its_own(full):
    assert offers(full, NODE, wire.firmware(7), card="eth1") == []


@pytest.mark.parametrize(("options", "file"), [
    (wire.firmware(7), "snponly.efi"), (wire.firmware(7, ipxe=True), "http://192.0.2.1:8080/boot.ipxe")])
def test_a_relay_passes_on_what_machines_ask(full, options, file):
    with wire.udp(full.client, ("203.0.113.254", 67)) as relay:
        answer, = wire.ask(relay, wire.dhcp(wire.DISCOVER, "52:54:00:00:02:13", options, relay="203.0.113.254"), ("192.0.2.1", 67), timeout=5, settle=0.5)
        assert told(answer) == ("203.0.113.11", "192.0.2.1", file)
        assert answer["options"][1] == bytes([255, 255, 255, 0]) and answer["options"][3] == bytes([203, 0, 113, 254])
        assert wire.ask(relay, wire.dhcp(wire.DISCOVER, OTHER, options, relay="203.0.113.254"), ("192.0.2.1", 67), timeout=0.7) == []


@pytest.fixture(scope="module")
def proxy():
    """A boot server beside an existing DHCP server, which gives anybody an address and knows nothing of booting."""
    with contextlib.ExitStack() as stack:
        made = stack.enter_context(rack(boot_server_dhcp="proxy"))
        ip("-n", made.client, "link", "add", "br0", "type", "bridge")
        other, = stack.enter_context(namespaces("o"))
        cable((other, "eth0", "192.0.2.2/24"), (made.client, "eth9", None))
        for words in (("address", "flush", "dev", "eth0"), ("link", "set", "eth0", "master", "br0"), ("link", "set", "eth9", "master", "br0"),
                      ("address", "add", "192.0.2.200/24", "dev", "br0"), ("link", "set", "br0", "up")):
            ip("-n", made.client, *words)
        existing = subprocess.Popen([
            "ip", "netns", "exec", other, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=eth0", "--bind-interfaces",
            f"--dhcp-leasefile={made.root}/leases", "--dhcp-range=192.0.2.11,192.0.2.20", "--user=root", "--no-ping", "--pid-file"],
            stderr=subprocess.DEVNULL)
        stack.callback(existing.wait)
        stack.callback(existing.terminate)
        reserve(made, NODE, "192.0.2.11")
        assert any(proxied(made, OTHER, []) for dummy in range(10))
        yield made


def proxied(server, mac, options):
    """{address of a server: what it offers}."""
    return {offer["from"]: offer for offer in offers(server, mac, options, card="br0", settle=2)}


@pytest.mark.parametrize("ipxe", [False, True])
def test_beside_another_server_a_bios_gets_its_boot_file(proxy, ipxe):
    found = proxied(proxy, NODE, wire.firmware(0, ipxe=ipxe))
    assert set(found) == {"192.0.2.1", "192.0.2.2"}
    assert found["192.0.2.2"]["address"] != "0.0.0.0" and found["192.0.2.2"]["file"] is None
    ours = found["192.0.2.1"]
    # Suboption 6 of option 43 is 8: the client is to load the file and show no menu.
    assert ours["options"][60] == b"PXEClient" and b"\x06\x01\x08" in ours["options"][43]
    # iPXE asks in vain again and again where the server (siaddr) is not named.
    assert told(ours) == ("0.0.0.0", "192.0.2.1", "http://192.0.2.1:8080/boot.ipxe" if ipxe else "undionly.kpxe")


@pytest.mark.parametrize("architecture", [7, 9])
def test_beside_another_server_uefi_asks_again_on_port_4011(proxy, architecture):
    ours = proxied(proxy, NODE, wire.firmware(architecture))["192.0.2.1"]
    assert ours["address"] == "0.0.0.0" and ours["options"][60] == b"PXEClient"
    with wire.udp(proxy.client, ("192.0.2.200", 68)) as client:
        answer, = wire.ask(client, wire.dhcp(wire.REQUEST, NODE, wire.firmware(architecture), client="192.0.2.200"), ("192.0.2.1", 4011), timeout=5, settle=0.5)
    assert (answer["server"], answer["file"]) == ("192.0.2.1", "snponly.efi")
    ours = proxied(proxy, NODE, wire.firmware(architecture, ipxe=True))["192.0.2.1"]
    assert ours["file"] == "http://192.0.2.1:8080/boot.ipxe"


def test_beside_another_server_only_nodes_that_boot_are_answered(proxy):
    assert set(proxied(proxy, OTHER, wire.firmware(0))) == {"192.0.2.2"}
    assert set(proxied(proxy, NODE, [])) == {"192.0.2.2"}


def test_the_log_tells_that_a_node_was_told_what_to_load(proxy):
    started = time.time()
    proxied(proxy, NODE, wire.firmware(0))
    assert wait.wait_for_ramdisk(str(proxy.root), mac=NODE, nonce="9a1f5c0b7d3e4a21", since=started, timeout=60, until="dhcp")["stages"]


def test_without_dhcp_files_are_served():
    with rack(boot_server_dhcp="none") as made:
        reserve(made, NODE, "192.0.2.11")
        assert offers(made, NODE, wire.firmware(7)) == []
        assert wire.tftp(made.client, "192.0.2.1", "snponly.efi")
        assert wire.http(made.client, "192.0.2.1", "/boot.ipxe")[0] == 200
        assert all(made.pids().values())


def test_the_next_machine_gets_an_address_though_the_lease_of_the_one_before_runs():
    with rack() as made:
        for mac, node in ((NODE, "node1"), (OTHER, "node2")):
            node_files.present(
                str(made.root), node=node, mac=mac.replace(":", "-"), address="192.0.2.11", nonce="0123456789abcdef", keys=[KEY],
                url="http://192.0.2.1:8080", arguments=[], ramdisk={"kernel": "ramdisk/abc/vmlinuz", "initrd": "ramdisk/abc/initrd.img"}, registered=True)
            options = [*wire.firmware(7), (61, b"\x01" + bytes.fromhex(mac.replace(":", "")))]
            offer, = offers(made, mac, options)
            assert offer["address"] == "192.0.2.11"
            answer, = offers(made, mac, [*options, (50, bytes([192, 0, 2, 11])), (54, offer["options"][54])], kind=wire.REQUEST)
            assert answer["type"] == wire.ACK and answer["address"] == "192.0.2.11"
        assert offers(made, NODE, wire.firmware(7)) == []
