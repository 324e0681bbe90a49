# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Firmware, accounts and RAID on simulated boards of every kind, with their faults, and through both doors."""

from __future__ import annotations

import contextlib
import re
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import firmware, ipmi_session, power, redfish_service
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.accounts import ensure_account
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.connection import BmcLost, NotLetIn
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.driver import open_driver
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.firmware import ensure_firmware
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.ipmi import IpmiDriver
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.ipmi_accounts import IpmiAccounts
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.power import ensure_power
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.raid import ensure_raid
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.redfish_accounts import RedfishAccounts
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.redfish_service import RedfishService
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.emulators.every_module import MODULES, told
from ansible_collections.rackwright.baremetal.tests.emulators.peers import wait_until
from ansible_collections.rackwright.baremetal.tests.simulators import personalities
from ansible_collections.rackwright.baremetal.tests.simulators.start import ipmi_bmcs, redfish_bmcs
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.board import Clock

PERSONALITIES = personalities.names()
PASSWORD, NEW = "canary-5up3r-1", "canary-n3w-2"
MIRROR = {"logical_disks": [{"size_gb": 100, "raid_level": "1", "is_root_volume": True}]}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    """One process with a board of each kind, which are back within a second after a restart."""
    with redfish_bmcs(count=len(PERSONALITIES), directory=tmp_path_factory.mktemp("sim"), password=PASSWORD, task_seconds=0.5) as sim:
        for index, personality in enumerate(PERSONALITIES):
            sim.change(index, personality=personality, manager_reset_seconds=1)
        yield sim


@pytest.fixture
def board(simulator, monkeypatch):
    """``board(personality, *faults)``: context manager that gives the open driver of a board as on its first day."""
    used = []

    @contextlib.contextmanager
    def run(personality="generic", *faults, **more):
        index = PERSONALITIES.index(personality)
        used.append(index)
        simulator.reset(index)
        simulator.reset_counters(index)
        simulator.faults(*faults, index=index, **more)
        run.index = index
        run.connection = simulator.connections[index]
        with open_driver("redfish", run.connection) as driver:
            # Pauses are made for boards, whose seconds are a simulator's tenths.
            monkeypatch.setattr(driver.service, "_sleep", lambda seconds: time.sleep(min(seconds, 0.3)))
            yield driver

    run.changes = lambda: [request for request in simulator.requests(run.index) if request["method"] not in ("GET", "HEAD")]
    yield run
    for index in used:
        simulator.faults(index=index)
        simulator.reset(index)


@pytest.fixture
def clock():
    return Clock()


every_board = pytest.mark.parametrize("personality", PERSONALITIES)


# Firmware


@every_board
def test_bmc_is_updated_and_comes_back(board, personality):
    with board(personality) as driver:
        result = ensure_firmware(driver.service, "bmc", "7.1.2", image="http://192.0.2.1/bmc-7.1.2.bin")
        assert result["changed"] and result["after"]["version"] == "7.1.2"
        changes = len(board.changes())
        again = []

        def is_back():
            with contextlib.suppress(BmcLost):
                again.append(ensure_firmware(driver.service, "bmc", "7.1.2", image="http://192.0.2.1/bmc-7.1.2.bin"))
            return again

        # It restarts 0.2 s after the update; before that it answers as if it were back.
        time.sleep(0.3)
        wait_until(is_back, "the BMC after its restart")
        assert not again[0]["changed"] and len(board.changes()) == changes
    assert not [request for request in board.changes() if request.get("if_match")]


@every_board
def test_bios_is_updated_at_the_reset_where_that_is_asked_for(board, personality):
    with board(personality) as driver:
        result = ensure_firmware(driver.service, "bios", "7.1.2", image="http://192.0.2.1/bios-7.1.2.bin", apply_time="OnReset")
        assert result["reboot_required"] and result["after"]["version"] != "7.1.2" and result["pending"]["version"] == "7.1.2"
        sent = board.changes()
        for check_mode in (True, False):
            again = ensure_firmware(driver.service, "bios", "7.1.2", image="http://192.0.2.1/bios-7.1.2.bin", apply_time="OnReset", check_mode=check_mode)
            assert (again["changed"], again["reboot_required"], again["pending"]["version"]) == (False, True, "7.1.2")
        assert board.changes() == sent
        ensure_power(driver, "on", timeout=30)
        ensure_power(driver, "rebooted", timeout=30)
        assert not ensure_firmware(driver.service, "bios", "7.1.2", image="http://192.0.2.1/bios-7.1.2.bin")["changed"]


