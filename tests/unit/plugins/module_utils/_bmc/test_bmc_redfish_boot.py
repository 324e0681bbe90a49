# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Boot overrides and resets on boards that want to be told in their own way."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import redfish, redfish_boot
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.boot import ensure_boot_device
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.connection import BmcBusy, NotNow
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.power import ensure_power
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc import random_json, service_double
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.board import Clock
from hypothesis import given
from hypothesis import strategies as st

SYSTEM = "/redfish/v1/Systems/1"
SETTINGS = f"{SYSTEM}/SD"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
TARGETS = ["None", "Pxe", "Hdd", "Cd", "Usb", "BiosSetup", "UefiHttp"]
FULL = {"BootSourceOverrideEnabled", "BootSourceOverrideTarget", "BootSourceOverrideMode"}


def override(target="None", enabled="Disabled", mode="UEFI", offered=tuple(TARGETS), **more):
    boot = {"BootSourceOverrideTarget": target, "BootSourceOverrideEnabled": enabled, "BootSourceOverrideMode": mode,
            "BootSourceOverrideTarget@Redfish.AllowableValues": offered and list(offered)}
    return {key: value for key, value in {**boot, **more}.items() if value is not None}


class Bmc:
    """A driver on a BMC that is a dict, and a rule for what it takes.

    :param boot: its Boot object.
    :param takes: function of the Boot of a PATCH; True when it is taken, a status when it is refused, None when it is answered
        well and ignored.
    :param system: further members of the system.
    """

    def __init__(self, monkeypatch, boot, takes=lambda boot: True, **system):
        self.clock = Clock()
        self.warnings = []
        self.tree = service_double.Tree({
            "/redfish/v1/Systems": {"Members": [{"@odata.id": SYSTEM}]},
            SYSTEM: {"PowerState": "Off", "Boot": boot, "Actions": {"#ComputerSystem.Reset": {"target": RESET}}, **system}})
        self.rule(SYSTEM, takes)
        monkeypatch.setattr(redfish, "RedfishService", lambda connection, log, facts=None: service_double.service_on(self.tree, clock=self.clock))
        self.driver = redfish.RedfishDriver({}, lambda text: None)

    def rule(self, path, takes):
        def patch(tree, body):
            verdict = takes(body["Boot"])
            if verdict is None:
                return 200, {}
            return None if verdict is True else (verdict, service_double.error_body("Base.1.0.PropertyValueError", "no"))

        self.tree.on("PATCH", path, patch)

    def ensure(self, device, **options):
        return ensure_boot_device(self.driver, device, warn=self.warnings.append, sleep=self.clock.sleep, **options)

    @property
    def sent(self):
        return [body["Boot"] for method, path, body in self.tree.changes if method == "PATCH"]

    @property
    def places(self):
        return [path for method, path, body in self.tree.changes]


@pytest.mark.parametrize("device", ["pxe", "http", "disk", "cdrom", "usb", "bios"])
def test_three_requests_and_then_none(monkeypatch, device):
    bmc = Bmc(monkeypatch, override())
    before = len(bmc.tree.requests)
    assert bmc.ensure(device)["after"]["device"] == device
    # The system was read when the connection was opened.
    assert [request[0] for request in bmc.tree.requests[before:]] == ["PATCH", "GET"]
    assert set(bmc.sent[0]) == {"BootSourceOverrideEnabled", "BootSourceOverrideTarget"}
    assert not bmc.ensure(device)["changed"] and len(bmc.sent) == 1


def test_http_boot_with_its_address(monkeypatch):
    bmc = Bmc(monkeypatch, override())
    after = bmc.ensure("http", uri="http://192.0.2.1/boot.efi")["after"]
    assert after == {"device": "http", "persistent": False, "mode": "uefi", "uri": "http://192.0.2.1/boot.efi"}
    assert bmc.sent[0]["HttpBootUri"] == "http://192.0.2.1/boot.efi"
    assert bmc.ensure("http", uri="http://192.0.2.1/boot.efi")["changed"] is False
    assert bmc.ensure("http", uri="http://192.0.2.2/boot.efi")["changed"] is True


@pytest.mark.parametrize("empty", ["", None])
def test_an_address_of_an_earlier_boot_does_not_stay(monkeypatch, empty):
    bmc = Bmc(monkeypatch, override("UefiHttp", "Once", HttpBootUri="http://192.0.2.1/boot.iso"),
              takes=lambda boot: True if boot.get("HttpBootUri", "missing") == empty else 400)
    assert bmc.ensure("http")["after"] == {"device": "http", "persistent": False, "mode": "uefi", "uri": None}
    assert not bmc.ensure("http")["changed"]


