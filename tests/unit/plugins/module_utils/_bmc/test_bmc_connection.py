# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drivers and connections as far as no BMC is needed; tests/emulators has the rest."""

from __future__ import annotations

import http.client
import http.server
import io
import re
import socket
import ssl
import threading
import time
import urllib.parse

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import find_driver as find_driver_module
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import power, redfish_errors, redfish_transport
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.connection import BmcLost
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.driver import DRIVERS, open_driver, refuse_unsupported
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.find_driver import find_driver
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import boot_device as boot_device_door
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import power as power_door
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(("bmc", "url"), [
    ({"address": "192.0.2.1"}, "https://192.0.2.1"),
    ({"address": "192.0.2.1", "port": 8443}, "https://192.0.2.1:8443"),
    ({"address": "bmc.example.com:444"}, "https://bmc.example.com:444"),
    ({"address": "2001:db8::1", "port": 443}, "https://[2001:db8::1]:443"),
    ({"address": "[2001:db8::1]"}, "https://[2001:db8::1]"),
    ({"address": "https://bmc.example.com/"}, "https://bmc.example.com"),
    ({"address": "http://192.0.2.1:8000"}, "http://192.0.2.1:8000"),
])
def test_base_url(bmc, url):
    assert redfish_transport.base_url(bmc) == url


@pytest.mark.parametrize("address", [
    "ftp://192.0.2.1", "https://", "https://user:secret@192.0.2.1", "https://192.0.2.1/redfish/v1", "192.0.2.1:https", "https://[192.0.2.1"])
def test_address_that_makes_no_url(address):
    with pytest.raises(BaremetalError, match="makes no URL") as caught:
        redfish_transport.base_url({"address": address})
    assert "secret" not in str(caught.value)


@given(st.text(min_size=1))
def test_any_address_gives_a_url_or_an_error(address):
    try:
        url = redfish_transport.base_url({"address": address})
    except BaremetalError:
        return
    assert urllib.parse.urlsplit(url).hostname


@pytest.mark.parametrize(("error", "later", "text"), [
    (redfish_transport.TransportError("an answer of 99 bytes"), False, "not a Redfish service"),
    (http.client.BadStatusLine("SSH-2.0"), False, "no HTTP"),
    (http.client.RemoteDisconnected("closed"), True, "connection.*failed"),
    (ssl.SSLCertVerificationError("self-signed"), False, "not to be trusted.*fingerprint"),
    (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"), False, "no TLS connection"),
    (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), True, "connection.*failed. Seen: it ended within TLS"),
    (ssl.SSLZeroReturnError(6, "TLS/SSL connection has been closed"), True, "connection.*failed. Seen: it ended within TLS"),
    (redfish_transport.PinMismatch("ab" * 32), False, "not the one that is pinned.*abab"),
    (TimeoutError(), True, "does not answer"), (socket.gaierror(-2, "not known"), False, "cannot be resolved"),
    (ConnectionResetError(104, "reset"), True, "connection.*failed")])
def test_what_a_connection_ends_in(error, later, text):
    told = redfish_errors.explain("https://192.0.2.1", error)
    assert isinstance(told, BmcLost) is later
    assert re.search(text, str(told)) and told.cure


@pytest.mark.parametrize("address", ["bmc..lab", f"{'b' * 64}.lab", f"bmc.{'l' * 64}"])
def test_name_that_cannot_be_one_is_told_as_one_that_nobody_knows(address):
    """Nobody is asked for it."""
    connection = {"address": address, "username": "operator", "password": "canary"}
    for driver in ("redfish", "ipmi"):
        with pytest.raises(BaremetalError, match="the name of the BMC .* cannot be resolved. Seen: a part of it between two dots"):
            with open_driver(driver, connection):
                pass
    with pytest.raises(BaremetalError, match="answers neither to Redfish nor to IPMI. Seen: Redfish: the name of the BMC .* cannot be resolved"):
        find_driver(connection, facts={})


@pytest.mark.parametrize("policy", [{"fingerprint": "ab" * 32}, {"ca_file": "/etc/ssl/bmc-ca.pem"}, {"ca_file": "/etc/ssl/bmc-ca.pem", "verify": False}])
def test_certificate_to_know_a_bmc_by_is_refused_where_there_is_none(monkeypatch, policy):
    monkeypatch.setattr(socket, "create_connection", lambda *where: pytest.fail("something was sent"))
    connection = {"address": "http://192.0.2.1", "username": "operator", "password": "canary", **policy}
    text = f"begins with http://.*Seen: {next(iter(policy))} of the BMC given.*https://"
    with pytest.raises(BaremetalError, match=text):
        with open_driver("redfish", connection):
            pass
    with pytest.raises(BaremetalError, match=text):
        find_driver(connection, facts={})
    redfish_transport.Connector("http://192.0.2.1", {"fingerprint": None, "ca_file": "", "verify": True})


def answers(status, content=b""):
    return redfish_transport.HttpAnswer(status, {}, content)


def unreachable(cause):
    error = redfish_transport._unreachable("192.0.2.1 port 443", cause)
    error.__cause__ = cause
    return error