def test_update_that_waits_without_telling_its_version_is_not_doubled(board, simulator, clock):
    """Dell's jobs tell their component in the name."""
    with board("dell_idrac9") as driver:
        simulator.change(board.index, behaviour={"task_payload": False})
        try:
            def update(**options):
                return ensure_firmware(driver.service, "bios", "7.1.2", image="http://192.0.2.1/bios-7.1.2.bin", clock=clock, sleep=clock.sleep, **options)

            assert update()["reboot_required"]
            sent, warnings = board.changes(), []
            again = update(warn=warnings.append)
            assert not again["changed"] and again["reboot_required"] and board.changes() == sent
            assert "Firmware Update: BIOS" in again["pending"]["seen"] + warnings[0] and "does not tell the version" in warnings[0]
            # What waits for the BIOS is nothing to another component.
            assert ensure_firmware(driver.service, "NIC.1", "23.0.1", image="http://192.0.2.1/nic.1-23.0.1.bin")["changed"]
            done = update(reboot=lambda: ensure_power(driver, "rebooted", timeout=30))
            assert done["changed"] and done["after"]["version"] == "7.1.2"
            assert len(board.changes()) > len(sent)
        finally:
            simulator.change(board.index, behaviour={"task_payload": True})


@every_board
def test_file_is_pushed(board, personality, tmp_path):
    path = tmp_path / "bmc.bin"
    path.write_bytes(b"version=8.0.1 " + bytes(3_000_000))
    with board(personality, "no_chunks") as driver:
        assert ensure_firmware(driver.service, "bmc", "8.0.1", src=str(path))["after"]["version"] == "8.0.1"


@pytest.mark.parametrize("fault", [{"task_404_first": {"count": 2}}, {"task_vanishes": True}, {"etag_refused_on_actions": True}])
def test_update_is_judged_by_the_version_alone(board, fault):
    with board("generic", **fault) as driver:
        assert ensure_firmware(driver.service, "NIC.1", "23.0.1", image="http://192.0.2.1/nic.1-23.0.1.bin")["after"]["version"] == "23.0.1"


@pytest.mark.parametrize(("fault", "seen"), [("firmware_lie", "the BMC tells version 22.0.5"), ("task_fails", "simulated failure")])
def test_update_that_did_not_happen_is_an_error(board, fault, seen, clock):
    with board("generic", fault) as driver, pytest.raises(BaremetalError, match=seen):
        ensure_firmware(driver.service, "NIC.1", "23.0.1", image="http://192.0.2.1/nic.1-23.0.1.bin", clock=clock, sleep=clock.sleep)


@pytest.mark.parametrize("fault", [{}, {"firmware_lie": True}])
def test_bios_update_is_judged_after_the_reboot_that_is_allowed(board, fault, clock):
    with board("dell_idrac9", **fault) as driver:
        ensure_power(driver, "on", timeout=30)

        def update(**options):
            return ensure_firmware(driver.service, "bios", "7.1.2", image="http://192.0.2.1/bios-7.1.2.bin", clock=clock, sleep=clock.sleep, **options)

        if not fault:
            assert update(reboot=lambda: ensure_power(driver, "rebooted", timeout=30))["after"]["version"] == "7.1.2"
            return
        with pytest.raises(BaremetalError, match="bios has not become version 7.1.2"):
            update(reboot=lambda: ensure_power(driver, "rebooted", timeout=30))


def test_machine_that_must_not_be_powered_off_is_reset_for_its_update(board, simulator, monkeypatch):
    for place, name in ((firmware, "_POLL"), (redfish_service, "_TASK_POLL"), (power, "POLL_INTERVAL")):
        monkeypatch.setattr(place, name, 0.2)
    monkeypatch.setitem(MODULES, "firmware", {**MODULES["firmware"], "apply_time": "OnReset"})
    with board("generic"):
        simulator.change(board.index, power="On")
        result = told("firmware", {**board.connection, "disable_power_off": True})[0]
    assert result["changed"] and result["component"]["version"] == "7.1.2"
    assert [request["body"] for request in board.changes() if "ComputerSystem.Reset" in request["path"]] == [{"ResetType": "ForceRestart"}]


