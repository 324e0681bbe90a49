# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drivers and connections as far as no BMC is needed; tests/emulators has the rest."""

from __future__ import annotations

import ssl
import urllib.parse

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import ipmi_session, power, redfish_errors, redfish_transport
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.connection import BmcLost
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.driver import DRIVERS, open_driver, refuse_unsupported
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


def test_tls_context_verifies_and_is_made_once():
    context = redfish_transport.tls_context(None, True)
    assert context is redfish_transport.tls_context(None, True)
    assert context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname
    assert redfish_transport.tls_context(None, False).verify_mode == ssl.CERT_NONE


def test_connector_tries_once_and_heeds_nothing_of_the_environment():
    connector = redfish_transport.connector("https://192.0.2.1", redfish_transport.tls_context(None, True))
    assert connector._server_side_retries == 1
    assert not connector._session.trust_env


class Answer:
    """What requests hands to sushy's errors."""

    def __init__(self, status_code, body=None):
        self.status_code = status_code
        self._body = body

    def json(self):
        if self._body is None:
            raise ValueError("no JSON")
        return self._body


@pytest.mark.parametrize(("status", "later", "text"), [
    (401, False, "does not accept"), (403, False, "does not accept"), (404, False, "not a Redfish service"),
    (409, True, "cannot answer now"), (503, True, "cannot answer now"), (405, False, "refused the request")])
def test_http_status(status, later, text):
    sushy_errors = redfish_errors.sushy_errors
    with pytest.raises(sushy_errors.HTTPError) as caught:
        sushy_errors.raise_for_response("GET", "https://192.0.2.1/redfish/v1", Answer(status))
    error = redfish_errors.explain("https://192.0.2.1", caught.value)
    assert isinstance(error, BmcLost) is later
    assert text in str(error) and error.cure


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_whatever_sushy_stumbles_over_is_explained(document):
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
    targets = {target for state in states for target in power.TARGETS[state]}
    assert {*targets, "reset", "soft off"} == DRIVERS[driver].POWER
    devices = boot_device_door.DOOR.argument_spec["device"]["choices"]
    assert set(devices) == DRIVERS[driver].BOOT_DEVICES
    assert power_door.DOOR.argument_spec["boot_device"]["options"]["device"]["choices"] == devices
    assert [refuse_unsupported(driver, power=targets, device=device) for device in devices] == [None] * len(devices)
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


class Session:
    """What a login gives."""

    broken = False


@pytest.mark.parametrize(("speaks", "asked", "tried"), [
    ((17, 3), None, [17]), ((3,), None, [17, 3]), ((3,), 3, [3]), ((17,), 17, [17])])
def test_cipher_suite_is_found_out_once(monkeypatch, speaks, asked, tried):
    attempts = []

    def login(suite):
        def attempt(*credentials):
            attempts.append(suite)
            if suite not in speaks:
                raise ipmi_session.SuiteMismatch(suite)
            assert credentials == ("192.0.2.1", b"operator", b"x", 623)
            return Session()
        return attempt

    monkeypatch.setattr(ipmi_session, "_LOGIN", {suite: login(suite) for suite in ipmi_session.SUITES})
    monkeypatch.setattr(ipmi_session, "_known", {})
    monkeypatch.setattr(ipmi_session, "Command", lambda **options: type("Command", (), {"ipmi_session": None})())
    monkeypatch.setattr(Session, "logout", lambda self: None, raising=False)
    ipmi_session.log_on("192.0.2.1", 623, "operator", "x", asked)
    assert attempts == tried
    ipmi_session.log_on("192.0.2.1", 623, "operator", "x", asked)
    assert attempts == [*tried, tried[-1]]


def test_cipher_suite_that_is_not_spoken(monkeypatch):
    def login(*credentials):
        raise ipmi_session.SuiteMismatch("no")

    monkeypatch.setattr(ipmi_session, "_LOGIN", {17: login, 3: login})
    monkeypatch.setattr(ipmi_session, "_known", {})
    for suite in (None, 17, 3):
        with pytest.raises(ipmi_session.SuiteMismatch):
            ipmi_session.log_on("192.0.2.1", 623, "operator", "x", suite)
