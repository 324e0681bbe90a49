# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The driver ipmi against virtualbmc, and against a BMC with cipher suite 17."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import socket
import subprocess
import types

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import boot, ipmi_session, power
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.driver import open_driver
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.run_facts import RunFacts
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.emulators.peers import free_port


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    monkeypatch.setattr(ipmi_session, "_known", {})


def test_power_goes_on_and_off_and_stays(opened, virtualbmc, machine_off):
    def work(driver):
        return [power.ensure_power(driver, state, timeout=20)["changed"] for state in ("off", "on", "on", "off", "off")]

    assert opened("ipmi", virtualbmc, work) == [False, True, False, True, False]


def test_reset_and_soft_off_reach_the_machine(opened, virtualbmc, machine_off):
    opened("ipmi", virtualbmc, lambda driver: power.ensure_power(driver, "on", timeout=20))
    opened("ipmi", virtualbmc, lambda driver: driver.set_power("soft off"))
    assert "shut off" in machine_off("domstate", "test")


def test_rebooted_machine_boots_from_where_it_was_told_while_off(opened, virtualbmc, machine_off):
    def work(driver):
        power.ensure_power(driver, "on", timeout=20, boot={"device": "disk"})
        return power.ensure_power(driver, "rebooted", timeout=20, boot={"device": "pxe"})

    result = opened("ipmi", virtualbmc, work)
    assert result["boot_device"] == {"device": "pxe", "persistent": False, "mode": "bios"}
    assert "<boot dev='network'/>" in machine_off("dumpxml", "test")


def test_bmc_that_keeps_another_device_is_an_error(opened, virtualbmc, machine_off):
    """virtualbmc acknowledges the firmware setup and no override at all, and does nothing."""
    opened("ipmi", virtualbmc, lambda driver: boot.ensure_boot_device(driver, "disk"))
    for device in ("bios", "none"):
        with pytest.raises(BaremetalError, match=f"did not take the boot device {device}. Seen: the BMC kept disk"):
            opened("ipmi", virtualbmc, lambda driver: boot.ensure_boot_device(driver, device))


def test_what_the_bmc_cannot_tell_is_a_warning(opened, virtualbmc, machine_off):
    warnings = []
    opened("ipmi", virtualbmc, lambda driver: boot.ensure_boot_device(driver, "pxe", warn=warnings.append))
    assert not warnings
    result = opened("ipmi", virtualbmc, lambda driver: boot.ensure_boot_device(driver, "pxe", True, "uefi", warn=warnings.append))
    assert not result["changed"]
    assert len(warnings) == 2 and "mode" in warnings[0] and "all boots" in warnings[1]


def test_all_boot_devices_and_none(opened, suite17):
    def work(driver):
        return [boot.ensure_boot_device(driver, device)["after"]["device"] for device in ("pxe", "disk", "cdrom", "bios", "none")]

    assert opened("ipmi", suite17, work) == ["pxe", "disk", "cdrom", "bios", "none"]


def test_check_mode_only_reads(opened, virtualbmc, machine_off):
    opened("ipmi", virtualbmc, lambda driver: boot.ensure_boot_device(driver, "disk"))
    before = machine_off("dumpxml", "test")
    result = opened("ipmi", virtualbmc, lambda driver: power.ensure_power(driver, "rebooted", boot={"device": "pxe"}, check_mode=True))
    assert result["changed"] and result["boot_device"]["device"] == "pxe"
    assert machine_off("dumpxml", "test") == before


def test_suite_is_found_out_and_remembered(opened, virtualbmc, suite17):
    for bmc, suite in ((virtualbmc, 3), (suite17, 17)):
        lines = []
        for attempt in range(2):
            with open_driver("ipmi", bmc, lines.append) as driver:
                driver.get_power()
        assert [line for line in lines if "cipher suite" in line] == [
            f"logging on to 127.0.0.1 port {bmc['port']} with cipher suite 17 or 3", f"logged on with cipher suite {suite}",
            f"logging on to 127.0.0.1 port {bmc['port']} with cipher suite {'17 or 3' if suite == 17 else '3 or 17'}",
            f"logged on with cipher suite {suite}"]


def test_suite_is_known_to_the_run_and_a_wrong_one_is_corrected(virtualbmc, tmp_path):
    def suites(bmc):
        lines = []
        with open_driver("ipmi", bmc, lines.append, RunFacts(tmp_path).about("bmc")) as driver:
            assert driver.get_power() in ("on", "off")
        return [line.rpartition("suite ")[2] for line in lines if "cipher suite" in line]

    assert [suites(virtualbmc), suites(virtualbmc)] == [["17 or 3", "3"], ["3 or 17", "3"]]
    key = ("cipher suite", virtualbmc["address"], str(virtualbmc["port"]))
    RunFacts(tmp_path).about("bmc")[key] = 17
    assert [suites(virtualbmc), suites(virtualbmc)] == [["17 or 3", "3"], ["3 or 17", "3"]]


