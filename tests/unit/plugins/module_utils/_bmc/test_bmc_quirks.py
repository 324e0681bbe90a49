# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quirks as data: every rule is in order, and says what it should about the board that it is for."""

from __future__ import annotations

import re

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import quirks
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc import bundle_quirks
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.service_double import Tree, service_on
from hypothesis import given
from hypothesis import strategies as st

SYSTEM = "/redfish/v1/Systems/1"
MANAGER = "/redfish/v1/Managers/1"


SERVER_BOOT = {"paths": ["Oem/Dell/DellAttributes/{id}", "Attributes"], "device": "ServerBoot.1.FirstBootDevice", "cdrom": "VCD-DVD",
               "other": "Normal", "once": "ServerBoot.1.BootOnce"}


def ask(name, default=None, driver="redfish", **facts):
    return quirks.Quirks(driver, facts.get).get(name, default)


def dell(**facts):
    return {"vendor": "Dell Inc.", "model": "PowerEdge R650", "manager": "15G Monolithic", "firmware": "7.10.30.00", **facts}


def hpe(**facts):
    return {"vendor": "HPE", "model": "ProLiant DL380 Gen10", "manager": "iLO 5", "firmware": "iLO 5 v2.44", **facts}


def supermicro(**facts):
    return {"vendor": "Supermicro", "model": "SYS-120U-TNR", "system_type": "#ComputerSystem.v1_14_0.ComputerSystem", "firmware": "01.01.10", **facts}


def lenovo(**facts):
    return {"vendor": "Lenovo", "model": "ThinkSystem SR650", "manager": "Lenovo XClarity Controller", "firmware": "CDI3A4E 3.10", **facts}


def of(vendor, **facts):
    return {"vendor": vendor, "model": "X", **facts}


