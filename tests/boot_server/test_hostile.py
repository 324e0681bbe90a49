# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What clients get that want what is not theirs, too much, or nonsense: a refusal, and the others are served as before."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import ssl
import subprocess

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import node_files
from ansible_collections.rackwright.baremetal.tests.simulators import boot_client as wire
from ansible_collections.rackwright.baremetal.tests.simulators.boot_server import boot_server, cable, ip, namespaces

SERVER = "192.0.2.1"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0fZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTU+/ operator@example.com"
# Node: MAC address, address, nonce of its boot.
ONE = ("52-54-00-00-02-11", "192.0.2.11", "9a1f5c0b7d3e4a21")
TWO = ("52-54-00-00-02-12", "192.0.2.12", "fedcba9876543210")
# Who only asks too often.
BUSY = "192.0.2.13"
CONNECTIONS = 8
REQUESTS = 300


@pytest.fixture(scope="module")
def site():
    if os.geteuid() != 0 or not all(shutil.which(tool, path="/usr/sbin:/sbin:/usr/bin:/bin") for tool in ("ip", "nginx", "dnsmasq", "openssl")):
        pytest.skip("needs root, iproute2, nginx-light, dnsmasq-base, openssl")
    with contextlib.ExitStack() as stack:
        server, client = stack.enter_context(namespaces("s", "c"))
        cable((server, "eth0", f"{SERVER}/24"), (client, "eth0", f"{ONE[1]}/24"))
        for address in (TWO[1], BUSY):
            ip("-n", client, "address", "add", f"{address}/24", "dev", "eth0")
        certificate = f"/tmp/{server}.pem"
        stack.callback(os.unlink, certificate)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=boot",
                        "-keyout", certificate, "-out", f"{certificate}.crt"], check=True, stderr=subprocess.DEVNULL)
        stack.callback(os.unlink, f"{certificate}.crt")
        made = stack.enter_context(boot_server(
            server, boot_server_connections_per_client=CONNECTIONS, boot_server_requests_per_client=REQUESTS,
            boot_server_tls_certificate=f"{certificate}.crt", boot_server_tls_key=certificate))
        made.client = client
        (made.root / "http/ramdisk/vmlinuz").write_bytes(b"kernel")
        (made.root / "http/images/large").write_bytes(bytes(64 << 20))
        for number, (mac, address, nonce) in enumerate((ONE, TWO)):
            url = f"http://{SERVER}:8080"
            node_files.present(
                str(made.root), node=f"node{number}", mac=mac, address=address, nonce=nonce, keys=[KEY], url=url,
                arguments=node_files.boot_arguments(url, f"node{number}", mac, nonce, ""), ramdisk={"kernel": "ramdisk/vmlinuz", "initrd": "ramdisk/initrd"})
        yield made


@pytest.fixture(autouse=True)
def lives_on(site):
    """Whatever a test does, both daemons are the same as before and serve."""
    before = site.pids()
    yield
    assert site.pids() == before and all(before.values())
    assert get(site, "/boot.ipxe", TWO[1])[0] == 200
    assert wire.tftp(site.client, SERVER, "undionly.kpxe", ONE[1])


def get(site, target, source, **more):
    return wire.http(site.client, SERVER, target, source=source, **more)


def test_files_of_a_node_are_for_its_address(site):
    mac, address, nonce = ONE
    for path in (f"/node/{mac}/boot.ipxe", f"/node/{mac}/{nonce}/authorized_keys"):
        assert get(site, path, address)[0] == 200
        log = json.loads((site.root / "log/http.log").read_text().splitlines()[-1])
        assert (log["mac"], log["stage"]) == (mac, "ipxe" if path.endswith("boot.ipxe") else "keys")
        assert get(site, path, TWO[1]) == (403, get(site, path, TWO[1])[1]) and KEY.encode() not in get(site, path, TWO[1])[1]


def test_the_nonce_of_one_node_opens_nothing_of_another(site):
    assert get(site, f"/node/{ONE[0]}/{TWO[2]}/authorized_keys", TWO[1])[0] == 403
    assert get(site, f"/node/{ONE[0]}/{TWO[2]}/authorized_keys", ONE[1])[0] == 404
    assert get(site, f"/journal/{ONE[0]}/{TWO[2]}/00", TWO[1], method="PUT", body=b"x")[0] == 404


def test_paths_of_an_earlier_boot_are_gone(site):
    mac, address, nonce = TWO
    url = f"http://{SERVER}:8080"
    for new in ("0000000000000001", nonce):
        old = os.listdir(site.root / f"http/node/{mac}")
        node_files.present(str(site.root), node="node1", mac=mac, address=address, nonce=new, keys=[KEY], url=url,
                           arguments=node_files.boot_arguments(url, "node1", mac, new, ""), ramdisk={"kernel": "ramdisk/vmlinuz", "initrd": "ramdisk/initrd"})
        assert get(site, f"/node/{mac}/{new}/authorized_keys", address)[0] == 200
        assert {get(site, f"/node/{mac}/{name}/authorized_keys", address)[0] for name in old if name not in (new, "boot.ipxe")} == {404}