def test_an_address_that_a_bmc_does_not_keep_or_give_up(monkeypatch):
    bmc = Bmc(monkeypatch, override())

    def patch(tree, body):
        kept = {key: value for key, value in body["Boot"].items() if key != "HttpBootUri"}
        tree.resources[SYSTEM]["Boot"] = {**tree.resources[SYSTEM]["Boot"], **kept}
        return 200, {}

    bmc.tree.on("PATCH", SYSTEM, patch)
    with pytest.raises(BaremetalError, match="did not take the boot device http from http://192.0.2.1/boot.iso. Seen: the BMC kept http in"):
        bmc.ensure("http", uri="http://192.0.2.1/boot.iso")
    bmc.tree.resources[SYSTEM]["Boot"]["HttpBootUri"] = "http://192.0.2.9/old.iso"
    with pytest.raises(BaremetalError, match="did not take the boot device http. Seen: the BMC kept http from http://192.0.2.9/old.iso"):
        bmc.ensure("http")


def test_enabled_that_is_there_already_may_be_refused(monkeypatch):
    """OpenStack story 2007355: an error if Enabled is sent with the value that it has."""
    bmc = Bmc(monkeypatch, override("Hdd", "Once"), takes=lambda boot: 400 if boot.get("BootSourceOverrideEnabled") == "Once" else True)
    assert bmc.ensure("pxe")["after"]["device"] == "pxe"
    assert "BootSourceOverrideEnabled" not in bmc.sent[-1]


def test_enabled_that_falls_back_is_sent_always(monkeypatch):
    """Supermicro: Enabled falls back to Once when it is not sent."""
    bmc = Bmc(monkeypatch, override("Hdd", "Continuous"), Manufacturer="Supermicro", Model="SYS-120U-TNR")
    bmc.ensure("pxe", persistent=True)
    assert all(boot["BootSourceOverrideEnabled"] == "Continuous" for boot in bmc.sent)


def test_mode_that_a_change_of_the_device_sets_back_is_sent_with_it(monkeypatch):
    """Supermicro again, found out by reading back and without any rule."""
    bmc = Bmc(monkeypatch, override("Hdd", "Continuous", "UEFI"))

    def patch(tree, body):
        tree.resources[SYSTEM]["Boot"] = {**tree.resources[SYSTEM]["Boot"], "BootSourceOverrideMode": "Legacy", **body["Boot"]}
        return 200, {}

    bmc.tree.on("PATCH", SYSTEM, patch)
    assert bmc.ensure("pxe")["after"] == {"device": "pxe", "persistent": False, "mode": "uefi"}
    assert len(bmc.sent) == 2 and bmc.sent[1]["BootSourceOverrideMode"] == "UEFI"


def test_full_request_where_less_is_refused(monkeypatch):
    bmc = Bmc(monkeypatch, override(), takes=lambda boot: True if set(boot) == FULL else 400)
    assert bmc.ensure("pxe")["after"]["device"] == "pxe"
    assert bmc.ensure("none")["after"]["device"] == "none"


def test_full_request_at_once_where_a_rule_says_so(monkeypatch):
    bmc = Bmc(monkeypatch, override(), takes=lambda boot: True if set(boot) == FULL else 400, Manufacturer="American Megatrends")
    bmc.ensure("pxe")
    assert len(bmc.sent) == 1


@pytest.mark.parametrize("status", [400, 501])
def test_bmc_that_knows_no_mode(monkeypatch, status):
    """HPE Gen9, Supermicro X10: the property is unknown, and so is dropped and told."""
    bmc = Bmc(monkeypatch, override(mode=None), takes=lambda boot: status if "BootSourceOverrideMode" in boot else True)
    assert bmc.ensure("pxe", mode="uefi")["after"] == {"device": "pxe", "persistent": False, "mode": None}
    assert bmc.warnings == ["the BMC tells no boot mode, so that nothing proves that uefi was taken"]


def test_mode_that_is_refused_is_not_dropped(monkeypatch):
    bmc = Bmc(monkeypatch, override(mode="Legacy"), takes=lambda boot: 400 if boot.get("BootSourceOverrideMode") == "UEFI" else True)
    with pytest.raises(BaremetalError, match="refused the boot device pxe. Seen: PATCH .*HTTP status 400, no"):
        bmc.ensure("pxe", mode="uefi")
    assert bmc.tree.resources[SYSTEM]["Boot"]["BootSourceOverrideTarget"] == "None"