PAGE = b"<!DOCTYPE html><html><body>Please wait</body></html>"
REDFISH = answers(200, b'{"RedfishVersion": "1.6.0"}')
MAY_PASS = {
    "503 of a proxy": answers(503, PAGE), "empty 502": answers(502), "503 in JSON": answers(503, b"{}"), "429": answers(429),
    "web page": answers(200, PAGE), "JSON without a version": answers(200, b"{}"),
    "closed within TLS": ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), "reset": ConnectionResetError(104, "reset"),
    "cut off": redfish_transport.TransportError("an answer that was cut off"), "silent": TimeoutError("timed out"),
    "refused": unreachable(ConnectionRefusedError(111, "refused")), "no route": unreachable(OSError(113, "no route"))}
STAYS = {"404 with a page": answers(404, PAGE), "404 in JSON": answers(404, b"{}"), "connection timed out": unreachable(TimeoutError("timed out"))}
UNTRUSTED = ssl.SSLCertVerificationError("self-signed")


@pytest.fixture
def root(monkeypatch):
    """What is to come of reading the service root, one after the other; IPMI is answered all the time."""
    script = []

    class Scripted(redfish_transport.Connector):
        def request(self, *args, **options):
            came = script.pop(0)
            if isinstance(came, Exception):
                raise came
            return came

    monkeypatch.setattr(find_driver_module, "Connector", Scripted)
    monkeypatch.setattr(find_driver_module, "_answers_ipmi", lambda host, port: True)
    return script


@pytest.mark.parametrize("name", MAY_PASS)
@pytest.mark.parametrize("before", [[], [UNTRUSTED]], ids=["trusted", "untrusted"])
def test_auto_takes_a_bmc_that_starts_or_is_slow_for_ipmi_no_longer_than_it_does_so(root, name, before):
    facts = {}
    root += [*before, MAY_PASS[name]] * 2 + [REDFISH]
    assert [find_driver({"address": "192.0.2.1"}, facts=facts) for _unused in range(4)] == ["ipmi", "ipmi", "redfish", "redfish"]
    assert root == []


@pytest.mark.parametrize("name", STAYS)
@pytest.mark.parametrize("before", [[], [UNTRUSTED]], ids=["trusted", "untrusted"])
def test_auto_asks_a_bmc_without_redfish_once(root, name, before):
    facts = {}
    root += [*before, STAYS[name]]
    assert [find_driver({"address": "192.0.2.1"}, facts=facts) for _unused in range(3)] == ["ipmi"] * 3
    assert root == []


class Slow(http.server.BaseHTTPRequestHandler):
    """Answers an upload after a while, and anything else when nobody waits any more."""

    given_up = threading.Event()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(0.5)
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        self.given_up.wait(60)

    def log_message(self, *args):
        pass


def test_only_the_answer_to_an_upload_may_be_silent_for_long(monkeypatch):
    """A board may unpack an image before it answers."""
    monkeypatch.setattr(redfish_transport, "READ_TIMEOUT", 0.1)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connector = redfish_transport.Connector(f"http://127.0.0.1:{server.server_address[1]}", {})
        assert connector.request("POST", "/push", ("application/octet-stream", 5, io.BytesIO(b"image")), timeout=60).status == 202
        with pytest.raises(TimeoutError):
            connector.request("GET", "/redfish/v1/", timeout=60)
        Slow.given_up.set()
        connector.close()
        server.shutdown()


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_whatever_a_parser_stumbles_over_is_explained(document):
    with pytest.raises(BaremetalError):
        with redfish_errors.explained("https://192.0.2.1"):
            document["@odata.id"]["x"].y


@pytest.mark.parametrize("power", [("on",), ("off", "on")])
def test_manual_driver_refuses_before_anything_is_sent(power):
    with pytest.raises(BaremetalError, match="cannot do power.*by hand"):
        refuse_unsupported("manual", power=power)
    with pytest.raises(BaremetalError, match="cannot set the boot device"):
        refuse_unsupported("manual", device="pxe")
    with open_driver("manual", {}) as driver:
        assert driver.get_power() == "unknown"


@pytest.mark.parametrize("driver", ["redfish", "ipmi"])
def test_drivers_offer_what_the_doors_take(driver):
    states = power_door.DOOR.argument_spec["state"]["choices"]
    targets = {target for state in states for way in power.TARGETS[state].values() for target in way}
    assert targets == DRIVERS[driver].POWER
    devices = boot_device_door.DOOR.argument_spec["device"]["choices"]
    # IPMI has no HTTP boot.
    offered = set(devices) - ({"http"} if driver == "ipmi" else set())
    assert offered == DRIVERS[driver].BOOT_DEVICES
    assert power_door.DOOR.argument_spec["boot_device"]["options"]["device"]["choices"] == devices
    assert [refuse_unsupported(driver, power=targets, device=device) for device in offered] == [None] * len(offered)
    with pytest.raises(BaremetalError, match="cannot set the boot device floppy. To do: choose one of bios, cdrom, disk"):
        refuse_unsupported(driver, power=targets, device="floppy")


@pytest.mark.parametrize("driver", ["redfish", "ipmi"])
@pytest.mark.parametrize("missing", ["address", "username", "password"])
def test_incomplete_connection(driver, missing):
    bmc = {"address": "192.0.2.1", "username": "operator", "password": "x"}
    with pytest.raises(BaremetalError, match=f"needs {missing} of the BMC"):
        with open_driver(driver, {**bmc, missing: None}):
            pass


def test_unknown_driver():
    with pytest.raises(BaremetalError, match="no driver snmp.*" + ", ".join(sorted(DRIVERS))):
        with open_driver("snmp", {}):
            pass
