# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every module on every Redfish BMC that is none, is another one, or lets nobody in: one paragraph, nothing changed, no password told."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import redfish_transport
from ansible_collections.rackwright.baremetal.tests.emulators.every_module import DOORS, MODULES, NEW, PASSWORD, SHARE, same, told
from ansible_collections.rackwright.baremetal.tests.emulators.peers import free_port
from ansible_collections.rackwright.baremetal.tests.simulators.start import redfish_bmcs

OTHER_UUID = "00000000-1111-2222-3333-444444444444"


def wrong_password(sim, bmc):
    return {**bmc, "password": f"wrong-{PASSWORD}"}


def locked(sim, bmc):
    for _unused in range(3):
        with contextlib.suppress(Exception):
            told("power", {**bmc, "password": f"wrong-{PASSWORD}"})
    return bmc


def nobody(sim, bmc):
    return {**bmc, "port": free_port()}


def no_certificate_authority(sim, bmc):
    return {key: value for key, value in bmc.items() if key != "ca_file"}


# What is on at the board, and what the connection becomes; what is told of it.
FAILURES = {
    "unreachable": ({"blackhole": True}, None, "does not answer"),
    "refused": ({}, nobody, "refused the connection"),
    "wrong password": ({}, wrong_password, "does not accept the user name and password"),
    "locked account": ({"lockout": True}, locked, "does not accept the user name and password"),
    "web server": ({"html": True}, None, "not a Redfish service"),
    "no JSON": ({"bad_json": True}, None, "not a Redfish service"),
    "truncated": ({"truncated": True}, None, "cut off|not a Redfish service"),
    "huge": ({"huge_length": True}, None, "not a Redfish service"),
    "self-signed": ({"self_signed": True}, None, "not to be trusted"),
    "expired": ({"expired_certificate": True}, None, "not to be trusted"),
    "unknown authority": ({}, no_certificate_authority, "not to be trusted"),
    "other machine": ({}, lambda sim, bmc: {**bmc, "system_uuid": OTHER_UUID}, "another machine"),
}


def connection(sim):
    return {key: value for key, value in sim.connections[0].items() if value is not None}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with redfish_bmcs(directory=str(tmp_path_factory.mktemp("sim")), password=PASSWORD, first_address="127.66.4.1") as simulator:
        yield simulator


def test_every_module_that_takes_a_bmc_is_among_them():
    alone = {name for name, door in DOORS.items() if "bmc" in door.argument_spec}
    # These report what a BMC does not give instead of failing with it; test_failure_evidence.py, test_sim_power_sync.py and
    # test_sim_preflight.py try them.
    assert alone - {"failure_evidence", "power_sync", "preflight_info"} == set(MODULES)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("module", MODULES)
def test_bad_redfish(running, monkeypatch, module, failure):
    if failure == "unreachable":
        monkeypatch.setattr(redfish_transport, "CONNECT_TIMEOUT", 0.2)
    faults, change, text = FAILURES[failure]
    running.faults(**faults)
    running.reset()
    bmc = {key: value for key, value in running.connections[0].items() if value is not None}
    bmc = change(running, bmc) if change else bmc
    running.reset_counters()
    same(told(module, bmc), text if module != "console_capture" else "Redfish carries no serial console")
    assert not [request for request in running.requests() if request["method"] not in ("GET", "HEAD")]


@pytest.mark.parametrize("fault", ["html", "truncated", "bad_json"])
@pytest.mark.parametrize("module", [module for module in MODULES if module != "console_capture"])
def test_redfish_that_breaks_in_the_middle(running, monkeypatch, module, fault):
    """A board that was seen to be one is not called a web server for a single answer, and is not changed for want of it."""
    monkeypatch.setitem(MODULES, "bios_settings", {"settings": {"NumLock": "Off"}})
    monkeypatch.setitem(MODULES, "boot_order", {"order": ["disk"]})
    running.faults()
    running.reset()
    running.reset_counters()
    told(module, connection(running), check_mode=True)
    last = [request["path"] for request in running.requests()][-1]
    running.faults(**{fault: {"path": last}})
    running.reset_counters()
    result, everything = told(module, connection(running), check_mode=True)
    assert "Traceback" not in everything and "unexpected" not in everything
    if result.get("failed"):
        same((result, everything), "cannot be read|another machine")
    running.faults()


@pytest.mark.parametrize(("module", "fault", "path", "text"), [
    ("firmware", "truncated", "SimpleUpdate", "the BMC was lost over the firmware image.*list of tasks"),
    ("firmware", "reset_after", "SimpleUpdate", "the BMC was lost over the firmware image.*list of tasks"),
    ("firmware", "truncated", "TaskService/Tasks/", None),
    ("inject_nmi", "reset_after", "ComputerSystem.Reset", "the BMC was lost over the NMI.*console"),
    ("power", "truncated", "ComputerSystem.Reset", None)])
