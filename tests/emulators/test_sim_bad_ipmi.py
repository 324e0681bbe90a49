# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every module on every IPMI peer that is no BMC, another one, a broken one, or lets nobody in: one paragraph, nothing changed, an end."""

from __future__ import annotations

import re
import socket

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import ipmi_session
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.driver import open_driver
from ansible_collections.rackwright.baremetal.tests.emulators.every_module import MODULES, NEW, PASSWORD, same, told
from ansible_collections.rackwright.baremetal.tests.emulators.peers import free_port
from ansible_collections.rackwright.baremetal.tests.simulators.start import ipmi_bmcs

# What the driver ipmi cannot do is refused before anything is sent.
WITHOUT_IPMI = {"bios_settings", "boot_order", "firmware", "raid", "secure_boot", "virtual_media"}
OVER_IPMI = [module for module in MODULES if module not in WITHOUT_IPMI]
# These only read, and over IPMI it would cost a question of its own to see whose BMC it is.
READING = ("console_capture", "console_info", "quirks_info", "sensors_info")

OTHER_UUID = "00000000-1111-2222-3333-444444444444"
# Answers that a login takes: version, Open Session, RAKP 2 and 4, privilege.
LOGIN = 5


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with ipmi_bmcs(directory=str(tmp_path_factory.mktemp("sim")), password=PASSWORD, first_address="127.67.4.1") as simulator:
        yield simulator


@pytest.fixture
def sim(running, monkeypatch):
    """The BMC on its first day, with time-outs that a test can wait for where nothing will come."""
    monkeypatch.setattr(ipmi_session, "_known", {})
    monkeypatch.setattr(ipmi_session, "_CLOSE_WAITS", (0.1, 2.0))
    running.faults()
    running.reset()
    return running


def changeable(sim):
    """What a command could have changed."""
    shown = sim.show()
    kept = {name: shown[name] for name in ("power", "boots", "nmis", "boot_options", "events", "users")}
    return {**kept, "resets": shown["counters"].get("manager_resets", 0), "identifies": shown["identify"] > 0}


def fails(sim, module, bmc, text):
    """A module fails in the way that all failures have, and leaves the board as it was."""
    before = changeable(sim)
    found = told(module, bmc, "ipmi")
    same(found, "BMC connection: the BMC at ")
    assert re.search(text, found[0]["msg"]), found[0]["msg"]
    assert "Seen: " in found[0]["msg"]
    assert changeable(sim) == before


@pytest.mark.parametrize("module", sorted(WITHOUT_IPMI))
def test_what_ipmi_cannot_do_is_refused_before_anything_is_sent(sim, module):
    sim.reset_counters()
    same(told(module, sim.connections[0], "ipmi"), "the driver ipmi has no")
    assert not sim.counters()


def locked(sim, bmc):
    for _unused in range(3):
        told("power", {**bmc, "password": f"wrong-{PASSWORD}"}, "ipmi")
    return bmc


def with_little_privilege(sim, bmc):
    assert told("bmc_account", bmc, "ipmi")[0]["changed"]
    return {**bmc, "username": MODULES["bmc_account"]["username"], "password": MODULES["bmc_account"]["password"]}


# What is on at the board, what the connection becomes, and what is told of it.
ACCOUNTS = {
    "wrong password": ({}, lambda sim, bmc: {**bmc, "password": f"wrong-{PASSWORD}"}, "does not accept the password. Seen: the BMC's proof does not match"),
    "wrong user": ({}, lambda sim, bmc: {**bmc, "username": "nobody"}, "does not let the user nobody in. Seen: the BMC says: unauthorized name"),
    "locked account": ({"lockout": True}, locked, "does not let the user operator in.*locked or disabled"),
    "little privilege": ({}, with_little_privilege, "does not let the user monitor in with the privilege level operator. Seen: the BMC says: invalid role"),
}


@pytest.mark.parametrize("failure", ACCOUNTS)
@pytest.mark.parametrize("module", OVER_IPMI)
def test_bmc_that_does_not_let_us_in(sim, module, failure):
    faults, change, text = ACCOUNTS[failure]
    sim.faults(**faults)
    fails(sim, module, change(sim, sim.connections[0]), text)
    assert not sim.show()["sessions_open"]


@pytest.mark.parametrize("identity", [{"system_uuid": OTHER_UUID}, {"serial": "ANOTHER1"}], ids=["UUID", "serial number"])
@pytest.mark.parametrize("module", [module for module in OVER_IPMI if module not in READING])
def test_bmc_of_another_machine(sim, module, identity):
    before = changeable(sim)
    same(told(module, {**sim.connections[0], **identity}, "ipmi"), "the BMC belongs to another machine. Seen: ")
    assert changeable(sim) == before and not sim.show()["sessions_open"]