def test_bios_update_that_did_nothing_is_not_told_as_waiting(board, clock):
    with board("generic", "firmware_lie") as driver, pytest.raises(BaremetalError, match="cannot be told whether bios becomes version 7.1.2"):
        ensure_firmware(driver.service, "bios", "7.1.2", image="http://192.0.2.1/bios-7.1.2.bin", clock=clock, sleep=clock.sleep)


def test_component_that_cannot_be_updated_is_refused_before_anything_is_sent(board):
    with board() as driver, pytest.raises(BaremetalError, match="cannot update CPLD"):
        ensure_firmware(driver.service, "CPLD", "1.0", image="http://192.0.2.1/cpld-1.0.bin")
    assert not board.changes()


# Accounts


def account(board, driver, name, own=PASSWORD, **options):
    """``ensure_account`` on a simulated board."""
    def log_in(user, secret):
        return RedfishService({**board.connection, "username": user, "password": secret}, lambda text: None)

    accounts = RedfishAccounts(driver.service, log_in)
    with contextlib.closing(accounts):
        return ensure_account(accounts, (board.connection["username"], own), name, sleep=lambda seconds: None, **options)


def lets_in(board, name, password):
    service = RedfishService({**board.connection, "username": name, "password": password}, lambda text: None)
    with contextlib.closing(service), contextlib.suppress(BaremetalError):
        return bool(service.get("/redfish/v1/Systems"))
    return False


@every_board
def test_account_comes_changes_and_goes(board, personality):
    with board(personality) as driver:
        wanted = {"password": "monitor-Passw0rd", "role": "ReadOnly"}
        assert account(board, driver, "monitor", **wanted, check_mode=True)["changed"] and not board.changes()
        assert account(board, driver, "monitor", **wanted)["after"]["role"] == "ReadOnly"
        assert not account(board, driver, "monitor", **wanted)["changed"]
        assert account(board, driver, "monitor", **{**wanted, "role": "Operator"})["after"]["role"] == "Operator"
        assert account(board, driver, "monitor", password="other-Passw0rd")["password_changed"]
        assert lets_in(board, "monitor", "other-Passw0rd") and not lets_in(board, "monitor", "monitor-Passw0rd")
        assert account(board, driver, "monitor", enabled=False)["after"]["enabled"] is False
        assert account(board, driver, "monitor", state="absent")["changed"]
        assert not account(board, driver, "monitor", state="absent")["changed"]


@every_board
def test_own_password_is_rotated(board, personality):
    with board(personality) as driver:
        own = board.connection["username"]
        result = account(board, driver, own, password=NEW)
        assert result["outdated_credential"] and lets_in(board, own, NEW) and not lets_in(board, own, PASSWORD)
    with open_driver("redfish", {**board.connection, "password": NEW}) as driver:
        assert not account(board, driver, own, own=NEW, password=NEW)["changed"]


def test_locked_account_is_unlocked_with_its_password(board):
    with board("generic", lockout={"after": 1}) as driver:
        account(board, driver, "monitor", password="monitor-Passw0rd", role="ReadOnly")
        assert not lets_in(board, "monitor", "wrong-Passw0rd") and not lets_in(board, "monitor", "monitor-Passw0rd")
        assert account(board, driver, "monitor", password="other-Passw0rd")["after"]["locked"] is False
        assert lets_in(board, "monitor", "other-Passw0rd")
        assert not account(board, driver, "monitor", password="other-Passw0rd")["changed"]


def test_own_password_that_is_not_taken_stays_the_old_one(board):
    with board("generic", "password_ignored") as driver:
        own = board.connection["username"]
        with pytest.raises(BaremetalError, match="the old one is good again"):
            account(board, driver, own, password=NEW)
        assert lets_in(board, own, PASSWORD)