CASES = [
    ("R01", "boot_enabled", "always", supermicro()),
    ("R02", "boot_enabled", None, dell()),
    ("R03", "boot_mode_resync", True, supermicro()),
    ("R03", "boot_mode_resync", None, dell()),
    ("R04", "boot_full_request", True, supermicro()),
    ("R04", "boot_mode_omit", True, supermicro(system_type="#ComputerSystem.v1_3_0.ComputerSystem")),
    ("R04", "boot_full_request", False, supermicro(system_type="#ComputerSystem.v1_3_0.ComputerSystem")),
    ("R06", "boot_cd_target", "UsbCd", supermicro()),
    ("R07", "boot_cd_target", "Cd", supermicro(model="ARS-111GL-NHR")),
    ("R08", "media_insert_omit", ["Inserted", "WriteProtected"], supermicro()),
    ("R09", "media_url_plain", True, supermicro()),
    ("R12", "bios_pending_clear", False, supermicro()),
    ("R13", "boot_order_oem", "FixedBootOrder", supermicro()),
    ("R14", "boot_order_lockdown", True, supermicro(model="ARS-121L-DNR")),
    ("R17", "boot_cd_attributes", None, dell()),
    ("R17", "boot_cd_attributes", SERVER_BOOT, dell(firmware="5.10.50.00")),
    ("R17", "boot_cd_attributes", SERVER_BOOT, dell(manager="17G Monolithic", firmware="1.10.17.00")),
    ("R18", "media_slot", "1", dell(manager="17G Monolithic")),
    ("R18", "media_slot", None, dell()),
    ("R19", "boot_settings", True, dell(model="PowerEdge R670")),
    ("R19", "boot_settings", True, dell(model="PowerEdge R7725")),
    ("R19", "boot_settings", None, dell(model="PowerEdge R7625")),
    ("R19", "boot_settings", None, dell()),
    ("R23", "media_eject_retry", 3, dell()),
    ("R24", "media_eject_needs_off", True, dell()),
    ("R25", "transient_pause", 20, dell()),
    ("R27", "bios_apply_time", "OnReset", dell()), ("R27", "bios_job_holds", True, dell()),
    ("R32", "serial_property", "SKU", dell()),
    ("R43", "boot_disable_keeps_target", True, hpe()),
    ("R44", "media_insert_omit", ["Inserted", "WriteProtected"], hpe(model="ProLiant DL360 Gen9")),
    ("R44", "media_insert_omit", None, hpe()),
    ("R46", "boot_mode_omit", True, hpe(model="ProLiant DL360 Gen9")),
    ("R48", "connection_close", True, hpe(model="ProLiant DL360 Gen9")),
    ("R48", "connection_close", None, hpe()),
    ("R49", "boot_enabled", "on_change", hpe(model="ProLiant DL160 Gen10")),
    ("R50", "media_insert", "patch", lenovo(firmware="2.40")),
    ("R50", "media_insert", None, lenovo(firmware="2.50")),
    ("R50", "media_insert", "patch", lenovo(model="ThinkSystem SD530", firmware="9.9")),
    ("R51", "media_slots_skip", "^(RDOC|Remote)", lenovo()),
    ("R51", "session_limit", 16, lenovo()),
    ("R52", "boot_order_one_writer", True, lenovo()),
    ("R53", "reset_method", "off_on", lenovo(model="ThinkSystem SR675 V3")),
    ("R53", "reset_method", None, lenovo()),
    ("R55", "boot_full_request", True, of("Gigabyte")),
    ("R55", "boot_settings", True, of("ASRockRack")),
    ("R55", "boot_full_request", True, of("NVIDIA", model="DGX H100")),
    ("R56", "media_insert_extra", {"TransferProtocolType": "HTTP", "TransferMethod": "Stream"}, of("Nokia")),
    ("R56", "media_insert_extra", {"TransferProtocolType": "HTTP", "TransferMethod": "Stream", "UserName": "none", "Password": "none"},
     of("NVIDIA", model="DGX H100")),
    ("R58", "connection_close", True, of("Huawei")),
    ("R59", "account_roles", {"ReadOnly": "User"}, of("Any", manager="OpenBmc")),
    ("R59", "account_roles", {"ReadOnly": "Commonuser"}, of("Huawei")),
    ("U21", "reset_method", "off_on", hpe(model="ProLiant DL385 Gen10")),
    ("U21", "reset_method", "off_on", of("Cisco Systems Inc")),
    *(("U64", "firmware_known_bad", next(rule["behaviours"]["firmware_known_bad"] for rule in quirks.RULES if rule["name"] == name), facts)
      for name, facts in (("dell-bad-firmware-virtual-console", dell(firmware="4.40.00.00")), ("dell-bad-firmware-power-on", dell(firmware="5.10.10.05")),
                          ("hpe-bad-firmware-ilo4-reset", hpe(manager="iLO 4", firmware="iLO 4 v2.30")))),
    ("U64", "firmware_known_bad", None, dell(firmware="5.10.30.00")),
    ("U64", "firmware_known_bad", None, hpe(manager="iLO 4", firmware="iLO 4 v2.31")),
    ("U64", "firmware_known_bad", None, hpe(firmware="iLO 5 v2.10")),
    ("I01", "ipmi_uefi_disk_selector", 0x24, {"driver": "ipmi", **supermicro()}),
    ("I01", "ipmi_uefi_disk_selector", None, {"driver": "ipmi", **dell()}),
    ("I19", "ipmi_guid_unrelated", True, {"driver": "ipmi", **supermicro()}),
]


@pytest.mark.parametrize(("row", "name", "value", "facts"), CASES)
def test_what_the_rules_say(row, name, value, facts):
    assert ask(name, **facts) == value


def test_every_rule_has_the_last_word_in_a_case_of_its_row():
    decided = set()
    for row, name, value, facts in CASES:
        matching = quirks.Quirks(facts.get("driver", "redfish"), facts.get).report()["matching"]
        deciding = [rule for rule in matching if name in rule["behaviours"]][-1:]
        assert [rule["behaviours"][name] for rule in deciding] == ([] if value is None else [value])
        decided |= {rule["name"] for rule in deciding if f"{row[0]}{int(row[1:])}" in re.findall(r"\b[RIU]\d+\b", rule["source"])}
    assert [rule["name"] for rule in quirks.rules() if rule["name"] not in decided] == []


