# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulators themselves: other people's clients get along with them, and each fault does what it says."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import time

import pytest
import requests
import sushy
import sushy.auth
import yaml
from ansible_collections.rackwright.baremetal.tests.emulators.peers import wait_until
from ansible_collections.rackwright.baremetal.tests.simulators import faults, personalities
from ansible_collections.rackwright.baremetal.tests.simulators.start import ipmi_bmcs, redfish_bmcs
from pyghmi.ipmi import command as pyghmi_command
from pyghmi.ipmi import console as pyghmi_console

PASSWORD = "canary-5up3r-s3cr3t"
SYSTEM, MANAGER = "/redfish/v1/Systems/1", "/redfish/v1/Managers/1"
PXE_ONCE = {"Boot": {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once", "BootSourceOverrideMode": "UEFI"}}
ISO = {"Image": "http://192.0.2.1/rescue.iso"}


@pytest.fixture(scope="module")
def _simulator(tmp_path_factory):
    with redfish_bmcs(count=2, directory=tmp_path_factory.mktemp("sim"), password=PASSWORD, task_seconds=0.3) as started:
        started.change(manager_reset_seconds=0.5)
        yield started


@pytest.fixture
def sim(_simulator):
    yield _simulator
    _simulator.change(0, personality="generic", power_delay=0.0, soft_off=True)
    _simulator.change(task_seconds=0.3, manager_reset_seconds=0.5, fetch=False)


class Client:
    """HTTP with requests, without any knowledge of Redfish."""

    def __init__(self, bmc):
        self.url = f"https://{bmc['address']}:{bmc['port']}"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = (bmc["username"], bmc["password"])
        self.session.verify = bmc["ca_file"]

    def __call__(self, method, path, body=None, **more):
        return self.session.request(method, self.url + path, json=body, **{"timeout": 30, "allow_redirects": False, **more})

    def get(self, path):
        answer = self("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def reset(self, kind="On"):
        assert self("POST", f"{SYSTEM}/Actions/ComputerSystem.Reset", {"ResetType": kind}).status_code == 204


@pytest.fixture
def http(sim):
    client = Client(sim.connections[0])
    with contextlib.closing(client.session):
        yield client


def message(answer):
    return answer.json()["error"]["@Message.ExtendedInfo"][0]["MessageId"].rsplit(".", 1)[-1]


# Redfish: the tree and other people's clients


def test_sushy_drives_a_board(sim):
    bmc = sim.connections[0]
    sim.change(0, power_delay=4)
    root = sushy.Sushy(f"https://{bmc['address']}:{bmc['port']}", verify=bmc["ca_file"],
                       auth=sushy.auth.SessionAuth(username=bmc["username"], password=bmc["password"]))
    assert sim.show()["sessions_open"] == 1
    system = root.get_system(SYSTEM)
    system.set_system_boot_options(target=sushy.BootSource.PXE, enabled=sushy.BootSourceOverrideEnabled.ONCE, mode=sushy.BootSourceOverrideMode.UEFI)
    system.reset_system(sushy.ResetType.ON)
    system.refresh()
    assert system.power_state == sushy.PowerState.POWERING_ON
    wait_until(lambda: system.refresh(force=True) or system.power_state == sushy.PowerState.ON, "the machine that was powered on")
    assert system.boot.target == sushy.BootSource.NONE
    assert sim.show()["boots"] == [{"target": "Pxe", "mode": "UEFI"}]
    slot = next(media for media in system.managers[0].virtual_media.get_members() if sushy.VirtualMediaType.CD in media.media_types)
    slot.insert_media(ISO["Image"])
    slot.refresh()
    assert slot.inserted and slot.image == ISO["Image"]
    slot.eject_media()
    system.bios.set_attributes({"BootRetryCount": 5})
    assert system.bios.pending_attributes == {"BootRetryCount": 5}
    system.reset_system(sushy.ResetType.FORCE_RESTART)
    system.bios.refresh()
    assert system.bios.attributes["BootRetryCount"] == 5
    assert [drive.name for drive in system.storage.get_members()[0].drives][:2] == ["Drive 0", "Drive 1"]
    root._auth.close()
    assert sim.show()["sessions_open"] == 0
    assert sim.counters()["sessions_opened"] == sim.counters()["sessions_closed"] == 1


@pytest.mark.parametrize("name", personalities.names())
def test_personality_is_a_whole_tree(name):
    templates = personalities.load(name).templates

    def links(value):
        if isinstance(value, dict):
            yield from [value["@odata.id"]] if isinstance(value.get("@odata.id"), str) else []
            value = list(value.values())
        for item in value if isinstance(value, list) else []:
            yield from links(item)

    for path, (resource, _text) in templates.items():
        assert resource["@odata.id"] == path
        assert [link for link in links(resource) if "#" not in link and link not in templates] == []
        if "Members" in resource:
            assert resource["Members@odata.count"] == len(resource["Members"])


def test_sessions_and_privileges(sim, http):
    login = {"UserName": "operator", "Password": PASSWORD}
    made = http("POST", "/redfish/v1/SessionService/Sessions", login, auth=lambda request: request)
    assert made.status_code == 201
    token = {"X-Auth-Token": made.headers["X-Auth-Token"]}
    assert http("GET", SYSTEM, headers=token, auth=lambda request: request).status_code == 200
    assert http("DELETE", made.headers["Location"], headers=token, auth=lambda request: request).status_code == 204
    assert http("GET", SYSTEM, headers=token, auth=lambda request: request).status_code == 401
    assert http("GET", SYSTEM, auth=("operator", "wrong")).status_code == 401
    assert sim.counters()["logins_failed"] == 1
    for _unused in range(16):
        http("POST", "/redfish/v1/SessionService/Sessions", login)
    assert message(http("POST", "/redfish/v1/SessionService/Sessions", login)) == "SessionLimitExceeded"
    assert sim.counters()["sessions_peak"] == 16
    made = http("POST", "/redfish/v1/AccountService/Accounts", {"UserName": "reader", "Password": "long-enough", "RoleId": "ReadOnly"})
    assert made.status_code == 201
    assert http("GET", SYSTEM, auth=("reader", "long-enough")).status_code == 200
    assert http("PATCH", SYSTEM, {"AssetTag": "x"}, auth=("reader", "long-enough")).status_code == 403
    assert http("DELETE", made.headers["Location"]).status_code == 204
    assert http("PATCH", "/redfish/v1/AccountService/Accounts/1", {"Password": "another-one"}).status_code == 200
    assert http("GET", SYSTEM).status_code == 401
    assert http("GET", SYSTEM, auth=("operator", "another-one")).status_code == 200


def test_power_that_nobody_obeys(sim, http):
    sim.change(0, soft_off=False)
    http.reset("On")
    http.reset("GracefulShutdown")
    assert http.get(SYSTEM)["PowerState"] == "On"
    assert http("POST", f"{SYSTEM}/Actions/ComputerSystem.Reset", {"ResetType": "On"}).status_code == 409
    assert http("POST", f"{SYSTEM}/Actions/ComputerSystem.Reset", {"ResetType": "Explode"}).status_code == 400
    http.reset("Nmi")
    assert sim.show()["nmis"] == 1
    http.reset("ForceOff")
    assert http.get(SYSTEM)["PowerState"] == "Off"


def test_bios_settings_are_checked(http):
    for attributes in ({"BootRetryCount": 11}, {"BootRetryCount": "5"}, {"NumLock": "Maybe"}, {"SystemModelName": "x"}, {"Nothing": 1}, {"AssetTag": "x" * 64}):
        assert http("PATCH", f"{SYSTEM}/Bios/Settings", {"Attributes": attributes}).status_code == 400, attributes
    assert http("PATCH", f"{SYSTEM}/Bios", {"Attributes": {"BootRetryCount": 5}}).status_code == 400
    assert http("PATCH", f"{SYSTEM}/SecureBoot", {"SecureBootEnable": True}).status_code == 200
    assert http.get(f"{SYSTEM}/SecureBoot")["SecureBootCurrentBoot"] == "Disabled"
    http.reset()
    assert http.get(f"{SYSTEM}/SecureBoot")["SecureBootCurrentBoot"] == "Enabled"


def test_volumes(http):
    drives = [{"@odata.id": f"{SYSTEM}/Storage/1/Drives/{number}"} for number in range(4)]
    volumes = f"{SYSTEM}/Storage/1/Volumes"
    made = http("POST", volumes, {"RAIDType": "RAID1", "Links": {"Drives": drives[:2]}})
    assert made.status_code == 201
    assert http("POST", volumes, {"RAIDType": "RAID1", "Links": {"Drives": drives[1:3]}}).status_code == 409
    later = http("POST", volumes, {"RAIDType": "RAID0", "Links": {"Drives": drives[2:]}, "@Redfish.OperationApplyTime": "OnReset"})
    assert later.status_code == 202
    assert http.get(later.json()["@odata.id"])["TaskState"] == "Pending"
    assert http("GET", later.headers["Location"]).status_code == 202
    http.reset()
    assert http("GET", later.headers["Location"]).status_code == 200
    assert http.get(volumes)["Members@odata.count"] == 2
    assert http("DELETE", made.headers["Location"]).status_code == 204
    assert http.get(drives[0]["@odata.id"])["Links"]["Volumes"] == []


def _updated(http, answer):
    assert answer.status_code == 202
    task = answer.json()["@odata.id"]
    deadline = time.monotonic() + 30
    while (state := http.get(task)["TaskState"]) not in ("Completed", "Exception") and time.monotonic() < deadline:
        time.sleep(0.1)
    return state


@pytest.mark.parametrize("fault, state, version", [(None, "Completed", "2.3.4"), ("firmware_lie", "Completed", "1.0.0"), ("task_fails", "Exception", "1.0.0")])
def test_firmware_by_url(sim, http, fault, state, version):
    sim.faults(*[fault] if fault else [])
    answer = http("POST", "/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate", {"ImageURI": "http://192.0.2.1/bios-2.3.4.bin"})
    assert _updated(http, answer) == state
    if fault != "task_fails":
        assert http.get("/redfish/v1/UpdateService/FirmwareInventory/BIOS")["Version"] == version
    assert http.get(SYSTEM)["BiosVersion"] == version


def test_firmware_pushed(http):
    files = {"UpdateParameters": (None, json.dumps({"Targets": ["/redfish/v1/UpdateService/FirmwareInventory/NIC.1"]}), "application/json"),
             "UpdateFile": ("nic.bin", b"\x00" * 300_000, "application/octet-stream")}
    assert _updated(http, http("POST", "/redfish/v1/UpdateService/upload", files=files)) == "Completed"
    assert http.get("/redfish/v1/UpdateService/FirmwareInventory/NIC.1")["Version"] == "2.0.0"
    files["UpdateFile"] = ("nic.bin", b"header version=7.7.1\n", "application/octet-stream")
    assert _updated(http, http("POST", "/redfish/v1/UpdateService/upload", files=files)) == "Completed"
    assert http.get("/redfish/v1/UpdateService/FirmwareInventory/NIC.1")["Version"] == "7.7.1"


def test_image_is_really_fetched(sim, http, web_server):
    sim.change(0, fetch=True)
    slot = f"{MANAGER}/VirtualMedia/CD1"
    http("POST", f"{slot}/Actions/VirtualMedia.InsertMedia", {"Image": f"http://127.0.0.1:{web_server}/x.iso"})
    http("POST", f"{MANAGER}/VirtualMedia/USB1/Actions/VirtualMedia.InsertMedia", {"Image": "http://127.0.0.1:9/x.img"})
    # As on real boards: inserted at once, and out again when the image cannot be had.
    wait_until(lambda: not http.get(f"{MANAGER}/VirtualMedia/USB1")["Inserted"], "the image that is not there to be thrown out")
    assert http.get(slot)["Inserted"]


def is_there(http):
    """Whether the BMC answers."""
    try:
        return http("GET", SYSTEM).status_code == 200
    except requests.ConnectionError:
        return False


def test_manager_reset(sim, http):
    sim.change(manager_reset_seconds=4)
    assert http("POST", f"{MANAGER}/Actions/Manager.Reset", {"ResetType": "GracefulRestart"}).status_code == 204
    wait_until(lambda: not is_there(http), "the beginning of the reset")
    wait_until(lambda: is_there(http), "the BMC after its reset")


def test_logs_led_and_certificates(sim, http):
    log = f"{SYSTEM}/LogServices/SEL"
    assert http.get(f"{log}/Entries")["Members@odata.count"] == 3
    http("POST", f"{log}/Actions/LogService.ClearLog", {})
    sim.change(0, log_entry="Simulated event")
    assert http.get(http.get(f"{log}/Entries")["Members"][0]["@odata.id"])["Message"] == "Simulated event"
    http("PATCH", SYSTEM, {"LocationIndicatorActive": True})
    assert http.get(SYSTEM)["IndicatorLED"] == "Blinking"
    shown = http.get(f"{MANAGER}/NetworkProtocol/HTTPS/Certificates/1")["CertificateString"]
    bmc = sim.connections[0]
    assert ssl.PEM_cert_to_DER_cert(shown) == ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((bmc["address"], bmc["port"])))


def test_state_is_readable_and_writable(sim, http):
    state = sim.state(0)
    assert SYSTEM in state
    state.merge(SYSTEM, {"SerialNumber": None})
    assert http.get(SYSTEM)["SerialNumber"] is None
    del state[f"{SYSTEM}/Storage/1/Drives/3"]
    assert http("GET", f"{SYSTEM}/Storage/1/Drives/3").status_code == 404
    sim.reset(0)
    assert http.get(SYSTEM)["SerialNumber"] == "SIM000000"
    assert Client(sim.connections[1]).get(SYSTEM)["SerialNumber"] == "SIM000001"
    with pytest.raises(RuntimeError, match="no such fault"):
        sim.faults("nothing")


def test_requests_are_counted(sim, http):
    sim.reset_counters(0)
    http.get(SYSTEM)
    http("PATCH", SYSTEM, PXE_ONCE, headers={"If-Match": "*"})
    assert {name: sim.counters()[name] for name in ("GET", "PATCH", "requests", "connections")} == {"GET": 1, "PATCH": 1, "requests": 2, "connections": 1}
    last = sim.requests()[-1]
    assert (last["method"], last["path"], last["status"], last["body"], last["if_match"]) == ("PATCH", SYSTEM, 200, PXE_ONCE, "*")


# Redfish: faults


def _tags(http):
    """What a PATCH is answered with each form of the entity tag."""
    shown = http("GET", SYSTEM)
    tag = shown.headers.get("ETag") or shown.json().get("@odata.etag") or ""
    bare = tag.removeprefix("W/").strip('"')
    forms = {"none": None, "weak": f'W/"{bare}"', "strong": f'"{bare}"', "bare": bare, "star": "*"}
    result = {}
    for name, form in forms.items():
        result[name] = http("PATCH", SYSTEM, {"AssetTag": ""}, headers={} if form is None else {"If-Match": form}).status_code
    return {name for name, status in result.items() if status == 200}, set(result.values()) - {200}


@pytest.mark.parametrize("fault, taken, refusal", [
    (None, {"none", "weak", "strong", "star"}, {412}),
    ("etag_strong_only", {"none", "strong", "star"}, {412}),
    ("etag_weak_only", {"none", "weak", "star"}, {412}),
    ("etag_required", {"weak", "strong", "star"}, {412, 428}),
    ("etag_required_412", {"weak", "strong", "star"}, {412}),
    ("etag_refused", {"none"}, {412}),
    ("etag_refused_on_patch", {"none"}, {412}),
    ("etag_star_only", {"none", "star"}, {412}),
    ("etag_unquoted", {"none", "bare", "star"}, {412}),
    ("etag_empty", {"none", "star"}, {412}),
])
def test_entity_tags(sim, http, fault, taken, refusal):
    sim.faults(*[fault] if fault else [])
    assert _tags(http) == (taken, refusal)


def test_entity_tags_elsewhere(sim, http):
    sim.faults("etag_refused_on_actions")
    action = f"{SYSTEM}/LogServices/SEL/Actions/LogService.ClearLog"
    assert http("POST", action, {}, headers={"If-Match": "*"}).status_code == 412
    assert http("POST", action, {}).status_code == 204
    sim.faults("etag_none")
    assert "ETag" not in http("GET", SYSTEM).headers and "@odata.etag" in http.get(SYSTEM)
    sim.faults("etag_absent")
    assert "@odata.etag" not in http.get(SYSTEM)
    sim.faults(etag_first_412=1)
    assert http("PATCH", SYSTEM, {"AssetTag": "x"}, headers={"If-Match": "*"}).status_code == 412
    assert http("PATCH", SYSTEM, {"AssetTag": "x"}, headers={"If-Match": "*"}).status_code == 200


def test_logins_that_fail(sim, http):
    sim.faults("session_table_full")
    assert http("POST", "/redfish/v1/SessionService/Sessions", {"UserName": "operator", "Password": PASSWORD}).status_code == 503
    sim.faults("basic_auth_off")
    assert http("GET", SYSTEM).status_code == 401
    assert http("POST", "/redfish/v1/SessionService/Sessions", {"UserName": "operator", "Password": PASSWORD}).status_code == 201
    sim.faults(lockout={"seconds": 4})
    for _unused in range(3):
        assert http("GET", SYSTEM, auth=("operator", "wrong")).status_code == 401
    assert http("GET", SYSTEM).status_code == 401
    assert sim.state(0)["/redfish/v1/AccountService/Accounts/1"]["Locked"]
    wait_until(lambda: http("GET", SYSTEM).status_code == 200, "the account that is locked for a while")
    assert not sim.state(0)["/redfish/v1/AccountService/Accounts/1"]["Locked"]
    sim.faults("password_ignored")
    http("PATCH", "/redfish/v1/AccountService/Accounts/1", {"Password": "another-one"})
    assert http("GET", SYSTEM).status_code == 200
    sim.faults(session_lost=1)
    made = http("POST", "/redfish/v1/SessionService/Sessions", {"UserName": "operator", "Password": PASSWORD})
    token = {"X-Auth-Token": made.headers["X-Auth-Token"]}
    assert http("GET", SYSTEM, headers=token, auth=lambda request: request).status_code == 401


def test_boot_overrides_that_fail(sim, http):
    sim.faults("boot_override_dropped")
    assert http("PATCH", SYSTEM, PXE_ONCE).status_code == 200
    assert http.get(SYSTEM)["Boot"]["BootSourceOverrideEnabled"] == "Disabled"
    sim.faults("boot_mode_reset")
    http("PATCH", SYSTEM, PXE_ONCE)
    assert http.get(SYSTEM)["Boot"]["BootSourceOverrideMode"] == "Legacy"
    sim.faults("boot_override_ignored")
    http.reset()
    assert sim.show()["boots"][-1]["target"] == "Hdd"
    sim.faults(post_refused=1)
    assert message(http("PATCH", SYSTEM, PXE_ONCE)) == "UnableToModifyDuringSystemPOST"
    assert http("PATCH", SYSTEM, PXE_ONCE).status_code == 200


def test_media_that_stay(sim, http):
    slot = f"{MANAGER}/VirtualMedia/CD1"
    sim.faults("insert_ignored")
    assert http("POST", f"{slot}/Actions/VirtualMedia.InsertMedia", ISO).status_code == 204
    assert not http.get(slot)["Inserted"]
    sim.faults("stale_inserted")
    http("POST", f"{slot}/Actions/VirtualMedia.InsertMedia", ISO)
    http("POST", f"{slot}/Actions/VirtualMedia.EjectMedia", {})
    assert http.get(slot)["Inserted"] and http.get(slot)["ConnectedVia"] == "NotConnected"


@pytest.mark.parametrize("value", [None, "Reset", "PoweringOn", "Unknown"])
def test_power_states(sim, http, value):
    sim.faults(power_state={"value": value})
    assert http.get(SYSTEM)["PowerState"] == value


def test_power_that_fails(sim, http):
    sim.faults("power_ignored")
    http.reset()
    assert http.get(SYSTEM)["PowerState"] == "Off"
    sim.faults(power_on_conflict=1, state_refused={"seconds": 600})
    assert http("POST", f"{SYSTEM}/Actions/ComputerSystem.Reset", {"ResetType": "On"}).status_code == 409
    http.reset()
    assert message(http("PATCH", SYSTEM, PXE_ONCE)) == "InvalidOperationForSystemState"
    sim.faults(state_refused={"seconds": 0.1})
    wait_until(lambda: http("PATCH", SYSTEM, PXE_ONCE).status_code == 200, "the end of the refusals")
    sim.faults("bios_ignored")
    http("PATCH", f"{SYSTEM}/Bios/Settings", {"Attributes": {"BootRetryCount": 5}})
    http.reset("ForceRestart")
    assert http.get(f"{SYSTEM}/Bios")["Attributes"]["BootRetryCount"] == 3


def test_tasks_that_fail(sim, http):
    def erase():
        return http("POST", f"{SYSTEM}/Storage/1/Drives/0/Actions/Drive.SecureErase", {}).json()["@odata.id"]

    sim.faults("task_vanishes")
    sim.change(task_seconds=4)
    task = erase()
    assert http.get(task)["TaskState"] == "Running"
    wait_until(lambda: http("GET", task).status_code == 404, "the end of the task")
    sim.change(task_seconds=0.3)
    sim.faults("task_stuck")
    task = erase()
    time.sleep(0.5)
    assert http.get(task)["TaskState"] == "Running"
    sim.faults(task_404_first=1)
    task = erase()
    assert [http("GET", task).status_code for _unused in range(2)] == [404, 200]


@pytest.mark.parametrize("fault, status", [("initialising", 503), ("sys518", 503), ("server_error", 500), ("redirect", 308), ("html", 200), ("bad_json", 200)])
def test_answers_that_are_none(sim, http, fault, status):
    sim.faults(**{fault: 2})
    answers = [http("GET", SYSTEM) for _unused in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 200]
    if status == 200:
        with pytest.raises(ValueError):
            answers[0].json()


@pytest.mark.parametrize("fault, error", [
    ("truncated", requests.exceptions.ChunkedEncodingError), ("reset", requests.ConnectionError), ("reset_after", requests.ConnectionError),
    ("refuse_connections", requests.ConnectionError), ("blackhole", requests.ConnectTimeout), ("hang", requests.ReadTimeout), ("delay", requests.ReadTimeout),
    ("huge_length", requests.ConnectionError), ("expired_certificate", requests.exceptions.SSLError), ("self_signed", requests.exceptions.SSLError),
    ("other_name", requests.exceptions.SSLError),
])
def test_connections_that_fail(sim, http, fault, error):
    sim.faults(fault)
    with pytest.raises(error):
        http("PATCH", SYSTEM, {"AssetTag": fault}, timeout={"blackhole": 1, "hang": (30, 1), "delay": (30, 3), "huge_length": (30, 3)}.get(fault, 30))
    # The work is done all the same where the fault says so.
    assert (sim.state(0)[SYSTEM]["AssetTag"] == fault) == (fault in ("truncated", "reset_after", "delay"))
    sim.faults()
    assert http("GET", SYSTEM).status_code == 200


def test_reset_is_a_tcp_reset(tmp_path):
    with redfish_bmcs(tls=False, directory=tmp_path, faults=["reset"]) as plain:
        bmc = plain.connections[0]
        with socket.create_connection((bmc["address"].removeprefix("http://"), bmc["port"])) as end:
            end.sendall(b"GET /redfish/v1/ HTTP/1.1\r\nHost: bmc\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                end.recv(100)


@pytest.mark.parametrize("fault", ["drip_headers", "drip_body"])
def test_drip(sim, http, fault):
    sim.faults(**{fault: {"pause": 0.05}})
    begin = time.monotonic()
    with http.session.get(http.url + SYSTEM, stream=True, timeout=30) if fault == "drip_body" else contextlib.nullcontext() as answer:
        if answer is None:
            assert http("GET", "/redfish", timeout=30).status_code == 200
            assert time.monotonic() - begin > 4
        else:
            assert len(answer.raw.read(20)) == 20
            assert time.monotonic() - begin > 0.9


def test_huge_answer(sim, http):
    sim.faults(huge={"megabytes": 3})
    assert len(http("GET", SYSTEM).content) == 3 * 1024 * 1024


def test_forms(sim, http):
    sim.faults("info_object")
    assert isinstance(http("GET", "/redfish/v1/Nothing").json()["error"]["@Message.ExtendedInfo"], dict)
    sim.faults("info_missing")
    with pytest.raises(ValueError):
        http("GET", "/redfish/v1/Nothing").json()
    sim.faults("numbers_as_strings")
    assert http.get(SYSTEM)["ProcessorSummary"]["Count"] == "2"
    sim.faults(nulls={"names": ["Boot"]}, missing={"names": ["Model"]}, lists={"names": ["Status"]})
    system = http.get(SYSTEM)
    assert system["Boot"] is None and "Model" not in system and isinstance(system["Status"], list)
    sim.faults("gzip")
    assert http("GET", SYSTEM, headers={"Accept-Encoding": "identity"}).status_code == 406
    assert http("GET", SYSTEM).headers["Content-Encoding"] == "gzip"
    sim.faults("no_chunks")
    assert http("PATCH", SYSTEM, data=iter([b"{}"])).status_code == 411
    sim.faults()
    assert http("PATCH", SYSTEM, data=iter([b'{"AssetTag": ', b'"chunks"}'])).json()["AssetTag"] == "chunks"


def test_who_and_when(sim, http):
    sim.faults("other_machine", clock={"seconds": -86400})
    assert http.get(SYSTEM)["SerialNumber"] == "OTHER99"
    shown = time.strptime(http.get(MANAGER)["DateTime"][:19], "%Y-%m-%dT%H:%M:%S")
    assert abs(time.mktime(shown) - time.mktime(time.gmtime()) + 86400) < 10
    http("PATCH", MANAGER, {"DateTime": "2026-01-01T00:00:00+00:00"})
    assert http.get(MANAGER)["DateTime"][:10] == time.strftime("%Y-%m-%d", time.gmtime())


def test_close_after(sim, http):
    sim.faults("close_after")
    http.get(SYSTEM)
    # A client that has not yet heard of the end asks in vain.
    with contextlib.suppress(requests.ConnectionError):
        http.get(SYSTEM)
    wait_until(lambda: is_there(http), "an answer on a new connection")
    assert sim.counters()["connections"] >= 2


def test_connection_used_twice(sim, http):
    sim.faults("reset_reused")
    http.get(SYSTEM)
    with pytest.raises(requests.ConnectionError):
        http("POST", f"{SYSTEM}/LogServices/SEL/Actions/LogService.ClearLog", {})
    http.get(SYSTEM)


# Redfish: personalities


@pytest.mark.parametrize("name, what", [
    ("dell_idrac9", "slots"), ("dell_idrac10", "settings"), ("hpe_ilo5", "post"), ("lenovo_xcc", "patch"), ("supermicro_x12", "usbcd"),
    ("ami_megarac", "triple"), ("openbmc", "strong"),
])
def test_deviations(sim, http, name, what):
    sim.change(0, personality=name)
    if what == "slots":
        accounts = "/redfish/v1/AccountService/Accounts"
        assert http("POST", accounts, {"UserName": "x", "Password": "long-enough", "RoleId": "Operator"}).status_code == 405
        assert http("PATCH", f"{accounts}/3", {"UserName": "x", "Password": "long-enough", "RoleId": "Operator", "Enabled": True}).status_code == 200
        assert http("GET", "/redfish/v1/Systems/System.Embedded.1", auth=("x", "long-enough")).status_code == 200
        assert http("PATCH", f"{accounts}/3", {"RoleId": "ReadOnly"}).status_code == 400
    elif what == "settings":
        path = "/redfish/v1/Systems/System.Embedded.1"
        assert http("PATCH", path, PXE_ONCE).status_code == 400
        assert http("PATCH", f"{path}/Settings", PXE_ONCE).status_code == 200
        assert http.get(path)["Boot"]["BootSourceOverrideTarget"] == "Pxe"
    elif what == "post":
        # The board's own 3 s could be over on a busy machine.
        sim.change(0, behaviour={"post": 60.0})
        http.reset()
        # For another reason it refuses during the first second.
        time.sleep(1.1)
        assert message(http("PATCH", SYSTEM, PXE_ONCE)) == "UnableToModifyDuringSystemPOST"
    elif what == "patch":
        slot = f"{MANAGER}/VirtualMedia/EXT1"
        assert "Actions" not in http.get(slot)
        tag = {"If-Match": http("GET", slot).headers["ETag"]}
        assert http("PATCH", slot, ISO, headers=tag).status_code == 400
        assert http("PATCH", slot, {**ISO, "Inserted": True}).status_code == 412
        assert http("PATCH", slot, {**ISO, "Inserted": True}, headers=tag).status_code == 200
        assert http.get(slot)["Inserted"]
    elif what == "usbcd":
        slot = f"{MANAGER}/VirtualMedia/VirtualMedia1"
        assert http("POST", f"{slot}/Actions/VirtualMedia.InsertMedia", {**ISO, "Inserted": True}).status_code == 400
        assert http("POST", f"{slot}/Actions/VirtualMedia.InsertMedia", {"Image": "http://192.0.2.1/x?a=b"}).status_code == 400
        assert http("POST", f"{slot}/Actions/VirtualMedia.InsertMedia", ISO).status_code == 204
        assert http("PATCH", SYSTEM, {"Boot": {"BootSourceOverrideTarget": "Cd"}}).status_code == 400
        assert http("PATCH", SYSTEM, {"Boot": {"BootSourceOverrideTarget": "UsbCd"}}).status_code == 200
        http.reset()
        assert sim.show()["boots"] == [{"target": "UsbCd", "mode": "Legacy", "image": ISO["Image"]}]
        assert http("GET", f"{SYSTEM}/SecureBoot").status_code == 403
    elif what == "triple":
        path = "/redfish/v1/Systems/Self"
        any_tag = {"If-Match": "*"}
        assert http("PATCH", path, PXE_ONCE, headers=any_tag).status_code == 204
        assert http.get(path)["Boot"]["BootSourceOverrideTarget"] == "None"
        assert http("PATCH", f"{path}/SD", {"Boot": {"BootSourceOverrideTarget": "Pxe"}}, headers=any_tag).status_code == 400
        assert http("PATCH", f"{path}/SD", PXE_ONCE, headers=any_tag).status_code == 204
        assert http.get(path)["Boot"]["BootSourceOverrideTarget"] == "Pxe"
    else:
        assert http("GET", "/redfish/v1/Systems/system").headers["ETag"].startswith('"')


# IPMI


@pytest.fixture(scope="module")
def _ipmi():
    with ipmi_bmcs(count=2, password=PASSWORD) as started:
        yield started


@pytest.fixture
def ipmi(_ipmi):
    yield _ipmi
    _ipmi.change(0, personality="generic")


@pytest.fixture
def ipmitool(ipmi):
    """``ipmitool(*arguments, suite=None)``: what it prints."""
    def run(*arguments, suite=None, check=True, password=PASSWORD):
        bmc = ipmi.connections[0]
        command = ["ipmitool", "-I", "lanplus", "-H", bmc["address"], "-p", str(bmc["port"]), "-U", bmc["username"], "-E", "-R", "2",
                   "-N", "5" if check else "1"]
        done = subprocess.run([*command, *(["-C", str(suite)] if suite else []), *arguments], env={"IPMITOOL_PASSWORD": password, "PATH": "/usr/bin:/bin"},
                              capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode == 0) == check, done.stderr
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize("suite", [3, 17])
def test_ipmitool(ipmi, ipmitool, suite):
    assert "is off" in ipmitool("power", "status", suite=suite)
    ipmitool("power", "on", suite=suite)
    ipmitool("chassis", "bootdev", "pxe", "options=efiboot", suite=suite)
    assert "Force PXE" in ipmitool("chassis", "bootparam", "get", "5", suite=suite)
    assert ipmi.show()["boot_options"]["5"] == "a004000000"
    ipmitool("power", "reset", suite=suite)
    assert ipmi.show()["boots"][-1] == {"ipmi_flags": "a004000000", "ipmi_device": 1, "ipmi_efi": True, "ipmi_persistent": False}
    assert "5460 RPM" in ipmitool("sdr", suite=suite)
    assert "SIM000000" in ipmitool("fru", suite=suite)
    assert ipmitool("sel", "elist", suite=suite).count("Asserted") == 3
    ipmitool("sel", "clear", suite=suite)
    assert ipmi.show()["events"] == 0
    assert "5241434b-0000-4000-8000-000000000000" in ipmitool("mc", "guid", suite=suite)
    assert ipmi.show()["sessions_open"] == 0
    assert ipmi.counters()[f"suite_{suite}"] == ipmi.counters()["sessions_opened"] == ipmi.counters()["sessions_closed"]


def test_ipmitool_users_identify_and_bridge(ipmi, ipmitool):
    ipmitool("user", "set", "name", "3", "second")
    ipmitool("user", "set", "password", "3", "secret-2")
    ipmitool("user", "enable", "3")
    ipmitool("user", "priv", "3", "3", "1")
    assert ipmi.show()["users"]["3"] == {"name": "second", "privilege": 3, "enabled": True}
    ipmitool("chassis", "identify", "200")
    assert ipmi.show()["identify"] > 150
    ipmitool("-t", "0x2c", "-b", "0", "mc", "info")
    assert ipmi.counters()["bridged"] == 1
    ipmi.change(0, manager_reset_seconds=60)
    ipmitool("mc", "reset", "cold")
    ipmitool("mc", "info", check=False)


def test_pyghmi(ipmi):
    bmc = ipmi.connections[1]
    opened = pyghmi_command.Command(bmc["address"], bmc["username"], bmc["password"], port=bmc["port"])
    try:
        assert opened.get_power() == {"powerstate": "off"}
        assert opened.set_power("on", wait=10) == {"powerstate": "on"}
        opened.set_bootdev("network", uefiboot=True, persist=True)
        assert opened.get_bootdev() == {"bootdev": "network", "persistent": True, "uefimode": True}
        sensors = {sensor.name: sensor for sensor in opened.get_sensor_data()}
        assert sensors["12V"].value == pytest.approx(12.06)
        assert "Power input lost" in sensors["PSU2 Status"].states
        assert dict(opened.get_inventory())["System"]["Serial Number"] == "SIM000001"
        assert len(list(opened.get_event_log())) == 3
        assert opened.get_users()[2]["name"] == "operator"
    finally:
        opened.ipmi_session.logout()
    # Half-open ones end after 30 s, those that are logged on after 60 s.
    wait_until(lambda: ipmi.show(1)["sessions_open"] == 0, "the end of the session", seconds=40)


def test_pyghmi_console(ipmi):
    # More packets than there are numbers.
    bmc, text, seen = ipmi.connections[0], "".join(f"line {number}\n" for number in range(400)), []
    ipmi.change(0, sol_text=text)
    opened = pyghmi_console.Console(bmc["address"], bmc["username"], bmc["password"], port=bmc["port"], iohandler=seen.append, force=True)
    session = opened.ipmi_session

    def turned(ready):
        # pyghmi works in the thread that waits.
        pyghmi_console.session.Session.wait_for_rsp(timeout=0.2)
        done = ready()
        assert done or not opened.broken, seen
        return done

    try:
        wait_until(lambda: turned(lambda: text in b"".join(seen).decode()), "the text of the console", seconds=120)
        # What pyghmi asks for when nothing has happened for half a minute.
        opened._got_payload_instance_info(session.raw_command(netfn=0x06, command=0x4B, data=(1, 1)))  # pylint: disable=protected-access
        assert not opened.broken, seen
        opened.send_data("hello")
        wait_until(lambda: turned(lambda: ipmi.show()["sol_input"] == "hello"), "what was typed", seconds=120)
    finally:
        opened.close()
        session.logout()
    wait_until(lambda: any(request["command"] == 0x3C and request["session"] for request in ipmi.requests()), "the end of the session")


@pytest.mark.parametrize("fault, text", [
    ("session_table_full", "insufficient resources"), ("node_busy", "Node busy"), ("out_of_space", "Out of space"), ("initialising", "0xd2"),
    ("no_privilege", "Insufficient privilege"), ("silent", "Unable to establish"),
    ("rakp_silent", "Unable to establish"), ("lost_session", "privilege level"),
])
def test_ipmi_faults(ipmi, ipmitool, fault, text):
    ipmi.faults(fault)
    assert text.lower() in ipmitool("power", "status", check=False).lower()


def test_ipmi_faults_that_lie(ipmi, ipmitool):
    ipmi.faults("power_ignored", "boot_dropped", "other_machine")
    ipmitool("power", "on")
    ipmitool("chassis", "bootdev", "pxe")
    assert "is off" in ipmitool("power", "status")
    assert ipmi.show()["boot_options"]["5"] == "0000000000"
    assert "OTHER99" in ipmitool("fru")
    ipmi.faults("power_off_error", boot_timer={"seconds": 60})
    ipmitool("power", "off", check=False)
    ipmitool("raw", "0", "8", "5", "0x80", "4", "0", "0", "0")
    assert ipmitool("raw", "0", "9", "5", "0", "0").split() == ["01", "05", "80", "04", "00", "00", "00"]
    # A minute is over, whatever this machine is busy with.
    ipmi.faults("power_off_error", boot_timer={"seconds": 0.01})
    time.sleep(0.1)
    assert ipmitool("raw", "0", "9", "5", "0", "0").split() == ["01", "05", "00", "04", "00", "00", "00"]
    ipmitool("raw", "0", "8", "3", "8")
    ipmitool("raw", "0", "8", "5", "0x80", "4", "0", "0", "0")
    time.sleep(0.1)
    assert ipmitool("raw", "0", "9", "5", "0", "0").split() == ["01", "05", "80", "04", "00", "00", "00"]


def test_ipmi_logins_that_fail(ipmi, ipmitool):
    ipmitool("power", "status", password="wrong", check=False)
    ipmitool("-U", "nobody", "power", "status", check=False)
    assert ipmi.counters()["logins_failed"] >= 1
    ipmi.change(0, behaviour={"cipher_suites": [17]})
    ipmitool("power", "status", suite=3, check=False)
    ipmitool("power", "status", suite=17)
    ipmi.change(0, behaviour={"max_sessions": 0})
    assert "insufficient resources" in ipmitool("power", "status", check=False).lower()


# Both


@pytest.fixture
def playbook_of_users(tmp_path):
    """``playbook_of_users(*arguments)``: run playbooks/bmc_simulator.yml; gives the completed process."""
    root = personalities.DIRECTORY.parents[2]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(root.parents[2]), "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"), "ANSIBLE_NOCOLOR": "1",
                   "PWD": str(tmp_path)}
    program = os.path.join(os.path.dirname(sys.executable), "ansible-playbook")

    def run(*arguments):
        return subprocess.run([program, str(root / "playbooks" / "bmc_simulator.yml"), *arguments], env=environment, cwd=tmp_path, text=True, timeout=600,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    return run


def test_every_fault_is_used():
    """A fault that no code asks for would be a promise without an effect."""
    directory = personalities.DIRECTORY.parent
    for known, files in ((faults.REDFISH, "redfish*.py"), (faults.IPMI, "ipmi*.py")):
        code = "".join(file.read_text() for file in directory.glob(files))
        assert [name for name in known if f'"{name}"' not in code] == []


def test_every_behaviour_is_used():
    directory = personalities.DIRECTORY.parent
    code = "".join(file.read_text() for file in directory.glob("redfish*.py"))
    assert [name for name in personalities.BEHAVIOUR if f'["{name}"]' not in code] == []


def test_a_thousand_in_one_process():
    with redfish_bmcs(count=1000) as redfish, ipmi_bmcs(count=1000) as ipmi:
        for sim in (redfish, ipmi):
            assert len({bmc["address"] for bmc in sim.connections}) == 1000
            assert sim.control("/")["rss_mib"] < 300
        assert Client(redfish.connections[999]).get(SYSTEM)["SerialNumber"] == "SIM000999"


def test_nothing_stays(tmp_path):
    with redfish_bmcs(directory=tmp_path) as sim:
        pid = sim.pid
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_playbook(playbook_of_users, tmp_path):
    """Started twice, used, ended twice."""
    def run(*more):
        done = playbook_of_users("-e", f"bmc_simulator_dir={tmp_path / 'sim'}", *more)
        assert "failed=0" in done.stdout, done.stdout
        return done.stdout

    assert "changed=2" in run("-e", "bmc_simulator_count=3", "-e", "bmc_simulator_personality=openbmc")
    assert "changed=0" in run("-e", "bmc_simulator_count=3")
    hosts = yaml.safe_load((tmp_path / "sim" / "inventory.yml").read_text())["all"]["hosts"]
    assert list(hosts) == ["sim1", "sim2", "sim3"]
    assert hosts["sim3"]["baremetal_bmc"]["driver"] == "redfish"
    assert Client(hosts["sim3"]["baremetal_bmc"]).get("/redfish/v1/Systems/system")["SerialNumber"] == "SIM000002"
    pid = json.loads((tmp_path / "sim" / "simulator.json").read_text())["pid"]
    run("-e", "bmc_simulator_state=absent")
    assert list((tmp_path / "sim").iterdir()) == []
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the simulator")
    assert "changed=0" in run("-e", "bmc_simulator_state=absent")


def test_playbook_for_an_inventory_and_a_personality_of_ones_own(playbook_of_users, tmp_path):
    """The hosts get the BMCs in their order, the same ones each time; the file is beside the inventory."""
    names = [f"blade{number}" for number in range(9, 0, -1)]
    (tmp_path / "hosts").write_text("\n".join(["[rack]", *names]))
    (tmp_path / "mine.yml").write_text("base: openbmc\ntree: {/redfish/v1/Systems/system: {Model: Mine}}\n")
    given = ["-i", "hosts", "-e", f"bmc_simulator_dir={tmp_path / 'sim'}"]
    try:
        done = playbook_of_users(*given, "-e", "bmc_simulator_personality=none.yml")
        assert done.returncode and f"the simulator did not start: ValueError: no such personality: {tmp_path}/none.yml" in done.stdout
        for changed in (2, 0):
            done = playbook_of_users(*given, "-e", "bmc_simulator_personality=mine.yml,generic")
            assert f"changed={changed}" in done.stdout and "failed=0" in done.stdout, done.stdout
        hosts = yaml.safe_load((tmp_path / "sim" / "inventory.yml").read_text())["all"]["hosts"]
        http = Client(hosts["blade7"]["baremetal_bmc"]).get("/redfish/v1/Systems/system")
        assert (http["Model"], http["SerialNumber"]) == ("Mine", "SIM000002")
    finally:
        playbook_of_users(*given, "-e", "bmc_simulator_state=absent")


def test_bmc_that_is_not_there_is_told_and_changes_none(sim):
    with pytest.raises(RuntimeError, match="there is no BMC 77; they are 0 to"):
        sim.change(faults={"hang": True}, bmcs=[0, 77])
    assert "hang" not in sim.show(0)["faults"]