def test_without_a_session_the_own_password_is_not_touched(board):
    with board("generic", "session_table_full") as driver:
        with pytest.raises(BaremetalError, match="opened no session"):
            account(board, driver, board.connection["username"], password=NEW)
        assert not [request for request in board.changes() if request["method"] == "PATCH"]


@pytest.fixture
def ipmi_account(tmp_path, monkeypatch):
    """``ipmi_account(name, ...)``: ``ensure_account`` on a simulated BMC with IPMI, as somebody with the password ``own``."""
    # Seconds for a command that is lost.
    monkeypatch.setattr(ipmi_session, "_WAITS", (2.0, 2.0))
    with ipmi_bmcs(directory=tmp_path, password=PASSWORD) as sim:
        bmc = sim.connections[0]

        def log_in(user, secret, privilege=None):
            return IpmiDriver({**bmc, "username": user, "password": secret, "privilege_level": privilege}, lambda text: None)

        def run(name, own=PASSWORD, **options):
            with open_driver("ipmi", {**bmc, "password": own}) as driver:
                accounts = IpmiAccounts(driver, bmc["username"], log_in)
                return ensure_account(accounts, (bmc["username"], own), name, sleep=lambda seconds: None, **options)

        run.sim, run.log_in = sim, log_in
        yield run


def test_ipmi_user_comes_changes_and_goes(ipmi_account):
    wanted = {"password": "monitor-Passw0rd", "role": "ReadOnly"}
    assert ipmi_account("monitor", **wanted)["after"] == {"id": "3", "name": "monitor", "role": "ReadOnly", "enabled": True,
                                                          "locked": False}
    assert not ipmi_account("monitor", **wanted)["changed"]
    assert ipmi_account("monitor", role="Administrator")["after"]["role"] == "Administrator"
    assert ipmi_account("monitor", enabled=False)["after"]["enabled"] is False
    assert ipmi_account("monitor", state="absent")["changed"]
    assert not ipmi_account("monitor", state="absent")["changed"]


def test_ipmi_user_whose_making_was_lost_is_taken_away(ipmi_account):
    ipmi_account.sim.faults(password_lost={"count": 1, "applied": False})
    with pytest.raises(BmcLost, match="does not answer any more"):
        ipmi_account("monitor", password="monitor-Passw0rd", role="ReadOnly")
    assert [user["name"] for user in ipmi_account.sim.show()["users"].values()] == ["operator"]
    assert ipmi_account("monitor", password="monitor-Passw0rd", role="ReadOnly")["after"]["enabled"]


@pytest.mark.parametrize("role", ["ReadOnly", "Administrator"])
def test_ipmi_user_is_let_in_with_its_own_privilege_while_it_is_enabled(ipmi_account, role):
    ipmi_account("monitor", password="monitor-Passw0rd", role=role)
    with contextlib.closing(ipmi_account.log_in("operator", PASSWORD)) as driver:
        accounts = IpmiAccounts(driver, "operator", ipmi_account.log_in)
        monitor = accounts.find("monitor")
        assert accounts.lets_in(monitor, "monitor-Passw0rd")
        accounts.change(monitor, {"enabled": False}, None)
        # The password is still the right one.
        assert accounts.accepts(monitor, "monitor-Passw0rd") and not accounts.lets_in(monitor, "monitor-Passw0rd")


def test_ipmi_own_password_is_rotated(ipmi_account):
    assert ipmi_account("operator", password=NEW)["outdated_credential"]
    assert not ipmi_account("operator", own=NEW, password=NEW)["changed"]
    with pytest.raises(NotLetIn):
        ipmi_account("operator", password=NEW)


def test_ipmi_account_without_a_password_is_given_one_and_can_get_the_old_state_back(tmp_path):
    with ipmi_bmcs(directory=tmp_path, password="") as sim:
        bmc = sim.connections[0]
        with open_driver("ipmi", bmc) as driver:
            accounts = IpmiAccounts(driver, "operator", lambda user, secret: IpmiDriver({**bmc, "username": user, "password": secret}, lambda text: None))
            assert ensure_account(accounts, ("operator", ""), "operator", password=NEW, sleep=lambda seconds: None)["outdated_credential"]
            account = accounts.find("operator")
            assert accounts.accepts(account, NEW) and not accounts.accepts(account, "")
            # What is sent over the way back.
            accounts.change(account, {"password": ""}, "")
            assert accounts.accepts(account, "") and not accounts.accepts(account, NEW)


