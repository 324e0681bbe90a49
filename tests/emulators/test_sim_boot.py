# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Power and boot device on simulated boards of every maker, over Redfish and over IPMI, and with their faults."""

from __future__ import annotations

import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import ipmi_session
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.boot import ensure_boot_device
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.driver import open_driver
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.power import ensure_power
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.simulators.start import ipmi_bmcs, redfish_bmcs

PERSONALITIES = ["generic", "dell_idrac9", "dell_idrac10", "hpe_ilo5", "lenovo_xcc", "supermicro_x12", "ami_megarac", "openbmc"]
PASSWORD = "canary-5up3r"


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    with redfish_bmcs(count=len(PERSONALITIES), directory=tmp_path_factory.mktemp("sim"), password=PASSWORD) as sim:
        for index, personality in enumerate(PERSONALITIES):
            sim.change(index, personality=personality)
        yield sim


@pytest.fixture(scope="module")
def ipmi_simulator():
    with ipmi_bmcs(count=2, password=PASSWORD) as sim:
        sim.change(1, personality="supermicro_x12")
        yield sim


class Clock:
    """Time that only waiting moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class On:
    """Work on one simulated board, which is as on its first day."""

    def __init__(self, simulator, driver, index):
        self.simulator, self.driver, self.index = simulator, driver, index
        self.warnings = []
        simulator.reset(index)
        simulator.reset_counters(index)
        simulator.faults(index=index)

    def __call__(self, work, **options):
        with open_driver(self.driver, {**self.simulator.connections[self.index], **options}) as driver:
            return work(driver)

    def faults(self, *names, **more):
        self.simulator.faults(*names, index=self.index, **more)

    def boot(self, device, **options):
        return self(lambda driver: ensure_boot_device(driver, device, warn=self.warnings.append, **options))

    def power(self, state, **options):
        return self(lambda driver: ensure_power(driver, state, warn=self.warnings.append, **options))

    def show(self):
        return self.simulator.show(self.index)


@pytest.fixture
def redfish(simulator):
    boards = []

    def make(personality="generic"):
        boards.append(On(simulator, "redfish", PERSONALITIES.index(personality)))
        return boards[-1]

    yield make
    for board in boards:
        board.faults()


@pytest.fixture
def ipmi(ipmi_simulator, monkeypatch):
    monkeypatch.setattr(ipmi_session, "_known", {})
    boards = []

    def make(index=0):
        boards.append(On(ipmi_simulator, "ipmi", index))
        return boards[-1]

    yield make
    for board in boards:
        board.faults()
        # Whatever happened, and however it ended.
        assert board.show()["sessions_open"] == 0


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("device", ["pxe", "http", "disk", "cdrom", "usb", "bios"])
def test_once_and_back_on_every_board(redfish, personality, device):
    board = redfish(personality)
    assert board.boot(device)["after"]["device"] == device
    assert not board.boot(device)["changed"]
    assert board.boot("none")["after"]["device"] == "none"
    assert not board.boot("none")["changed"]


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_machine_that_must_stay_on_is_rebooted_without_going_through_off(redfish, personality):
    board = redfish(personality)
    board.power("on")
    boots = len(board.show()["boots"])
    assert board.power("rebooted", boot={"device": "pxe", "mode": "uefi"}, stays_on=True)["power_state"] == "on"
    assert len(board.show()["boots"]) == boots + 1 and "pxe" in str(board.show()["boots"][-1]).lower()
    with pytest.raises(BaremetalError, match="must not be powered off"):
        board.power("off", stays_on=True)
    assert board.show()["power"].lower() == "on"


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_machine_boots_from_where_it_was_told(redfish, personality):
    board = redfish(personality)
    board.power("on")
    board.power("rebooted", boot={"device": "pxe", "mode": "uefi"})
    assert "pxe" in str(board.show()["boots"][-1]).lower()
    result = board.power("rebooted", boot={"device": "disk", "persistent": True})
    assert result["boot_device"]["device"] == "disk" and "hdd" in str(board.show()["boots"][-1]).lower()


@pytest.mark.parametrize("state", ["off", "rebooted"])
@pytest.mark.parametrize("method", ["hard", "soft", "reset"])
def test_boot_device_that_is_not_offered_leaves_the_machine_on(redfish, state, method):
    board = redfish()
    board.power("on")
    system = board.simulator.state(board.index)["/redfish/v1/Systems/1"]["Boot"]
    board.simulator.state(board.index).merge("/redfish/v1/Systems/1", {"Boot": {
        **system, "BootSourceOverrideTarget@Redfish.AllowableValues": ["None", "Pxe", "Hdd"]}})
    sent = len([request for request in board.simulator.requests(board.index) if request["method"] != "GET"])
    with pytest.raises(BaremetalError, match="does not offer the boot device usb. Seen: boot devices offered: disk, none, pxe"):
        board.power(state, method=method, boot={"device": "usb"})
    assert board.show()["power"].lower() == "on"
    assert len([request for request in board.simulator.requests(board.index) if request["method"] != "GET"]) == sent


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("method", ["hard", "soft", "reset"])
def test_methods_of_power_on_every_board(redfish, personality, method):
    board = redfish(personality)
    assert board.power("on")["changed"]
    assert board.power("rebooted", method=method)["power_state"] == "on"
    assert len(board.show()["boots"]) == 2 and not board.warnings
    if method != "reset":
        assert board.power("off", method=method)["changed"] and not board.power("off", method=method)["changed"]


def test_http_boot_from_an_address(redfish):
    board = redfish()
    assert board.boot("http", uri="http://192.0.2.1/boot.efi")["after"]["uri"] == "http://192.0.2.1/boot.efi"
    assert not board.boot("http", uri="http://192.0.2.1/boot.efi")["changed"]


def test_what_the_firmware_was_told_is_for_one_boot(redfish):
    """As with the boot interface redfish-https, and http-ipxe after it."""
    board = redfish()
    for uri in ("http://192.0.2.1:8080/node/52-54-00-00-02-11/nonce-1/boot.iso", None):
        board.power("rebooted", boot={"device": "http", "persistent": False, "mode": "uefi", "uri": uri})
        booted = board.show()["boots"][-1]
        assert booted["target"] == "UefiHttp" and (booted["uri"] or None) == uri


def test_override_that_is_dropped_is_told_within_seconds(redfish):
    board, clock = redfish(), Clock()
    board.faults("boot_override_dropped")
    with pytest.raises(BaremetalError, match="did not take the boot device pxe. Seen: the BMC kept none"):
        board.boot("pxe", sleep=clock.sleep)
    assert 0 < clock.now < 6 and board.show()["counters"]["requests"] < 20


def test_mode_that_is_set_back_is_seen_and_set_again(redfish):
    board = redfish()
    board.faults("boot_mode_reset")
    for device in ("pxe", "disk"):
        assert board.boot(device)["after"] == {"device": device, "persistent": False, "mode": "uefi"}


def test_power_that_is_ignored_is_told(redfish):
    board = redfish()
    board.faults("power_ignored")
    with pytest.raises(BaremetalError, match="told to power on and did not do so. Seen: power state off after"):
        board.power("on", timeout=3)


@pytest.mark.parametrize("value", [None, "Reset", "PoweringOn", "Unknown"])
def test_state_that_stays_between_is_waited_over(redfish, value):
    board, clock = redfish(), Clock()
    board.faults(power_state={"value": value})
    with pytest.raises(BaremetalError, match="did not do so. Seen: power state unknown after"):
        board.power("on", timeout=4, sleep=clock.sleep, clock=clock)
    assert 0 < clock.now <= 4


@pytest.mark.parametrize("fault", [{"power_on_conflict": 1}, {"reset_after": {"count": 1, "methods": ["POST"]}},
                                   {"initialising": {"count": 1, "methods": ["POST"]}}])
def test_on_that_is_refused_or_lost_is_judged_by_the_state(redfish, fault):
    board = redfish()
    board.faults(**fault)
    assert board.power("on", timeout=40)["power_state"] == "on"
    assert len(board.show()["boots"]) == 1


# IPMI


def test_flags_arrive_and_the_machine_boots(ipmi):
    board = ipmi()
    for device, persistent, mode, flags in (
            ("pxe", False, "uefi", "a004000000"), ("disk", True, "uefi", "e008000000"), ("bios", False, "bios", "8018000000")):
        board.power("rebooted", boot={"device": device, "persistent": persistent, "mode": mode})
        assert board.show()["boots"][-1]["ipmi_flags"] == flags
    assert not board.warnings


def test_disk_of_a_board_with_a_selector_of_its_own(ipmi):
    board = ipmi(1)
    assert board.boot("disk", persistent=True, mode="uefi")["after"] == {"device": "disk", "persistent": True, "mode": "uefi"}
    assert board.show()["boot_options"]["5"] == "e024000000"
    assert not board.boot("disk", persistent=True, mode="uefi")["changed"]
    board.boot("disk", mode="bios")
    assert board.show()["boot_options"]["5"] == "8008000000"


def test_flags_survive_the_timer(ipmi):
    board = ipmi()
    board.faults(boot_timer={"seconds": 1})
    board.boot("pxe")
    time.sleep(1.5)
    board.power("on")
    assert board.show()["boots"][-1]["ipmi_device"] == 1


def test_boot_device_that_is_dropped_is_told_within_seconds(ipmi):
    board, clock = ipmi(), Clock()
    board.faults("boot_dropped")
    with pytest.raises(BaremetalError, match="did not take the boot device pxe. Seen: the BMC kept none"):
        board.boot("pxe", sleep=clock.sleep)
    assert 0 < clock.now < 6 and board.show()["counters"]["packets"] < 40


def test_off_that_is_off_is_not_asked_for(ipmi):
    board = ipmi()
    board.faults("power_off_error")
    assert not board.power("off")["changed"]
    assert "control_0" not in board.show()["counters"]


@pytest.mark.parametrize("fault", ["node_busy", "out_of_space", "initialising", "drop", "no_channel_auth"])
def test_what_passes_is_waited_over(ipmi, fault):
    board = ipmi()
    board.faults(**{fault: 2})
    assert board.power("on")["power_state"] == "on"


def test_session_that_somebody_else_is_about_to_end_is_waited_for(ipmi):
    board = ipmi()
    board.faults(session_table_full=3)
    assert board(lambda driver: driver.get_power()) == "off"
    assert board.show()["counters"]["sessions_refused"] == 3


def test_place_that_is_free_in_the_middle_of_the_login_does_not_lower_the_suite_for_the_run(ipmi):
    board = ipmi()
    board.faults(session_table_full=1)
    for _unused in range(3):
        board(lambda driver: driver.get_power())
    counters = board.show()["counters"]
    assert (counters["sessions_refused"], counters["suite_3"], counters["suite_17"]) == (1, 1, 2)


def test_full_table_of_a_board_without_suite_3(ipmi):
    """It says so to suite 17 only, and is asked again all the same."""
    board = ipmi()
    board.simulator.change(0, behaviour={"cipher_suites": [17]})
    try:
        board.faults(session_table_full=1)
        assert board(lambda driver: driver.get_power()) == "off"
        counters = board.show()["counters"]
        assert (counters["sessions_refused"], counters["suite_17"]) == (1, 1)
    finally:
        board.simulator.change(0, behaviour={"cipher_suites": [3, 17]})


# With the packets that it takes: each step is sent as often as there are time-outs for it, and a full table is asked four times.
@pytest.mark.parametrize(("fault", "text", "most"), [
    ("session_table_full", "has no session left", 20), ("silent", "does not answer", 3), ("rakp_silent", "does not let the user operator in", 9)])
def test_login_that_fails(ipmi, fault, text, most):
    board = ipmi()
    board.faults(fault)
    with pytest.raises(BaremetalError, match=text):
        board(lambda driver: driver.get_power())
    assert 3 <= board.show()["counters"]["packets"] <= most
    # What is half open cannot be ended by anybody but the BMC.
    board.simulator.reset(board.index)


def test_wrong_user_and_password_are_kept_apart(ipmi):
    board = ipmi()
    for wrong, text in (
            ({"password": "not-it"}, "does not accept the password"), ({"username": "nobody"}, "does not let the user nobody in")):
        with pytest.raises(BaremetalError, match=text) as caught:
            board(lambda driver: driver.get_power(), **wrong)
        assert PASSWORD not in str(caught.value) and "not-it" not in str(caught.value)
        assert board.show()["sessions_open"] == 0


def test_user_without_a_name(tmp_path):
    with ipmi_bmcs(directory=tmp_path, username="", password=PASSWORD, first_address="127.67.0.9") as simulator:
        board = On(simulator, "ipmi", 0)
        assert board.power("on")["changed"] and board.show()["power"].lower() == "on"
        # Nothing stands for a user name that was not given, and Redfish knows no account without one.
        for driver, options in (("ipmi", {"username": None}), ("redfish", {})):
            with pytest.raises(BaremetalError, match="needs username of the BMC"):
                On(simulator, driver, 0)(lambda driver: driver.get_power(), **options)
    with ipmi_bmcs(directory=tmp_path, password=PASSWORD, first_address="127.67.0.9") as simulator:
        with pytest.raises(BaremetalError, match="does not let the user without a name in"):
            On(simulator, "ipmi", 0)(lambda driver: driver.get_power(), username="")


def test_account_without_a_password(tmp_path, ipmi):
    with ipmi_bmcs(directory=tmp_path, password="", first_address="127.67.0.9") as simulator:
        board = On(simulator, "ipmi", 0)
        assert board.power("on")["changed"] and board.show()["power"].lower() == "on"
        # Nothing stands for a password that was not given, and Redfish knows no account without one.
        for driver, options in (("ipmi", {"password": None}), ("redfish", {})):
            with pytest.raises(BaremetalError, match="needs password of the BMC"):
                On(simulator, driver, 0)(lambda driver: driver.get_power(), **options)
    with pytest.raises(BaremetalError, match="wants a password, and the one that it was given is empty"):
        ipmi()(lambda driver: driver.get_power(), password="")


def test_session_that_the_bmc_forgets(ipmi):
    board = ipmi()

    def work(driver):
        board.faults(lost_session=1)
        with pytest.raises(BaremetalError, match="does not answer any more"):
            driver.get_power()
        return driver.get_power()

    assert board(work) == "off"


@pytest.mark.parametrize("suites", [[3], [17]])
def test_board_with_one_suite(ipmi, suites):
    board = ipmi()
    board.simulator.change(0, behaviour={"cipher_suites": suites})
    try:
        assert board(lambda driver: driver.get_power()) == "off"
        assert f"suite_{suites[0]}" in board.show()["counters"]
        with pytest.raises(BaremetalError, match="does not speak the cipher suite asked for"):
            board(lambda driver: driver.get_power(), cipher_suite=20 - suites[0])
    finally:
        board.simulator.change(0, behaviour={"cipher_suites": [3, 17]})


def test_power_state_costs_seven_packets(ipmi, monkeypatch):
    for name in ("_FIRST_WAITS", "_LOGIN_WAITS", "_WAITS", "_CLOSE_WAITS"):
        monkeypatch.setattr(ipmi_session, name, (30.0,))
    monkeypatch.setitem(ipmi_session.Session._ask.__kwdefaults__, "waits", (30.0,))
    board = ipmi()
    board(lambda driver: driver.get_power())
    assert board.show()["counters"]["packets"] == 7
    assert board.show()["counters"]["sessions_opened"] == board.show()["counters"]["sessions_closed"] == 1
