# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The driver redfish against sushy-emulator over verified TLS."""

from __future__ import annotations

import re
import socket
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import boot, power, redfish_transport
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.emulators.peers import FAKE_SYSTEMS, HOST, free_port


def test_power_goes_on_and_off_and_stays(opened, redfish, machine_off):
    def work(driver):
        return [power.ensure_power(driver, state, timeout=20)["changed"] for state in ("off", "on", "on", "off", "off")]

    assert opened("redfish", redfish, work) == [False, True, False, True, False]


def test_rebooted_machine_boots_from_where_it_was_told_while_off(opened, redfish, machine_off):
    warnings = []

    def work(driver):
        power.ensure_power(driver, "on", timeout=20, boot={"device": "disk", "persistent": True})
        return power.ensure_power(driver, "rebooted", timeout=20, boot={"device": "pxe"}, warn=warnings.append)

    result = opened("redfish", redfish, work)
    assert result["changed"] and result["power_state"] == "on"
    assert result["boot_device"]["device"] == "pxe"
    # This emulator calls every override continuous, which does no harm and is told.
    assert warnings == ["the BMC tells that the boot device pxe is for all boots, although the next boot only was asked for"]
    assert re.search(r"<interface(?:(?!</interface>).)*<boot order='1'/>", machine_off("dumpxml", "test"), re.S)


def test_a_boot_device_that_is_set_is_not_sent_again(opened, redfish, machine_off, redfish_requests):
    def work(driver):
        boot.ensure_boot_device(driver, "disk", persistent=True)
        before = len([line for line in redfish_requests() if "PATCH" in line])
        changed = [boot.ensure_boot_device(driver, "pxe", persistent=True)["changed"] for attempt in range(3)]
        return changed, len([line for line in redfish_requests() if "PATCH" in line]) - before

    assert opened("redfish", redfish, work) == ([True, False, False], 1)


def test_check_mode_only_reads(opened, redfish, machine_off, redfish_requests):
    def work(driver):
        return power.ensure_power(driver, "on", boot={"device": "pxe", "persistent": True}, check_mode=True)

    opened("redfish", redfish, lambda driver: boot.ensure_boot_device(driver, "disk", persistent=True))
    before = len(redfish_requests())
    result = opened("redfish", redfish, work)
    assert result["changed"] and result["power_state"] == "on" and result["boot_device"]["device"] == "pxe"
    assert all("GET" in line for line in redfish_requests()[before:])
    assert "shut off" in machine_off("domstate", "test")


def test_device_that_is_not_offered_is_refused_before_anything_is_sent(opened, redfish, redfish_requests):
    with pytest.raises(BaremetalError, match="does not offer the boot device bios.*cdrom, disk, pxe"):
        opened("redfish", redfish, lambda driver: boot.ensure_boot_device(driver, "bios"))
    assert not [line for line in redfish_requests() if "PATCH" in line]


def test_mode_of_a_bmc_that_knows_none_is_dropped_and_told(opened, redfish):
    """This emulator refuses the property with status 500, and shows none for this machine."""
    warnings = []
    result = opened("redfish", redfish, lambda driver: boot.ensure_boot_device(driver, "disk", True, "uefi", warn=warnings.append))
    assert result["after"] == {"device": "disk", "persistent": True, "mode": None}
    assert warnings == ["the BMC tells no boot mode, so that nothing proves that uefi was taken"]


def test_read_back_costs_one_request(opened, redfish, machine_off, redfish_requests):
    opened("redfish", redfish, lambda driver: boot.ensure_boot_device(driver, "disk", persistent=True))
    path = redfish_systems(opened, redfish)
    before = len(redfish_requests())
    opened("redfish", {**redfish, "system_id": path}, lambda driver: boot.ensure_boot_device(driver, "pxe", persistent=True))
    assert [re.search("GET|PATCH", line)[0] for line in redfish_requests()[before:]] == ["GET", "PATCH", "GET"]


def test_power_state_costs_one_request_where_the_system_is_known(opened, redfish, redfish_requests):
    path = redfish_systems(opened, redfish)
    before = len(redfish_requests())
    opened("redfish", {**redfish, "system_id": path}, lambda driver: driver.get_power())
    assert len(redfish_requests()) - before == 1