@pytest.mark.parametrize("path", [
    "/../log/http.log", "/%2e%2e/log/http.log", "/images/../../dnsmasq/dnsmasq.conf", f"/node/{TWO[0]}/../{ONE[0]}/boot.ipxe", "/images/..%2f..%2frun",
    f"/node/{ONE[0]}/.for-{ONE[1]}", "//node", f"/node//{ONE[0]}/boot.ipxe", f"/node/./{ONE[0]}/boot.ipxe", f"/NODE/{ONE[0]}/boot.ipxe",
    f"/node/{ONE[0].upper()}/boot.ipxe", "/images/link", "/images/own", "/images/%00", "/images/large/x"])
def test_ways_around(site, path):
    links = [site.root / "http/images" / name for name in ("link", "own")]
    for link in links:
        link.symlink_to("/etc/passwd")
    os.lchown(links[0], 12345, 12345)
    try:
        assert get(site, path, TWO[1])[0] in (400, 403, 404)
    finally:
        for link in links:
            link.unlink()


@pytest.mark.parametrize(("path", "more"), [
    ("/" + "x" * 9000, {}),
    ("/boot.ipxe", {"headers": ["X-Large: " + "x" * 9000]}),
    ("/boot.ipxe", {"headers": [f"X-{number}: " + "x" * 3000 for number in range(8)]}),
    ("/boot.ipxe", {"method": "PUT", "body": bytes(1 << 20)}),
    ("/boot.ipxe", {"headers": ["Content-Length: 99999999999"]}),
    ("/boot.ipxe", {"headers": ["Content-Length: -1"]}),
    ("/images/large", {"headers": ["Range: bytes=" + ",".join(f"{n}-{n}" for n in range(500))]}),
])
def test_what_is_too_large_is_not_taken(site, path, more):
    status, body = get(site, path, TWO[1], **more)
    assert (status == 0 or status >= 400 or len(body) < 1 << 18) and status != 500


def test_a_client_that_takes_many_connections_is_stopped_and_others_are_not(site):
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(wire.tcp(site.client, SERVER, 8080, TWO[1])) for dummy in range(CONNECTIONS)]
        for connection in held:
            connection.sendall(b"GET /images/large HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert get(site, "/boot.ipxe", TWO[1])[0] == 429
        assert get(site, "/boot.ipxe", ONE[1])[0] == 200


def test_a_client_that_asks_too_often_is_stopped_and_others_are_not(site):
    # On one connection, so that it is the requests that are too many.
    with wire.tcp(site.client, SERVER, 8080, BUSY) as connection:
        connection.sendall(b"HEAD /boot.ipxe HTTP/1.1\r\nHost: x\r\n\r\n" * 3 * REQUESTS)
        answers = b""
        while answers.count(b"HTTP/1.1 ") < 3 * REQUESTS:
            answers += connection.recv(1 << 16) or pytest.fail("it hung up")
        assert answers.count(b"HTTP/1.1 200") >= REQUESTS and answers.count(b"HTTP/1.1 429") > 0
    assert get(site, "/boot.ipxe", ONE[1])[0] == 200


def test_clients_that_say_half_of_it_are_dropped(site):
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(wire.tcp(site.client, SERVER, 8080, TWO[1])) for dummy in range(200)]
        for connection in slow:
            connection.sendall(b"GET /boot.ipxe HTTP/1.1\r\nHost:")
        assert get(site, "/boot.ipxe", TWO[1])[0] == 200
        # client_header_timeout; nginx answers 408 or says nothing.
        assert {wire.answer(connection)[0] for connection in slow} <= {0, 408}


def test_noise_on_the_ports_of_dhcp_and_tftp(site):
    noise = random.Random(1)
    good = wire.dhcp(wire.DISCOVER, "52:54:00:00:02:99", wire.firmware(7))
    with wire.udp(site.client, ("0.0.0.0", 68), "eth0") as client:
        for number in range(400):
            spoiled = bytearray(good if number % 4 else noise.randbytes(noise.randrange(1, 1400)))
            for dummy in range(noise.randrange(1, 20)):
                spoiled[noise.randrange(len(spoiled))] = noise.randrange(256)
            client.sendto(bytes(spoiled[:noise.randrange(1, len(spoiled) + 1)]), ("255.255.255.255", 67))
            client.sendto(noise.randbytes(noise.randrange(1, 600)), (SERVER, 69))
        # The kernel drops what finds the daemon's buffer full; firmware asks four times (PXE 2.1, 2.2.1), and a busy machine is given more.
        found = next(filter(None, (wire.ask(client, wire.dhcp(wire.DISCOVER, ONE[0].replace("-", ":"), wire.firmware(7)), ("255.255.255.255", 67))
                                   for dummy in range(8))), [])
    assert [(reply["type"], reply["address"]) for reply in found] == [(wire.OFFER, ONE[1])]


@pytest.mark.parametrize("name", ["../dnsmasq/dnsmasq.conf", "/etc/passwd", "a" * 500, "undionly.kpxe/../../log/http.log", "", "\x01\x02"])
def test_names_that_tftp_does_not_serve(site, name):
    with pytest.raises(FileNotFoundError):
        wire.tftp(site.client, SERVER, name, TWO[1])


def test_https_beside_http(site):
    context = ssl.create_default_context(cafile=site.value("boot_server_tls_certificate"))
    context.check_hostname = False
    with wire.tcp(site.client, SERVER, 8443, ONE[1]) as plain, context.wrap_socket(plain) as connection:
        connection.sendall(f"GET /node/{ONE[0]}/boot.ipxe HTTP/1.1\r\nHost: boot\r\nConnection: close\r\n\r\n".encode())
        assert wire.answer(connection)[0] == 200