def nobody(sim, bmc):
    return {**bmc, "port": free_port(socket.SOCK_DGRAM)}


STRANGE = "what came answered nothing that was asked"
# Where it begins: before the login, within it, and when that is over; a first packet that is cut in half still says something.
PEERS = {
    "nothing answers": ({"silent": True}, None, "does not answer. Seen: no reply to IPMI packets .UDP.. To do"),
    "port refused": ({}, nobody, "does not answer. Seen: nobody listens on the port .ICMP port unreachable."),
    "noise": ({"garbage": True}, None, f"does not answer. Seen: no reply to IPMI packets .UDP.; {STRANGE}"),
    "huge datagrams": ({"garbage": {"bytes": 60000}}, None, f"does not answer. Seen: .*; {STRANGE}"),
    "cut in half": ({"truncated": True}, None, f"does not answer. Seen: .*; {STRANGE}"),
    "silence in the login": ({"drop": {"skip": 1}}, None, "does not answer any more. Seen: no reply within the login. To do"),
    "noise in the login": ({"garbage": {"skip": 2}}, None, "does not answer any more. Seen: no reply within the login"),
    "cut answer to Open Session": ({"truncated": {"skip": 1}}, None, "refused the login. Seen: the BMC's answer to Open Session is too short"),
    "cut answer to RAKP 1": ({"truncated": {"skip": 2}}, None, "refused the login. Seen: the BMC's answer to RAKP message 1 is too short"),
    # Too short for an answer, so that the login begins anew.
    "cut answer to RAKP 3": ({"truncated": {"skip": 3}}, None, "refused the login. Seen: the BMC's answer to Open Session is too short"),
    "login of another console": ({"wrong_session": True}, None, f"does not answer any more. Seen: no reply within the login; {STRANGE}"),
    "login from before": ({"replay": {"skip": 1}}, None, "does not answer any more. Seen: no reply within the login"),
}


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("module", ["power", "bmc_info"])
def test_peer_that_is_no_bmc(sim, monkeypatch, module, peer):
    # A first question that is answered must not be sent twice, for answers are counted.
    begins = peer in ("nothing answers", "noise", "huge datagrams", "cut in half")
    monkeypatch.setattr(ipmi_session, "_FIRST_WAITS", (0.5, 0.5) if begins else (20.0,))
    monkeypatch.setattr(ipmi_session, "_LOGIN_WAITS", (1.0, 1.0, 1.0))
    faults, change, text = PEERS[peer]
    sim.faults(**faults)
    sim.reset_counters()
    fails(sim, module, change(sim, sim.connections[0]) if change else sim.connections[0], text)
    assert sim.counters().get("packets", 0) < 30


# An answer in half and one of another session are none of this session; what came before and what answers something else are not taken for it.
IN_SESSION = {
    "silence": ({"drop": {"skip": LOGIN}}, ""),
    "noise": ({"garbage": {"skip": LOGIN}}, f"; {STRANGE}"),
    "huge datagrams": ({"garbage": {"skip": LOGIN, "bytes": 60000}}, f"; {STRANGE}"),
    "cut in half": ({"truncated": {"skip": LOGIN}}, f"; {STRANGE}"),
    "another session": ({"wrong_session": {"skip": LOGIN - 1}}, f"; {STRANGE}"),
    "answers from before": ({"replay": {"skip": LOGIN - 1}}, f"; {STRANGE}"),
    "answers to something else": ({"other_answer": {"skip": 1}}, f"; {STRANGE}"),
}


@pytest.mark.parametrize("peer", IN_SESSION)
# Whether a reset that was sent was heard, bmc_reset sees by waiting for it.
@pytest.mark.parametrize("module", [module for module in OVER_IPMI if module != "bmc_reset"])
def test_bmc_that_is_lost_in_the_middle(sim, monkeypatch, module, peer):
    monkeypatch.setattr(ipmi_session, "_WAITS", (0.1, 0.1) if peer == "silence" else (0.5, 0.1))
    faults, text = IN_SESSION[peer]
    sim.faults(**faults)
    sim.reset_counters()
    fails(sim, module, sim.connections[0], f"does not answer any more. Seen: no reply to a command within the session{text}")
    assert sim.counters()["packets"] < 40 and not sim.show()["sessions_open"]


