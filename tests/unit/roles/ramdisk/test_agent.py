# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The agent's script, run with a kernel command line of the test's choice."""

from __future__ import annotations

import configparser
import http.server
import subprocess
import threading
from pathlib import Path

import pytest

AGENT = Path(__file__).resolve().parents[4] / "roles/ramdisk/files/rackwright-ramdisk"


@pytest.fixture
def call(tmp_path):
    """Run functions of the script, without its last lines that choose one; cat shows our command line."""
    source = AGENT.read_text(encoding="utf-8")
    functions = tmp_path / "functions.sh"
    functions.write_text(source[: source.rindex("case ${1:-} in")])

    def run(line, cmdline=""):
        (tmp_path / "cmdline").write_text(cmdline + "\n")
        script = f'. {functions}; cat() {{ command cat {tmp_path}/cmdline; }}; {line}'
        return subprocess.run(["sh", "-c", script], check=False, capture_output=True, text=True, timeout=60)

    return run


@pytest.mark.parametrize(
    ("cmdline", "value"),
    [
        ("quiet rackwright.nonce=abc console=ttyS0", "abc"),
        ("rackwright.nonce=old rackwright.nonce=new", "new"),
        ("xrackwright.nonce=abc rackwright.nonces=abc", ""),
        ("rackwright.nonce=a=b?c=*", "a=b?c=*"),
        ("", ""),
    ],
)
def test_arguments_of_the_kernel(call, cmdline, value):
    assert call("argument rackwright.nonce", cmdline).stdout == value


@pytest.mark.parametrize(
    ("cmdline", "mac"),
    [
        ("BOOTIF=01-52-54-00-AB-CD-EF", "52:54:00:ab:cd:ef"),
        ("BOOTIF=01-52-54-00-ab-cd", ""),
        ("BOOTIF=", ""),
        ("", ""),
    ],
)
def test_mac_of_the_nic_that_booted(call, cmdline, mac):
    assert call("boot_mac", cmdline).stdout == mac


@pytest.mark.parametrize(
    ("cmdline", "lines"),
    [
        ("quiet", ["DHCP=yes"]),
        ("rackwright.address=192.0.2.11/24", ["DHCP=no", "IPv6AcceptRA=no", "Address=192.0.2.11/24"]),
        ("rackwright.address=192.0.2.11/24 rackwright.gateway=192.0.2.1 rackwright.dns=192.0.2.2,192.0.2.3",
         ["DHCP=no", "IPv6AcceptRA=no", "Address=192.0.2.11/24", "Gateway=192.0.2.1", "DNS=192.0.2.2", "DNS=192.0.2.3"]),
        ("rackwright.address=2001:db8:1::110/64 rackwright.gateway=fe80::1 rackwright.dns=2001:db8:1::53,192.0.2.3",
         ["DHCP=no", "IPv6AcceptRA=no", "Address=2001:db8:1::110/64", "Gateway=fe80::1", "DNS=2001:db8:1::53", "DNS=192.0.2.3"]),
        ("rackwright.address=2001:db8:1::110/64 rackwright.dns=2001:db8:1::53",
         ["DHCP=no", "IPv6AcceptRA=yes", "Address=2001:db8:1::110/64", "DNS=2001:db8:1::53"]),
        ("rackwright.gateway=192.0.2.1", ["DHCP=yes"]),
    ],
)
def test_where_the_address_comes_from(call, cmdline, lines):
    done = call("addressing", cmdline)
    assert (done.returncode, done.stdout.split()) == (0, lines), done.stderr


@pytest.fixture
def network(tmp_path):
    """What the agent makes of a kernel command line for systemd-networkd."""
    def network(cmdline):
        source = AGENT.read_text(encoding="utf-8").replace("/run/systemd/network", str(tmp_path)).replace("/proc/cmdline", str(tmp_path / "cmdline"))
        (tmp_path / "cmdline").write_text(f"BOOTIF=01-52-54-00-ab-cd-ef {cmdline}\n")
        subprocess.run(["sh", "-c", source, "rackwright-ramdisk", "prepare"], check=True, timeout=60)
        made = configparser.ConfigParser(interpolation=None)
        made.optionxform = str
        made.read(tmp_path / "10-boot.network")
        return made

    return network


@pytest.mark.parametrize(("cmdline", "section"), [
    ("rackwright.address=2001:db8:1::110/64", {"UseAutonomousPrefix": "no", "UseDNS": "no", "DHCPv6Client": "no"}),
    ("rackwright.address=2001:db8:1::110/64 rackwright.gateway=fe80::1", None), ("rackwright.address=192.0.2.11/24", None), ("quiet", None)])
def test_of_a_router_that_announces_itself_the_route_alone_is_taken(network, cmdline, section):
    made = network(cmdline)
    assert (dict(made["IPv6AcceptRA"]) if made.has_section("IPv6AcceptRA") else None) == section


def test_dhcp_knows_the_machine_again_at_its_next_boot(network):
    """Of IPv4 and IPv6 alike, by the card: the machine id is another one each time."""
    made = network("")
    assert (made["Match"]["MACAddress"], made["DHCPv4"]["ClientIdentifier"], made["DHCPv6"]["DUIDType"]) == ("52:54:00:ab:cd:ef", "mac", "link-layer")


def test_fetch_goes_on_until_the_server_answers(call, tmp_path):
    answers, agents = [500, 404, 200], set()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            agents.add(self.headers["User-Agent"])
            self.send_response(answers.pop(0))
            self.end_headers()
            self.wfile.write(b"key")

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = call(f"fetch --retry-delay 1 --output {tmp_path}/got http://127.0.0.1:{server.server_port}/authorized_keys", "rackwright.node=node-1.example")
        server.shutdown()
    assert done.returncode == 0, done.stderr
    assert answers == [] and agents == {"rackwright.baremetal node-1.example"}
    assert (tmp_path / "got").read_text() == "key"


def test_an_unknown_verb_is_refused():
    done = subprocess.run([str(AGENT), "dance"], check=False, capture_output=True, text=True, timeout=10)
    assert done.returncode == 2
    assert "usage" in done.stderr