def test_rules_are_in_order():
    own = quirks.rules()
    quirks.check([{key: value for key, value in rule.items() if key != "file"} for rule in own], "own")
    assert len({rule["name"] for rule in own}) == len(own)
    for rule in own:
        assert re.search(r"\b[RIU]\d+", rule["source"]), rule["name"]
        assert rule["why"].endswith(".")


def test_bundled_rules_are_those_of_the_yaml_files():
    assert (bundle_quirks.FOLDER / "bundled.py").read_text() == bundle_quirks.bundle(), "run bundle_quirks.py"


def test_every_behaviour_is_asked_for_somewhere():
    code = "".join(path.read_text() for path in bundle_quirks.FOLDER.parent.glob("*.py"))
    assert [name for name in quirks.BEHAVIOURS if f'quirk("{name}"' not in code] == []


def test_reason_is_that_of_the_board():
    """The firmware of an iDRAC10 counts from 1 again: what is said of an iDRAC9 before 6.00 does not hold for it, nor nearly."""
    report = quirks.Quirks("redfish", dell(manager="17G Monolithic", firmware="1.20.25.00").get).report()
    named = [rule["name"] for rule in report["matching"] + report["near"]]
    assert "dell-media-boot-idrac10" in named and "dell-media-boot-old" not in named


def test_rule_that_only_the_firmware_keeps_from_holding_is_near():
    report = quirks.Quirks("redfish", lenovo().get).report()
    assert [rule["name"] for rule in report["near"]] == ["lenovo-media-insert"]


def test_nothing_is_known_of_an_unknown_board():
    assert [ask(name, "default") for name in quirks.BEHAVIOURS] == ["default"] * len(quirks.BEHAVIOURS)
    with pytest.raises(KeyError):
        ask("media_insert_omitt")


@pytest.mark.parametrize(("version", "wanted", "holds"), [
    ("5.10.50.00", "<6.00", True), ("6.00.00.00", "<6.00", False), ("6.00", ">=6.00.00.00", True), ("6.00.02.00", "==6.0.2", True),
    ("iLO 5 v2.44", ">=2.40,<3", True), ("12", ">9.9", True), ("", "<1", False), (None, "<1", False), ("beta", ">=0", False)])
def test_firmware_range(version, wanted, holds):
    assert quirks.in_range(version, wanted) is holds