@pytest.mark.parametrize(("fault", "holds", "said", "refused"), [
    ({"applied": True}, NEW, None, 0), ({"applied": False}, PASSWORD, "did not take the new password of operator; the old one is still good", 1),
    ({"applied": True, "kept": "something else"}, "something else", "neither with the new nor with the old password.*the way back is over", 2)])
def test_ipmi_session_that_is_lost_over_the_rotation(ipmi_account, fault, holds, said, refused):
    """What holds now is found out, with one login for each password, and told."""
    ipmi_account.sim.faults(password_lost={"count": 1, **fault})
    if said is None:
        result = ipmi_account("operator", password=NEW)
        assert result["changed"] and result["password_changed"] and result["outdated_credential"] and result["after"]["role"] == "Administrator"
    else:
        with pytest.raises(BaremetalError, match=said):
            ipmi_account("operator", password=NEW)
    assert ipmi_account.sim.counters().get("logins_failed", 0) == refused
    assert not ipmi_account("operator", own=holds, role="Administrator")["changed"]
    assert ipmi_account.sim.show()["sessions_open"] == 0


# RAID


@every_board
def test_volumes_are_made_replaced_and_found(board, personality):
    with board(personality) as driver:
        assert ensure_raid(driver.service, MIRROR, check_mode=True)["changed"] and not board.changes()
        result = settled(driver, MIRROR)
        assert result["volumes"][0]["size_gb"] == 100 and result["volumes"][0]["root_device"]
        assert not ensure_raid(driver.service, MIRROR)["changed"]
        other = {"logical_disks": [{"size_gb": "MAX", "raid_level": "5", "number_of_physical_disks": 4}]}
        changes = len(board.changes())
        with pytest.raises(BaremetalError, match="not in the target configuration, and nothing was changed"):
            ensure_raid(driver.service, other)
        assert len(board.changes()) == changes
        result = settled(driver, other, delete_existing=True)
        assert [len(volume["physical_disks"]) for volume in result["volumes"]] == [4]


@pytest.mark.parametrize("payload", [True, False])
def test_volume_that_waits_for_the_boot_is_asked_for_once(board, simulator, payload):
    """A board that works at a reset only, and until then shows nothing but its task."""
    with board() as driver:
        simulator.change(board.index, behaviour={"volume_apply_default": "OnReset", "task_payload": payload})
        for path in list(simulator.state(board.index)):
            if path.endswith("/Volumes"):
                simulator.state(board.index).merge(path, {"@Redfish.OperationApplyTimeSupport": {"SupportedValues": ["OnReset"]}})
        try:
            first = ensure_raid(driver.service, MIRROR)
            assert first["changed"] and first["reboot_required"]
            changes = len(board.changes())
            again = ensure_raid(driver.service, MIRROR)
            assert not again["changed"] and again["reboot_required"] and again["pending"] and len(board.changes()) == changes
            assert settled(driver, MIRROR)["volumes"][0]["size_gb"] == 100
        finally:
            simulator.change(board.index, behaviour={"volume_apply_default": "Immediate", "task_payload": True})


@pytest.mark.parametrize(("one_waits", "boots"), [(False, 2), (True, 3)])
def test_several_volumes_of_a_board_that_works_at_a_reset(board, simulator, one_waits, boots):
    """One boot does what it can: the volume in the way goes, and the one of free drives comes. A controller may take only one request for each boot."""
    pair = {"size_gb": "MAX", "raid_level": "1", "number_of_physical_disks": 2}
    target = {"logical_disks": [pair, pair]}
    with board() as driver:
        assert settled(driver, {"logical_disks": [{"size_gb": 100, "raid_level": "1"}]})["volumes"]
        simulator.change(board.index, behaviour={"volume_apply_default": "OnReset", "volume_one_waits": one_waits})
        for path in list(simulator.state(board.index)):
            if path.endswith("/Volumes"):
                simulator.state(board.index).merge(path, {"@Redfish.OperationApplyTimeSupport": {"SupportedValues": ["OnReset"]}})
        ensure_power(driver, "on", timeout=30)
        before = len(simulator.show(board.index)["boots"])
        try:
            result = settled(driver, target, delete_existing=True)
        finally:
            simulator.change(board.index, behaviour={"volume_apply_default": "Immediate", "volume_one_waits": False})
        assert [len(volume["physical_disks"]) for volume in result["volumes"]] == [2, 2]
        assert len(simulator.show(board.index)["boots"]) - before == boots