def test_suite_that_is_tried_first_anyway_takes_no_file(suite17, tmp_path):
    with open_driver("ipmi", suite17, facts=RunFacts(tmp_path).about("bmc")) as driver:
        assert driver.get_power() in ("on", "off")
    assert not list(tmp_path.iterdir())


def test_demanded_suite_is_not_lowered(opened, failure, virtualbmc):
    assert "does not speak the cipher suite" in failure("ipmi", {**virtualbmc, "cipher_suite": 17})
    # What the failed login left behind does not get in the way of the next one.
    assert opened("ipmi", {**virtualbmc, "cipher_suite": 3}, lambda driver: driver.get_power()) in ("on", "off")


def test_suite_17_is_what_ipmitool_means_by_it(suite17):
    command = ["ipmitool", "-I", "lanplus", "-C", "17", "-H", suite17["address"], "-p", str(suite17["port"]),
               "-U", suite17["username"], "-P", suite17["password"], "power", "status"]
    assert "Chassis Power is" in subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


@pytest.mark.parametrize("suite", [None, 3])
def test_wrong_password(failure, virtualbmc, suite):
    assert "does not accept the password" in failure("ipmi", {**virtualbmc, "password": "not-it", "cipher_suite": suite})


@pytest.fixture
def sent(monkeypatch):
    """The packets that sessions have sent."""
    packets, connected = [], ipmi_session._connected

    def counted(address, port):
        opened = connected(address, port)
        return types.SimpleNamespace(
            send=lambda packet: packets.append(packet) or opened.send(packet), recv=opened.recv, settimeout=opened.settimeout, close=opened.close)

    monkeypatch.setattr(ipmi_session, "_connected", counted)
    return packets


@pytest.mark.parametrize("peer", ["virtualbmc", "suite17"])
def test_wrong_user(failure, peer, request, sent):
    """These BMCs fall silent when they are told a user name that they do not know; the login begins three times, with two packets each."""
    assert "does not let the user nobody in" in failure("ipmi", {**request.getfixturevalue(peer), "username": "nobody"})
    assert len(sent) <= 3 + 3 * 2


def test_nobody_listens(failure, virtualbmc, sent):
    assert "does not answer. Seen: nobody listens" in failure("ipmi", {**virtualbmc, "port": free_port(socket.SOCK_DGRAM)})
    assert len(sent) == 1


def test_unknown_name(failure, virtualbmc):
    assert "cannot be resolved" in failure("ipmi", {**virtualbmc, "address": "bmc.invalid"})


def test_too_long_a_user_name_is_refused(failure, virtualbmc):
    assert "no user names longer than 16" in failure("ipmi", {**virtualbmc, "username": "x" * 17})


def test_user_without_a_name(opened, failure, ipmi_sim):
    nameless = {**ipmi_sim, "username": ""}
    assert opened("ipmi", nameless, lambda driver: driver.get_power()) in ("on", "off")
    assert "does not accept the password" in failure("ipmi", {**nameless, "password": "not-it"})
    assert "needs username of the BMC" in failure("ipmi", {key: value for key, value in ipmi_sim.items() if key != "username"})


@pytest.mark.parametrize("key", ["ipmi_sim", "ipmi_sim_with_key"])
def test_account_without_a_password(opened, key, request):
    factory = {**request.getfixturevalue(key), "username": "factory", "password": ""}
    assert opened("ipmi", factory, lambda driver: driver.get_power()) in ("on", "off")


def test_session_ends_with_the_work(virtualbmc):
    with pytest.raises(ZeroDivisionError):
        with open_driver("ipmi", virtualbmc) as driver:
            session = driver._command.ipmi_session
            assert session.logged
            1 / 0
    assert not session.logged


def test_lost_session_is_opened_anew(virtualbmc):
    with open_driver("ipmi", virtualbmc) as driver:
        driver._command.ipmi_session.logout()
        assert driver.get_power() in ("on", "off")


def test_identity_of_a_bmc_without_fru(opened, virtualbmc):
    assert opened("ipmi", virtualbmc, lambda driver: driver.identity()) == {
        "system_uuid": None, "serial": None, "sku": None, "manufacturer": None, "model": None}


# The boot flags as they arrive: boot options 0 (in progress), 3 (no timer), 5 (flags), 0 (complete).
@pytest.mark.parametrize(("device", "persistent", "mode", "flags"), [
    ("pxe", False, "bios", "8004"), ("pxe", False, "uefi", "a004"), ("pxe", True, "uefi", "e004"), ("pxe", True, "bios", "c004"),
    ("disk", True, "uefi", "e008"), ("cdrom", False, "uefi", "a014"), ("bios", False, "uefi", "a018"), ("usb", False, "bios", "803c"),
])
def test_boot_flags_are_those_of_the_specification(opened, suite17, suite17_heard, device, persistent, mode, flags):
    opened("ipmi", suite17, lambda driver: boot.ensure_boot_device(driver, "none"))
    begin = len(suite17_heard())
    result = opened("ipmi", suite17, lambda driver: boot.ensure_boot_device(driver, device, persistent, mode))
    assert result == {"changed": True, "before": {"device": "none", "persistent": False, "mode": None},
                      "after": {"device": device, "persistent": persistent, "mode": mode}}
    set_options = [command[4:] for command in suite17_heard()[begin:] if command.startswith("0008")]
    assert set_options == ["0001", "0308", f"05{flags}000000", "0000"]
    assert not opened("ipmi", suite17, lambda driver: boot.ensure_boot_device(driver, device, persistent, mode))["changed"]


