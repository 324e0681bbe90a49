# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One deviation of boards at a time, on a simulated board that has it: the rows of docs/bmc-quirks.md.

Where a row belongs to a maker the board says that it is of that maker, so that the rule for it holds; ``anyone``
stands for a board without rules, on which only what is done for every board can help.
"""

from __future__ import annotations

import json
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.boot import ensure_boot_device
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.driver import open_driver
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.power import ensure_power
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.virtual_media import ensure_ejected, ensure_inserted
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.emulators.conftest import PASSWORD
from ansible_collections.rackwright.baremetal.tests.simulators.start import ipmi_bmcs, redfish_bmcs

IMAGE = "http://192.0.2.1/images/rescue.iso"
SYSTEM = "/redfish/v1/Systems/1"
SETTINGS = f"{SYSTEM}/Settings"

BOARDS = {
    "anyone": {},
    "supermicro": {"Manufacturer": "Supermicro", "Model": "SYS-120C-TN10R"},
    "supermicro x10": {"Manufacturer": "Supermicro", "Model": "X10DRi", "@odata.type": "#ComputerSystem.v1_3_0.ComputerSystem"},
    "dell": {"Manufacturer": "Dell Inc.", "Model": "PowerEdge R650"},
    "dell idrac10": {"Manufacturer": "Dell Inc.", "Model": "PowerEdge R670"},
    "hpe": {"Manufacturer": "HPE", "Model": "ProLiant DL380 Gen10"},
    "hpe gen9": {"Manufacturer": "HPE", "Model": "ProLiant DL360 Gen9"},
    "hpe dl160": {"Manufacturer": "HPE", "Model": "ProLiant DL160 Gen10"},
    "lenovo sd530": {"Manufacturer": "Lenovo", "Model": "ThinkSystem SD530"},
    "lenovo sr675": {"Manufacturer": "Lenovo", "Model": "ThinkSystem SR675 V3"},
    "ami": {"Manufacturer": "AMI", "Model": "Generic"},
    "nokia": {"Manufacturer": "Nokia", "Model": "AirFrame"},
    "dgx": {"Manufacturer": "NVIDIA", "Model": "DGX H100"},
}

HAS_SETTINGS = {
    SYSTEM: {"@Redfish.Settings": {"@odata.type": "#Settings.v1_3_5.Settings", "SettingsObject": {"@odata.id": SETTINGS}}},
    SETTINGS: {"@odata.type": "#ComputerSystem.v1_20_0.ComputerSystem", "Name": "Pending settings", "Boot": {}},
}


@pytest.fixture(scope="module")
def running(workplace):
    with redfish_bmcs(directory=str(workplace), password=PASSWORD) as simulator:
        yield simulator


@pytest.fixture
def board(running, tmp_path):
    """``board(name of BOARDS, behaviour, tree)``: a simulated board that deviates so, and no other way."""
    def run(name, behaviour=None, tree=None):
        tree = {path: dict(resource) for path, resource in (tree or {}).items()}
        tree[SYSTEM] = {**tree.get(SYSTEM, {}), **BOARDS[name]}
        path = tmp_path / f"{name}.yml"
        path.write_text(json.dumps({"behaviour": behaviour or {}, "tree": tree}))
        running.faults()
        running.change(0, personality=str(path))
        running.reset()
        return running

    yield run
    running.change(0, personality="generic")


def patches(sim):
    return [request["body"]["Boot"] for request in sim.requests() if request["method"] == "PATCH" and "Boot" in (request["body"] or {})]


BOOT_ROWS = [
    ("R01", "supermicro", {"boot_enabled_always": True}, {}),
    ("R01", "anyone", {"boot_enabled_always": True}, {}),
    ("R02", "anyone", {"boot_enabled_same_refused": True}, {}),
    ("R03", "supermicro", {"boot_mode_reset": True}, {}),
    ("R03", "anyone", {"boot_mode_reset": True}, {}),
    ("R04", "supermicro", {"boot_full_triple": True}, {}),
    ("R04", "supermicro x10", {"boot_mode_refused": True}, {}),
    ("R04", "anyone", {"boot_mode_refused": True}, {}),
    ("R19", "dell idrac10", {"boot_settings_only": True, "boot_settings_readonly_system": True}, HAS_SETTINGS),
    ("R19", "anyone", {"boot_settings_only": True}, HAS_SETTINGS),
    ("R43", "hpe", {"boot_disabled_none_refused": True}, {}),
    ("R43", "anyone", {"boot_disabled_none_refused": True}, {}),
    ("R46", "hpe gen9", {"boot_mode_refused": True}, {}),
    ("R49", "hpe dl160", {"boot_enabled_same_refused": True, "boot_mode_refused": True}, {}),
    ("R55", "ami", {"boot_full_triple": True, "boot_settings_only": True}, HAS_SETTINGS),
    ("R55", "dgx", {"boot_full_triple": True, "boot_settings_only": True}, HAS_SETTINGS),
    ("R55", "anyone", {"boot_full_triple": True}, {}),
]


@pytest.mark.parametrize(("row", "name", "behaviour", "tree"), BOOT_ROWS)
def test_boot_device(board, row, name, behaviour, tree):
    sim = board(name, behaviour, tree)
    with open_driver("redfish", sim.connections[0]) as driver:
        for device, persistent in (("pxe", False), ("disk", False), ("pxe", True), ("disk", True), ("none", False)):
            result = ensure_boot_device(driver, device, persistent, sleep=lambda seconds: None)
            assert result["after"]["device"] == device, (row, result)
            if device != "none":
                assert result["after"]["persistent"] == persistent, (row, result)
        assert not ensure_boot_device(driver, "none")["changed"]


@pytest.mark.parametrize(("row", "name", "first"), [
    ("R04", "supermicro", {"BootSourceOverrideMode"}), ("R55", "ami", {"BootSourceOverrideMode"}),
    ("R04", "supermicro x10", set()), ("R46", "hpe gen9", set())])
def test_rule_gets_the_first_request_right(board, row, name, first):
    sim = board(name)
    with open_driver("redfish", sim.connections[0]) as driver:
        ensure_boot_device(driver, "pxe")
    assert set(patches(sim)[0]) - {"BootSourceOverrideTarget", "BootSourceOverrideEnabled"} == first, row
    assert len(patches(sim)) == 1


def test_r05_answer_200_and_another_mode(board):
    sim = board("anyone")
    sim.faults("boot_override_dropped")
    with open_driver("redfish", sim.connections[0]) as driver, pytest.raises(BaremetalError, match="did not take the boot device pxe.*kept"):
        ensure_boot_device(driver, "pxe", sleep=lambda seconds: None)


@pytest.mark.parametrize(("row", "name", "target"), [("R06", "supermicro", "UsbCd"), ("R07", "anyone", "Cd")])
def test_target_of_virtual_media(board, row, name, target):
    offered = {SYSTEM: {"Boot": {"BootSourceOverrideTarget@Redfish.AllowableValues": ["None", "Pxe", "Hdd", "Cd", "UsbCd"]}}}
    sim = board(name, {"boot_targets_refused": ["Cd"] if target == "UsbCd" else []}, offered)
    with open_driver("redfish", sim.connections[0]) as driver:
        assert ensure_boot_device(driver, "cdrom")["after"]["device"] == "cdrom"
    assert patches(sim)[0]["BootSourceOverrideTarget"] == target and len(patches(sim)) == 1


MEDIA_ROWS = [
    ("R08", "supermicro", {"media_payload": ["Image", "TransferProtocolType", "TransferMethod", "UserName", "Password"]}, 1),
    ("R08", "anyone", {"media_payload": ["Image", "TransferProtocolType", "TransferMethod", "UserName", "Password"]}, 3),
    ("R10", "supermicro", {"media_keep_name": True}, 1),
    ("R23", "dell", {"eject_slow": 2.0}, 1),
    ("R44", "hpe gen9", {"media_payload": ["Image"]}, 1),
    ("R50", "lenovo sd530", {"media_patch": True}, 1),
    ("R56", "nokia", {"media_payload_required": ["Image", "TransferProtocolType", "TransferMethod"]}, 1),
    ("R56", "dgx", {"media_payload_required": ["Image", "TransferProtocolType", "TransferMethod", "UserName", "Password"]}, 1),
    ("R56", "anyone", {"media_payload_required": ["Image", "TransferProtocolType", "TransferMethod", "UserName", "Password"]}, 6),
]

SECOND_SLOT = {"/redfish/v1/Managers/1/VirtualMedia/DVD2": {
    "@odata.type": "#VirtualMedia.v1_6_0.VirtualMedia", "Name": "DVD", "MediaTypes": ["DVD"], "Inserted": False, "Image": "%NULL%",
    "Actions": {f"#VirtualMedia.{name}": {"target": f"/redfish/v1/Managers/1/VirtualMedia/DVD2/Actions/VirtualMedia.{name}"}
                for name in ("InsertMedia", "EjectMedia")}}}


@pytest.mark.parametrize(("row", "name", "behaviour", "most"), MEDIA_ROWS)
def test_virtual_media(board, row, name, behaviour, most):
    sim = board(name, behaviour)
    with open_driver("redfish", sim.connections[0]) as driver:
        for image in (IMAGE, IMAGE.replace("rescue", "other")):
            assert ensure_inserted(driver.service, image)["changed"], row
            assert not ensure_inserted(driver.service, image)["changed"], row
            tried = [request for request in sim.requests() if request["path"].endswith("InsertMedia") or request["method"] == "PATCH"]
            if image == IMAGE:
                assert 1 <= len(tried) <= most, (row, tried)
            assert ensure_ejected(driver.service)["changed"], row
        assert not ensure_ejected(driver.service)["changed"], row


def test_r17_attribute_that_boots_virtual_media(running):
    running.faults()
    running.change(0, personality="dell_idrac10")
    running.reset()
    with open_driver("redfish", running.connections[0]) as driver:
        slot = ensure_inserted(driver.service, IMAGE)["slot"]
        assert slot == "1"  # R18
        assert ensure_boot_device(driver, "cdrom")["changed"]
        assert not ensure_boot_device(driver, "cdrom")["changed"]
        ensure_power(driver, "on", timeout=60)
    assert running.show()["boots"][-1]["target"] == "Cd" and running.show()["boots"][-1]["image"] == IMAGE, running.show()["boots"]
    with open_driver("redfish", running.connections[0]) as driver:
        ensure_power(driver, "off", timeout=60)
        ensure_boot_device(driver, "cdrom")
        assert ensure_boot_device(driver, "pxe")["after"]["device"] == "pxe"
        ensure_power(driver, "on", timeout=90)
    assert running.show()["boots"][-1]["target"] == "Pxe", running.show()["boots"]
    running.change(0, personality="generic")


def test_r57_slot_that_refuses_is_passed_over_for_one_that_says_dvd_only(board):
    sim = board("anyone", {"media_slots_refused": ["CD1"]}, SECOND_SLOT)
    with open_driver("redfish", sim.connections[0]) as driver:
        assert ensure_inserted(driver.service, IMAGE)["slot"] == "DVD2"
        assert ensure_ejected(driver.service)["changed"]


def test_r09_address_with_a_query_is_refused_with_advice(board):
    sim = board("supermicro", {"media_url_plain": True})
    with open_driver("redfish", sim.connections[0]) as driver, pytest.raises(BaremetalError, match=r"\?|query|\.iso"):
        ensure_inserted(driver.service, f"{IMAGE}?token=1", sleep=lambda seconds: None)


def test_r24_medium_of_a_running_machine_stays(board):
    sim = board("dell")
    sim.change(0, power="On")
    warnings = []
    with open_driver("redfish", sim.connections[0]) as driver:
        ensure_inserted(driver.service, IMAGE)
        try:
            ensure_ejected(driver.service, warn=warnings.append)
        except BaremetalError as error:
            warnings.append(str(error))
    assert any("off" in warning or "runs" in warning for warning in warnings), warnings


@pytest.mark.parametrize(("row", "behaviour"), [
    ("R20", {"on_conflict_after_off": 3.0}), ("R41", {"state_refused": 3.0}), ("R40", {"post": 3.0}),
    ("R47", {"transition_states": True}), ("R39", {"body_needed": True})])
def test_power(board, row, behaviour):
    sim = board("anyone", behaviour)
    sim.change(0, power="On", power_delay=0.5)
    with open_driver("redfish", sim.connections[0]) as driver:
        result = ensure_power(driver, "rebooted", timeout=90, boot={"device": "pxe"})
    assert result["power_state"] == "on" and result["boot_device"]["device"] == "pxe", row


def test_r53_reset_that_hangs_goes_through_off(board):
    sim = board("lenovo sr675", {"force_restart_hangs": True})
    sim.change(0, power="On")
    with open_driver("redfish", sim.connections[0]) as driver:
        ensure_power(driver, "rebooted", timeout=60, method="reset")
    resets = [request["body"]["ResetType"] for request in sim.requests() if request["path"].endswith("ComputerSystem.Reset")]
    assert "ForceRestart" not in resets and resets[-1] == "On"


# IPMI

@pytest.fixture(scope="module")
def running_ipmi(workplace):
    with ipmi_bmcs(personality="supermicro_x12", directory=str(workplace), password=PASSWORD) as simulator:
        yield simulator


@pytest.fixture
def ipmi(running_ipmi):
    running_ipmi.faults()
    running_ipmi.reset()
    return running_ipmi


def test_i01_selector_of_a_uefi_disk(ipmi):
    with open_driver("ipmi", ipmi.connections[0]) as driver:
        assert driver.quirk("ipmi_uefi_disk_selector") == 0x24
        assert ensure_boot_device(driver, "disk", False, "uefi")["after"]["device"] == "disk"
        assert ensure_boot_device(driver, "pxe", True, "uefi")["after"] == {"device": "pxe", "persistent": True, "mode": "uefi"}  # I02


def test_i03_boot_device_that_is_not_kept(ipmi):
    ipmi.faults("boot_dropped")
    with open_driver("ipmi", ipmi.connections[0]) as driver, pytest.raises(BaremetalError, match="did not take the boot device pxe"):
        ensure_boot_device(driver, "pxe", sleep=lambda seconds: None)


def test_i06_timer_that_forgets_the_boot_device(ipmi):
    ipmi.faults(boot_timer={"seconds": 1})
    with open_driver("ipmi", ipmi.connections[0]) as driver:
        ensure_boot_device(driver, "pxe")
        time.sleep(1.5)
        assert not ensure_boot_device(driver, "pxe")["changed"]


def test_i10_table_of_sessions_that_is_full(ipmi):
    ipmi.faults("session_table_full")
    with pytest.raises(BaremetalError, match="has no session left.*cipher_suite"):
        with open_driver("ipmi", ipmi.connections[0]):
            pass


@pytest.mark.parametrize("fault", ["node_busy", "out_of_space", "initialising"])
def test_i11_refusal_for_the_moment(ipmi, fault):
    ipmi.faults(**{fault: 2})
    with open_driver("ipmi", ipmi.connections[0]) as driver:
        assert ensure_power(driver, "on", timeout=30)["power_state"] == "on"


def test_i13_machine_that_is_off_is_not_switched_off(ipmi):
    ipmi.faults("power_off_error")
    ipmi.change(0, power="Off")
    with open_driver("ipmi", ipmi.connections[0]) as driver:
        assert not ensure_power(driver, "off")["changed"]