@given(st.text(), st.lists(st.tuples(st.sampled_from(["<", "<=", ">", ">=", "=="]), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=3))
def test_any_version_is_in_a_range_or_not(version, terms):
    assert quirks.in_range(version, ",".join(f"{sign}{major}.{minor}" for sign, major, minor in terms)) in (True, False)


@given(st.dictionaries(st.sampled_from(list(quirks.MATCHES)), st.text()), st.sampled_from(sorted(quirks.BEHAVIOURS)))
def test_any_facts_give_an_answer(facts, name):
    quirks.Quirks("redfish", facts.get).get(name)


def test_facts_are_asked_for_only_when_a_rule_needs_them():
    asked = []

    def fact(key):
        asked.append(key)
        return {"vendor": "Dell Inc."}.get(key)

    board = quirks.Quirks("redfish", fact)
    assert board.get("serial_property") == "SKU" and board.get("media_eject_retry") == 3
    assert asked == ["vendor"]
    board.get("media_slot")
    assert asked == ["vendor", "manager"]


def test_a_service_knows_its_board_from_the_system_that_was_read():
    tree = Tree({
        SYSTEM: {"Manufacturer": "Dell Inc.", "Model": "PowerEdge R670", "Links": {"ManagedBy": [{"@odata.id": MANAGER}]}},
        MANAGER: {"Model": "17G Monolithic", "FirmwareVersion": "1.10.17.00"}})
    service = service_on(tree, system_id="1")
    service.system()
    assert service.quirk("serial_property", "SerialNumber") == "SKU"
    assert len(tree.requests) == 1
    assert service.quirk("media_slot") == "1"
    assert len(tree.requests) == 2
    report = service.quirk_report()
    assert report["facts"]["firmware"] == "1.10.17.00"
    assert "dell-media-slot" in [rule["name"] for rule in report["matching"]]
    assert report["near"] == []
    assert len(tree.requests) == 2


def test_connection_that_is_not_kept_r48_r58():
    tree = Tree({SYSTEM: {"Manufacturer": "Huawei"}})
    service_on(tree, system_id="1").system()
    assert tree.keep_alive is False


RULE = {"name": "site-one", "match": {"driver": "redfish", "vendor": "^Dell"}, "behaviours": {"serial_property": "SerialNumber"},
        "why": "Ours are relabelled.", "source": "site"}


@pytest.fixture
def site(tmp_path, monkeypatch):
    def write(text):
        path = tmp_path / f"quirks{abs(hash(text))}.yml"
        path.write_text(text)
        monkeypatch.setenv(quirks.SITE_FILE, str(path))
    return write


def test_a_site_has_the_last_word(site):
    site(str([RULE]))
    assert ask("serial_property", **dell()) == "SerialNumber"
    assert quirks.rules()[-1]["file"].endswith(".yml")


@pytest.mark.parametrize(("text", "said"), [
    ("- name: [", "cannot be read"),
    ("{}", "not of type 'array'"),
    (str([{**RULE, "behaviours": {"colour": "red"}}]), "colour"),
    (str([{**RULE, "behaviours": {"serial_property": "Sku"}}]), "serial_property.*Sku"),
    (str([{**RULE, "match": {"driver": "redfish", "firmware": "about 5"}}]), "firmware.*about 5"),
    (str([{**RULE, "match": {"driver": "redfish", "model": "("}}]), "model: no regular expression"),
    (str([{**RULE, "match": {}}]), "driver"),
])
def test_a_site_s_file_that_is_not_in_order(site, text, said):
    site(text)
    with pytest.raises(BaremetalError, match=f"(?s)the quirks file.*{said}"):
        quirks.rules()


def test_a_site_s_file_that_is_not_there(monkeypatch):
    monkeypatch.setenv(quirks.SITE_FILE, "/nonexistent/quirks.yml")
    with pytest.raises(BaremetalError, match="No such file.*RACKWRIGHT_QUIRKS"):
        quirks.rules()


# docs/bmc-quirks.md

ROOT = bundle_quirks.FOLDER.parents[3]
DOCUMENT = (ROOT / "docs" / "bmc-quirks.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in DOCUMENT.splitlines() if re.match(r"\| [RIU]\d+ ", line)]


def test_all_rows_of_the_catalogue_are_in_the_document_and_most_are_dealt_with():
    assert [row[0] for row in ROWS] == [*(f"R{number}" for number in range(1, 61)), *(f"I{number}" for number in range(1, 21)), "U21", "U64"]
    assert len([row for row in ROWS if row[5]]) >= 60
    assert all(bool(row[4]) == bool(row[5]) for row in ROWS)


@pytest.mark.parametrize("row", [row for row in ROWS if row[5]], ids=lambda row: row[0])
def test_the_document_names_what_there_is(row):
    for name in row[4].split(", "):
        assert (bundle_quirks.FOLDER.parent / name).exists()
    file, test = row[5].split("::")
    paths = [ROOT / "tests" / "emulators" / f"{file}.py", ROOT / "tests" / "unit" / "plugins" / "module_utils" / "_bmc" / f"{file}.py"]
    assert f"def {test}(" in "".join(path.read_text() for path in paths if path.exists())
    assert set(re.findall(r"`([a-z]+_[a-z_]+)`", row[3])) <= set(quirks.BEHAVIOURS)


def test_the_document_describes_every_behaviour():
    assert [name for name, (schema, meaning) in quirks.BEHAVIOURS.items() if f"| `{name}` |" not in DOCUMENT or meaning not in DOCUMENT] == []


def test_every_rule_s_rows_are_in_the_document():
    rows = {row[0] for row in ROWS}
    assert [rule["name"] for rule in quirks.rules() if not set(re.findall(r"\b[RIU]\d+\b", rule["source"])) <= rows] == []