def test_answer_to_a_change_that_is_lost(running, monkeypatch, module, fault, path, text):
    monkeypatch.setitem(MODULES, "firmware", {"component": "NIC.1", "version": "23.0.1", "image": "http://192.0.2.1/nic.1-23.0.1.bin"})
    running.faults()
    running.reset()
    running.change(0, power="On" if module == "inject_nmi" else "Off")
    running.faults(**{fault: {"path": path, "count": 1}})
    result, _everything = told(module, connection(running))
    assert not result.get("failed") if text is None else re.search(text, result["msg"]), result
    running.faults()
    running.reset()


@pytest.mark.parametrize(("fault", "text"), [("reset_after", None), ("reset", "nothing shows that .* was reset. Seen: .*the same time of its last reset")])
def test_reset_whose_answer_is_lost_is_judged_by_the_machine(running, monkeypatch, fault, text):
    monkeypatch.setitem(MODULES, "power", {"state": "rebooted", "method": "reset", "timeout": 20 if text is None else 3})
    running.faults()
    running.reset()
    running.change(0, power="On")
    running.faults(**{fault: {"path": "ComputerSystem.Reset", "count": 1}})
    running.reset_counters()
    result, everything = told("power", connection(running))
    assert not result.get("failed") if text is None else re.search(text, result["msg"]), result
    assert "not known" not in everything
    assert len([request for request in running.requests() if request["method"] == "POST"]) == 1
    running.faults()
    running.reset()


@pytest.mark.parametrize("order", [[], [""], ["pxe", " "]])
def test_boot_order_that_names_nothing(running, monkeypatch, order):
    monkeypatch.setitem(MODULES, "boot_order", {"order": order})
    running.faults()
    running.reset_counters()
    same(told("boot_order", running.connections[0]), "names nothing")
    assert not running.requests()


def watch_processes(stop, found):
    """Collect command lines that hold a secret until told to stop."""
    while not stop.is_set():
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                line = file.read_bytes().decode("utf-8", "replace")
                found += [line for secret in (PASSWORD, NEW, SHARE) if secret in line]
        time.sleep(0.05)


@pytest.mark.parametrize("door", ["action", "module"])
def test_no_failure_leaves_a_password_anywhere(playbook, tmp_path, monkeypatch, door):
    """Neither in the output at -vvvv nor in a file nor in the list of processes."""
    for name, secret in (("PASSWORD", PASSWORD), ("NEW", NEW), ("SHARE", SHARE)):
        monkeypatch.setenv(f"CANARY_{name}", secret)
    secrets = {NEW: "{{ lookup('ansible.builtin.env', 'CANARY_NEW') }}", SHARE: "{{ lookup('ansible.builtin.env', 'CANARY_SHARE') }}"}
    with redfish_bmcs(count=len(FAILURES), directory=str(tmp_path.parent), password=PASSWORD, first_address="127.66.5.1") as sim:
        hosts = {"gateway": {"ansible_connection": "beside", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}}
        for index, (faults, change, _unused) in enumerate(FAILURES.values()):
            bmc = {key: value for key, value in sim.connections[index].items() if value is not None}
            sim.faults(index=index, **faults)
            bmc = change(sim, bmc) if change else bmc
            wrong = "wrong-" if bmc["password"] != PASSWORD else ""
            hosts[f"node{index}"] = {"baremetal_bmc": {
                **bmc, "driver": "redfish", "password": f"{wrong}{{{{ lookup('ansible.builtin.env', 'CANARY_PASSWORD') }}}}"}}
        # A module in a process of its own costs half a second.
        modules = MODULES if door == "action" else ("power", "bmc_account", "virtual_media")
        tasks = [{"name": module, f"rackwright.baremetal.{module}": {key: secrets.get(value, value) if isinstance(value, str) else value
                                                                     for key, value in MODULES[module].items()},
                  "ignore_errors": True, **({"delegate_to": "gateway"} if door == "module" else {})} for module in modules]
        stop, found = threading.Event(), []
        watcher = threading.Thread(target=watch_processes, args=(stop, found))
        watcher.start()
        try:
            run = playbook(hosts, tasks, "-vvvv", "--diff", "-f", "12")
        finally:
            stop.set()
            watcher.join()
    assert run.stdout.count("fatal: [node") == len(tasks) * len(FAILURES), run.stdout[-3000:]
    assert "Traceback" not in run.stdout and "unexpected error" not in run.stdout
    for secret in (PASSWORD, NEW, SHARE):
        assert secret not in run.stdout
        assert not [file for file in tmp_path.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()]
    assert not found
