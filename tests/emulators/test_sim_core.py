# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way to a BMC that fails in every manner: simulated boards over real TLS. R and a number: row of docs/bmc-quirks.md."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import find_driver, redfish_service, redfish_transport
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.boot import ensure_boot_device
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.connection import BmcLost, BmcUnreachable
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.driver import open_driver
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.power import ensure_power
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.run_facts import RunFacts
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.emulators.conftest import PASSWORD
from ansible_collections.rackwright.baremetal.tests.emulators.peers import HOST, free_port
from ansible_collections.rackwright.baremetal.tests.simulators.start import ipmi_bmcs, redfish_bmcs


@pytest.fixture(scope="module")
def running(workplace):
    with redfish_bmcs(directory=str(workplace), password=PASSWORD) as simulator:
        yield simulator


@pytest.fixture
def sim(running):
    running.faults()
    running.reset()
    running.reset_counters()
    return running


@pytest.fixture
def impatient(monkeypatch):
    """Time-outs short enough for a test."""
    monkeypatch.setattr(redfish_service, "TOTAL_TIMEOUT", 6)
    monkeypatch.setattr(redfish_service, "_TRANSIENT_PAUSE", 0.05)
    monkeypatch.setattr(redfish_transport, "CONNECT_TIMEOUT", 1)


def power_of(bmc):
    with open_driver("redfish", bmc) as driver:
        return driver.get_power()


def failure(bmc, driver="redfish"):
    with pytest.raises(BaremetalError) as caught:
        with open_driver(driver, bmc) as opened:
            opened.get_power()
    assert caught.value.cure and PASSWORD not in str(caught.value) and "\n" not in str(caught.value)
    return caught.value


# A bad board gives one paragraph, soon

@pytest.mark.parametrize(("faults", "text", "later"), [
    ({"html": True}, "not a Redfish service", False),
    ({"truncated": True}, "cut off|not a Redfish service", None),
    ({"bad_json": True}, "not a Redfish service", False),
    ({"huge": {"megabytes": 40}}, "not a Redfish service.*16777216 are the most|more than 16777216", False),
    ({"huge_length": True}, "not a Redfish service.*16777216 are the most", False),
    ({"drip_headers": {"pause": 0.2}}, "does not answer", True),
    ({"drip_body": {"pause": 0.2}}, "does not answer", True),
    ({"hang": True}, "does not answer", True),
    ({"reset": True}, "connection.*failed", True),
    ({"expired_certificate": True}, "not to be trusted.*expired", False),
    ({"self_signed": True}, "not to be trusted.*self.signed", False),
    ({"other_name": True}, "not to be trusted.*mismatch", False),
    ({"refuse_connections": True}, "refused the connection", True),
    ({"blackhole": True}, "does not answer", True),
    ({"initialising": True}, "cannot answer now.*503", True),
    ({"server_error": True}, "cannot answer now.*500", True),
    ({"session_table_full": True, "basic_auth_off": True}, "no session left", True),
    ({"redirect": {"to": "https://192.0.2.99/redfish/v1/"}}, "redirect to https://192.0.2.99, which is not followed", False),
    ({"redirect": {"to": "http://127.66.0.1:1/redfish/v1/"}}, "redirect to http", False),
])
def test_a_bad_board_gives_one_clear_error_soon(sim, impatient, faults, text, later):
    sim.faults(**faults)
    begin = time.monotonic()
    error = failure(sim.connections[0])
    # A slow machine takes its time; with a time-out that does not hold, it would be a minute.
    assert time.monotonic() - begin < 30
    assert re.search(text, str(error)), str(error)
    assert later is None or isinstance(error, BmcLost) is later
    assert sim.show()["sessions_open"] == 0


def test_redirect_on_the_same_host_is_followed(sim):
    sim.faults(redirect={"count": 1})
    assert power_of(sim.connections[0]) == "off"


def test_gzip_only_r45(sim):
    sim.faults("gzip")
    assert power_of(sim.connections[0]) == "off"


@pytest.mark.parametrize("form", ["numbers_as_strings", "info_object", "info_missing"])
def test_forms_that_are_off_the_standard_r34_r56(sim, form):
    """Generic rule (i) as well."""
    sim.faults(form)
    with open_driver("redfish", sim.connections[0]) as driver:
        assert ensure_power(driver, "on", timeout=30)["power_state"] == "on"


def test_connections_that_the_board_drops_r48_r58(sim):
    sim.faults("close_after")
    with open_driver("redfish", sim.connections[0]) as driver:
        assert ensure_power(driver, "on", timeout=30)["changed"]
        assert ensure_boot_device(driver, "pxe")["after"]["device"] == "pxe"


# One connection, few requests