def redfish_systems(opened, redfish):
    return opened("redfish", redfish, lambda driver: driver.identity())["system_uuid"]


def test_identity_is_the_machine_s(opened, redfish, machine_off):
    identity = opened("redfish", redfish, lambda driver: driver.identity())
    assert identity["system_uuid"] == machine_off("domuuid", "test").strip()
    assert identity["manufacturer"] == "Sushy Emulator"


def test_several_systems_need_a_choice(opened, failure, redfish_fake):
    message = failure("redfish", redfish_fake)
    assert all(system in message for system in FAKE_SYSTEMS)
    assert opened("redfish", {**redfish_fake, "system_id": FAKE_SYSTEMS[1]}, lambda driver: driver.get_power()) == "off"
    assert "has no system 42" in failure("redfish", {**redfish_fake, "system_id": "42"})


def test_slow_power_change_and_uefi_mode(opened, redfish_fake):
    """The fake driver takes up to eleven seconds for a change and lets the mode be changed."""
    def work(driver):
        switched = power.ensure_power(driver, "on", timeout=30)
        changed = [boot.ensure_boot_device(driver, "pxe", True, mode)["changed"] for mode in ("bios", "bios", "uefi")]
        return switched, changed

    switched, changed = opened("redfish", {**redfish_fake, "system_id": FAKE_SYSTEMS[0]}, work)
    assert switched["changed"] and switched["power_state"] == "on"
    assert changed == [True, False, True]


def test_deadline_ends_the_wait_and_tells_what_was_seen(opened, redfish_fake):
    def work(driver):
        power.ensure_power(driver, "on", timeout=1)

    # The change takes one to eleven seconds; every try that is in time is taken back.
    with pytest.raises(BaremetalError, match="told to power on and did not.*Seen: power state off after"):
        for attempt in range(20):
            bmc = {**redfish_fake, "system_id": FAKE_SYSTEMS[1]}
            opened("redfish", bmc, work)
            opened("redfish", bmc, lambda driver: power.ensure_power(driver, "off", timeout=30))


def test_wrong_password_costs_one_failed_login(failure, redfish, redfish_requests):
    assert "does not accept the user name and password" in failure("redfish", {**redfish, "password": "not-it"})
    assert len([line for line in redfish_requests() if '" 401 ' in line]) == 1


def test_unknown_authority(opened, failure, redfish):
    bmc = {key: value for key, value in redfish.items() if key != "ca_file"}
    assert "is not to be trusted" in failure("redfish", bmc)
    assert opened("redfish", {**bmc, "verify": False}, lambda driver: driver.get_power()) in ("on", "off")


def test_certificate_of_another_name(failure, redfish):
    assert "Hostname mismatch" in failure("redfish", {**redfish, "address": "localhost"})


def test_unusable_authority_file(failure, redfish, tmp_path):
    (tmp_path / "ca.pem").write_text("not PEM")
    for name in ("ca.pem", "absent.pem"):
        assert "cannot be used" in failure("redfish", {**redfish, "ca_file": str(tmp_path / name)})


def test_refused_port_is_not_tried_again(failure, redfish, monkeypatch):
    tries, connect = [], socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda *where: tries.append(where) or connect(*where))
    assert "refused the connection" in failure("redfish", {**redfish, "port": free_port()})
    assert len(tries) == 1


def test_silent_server_fails_after_the_time_out(failure, redfish, monkeypatch):
    monkeypatch.setattr(redfish_transport, "HANDSHAKE_TIMEOUT", 1)
    with socket.create_server((HOST, 0)) as server:
        begin = time.monotonic()
        assert "does not answer" in failure("redfish", {**redfish, "port": server.getsockname()[1]})
    # Without that time-out it would be 15 s.
    assert time.monotonic() - begin < 12


def test_web_server_that_is_no_bmc(failure, redfish, web_server):
    plain = {**redfish, "address": f"http://{HOST}", "port": web_server, "ca_file": None}
    assert "is not a Redfish service" in failure("redfish", plain)
    assert "no TLS connection" in failure("redfish", {**redfish, "port": web_server})