def test_answer_that_is_good_and_a_mode_that_falls_back(monkeypatch):
    """bmclib#459: 200 OK, but the mode becomes Legacy and the override Disabled."""
    bmc = Bmc(monkeypatch, override())

    def patch(tree, body):
        tree.resources[SYSTEM]["Boot"] = override(mode="Legacy")
        return 200, {}

    bmc.tree.on("PATCH", SYSTEM, patch)
    with pytest.raises(BaremetalError, match="did not take the boot device pxe. Seen: the BMC kept none in the boot mode bios"):
        bmc.ensure("pxe")
    assert bmc.clock() <= 5


@pytest.mark.parametrize(("offered", "model", "target"), [
    (["Pxe", "UsbCd"], "X", "UsbCd"), (["Pxe", "Cd"], "X", "Cd"), (["Cd", "UsbCd"], "X", "Cd"), (None, "X", "Cd"),
    (["Cd", "UsbCd"], "SYS-120U-TNR", "UsbCd"), (["Cd", "UsbCd"], "ARS-111GL-NHR", "Cd")])
def test_name_of_the_cdrom(monkeypatch, offered, model, target):
    maker = {"Manufacturer": "Supermicro", "Model": model} if model != "X" else {}
    bmc = Bmc(monkeypatch, override(offered=offered), **maker)
    assert bmc.ensure("cdrom")["after"]["device"] == "cdrom"
    assert bmc.tree.resources[SYSTEM]["Boot"]["BootSourceOverrideTarget"] == target


def test_other_name_of_the_cdrom_when_the_first_one_is_ignored(monkeypatch):
    bmc = Bmc(monkeypatch, override(offered=["Cd", "UsbCd"]),
              takes=lambda boot: True if boot["BootSourceOverrideTarget"] == "UsbCd" else None)
    assert bmc.ensure("cdrom")["after"]["device"] == "cdrom"


@pytest.mark.parametrize("refuses", [
    lambda boot: boot.get("BootSourceOverrideTarget") == "None",  # HPE: metal-operator#998
    lambda boot: boot.get("BootSourceOverrideTarget") != "None",
    lambda boot: boot.get("BootSourceOverrideTarget") != "Pxe",
    lambda boot: set(boot) != FULL,
])
def test_no_override_however_it_is_wanted(monkeypatch, refuses):
    bmc = Bmc(monkeypatch, override("Pxe", "Once"), takes=lambda boot: 400 if refuses(boot) else True)
    assert bmc.ensure("none")["after"]["device"] == "none"
    assert not bmc.ensure("none")["changed"]


@pytest.mark.parametrize("verdict", [None, 400])
def test_persistence_that_is_not_offered_or_not_taken_is_told(monkeypatch, verdict):
    """Lenovo XCC takes no Continuous."""
    offered = {"BootSourceOverrideEnabled@Redfish.AllowableValues": ["Disabled", "Once"]} if verdict is None else {}
    bmc = Bmc(monkeypatch, override(**offered), takes=lambda boot: 400 if boot.get("BootSourceOverrideEnabled") == "Continuous" else True)
    assert bmc.ensure("disk", persistent=True)["after"] == {"device": "disk", "persistent": False, "mode": "uefi"}
    assert len(bmc.warnings) == 1 and "the next boot only" in bmc.warnings[0]


def test_persistence_that_is_not_offered_is_foreseen_and_asked_for_once(monkeypatch):
    """Lenovo XCC tells that it takes no Continuous."""
    bmc = Bmc(monkeypatch, override(**{"BootSourceOverrideEnabled@Redfish.AllowableValues": ["Disabled", "Once"]}))
    prediction = bmc.ensure("disk", persistent=True, check_mode=True)
    assert not bmc.sent and prediction == bmc.ensure("disk", persistent=True)
    sent = len(bmc.sent)
    for check_mode in (True, False):
        assert not bmc.ensure("disk", persistent=True, check_mode=check_mode)["changed"]
    assert len(bmc.sent) == sent
    assert len(bmc.warnings) == 4 and len(set(bmc.warnings)) == 1


def settings_bmc(monkeypatch, takes, boot=None, **system):
    bmc = Bmc(monkeypatch, boot or override(), takes=takes,
              **{"@Redfish.Settings": {"SettingsObject": {"@odata.id": SETTINGS}}}, **system)
    bmc.tree.resources[SETTINGS] = {"Boot": override()}
    return bmc