def test_mode_that_is_left_out_stays_as_the_bmc_tells_it(opened, suite17):
    def work(driver):
        boot.ensure_boot_device(driver, "pxe", mode="uefi")
        return boot.ensure_boot_device(driver, "disk", persistent=True)["after"]

    assert opened("ipmi", suite17, work) == {"device": "disk", "persistent": True, "mode": "uefi"}


def test_busy_bmc_is_asked_again(opened, suite17, suite17_heard):
    def work(driver):
        with driver.command() as command:
            command.raw_command(netfn=0, command=8, data=(127, 2))
        return driver.get_power()

    assert opened("ipmi", suite17, work) in ("on", "off")
    assert suite17_heard() == ["0008" + "7f02", "0001", "0001", "0001"]


def sessions(driver):
    """Number of sessions that the BMC has open (Get Session Info: active sessions)."""
    with driver.command() as command:
        return command.xraw_command(netfn=6, command=0x3D, data=(0,))["data"][2]


def test_power_of_openipmi_s_simulator(opened, ipmi_sim):
    def work(driver):
        return [power.ensure_power(driver, state, timeout=10)["changed"] for state in ("on", "on", "rebooted", "off")]

    assert opened("ipmi", ipmi_sim, work) == [True, False, True, True]


def test_flags_that_the_bmc_calls_invalid_are_no_boot_device(opened, ipmi_sim):
    """OpenIPMI's simulator keeps the device and never says that its flags are valid."""
    with pytest.raises(BaremetalError, match="did not take the boot device pxe. Seen: the BMC kept none"):
        opened("ipmi", ipmi_sim, lambda driver: boot.ensure_boot_device(driver, "pxe"))


def test_key_of_the_bmc(opened, failure, ipmi_sim_with_key):
    bmc = ipmi_sim_with_key
    hexadecimal = "0x" + bmc["kg_key"].encode().hex()
    for key in (bmc["kg_key"], hexadecimal):
        assert opened("ipmi", {**bmc, "kg_key": key}, lambda driver: driver.get_power()) == "off"
    assert "wants a key K_g that it was not given" in failure("ipmi", {**bmc, "kg_key": None})
    message = failure("ipmi", {**bmc, "kg_key": "another-key"})
    assert "does not accept the key K_g" in message and "another-key" not in message


def test_no_session_stays_after_a_failure(opened, failure, ipmi_sim_with_key):
    bmc = ipmi_sim_with_key
    for wrong in ({"password": "not-it"}, {"username": "nobody"}, {"kg_key": "another-key"}, {"cipher_suite": 17}):
        for attempt in range(3):
            failure("ipmi", {**bmc, **wrong})

    def fail(driver):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        opened("ipmi", bmc, fail)
    assert opened("ipmi", bmc, sessions) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_no_session_stays_after_the_end_of_the_process(opened, ipmi_sim, number):
    child = os.fork()
    if not child:
        try:
            # No clean-up code runs when the process ends, as in a worker of Ansible.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            with open_driver("ipmi", ipmi_sim):
                os.kill(os.getpid(), number)
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == number
    assert opened("ipmi", ipmi_sim, sessions) == 1


def test_controller_behind_the_bmc(opened, failure, ipmi_sim):
    def who(driver):
        with driver.command() as command:
            return command.xraw_command(netfn=6, command=1)["data"][6]

    assert opened("ipmi", ipmi_sim, who) == 0x7C
    assert opened("ipmi", {**ipmi_sim, "bridge_channel": 0, "bridge_address": "0x82"}, who) == 0x34
    assert "no channel and address" in failure("ipmi", {**ipmi_sim, "bridge_channel": 0})


def test_privilege_level(opened, failure, ipmi_sim):
    assert opened("ipmi", {**ipmi_sim, "privilege_level": "user"}, lambda driver: driver.get_power()) in ("on", "off")
    with pytest.raises(BaremetalError, match="refused power on. Seen: Insufficient privilege"):
        opened("ipmi", {**ipmi_sim, "privilege_level": "user"}, lambda driver: driver.set_power("on"))
    assert "no privilege level root" in failure("ipmi", {**ipmi_sim, "privilege_level": "root"})


def test_many_sessions_in_threads_of_one_process(ipmi_sim, suite17, virtualbmc):
    """One for each BMC at a time, as the fleet form has them; with pyghmi's own session this hangs."""
    def work(bmc):
        for attempt in range(5):
            with open_driver("ipmi", bmc) as driver:
                assert driver.get_power() in ("on", "off")
        return True

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        assert list(pool.map(work, (ipmi_sim, suite17, virtualbmc), timeout=60)) == [True] * 3
