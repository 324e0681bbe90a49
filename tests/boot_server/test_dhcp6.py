# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Booting over IPv6: what firmware and iPXE get by DHCPv6, what is advertised, and who may read a node's files."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import socket
import subprocess
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import node_files, tftp, wait
from ansible_collections.rackwright.baremetal.tests.simulators import boot_client as wire
from ansible_collections.rackwright.baremetal.tests.simulators.boot_client6 import REPLY, Client, advertisement
from ansible_collections.rackwright.baremetal.tests.simulators.boot_server import boot_server, cable, ip, namespaces

NODE, NATIVE, STRANGER = "52:54:00:00:06:11", "52:54:00:00:06:12", "52:54:00:00:06:99"
BLOCK = ipaddress.ip_network("2001:db8:1::110/124")
URL = "http://[2001:db8:1::1]:8080"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0fZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTU+/ operator@example.com"

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(shutil.which(tool, path="/usr/sbin:/sbin:/usr/bin:/bin") for tool in ("ip", "nginx", "dnsmasq")),
    reason="needs root, iproute2, nginx-light, dnsmasq-base")


@contextlib.contextmanager
def rack(**variables):
    """A boot server in a network of each kind on one cable, and a client's namespace."""
    network = {"network": "2001:db8:1::/64", "interface": "eth0", "address": "2001:db8:1::1", "dns": ["2001:db8:1::53"], **variables.pop("network", {})}
    with namespaces("s", "c") as (server, client):
        for space in (server, client):
            for setting in ("all", "default"):
                subprocess.run(["ip", "netns", "exec", space, "sh", "-c", f"echo 0 > /proc/sys/net/ipv6/conf/{setting}/accept_dad"], check=True)
        cable((server, "eth0", "192.0.2.1/24"), (client, "eth0", "192.0.2.200/24"))
        ip("-n", server, "address", "add", "2001:db8:1::1/64", "dev", "eth0", "nodad")
        with boot_server(server, boot_server_further_networks=[network], **variables) as made:
            made.client = client
            yield made


def become(server, mac):
    """Give the client's card the address of a machine."""
    ip("-n", server.client, "link", "set", "eth0", "down")
    ip("-n", server.client, "link", "set", "eth0", "address", mac)
    ip("-n", server.client, "link", "set", "eth0", "up")


def reserve(server, mac, address, node="node1"):
    """What netboot writes for a node."""
    (server.root / "http/ramdisk/vmlinuz").write_text("kernel")
    node_files.present(server.root, node=node, mac=mac.replace(":", "-"), address=address, nonce="0123456789abcdef", keys=[KEY], url=URL,
                       arguments=[], ramdisk={"kernel": "ramdisk/vmlinuz", "initrd": "ramdisk/initrd"})


@pytest.fixture(scope="module")
def both():
    with rack(boot_server_native_macs=[NATIVE], boot_server_arm64_loader="/opt/arm64.efi") as made:
        reserve(made, NODE, str(BLOCK[0]))
        reserve(made, NATIVE, "2001:db8:1::120", "node2")
        yield made


def test_each_program_of_a_machine_gets_an_address_of_its_own_and_what_it_loads(both):
    """They have different identities, and the first one's lease is not over when the next one asks."""
    become(both, NODE)
    firmware = Client(both.client, 7)
    stages = [firmware, Client(both.client, 7, ipxe=True), Client(both.client), Client(both.client), firmware]
    answers = [stage.address() for stage in stages]
    assert [answer.file for answer in answers] == [
        "tftp://[2001:db8:1::1]/snponly.efi", f"{URL}/boot.ipxe", None, None, "tftp://[2001:db8:1::1]/snponly.efi"]
    given = [ipaddress.ip_address(answer.address) for answer in answers]
    assert all(answer.kind == REPLY for answer in answers) and set(given) <= set(BLOCK)
    assert len(set(given)) == 4 and given[0] == given[4]
    assert answers[0].options[23] == socket.inet_pton(socket.AF_INET6, "2001:db8:1::53")


@pytest.mark.parametrize(("mac", "architecture", "vendor", "file"), [
    (NODE, 9, "PXEClient", "tftp://[2001:db8:1::1]/snponly.efi"), (NATIVE, 7, "PXEClient", "tftp://[2001:db8:1::1]/ipxe.efi"),
    (NODE, 16, "HTTPClient", f"{URL}/snponly.efi"), (NATIVE, 16, "HTTPClient", f"{URL}/ipxe.efi"), (NODE, 11, "PXEClient", "tftp://[2001:db8:1::1]/arm64.efi"),
    (NODE, 19, "HTTPClient", f"{URL}/arm64.efi"), (NODE, 18, "PXEClient", None)])
def test_each_architecture_and_driver_has_its_boot_file(both, mac, architecture, vendor, file):
    become(both, mac)
    answer = Client(both.client, architecture, vendor=vendor).information()
    assert answer.file == file
    # What firmware that boots by HTTP looks for, and where it looks.
    assert answer.options.get(16, b"")[6:] == (b"HTTPClient" if vendor == "HTTPClient" else b"")


def test_who_is_not_known_gets_nothing(both):
    become(both, STRANGER)
    assert Client(both.client, 7).address(timeout=2) is None
    assert Client(both.client, 7).information(timeout=2) is None