@pytest.mark.parametrize("verdict", [None, 400, 405])
def test_override_that_belongs_to_the_pending_settings(monkeypatch, verdict):
    """Dell iDRAC10, AMI: the system's own Boot is read-only, or ignores what it is told."""
    bmc = settings_bmc(monkeypatch, takes=lambda boot: verdict)
    assert bmc.ensure("pxe")["after"]["device"] == "pxe"
    assert bmc.places[-1] == SETTINGS
    sent = len(bmc.sent)
    assert not bmc.ensure("pxe")["changed"] and len(bmc.sent) == sent
    assert bmc.ensure("none")["after"]["device"] == "none"
    assert bmc.tree.resources[SETTINGS]["Boot"]["BootSourceOverrideEnabled"] == "Disabled"


def test_pending_settings_at_once_where_a_rule_says_so(monkeypatch):
    bmc = settings_bmc(monkeypatch, takes=lambda boot: 405, Manufacturer="American Megatrends")
    bmc.ensure("pxe")
    assert bmc.places == [SETTINGS]


def test_pending_settings_behind_an_override_that_cannot_be_changed(monkeypatch):
    bmc = settings_bmc(monkeypatch, takes=lambda boot: 405, boot=override("Hdd", "Continuous"))
    assert bmc.ensure("pxe")["after"]["device"] == "pxe"
    assert bmc.places[-1] == SETTINGS


def test_post_under_way_is_waited_over(monkeypatch):
    """HPE iLO: UnableToModifyDuringSystemPOST."""
    bmc = Bmc(monkeypatch, override())
    bmc.tree.answer("PATCH", SYSTEM, *[(400, service_double.error_body("iLO.2.14.UnableToModifyDuringSystemPOST"))] * 3)
    assert bmc.ensure("pxe")["after"]["device"] == "pxe"
    assert bmc.clock() == 30


@pytest.mark.parametrize("check_mode", [False, True])
def test_device_that_is_not_offered(monkeypatch, check_mode):
    bmc = Bmc(monkeypatch, override(offered=["None", "Pxe", "UsbCd"]))
    with pytest.raises(BaremetalError, match="does not offer the boot device disk. Seen: boot devices offered: cdrom, none, pxe"):
        bmc.ensure("disk", check_mode=check_mode)
    assert not bmc.sent


MANAGER = "/redfish/v1/Managers/iDRAC.Embedded.1"
ATTRIBUTES = f"{MANAGER}/Oem/Dell/DellAttributes/iDRAC.Embedded.1"
FIRST_BOOT = {"ServerBoot.1.BootOnce": "Disabled", "ServerBoot.1.FirstBootDevice": "Normal"}


def attributes_bmc(monkeypatch, takes):
    """A board that boots virtual media by attributes, which go before the override (R17)."""
    bmc = Bmc(monkeypatch, override(), takes=takes, Manufacturer="Dell Inc.", Model="PowerEdge R640", Links={"ManagedBy": [{"@odata.id": MANAGER}]})
    bmc.tree.resources[MANAGER] = {"Model": "14G Monolithic", "FirmwareVersion": "5.10.50.00"}
    bmc.tree.resources[ATTRIBUTES] = {"Attributes": dict(FIRST_BOOT)}
    return bmc


@pytest.mark.parametrize(("status", "text"), [(400, "refused the boot device cdrom"), (429, "cannot take a boot device now")])
def test_attributes_that_boot_virtual_media_are_put_back_when_the_override_is_refused(monkeypatch, status, text):
    bmc = attributes_bmc(monkeypatch, takes=lambda boot: status)
    with pytest.raises(BaremetalError, match=text):
        bmc.ensure("cdrom")
    assert ATTRIBUTES in bmc.places and bmc.tree.resources[ATTRIBUTES]["Attributes"] == FIRST_BOOT
    bmc.rule(SYSTEM, lambda boot: True)
    assert bmc.ensure("cdrom")["after"]["device"] == "cdrom"
    assert bmc.tree.resources[ATTRIBUTES]["Attributes"] == {"ServerBoot.1.BootOnce": "Enabled", "ServerBoot.1.FirstBootDevice": "VCD-DVD"}


def test_attributes_that_cannot_be_put_back_are_told(monkeypatch):
    bmc = attributes_bmc(monkeypatch, takes=lambda boot: 400)
    bmc.tree.on("PATCH", ATTRIBUTES, lambda tree, body: 403 if body["Attributes"] == FIRST_BOOT else None)
    with pytest.raises(BaremetalError, match="refused the boot device cdrom. Seen: PATCH .*400.*FirstBootDevice could not be put back and may still be VCD"):
        bmc.ensure("cdrom")