def test_power_and_boot_cost_one_connection_and_few_requests(sim):
    bmc = {**sim.connections[0], "system_id": "1"}
    for work, most in ((lambda driver: driver.get_power(), 1), (lambda driver: ensure_power(driver, "on"), 3),
                       (lambda driver: ensure_boot_device(driver, "pxe"), 3)):
        sim.reset_counters()
        with open_driver("redfish", bmc) as driver:
            work(driver)
        counters = sim.counters()
        assert counters["connections"] == 1 and counters["requests"] <= most, counters


def test_path_of_the_only_system_is_found_out_once_in_a_run(sim, tmp_path):
    def requests_of(work):
        sim.reset_counters()
        with open_driver("redfish", sim.connections[0], facts=RunFacts(tmp_path).about("bmc")) as driver:
            work(driver)
        return sim.counters()["requests"]

    assert requests_of(lambda driver: driver.get_power()) == 2
    assert requests_of(lambda driver: driver.get_power()) == 1
    assert requests_of(lambda driver: ensure_power(driver, "on")) <= 3
    assert requests_of(lambda driver: ensure_boot_device(driver, "pxe")) <= 3
    assert all(PASSWORD not in path.read_text() for path in tmp_path.rglob("*") if path.is_file())


def test_path_of_a_system_that_is_gone_is_found_out_anew_at_once(sim, tmp_path):
    service = redfish_service.RedfishService(sim.connections[0], lambda text: None)
    RunFacts(tmp_path).about("bmc")["system", service.url] = "/redfish/v1/Systems/of-yesterday"
    for _unused in range(2):
        sim.reset_counters()
        with open_driver("redfish", sim.connections[0], facts=RunFacts(tmp_path).about("bmc")) as driver:
            assert driver.get_power() in ("on", "off")
    assert sim.counters()["requests"] == 1
    with pytest.raises(BaremetalError, match="has no system of-yesterday"):
        with open_driver("redfish", {**sim.connections[0], "system_id": "of-yesterday"}, facts=RunFacts(tmp_path).about("bmc")):
            pass


# Entity tags

@pytest.mark.parametrize("fault", [
    "etag_strong_only", "etag_weak_only", "etag_required", "etag_required_412", "etag_refused", "etag_refused_on_actions", "etag_refused_on_patch",
    "etag_star_only", "etag_empty", "etag_unquoted", "etag_none", "etag_absent", "etag_first_412"])
def test_every_kind_of_entity_tag_r06_r07_r21_r54_r55_r58(sim, fault):
    sim.faults(fault)
    with open_driver("redfish", sim.connections[0]) as driver:
        assert ensure_boot_device(driver, "pxe")["after"]["device"] == "pxe"
        assert ensure_power(driver, "on", timeout=30)["changed"]


# Refusals for the moment

@pytest.mark.parametrize("fault", [{"sys518": 2}, {"post_refused": 2}, {"power_on_conflict": 2}, {"state_refused": {"seconds": 1}}])
def test_refusals_for_the_moment_r20_r25_r40_r41(sim, monkeypatch, fault):
    monkeypatch.setattr(redfish_service, "_TRANSIENT_PAUSE", 0.3)
    sim.faults(**fault)
    with open_driver("redfish", sim.connections[0]) as driver:
        assert ensure_boot_device(driver, "pxe")["changed"]
        assert ensure_power(driver, "on", timeout=60)["changed"]


@pytest.mark.parametrize("state", [None, "Reset", "PoweringOn", "Unknown"])
def test_state_between_states_is_no_error_r47(sim, state):
    """Generic rule (c)."""
    sim.faults(power_state={"value": state})
    later = threading.Timer(1.5, sim.faults)
    later.start()
    with open_driver("redfish", sim.connections[0]) as driver:
        assert ensure_power(driver, "on", timeout=30)["power_state"] == "on"
    later.join()


# TLS policy

def fingerprint(bmc):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((bmc["address"], bmc["port"])) as raw, context.wrap_socket(raw) as wrapped:
        return hashlib.sha256(wrapped.getpeercert(binary_form=True)).hexdigest()


@pytest.mark.parametrize("fault", ["self_signed", "expired_certificate", "other_name"])
def test_pinned_certificate_is_accepted_and_no_other(sim, fault):
    sim.faults(fault)
    bmc = {key: value for key, value in sim.connections[0].items() if key != "ca_file"}
    digits = fingerprint(bmc)
    with_colons = ":".join(digits[at:at + 2] for at in range(0, 64, 2)).upper()
    for text in (digits, with_colons, f"SHA256:{digits}", f"sha256 Fingerprint={with_colons}".split("=")[1]):
        assert power_of({**bmc, "fingerprint": text}) == "off"
    sim.reset_counters()
    error = failure({**bmc, "fingerprint": "ab" * 32})
    assert "not the one that is pinned" in str(error) and digits in str(error)
    assert not sim.counters().get("requests")
    assert "no sha256 fingerprint" in str(failure({**bmc, "fingerprint": "abcd"}))
    assert "not to be trusted" in str(failure(bmc))