def test_the_prefix_is_advertised_and_no_router(both):
    become(both, NODE)
    # The router lifetime.
    assert advertisement(both.client, 20)[6:8] == bytes(2)
    deadline = time.monotonic() + 20
    while "2001:db8:1::/64" not in (routes := routes_of(both.client)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert "2001:db8:1::/64" in routes and "default" not in routes
    # Addresses are the server's to give.
    assert "2001:db8:1:" not in subprocess.run(["ip", "-n", both.client, "-6", "address", "show", "dev", "eth0", "scope", "global"], check=True,
                                               stdout=subprocess.PIPE, text=True).stdout


def routes_of(space):
    return subprocess.run(["ip", "-n", space, "-6", "route", "show", "dev", "eth0"], check=True, stdout=subprocess.PIPE, text=True).stdout


def test_only_the_addresses_of_a_node_read_its_files(both):
    become(both, NODE)
    path = f"/node/{NODE.replace(':', '-')}/0123456789abcdef/authorized_keys"
    for address in (BLOCK[0], BLOCK[9], BLOCK[15], "2001:db8:1::120"):
        ip("-n", both.client, "address", "add", f"{address}/64", "dev", "eth0", "nodad")
    for address in (BLOCK[0], BLOCK[9], BLOCK[15]):
        assert wire.http(both.client, "2001:db8:1::1", path, source=str(address)) == (200, f"{KEY}\n".encode())
    assert wire.http(both.client, "2001:db8:1::1", path, source="2001:db8:1::120")[0] == 403
    assert wire.http(both.client, "2001:db8:1::1", "/boot.ipxe", source=str(BLOCK[0]))[0] == 200
    loader = (both.root / "tftp/snponly.efi").read_bytes()
    assert wire.tftp(both.client, "2001:db8:1::1", "snponly.efi", source="::") == loader
    # As preflight asks.
    assert wire.inside(both.client, lambda: tftp.fetch("2001:db8:1::1", "snponly.efi", limit=len(loader))) == loader
    # What is for this node alone, found by its card.
    own = both.root / "tftp" / NODE.replace(":", "-")
    own.mkdir()
    own.chmod(0o755)
    (own / "only.efi").write_bytes(b"of this node")
    assert wire.tftp(both.client, "2001:db8:1::1", "only.efi", source="::") == b"of this node"


def test_how_far_a_machine_is(both):
    become(both, NODE)
    begun = time.time() - 1
    answer = Client(both.client, 7, ipxe=True).address()
    ip("-n", both.client, "address", "replace", f"{answer.address}/64", "dev", "eth0", "nodad")
    mac = NODE.replace(":", "-")
    assert wire.http(both.client, "2001:db8:1::1", f"/node/{mac}/boot.ipxe", source=answer.address)[0] == 200
    assert wire.http(both.client, "2001:db8:1::1", f"/beacon/{mac}/0123456789abcdef/ramdisk", source=answer.address)[0] == 204
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        seen = wait.wait_for_ramdisk(both.root, mac=mac, nonce="0123456789abcdef", address=str(BLOCK[0]), since=begun, once=True)
        if [stage["stage"] for stage in seen["stages"]][-1:] == ["ramdisk"]:
            break
    assert {"dhcp", "ipxe", "ramdisk"} <= {stage["stage"] for stage in seen["stages"]}


def test_the_old_protocol_goes_on_beside_it(both):
    (both.root / "dnsmasq/hosts.d/old").write_text("52:54:00:00:06:44,192.0.2.44\n")
    assert node_files.reload_reservations(both.root)
    deadline, offers = time.monotonic() + 20, []
    while not offers and time.monotonic() < deadline:
        with wire.udp(both.client, ("0.0.0.0", 68), "eth0") as client:
            offers = wire.ask(client, wire.dhcp(wire.DISCOVER, "52:54:00:00:06:44", wire.firmware(7)), ("255.255.255.255", 67))
    assert [(offer["address"], offer["file"]) for offer in offers] == [("192.0.2.44", "snponly.efi")]


def test_who_is_not_to_advertise_does_not_and_still_tells_what_to_load():
    with rack(network={"ipv6_address_mode": "dhcpv6-stateless", "router_advertisements": False}) as made:
        (made.root / "dnsmasq/hosts.d/one").write_text(f"{NODE},node1\n")
        assert node_files.reload_reservations(made.root)
        become(made, NODE)
        assert Client(made.client, 7, ipxe=True).information().file == f"{URL}/boot.ipxe"
        assert advertisement(made.client, 3) is None


def test_machines_that_make_their_own_address():
    with rack(network={"ipv6_address_mode": "dhcpv6-stateless"}) as made:
        (made.root / "dnsmasq/hosts.d/one").write_text(f"{NODE},node1\n")
        assert node_files.reload_reservations(made.root)
        become(made, NODE)
        assert Client(made.client, 7, ipxe=True).information().file == f"{URL}/boot.ipxe"
        refusal = Client(made.client, 7).address(timeout=2)
        assert refusal is None or refusal.address is None
        # By its card (RFC 4291, 2.5.1).
        own, deadline = "2001:db8:1:0:5054:ff:fe00:611", time.monotonic() + 20
        while time.monotonic() < deadline and own not in (shown := subprocess.run(
                ["ip", "-n", made.client, "-6", "address", "show", "dev", "eth0"], check=True, stdout=subprocess.PIPE, text=True).stdout):
            time.sleep(0.2)
        assert own in shown