def settled(driver, target, **options):
    """The volumes, with the reboots that the controller wants."""
    result = {"reboot_required": True}
    for _unused in range(4):
        result = ensure_raid(driver.service, target, **options)
        if not result["reboot_required"]:
            return result
        ensure_power(driver, "on", timeout=30)
        ensure_power(driver, "rebooted", timeout=30)
    raise AssertionError(result)


def test_what_does_not_fit_is_told_drive_by_drive(board):
    with board() as driver, pytest.raises(BaremetalError,
                                          match="does not fit. Seen: 3 or more drives alike are needed; 0: free, 447 GiB.*; 3: free"):
        ensure_raid(driver.service, {"logical_disks": [{"size_gb": 5000, "raid_level": "5"}]})
    assert not board.changes()


# Doors


def task(module, **options):
    return {"name": module, f"rackwright.baremetal.{module}": options, "register": "result"}


def delegated(entry):
    return {**entry, "delegate_to": "gateway"}


@pytest.fixture
def rack(playbook, board, monkeypatch):
    """``rack(tasks, *arguments)``: what the tasks reported about node1, and the whole output; no password is in it."""
    monkeypatch.setenv("NEW_BMC_PASSWORD", NEW)

    def run(tasks, *arguments, fails=False):
        with board():
            pass
        hosts = {
            "node1": {"baremetal_bmc": {**{key: value for key, value in board.connection.items() if value is not None},
                                        "driver": "redfish"}},
            "gateway": {"ansible_connection": "beside", "ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        }
        done = playbook(hosts, tasks, "-vvvv", "--diff", *arguments)
        assert PASSWORD not in done.stdout and NEW not in done.stdout
        assert "Traceback" not in done.stdout
        assert (done.returncode != 0) == fails, done.stdout
        return re.findall(r"^(ok|changed|fatal): \[node1", done.stdout, re.M), done.stdout

    return run


DOORS = pytest.mark.parametrize("door", [lambda entry: entry, delegated], ids=["action", "module"])


@DOORS
def test_firmware_through_the_doors(rack, board, door, tmp_path):
    (tmp_path / "image").write_bytes(b"version=22.1.0")
    entry = door(task("firmware", component="NIC.1", version="22.1.0", src=str(tmp_path / "image")))
    assert rack([entry, entry])[0] == ["changed", "ok"]
    assert rack([entry], "--check")[0] == ["changed"]
    assert not board.changes()


@DOORS
def test_accounts_through_the_doors(rack, board, door):
    own = {"username": "operator", "password": "{{ lookup('ansible.builtin.env', 'NEW_BMC_PASSWORD') }}"}
    monitor = door(task("bmc_account", username="monitor", password="{{ lookup('ansible.builtin.env', 'NEW_BMC_PASSWORD') }}",
                        role="ReadOnly"))
    # The second time the old password is refused, and the new one is found in place.
    words, output = rack([monitor, monitor, door(task("bmc_account", **own)), door(task("bmc_account", **own))])
    assert words == ["changed", "ok", "changed", "ok"]
    assert output.count('"outdated_credential": true') == 2


@DOORS
def test_raid_through_the_doors(rack, board, door):
    entry = door(task("raid", target_raid_config=MIRROR))
    words, output = rack([entry, entry,
                          door(task("raid", target_raid_config={"logical_disks": [{"size_gb": 100, "raid_level": "JBOD"}]}))], fails=True)
    assert words == ["changed", "ok", "fatal"]
    assert "'JBOD' is none of 0, 1, 5, 6, 1+0, 5+0, 6+0" in output