@pytest.mark.parametrize(("most", "least", "is_spoken"), [
    ("1.2", None, True), ("1.2", "1.3", False), ("1.3", "1.3", True), ("1.1", None, False), ("1.1", "1.1", True), ("1.0", "1.0", True)])
def test_oldest_tls(tls, most, least, is_spoken):
    authority, certificate, key = tls
    version = ssl.TLSVersion(getattr(ssl.TLSVersion, "TLSv1" if most == "1.0" else f"TLSv{most.replace('.', '_')}"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, version
    context.load_cert_chain(certificate, key)
    with socket.create_server((HOST, 0)) as server:
        def serve():
            try:
                with context.wrap_socket(server.accept()[0], server_side=True) as accepted:
                    accepted.recv(4096)
                    accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            except OSError:
                pass

        thread = threading.Thread(target=serve)
        thread.start()
        bmc = {"address": HOST, "port": server.getsockname()[1], "username": "x", "password": PASSWORD,
               "ca_file": str(authority), "tls_min_version": least}
        error = failure(bmc)
        thread.join()
    assert ("no TLS connection" in str(error)) is not is_spoken, str(error)


# Sessions

def test_board_without_basic_authentication_has_one_session_and_none_afterwards(sim):
    sim.faults("basic_auth_off")
    with open_driver("redfish", sim.connections[0]) as driver:
        ensure_power(driver, "on")
        assert sim.show()["sessions_open"] == 1
    assert sim.show()["sessions_open"] == 0
    counters = sim.counters()
    assert counters["sessions_opened"] == counters["sessions_peak"] == counters["connections"] == 1
    with pytest.raises(ZeroDivisionError):
        with open_driver("redfish", sim.connections[0]) as driver:
            driver.get_power()
            raise ZeroDivisionError
    assert sim.show()["sessions_open"] == 0


def test_session_that_is_lost_in_the_middle(sim):
    sim.faults("basic_auth_off")
    with open_driver("redfish", sim.connections[0]) as driver:
        driver.get_power()
        sim.faults("basic_auth_off", session_lost=1)
        assert ensure_power(driver, "on")["changed"]
    assert sim.show()["sessions_open"] <= 1 and sim.counters()["sessions_peak"] <= 2


def test_wrong_password_costs_one_failed_login(sim):
    for faults in ({}, {"basic_auth_off": True}):
        sim.faults(**faults)
        sim.reset_counters()
        assert "does not accept the user name and password" in str(failure({**sim.connections[0], "password": f"not-{PASSWORD}"}))
        assert sim.counters().get("logins_failed") == 1, sim.counters()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_session_first(sim, number):
    sim.faults("basic_auth_off")
    # A shell that runs the tests in the background has them ignore SIGINT, and nohup SIGHUP.
    program = ("import json, signal, sys, time\n"
               "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
               "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
               "from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.driver import open_driver\n"
               "with open_driver('redfish', json.loads(sys.stdin.read())) as driver:\n"
               "    driver.get_power(); print('open', flush=True); time.sleep(60)\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          env=environment) as child:
        child.stdin.write(json.dumps(sim.connections[0]).encode())
        child.stdin.close()
        assert child.stdout.readline() == b"open\n"
        assert sim.show()["sessions_open"] == 1
        child.send_signal(number)
        assert child.wait(50) == -number or number == signal.SIGINT
    assert sim.show()["sessions_open"] == 0


# The driver auto

def test_auto_finds_redfish_then_ipmi_then_neither(sim, workplace, monkeypatch):
    monkeypatch.setattr(find_driver, "_known", {})
    assert find_driver.find_driver(sim.connections[0]) == "redfish"
    assert sim.counters().get("logins_failed") is None
    with ipmi_bmcs(directory=str(workplace), password=PASSWORD) as ipmi:
        assert find_driver.find_driver(ipmi.connections[0]) == "ipmi"
    with pytest.raises(BmcUnreachable, match="answers neither to Redfish nor to IPMI.*refused the connection.*no reply to packets"):
        find_driver.find_driver({"address": HOST, "port": free_port()})
    sim.faults("html")
    monkeypatch.setattr(find_driver, "_known", {})
    with pytest.raises(BaremetalError, match="neither.*not a Redfish service"):
        find_driver.find_driver(sim.connections[0])


@pytest.mark.parametrize("fault", ["self_signed", "expired_certificate", "other_name"])
def test_auto_takes_no_ipmi_where_a_certificate_is_all_that_stands_before_redfish(sim, workplace, tmp_path, fault):
    facts, bmc = RunFacts(tmp_path).about("bmc"), sim.connections[0]
    with ipmi_bmcs(directory=str(workplace), password=PASSWORD, first_address=bmc["address"], port=bmc["port"]):
        sim.faults(fault)
        with pytest.raises(BaremetalError, match="certificate of the BMC .* is not to be trusted"):
            find_driver.find_driver(bmc, facts=facts)
        with pytest.raises(BaremetalError, match="not the one that is pinned"):
            find_driver.find_driver({**bmc, "fingerprint": "ab" * 32}, facts=facts)
        assert sim.counters().get("logins_failed") is None
        # An old board with a web server and nothing behind it.
        sim.faults(**{fault: True, "html": True})
        assert find_driver.find_driver(bmc, facts=facts) == "ipmi"


@pytest.mark.parametrize("fault", ["initialising", "refuse_connections", "html", "reset"])
def test_auto_asks_again_while_the_web_server_starts(sim, workplace, tmp_path, fault):
    facts, bmc = RunFacts(tmp_path).about("bmc"), sim.connections[0]
    with ipmi_bmcs(directory=str(workplace), password=PASSWORD, first_address=bmc["address"], port=bmc["port"]):
        sim.faults(fault)
        assert find_driver.find_driver(bmc, facts=facts) == "ipmi"
        sim.faults()
        assert find_driver.find_driver(bmc, facts=facts) == "redfish"
        sim.faults(fault)
        assert find_driver.find_driver(bmc, facts=facts) == "redfish"
        find_driver.forget_driver(bmc, facts)
        sim.faults(server_error={"status": 404})
        assert [find_driver.find_driver(bmc, facts=facts) for _unused in range(2)] == ["ipmi"] * 2
        sim.faults()
        assert find_driver.find_driver(bmc, facts=facts) == "ipmi"


# Playbooks

def host(bmc, **more):
    return {"baremetal_bmc": {**{key: value for key, value in bmc.items() if value is not None}, "driver": "redfish", **more}}


def info(**options):
    return {"name": "Read", "rackwright.baremetal.power": {"state": "on", "timeout": 4, **options}}


FAILURES = [
    "html", "truncated", "bad_json", "huge_length", "reset", "expired_certificate", "self_signed", "other_name", "refuse_connections",
    "initialising", "server_error", "session_table_full", "redirect", "basic_auth_off", "power_ignored", "lockout"]


@pytest.mark.parametrize("door", ["action", "module"])
def test_no_failure_tells_a_password(playbook, workplace, door):
    """The canary password is nowhere in -vvvv, whatever the board does."""
    with redfish_bmcs(count=len(FAILURES) + 1, directory=str(workplace), password=PASSWORD, first_address="127.66.1.1") as sim:
        hosts = {f"node{index}": host(bmc) for index, bmc in enumerate(sim.connections)}
        for index, fault in enumerate(FAILURES):
            sim.faults(fault, index=index, **({"basic_auth_off": True} if fault == "session_table_full" else {}))
            if fault == "redirect":
                sim.faults(index=index, redirect={"to": "https://192.0.2.99/"})
        hosts[f"node{len(FAILURES)}"]["baremetal_bmc"]["password"] = f"wrong-{PASSWORD}"
        hosts["gateway"] = {"ansible_connection": "beside", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        task = {**info(), "ignore_errors": True, **({"delegate_to": "gateway"} if door == "module" else {})}
        run = playbook(hosts, [task], "-vvvv", "--diff", "-f", "20")
        assert PASSWORD not in run.stdout
        assert "Traceback" not in run.stdout
        assert "unexpected error" not in run.stdout
        assert run.stdout.count("fatal: [node") == len(FAILURES) + 1 - 2, run.stdout  # a session does, and nobody was locked out yet
        assert all(sim.show(index)["sessions_open"] == 0 for index in range(len(FAILURES)))


def test_driver_auto_and_quirks_in_a_playbook(playbook, workplace):
    with redfish_bmcs(personality="dell_idrac9", directory=str(workplace), password=PASSWORD, first_address="127.66.2.1") as sim:
        tasks = [
            info(), {"name": "Quirks", "rackwright.baremetal.quirks_info": {}, "register": "known"},
            {"name": "Check", "ansible.builtin.assert": {
                "that": ["known.behaviours.serial_property.value == 'SKU'", "known.facts.vendor is match('Dell')"]}},
        ]
        for more in ({}, {"delegate_to": "gateway"}):
            run = playbook({"node1": host(sim.connections[0], driver="auto"),
                            "gateway": {"ansible_connection": "beside", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}},
                           [{**tasks[0], **more}, {**tasks[1], **more}, tasks[2]])
            assert run.returncode == 0, run.stdout