@pytest.mark.parametrize("fault", ["garbage", "truncated", "wrong_session", "replay", "drop"])
def test_power_change_whose_answers_are_lost_is_judged_by_the_power_state(sim, monkeypatch, fault):
    monkeypatch.setattr(ipmi_session, "_WAITS", (1.0, 1.0))
    monkeypatch.setitem(MODULES, "power", {"state": "on", "timeout": 30})
    # The login and the power state are told, and then two answers are bad.
    skip = LOGIN + 1 - (fault == "wrong_session") - (fault == "replay")
    sim.faults(**{fault: {"skip": skip, "count": 2}})
    result = told("power", sim.connections[0], "ipmi")[0]
    assert (result.get("failed"), result["changed"], result["power_state"]) == (None, True, "on"), result
    assert sim.show()["power"] == "On" and not sim.show()["sessions_open"]


def test_nmi_whose_answer_is_lost_is_not_sent_again(sim, monkeypatch):
    monkeypatch.setattr(ipmi_session, "_WAITS", (1.0, 1.0))
    sim.change(0, power="On")
    sim.faults(garbage={"skip": LOGIN + 1})
    same(told("inject_nmi", sim.connections[0], "ipmi"), "the BMC was lost over the NMI, and whether the machine got it is not known")
    assert sim.show()["nmis"] == 1


@pytest.mark.parametrize("module", ["sensors_info", "event_log", "bmc_account"])
def test_board_of_a_maker_for_whom_pyghmi_has_a_handler(sim, module):
    """It would want the password, and open web sessions."""
    sim.change(0, behaviour={"manufacturer_id": 19046})
    try:
        result = told(module, sim.connections[0], "ipmi")[0]
    finally:
        sim.change(0, behaviour={"manufacturer_id": 0})
    assert not result.get("failed"), result


def test_reset_whose_answer_is_lost_is_not_sent_again_and_told(sim, monkeypatch):
    monkeypatch.setattr(ipmi_session, "_WAITS", (1.0, 1.0))
    monkeypatch.setitem(MODULES, "power", {"state": "rebooted", "method": "reset", "timeout": 30})
    sim.change(0, power="On")
    sim.reset_counters()
    # The login and the power state are told.
    sim.faults(garbage={"skip": LOGIN + 1, "count": 1})
    result, everything = told("power", sim.connections[0], "ipmi")
    assert not result.get("failed") and "whether the machine was reset is not known" in everything
    assert sim.counters()["control_3"] == 1 and not sim.show()["sessions_open"]


def test_no_ipmi_failure_leaves_a_password_anywhere(playbook, tmp_path, monkeypatch):
    """Neither in the output at -vvvv nor in a file."""
    failures = {"silent": {"silent": True}, "noise": {"garbage": {"skip": LOGIN}}, "wrong password": {}, "little privilege": {"no_privilege": True}}
    secrets = {"PASSWORD": PASSWORD, "NEW": NEW}
    for name, secret in secrets.items():
        monkeypatch.setenv(f"CANARY_{name}", secret)
    lookup = "{{ lookup('ansible.builtin.env', 'CANARY_%s') }}"
    tasks = [{"name": "Power", "rackwright.baremetal.power": {"state": "on", "timeout": 2}, "ignore_errors": True},
             {"name": "Account", "rackwright.baremetal.bmc_account": {**MODULES["bmc_account"], "password": lookup % "NEW"}, "ignore_errors": True}]
    with ipmi_bmcs(count=len(failures), directory=str(tmp_path.parent), password=PASSWORD, first_address="127.67.5.1") as sim:
        hosts = {}
        for index, (failure, faults) in enumerate(failures.items()):
            sim.faults(index=index, **faults)
            wrong = "wrong-" if failure == "wrong password" else ""
            hosts[f"node{index}"] = {"baremetal_bmc": {**sim.connections[index], "driver": "ipmi", "password": wrong + lookup % "PASSWORD"}}
        run = playbook(hosts, tasks, "-vvvv", "--diff")
    assert run.stdout.count("fatal: [node") == len(tasks) * len(failures), run.stdout[-3000:]
    assert "Traceback" not in run.stdout and "unexpected error" not in run.stdout
    for secret in secrets.values():
        assert secret not in run.stdout
        assert not [file for file in tmp_path.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()]


def test_answers_of_one_session_are_not_taken_for_those_of_another_command(sim):
    """A BMC that has told that the machine is on is not believed a second time."""
    with open_driver("ipmi", sim.connections[0]) as driver:
        assert driver.get_power() == "off"
        sim.change(0, power="On")
        sim.faults(replay={"count": 1})
        # The old answer is passed over, and the question is asked again.
        assert driver.get_power() == "on"