def power_on_power(monkeypatch, answers, **system):
    bmc = Bmc(monkeypatch, override(), **system)
    state = {"ForceOff": "Off", "GracefulShutdown": "Off", "On": "On"}

    def reset(tree, body):
        answer = answers.pop(0) if answers else None
        if answer is None:
            tree.resources[SYSTEM]["PowerState"] = state[body["ResetType"]]
        return answer

    bmc.tree.on("POST", RESET, reset)
    return bmc


def test_on_that_is_refused_for_the_moment(monkeypatch):
    bmc = power_on_power(monkeypatch, [(409, service_double.error_body("Base.1.0.SomethingElse"))])
    result = ensure_power(bmc.driver, "on", sleep=bmc.clock.sleep, clock=bmc.clock)
    assert result["power_state"] == "on" and bmc.clock() >= 9


BUSY = service_double.error_body("Base.1.12.ServiceTemporarilyUnavailable")


@pytest.mark.parametrize("answer", [(409, service_double.error_body("Base.1.0.SomethingElse")), (429, None), (503, None), (503, BUSY)])
def test_conflict_and_a_busy_service_are_refusals_for_the_moment(monkeypatch, answer):
    bmc = power_on_power(monkeypatch, [answer])
    with pytest.raises(NotNow, match=f"cannot do power on now. Seen: POST .*HTTP status {answer[0]}"):
        bmc.driver.set_power("on")
    assert bmc.clock() == 0


@pytest.mark.parametrize("answer", [429, 503])
def test_a_busy_service_is_no_reason_to_cut_the_power_hard(monkeypatch, answer):
    bmc = power_on_power(monkeypatch, [(answer, BUSY)] * 2, PowerState="On")
    warnings = []
    ensure_power(bmc.driver, "off", method="soft", warn=warnings.append, sleep=bmc.clock.sleep, clock=bmc.clock)
    assert [body["ResetType"] for method, path, body in bmc.tree.changes] == ["GracefulShutdown"] * 3 and not warnings


@pytest.mark.parametrize("status", [429, 503])
def test_boot_device_that_a_busy_service_takes_later(monkeypatch, status):
    bmc = Bmc(monkeypatch, override())
    bmc.tree.answer("PATCH", SYSTEM, *[(status, BUSY)] * 2)
    assert bmc.ensure("pxe")["changed"] and bmc.clock() == 20


def test_boot_device_that_a_busy_service_never_takes(monkeypatch):
    bmc = Bmc(monkeypatch, override())
    bmc.tree.answer("PATCH", SYSTEM, *[(503, BUSY)] * 99)
    with pytest.raises(BmcBusy, match="cannot take a boot device now. Seen: PATCH .*HTTP status 503.*run the same command again in a minute"):
        bmc.ensure("pxe")
    assert bmc.clock() == 60


@pytest.mark.parametrize("between", ["PoweringOn", "PoweringOff", "Reset", "Paused", "Unknown", None, 3, ["On"], {}])
def test_state_between_is_no_error(monkeypatch, between):
    bmc = Bmc(monkeypatch, override())
    bmc.tree.resources[SYSTEM]["PowerState"] = between
    bmc.driver.system()
    assert bmc.driver.get_power() == "unknown"


def test_reset_that_hangs_on_a_model(monkeypatch):
    assert Bmc(monkeypatch, override(), Manufacturer="Lenovo", Model="ThinkSystem SR675 V3").driver.reset_hangs
    assert not Bmc(monkeypatch, override(), Manufacturer="Lenovo", Model="ThinkSystem SR650").driver.reset_hangs


boots = random_json.trees("BootSourceOverrideTarget", "BootSourceOverrideEnabled", "BootSourceOverrideMode", "HttpBootUri",
                          "BootSourceOverrideTarget@Redfish.AllowableValues", "BootSourceOverrideEnabled@Redfish.AllowableValues")


@given(boot=st.one_of(boots, random_json.anything), device=st.sampled_from(sorted(redfish_boot.DEVICES)), persistent=st.booleans(),
       mode=st.sampled_from([None, "uefi", "bios"]))
def test_whatever_a_bmc_calls_its_boot_device(boot, device, persistent, mode):
    told = redfish_boot.told(boot)
    assert isinstance(told["device"], str) and told["mode"] in ("uefi", "bios", None)
    try:
        ways = redfish_boot.ways(boot, device, persistent, mode)
    except BaremetalError:
        return
    assert ways and all(isinstance(value, str) for way in ways for name, value in way.items() if (name, value) != ("HttpBootUri", None))
