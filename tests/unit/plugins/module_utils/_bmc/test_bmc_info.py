# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a BMC tells, part by part, at the price that is promised."""

from __future__ import annotations

import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import (
    bmc_info, bmc_info_ipmi, bmc_info_redfish, indicator_led, ipmi_fru)
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.connection import BmcLost
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.random_json import trees
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.driver_double import (
    CHASSIS, MANAGER, SYSTEM, IpmiAnswers, collection, link, read_paths, redfish_driver)
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.service_double import error_body
from hypothesis import given
from hypothesis import strategies as st

NOW = 1769860800.0  # 2026-01-31T12:00:00Z


def board():
    return {
        "/redfish/v1/": {"UpdateService": link("/redfish/v1/UpdateService"), "SessionService": link("/redfish/v1/SessionService"),
                         "LicenseService": link("/redfish/v1/LicenseService")},
        SYSTEM: {
            "Manufacturer": "Dell Inc.", "Model": "R750", "SerialNumber": "CNBOARD1", "SKU": "ABC1234",
            "UUID": "4C4C4544-0042-3510-8053-B4C04F4D3332",
            "BiosVersion": "1.2.3", "PowerState": "On", "IndicatorLED": "Lit", "Status": {"Health": "Warning", "HealthRollup": "Critical"},
            "EthernetInterfaces": link(f"{SYSTEM}/EthernetInterfaces"),
            "Links": {"ManagedBy": [link(MANAGER)], "Chassis": [link(CHASSIS)]}},
        MANAGER: {"FirmwareVersion": "7.0", "Model": "iDRAC", "DateTime": "2026-01-31T14:00:42+02:00", "DateTimeLocalOffset": "+02:00",
                  "EthernetInterfaces": link(f"{MANAGER}/EthernetInterfaces")},
        CHASSIS: {"NetworkAdapters": link(f"{CHASSIS}/NetworkAdapters")},
        **collection(f"{SYSTEM}/EthernetInterfaces",
                     ("NIC.1", {"MACAddress": "02-00-00-00-00-0A", "SpeedMbps": "25000", "LinkStatus": "LinkUp"}),
                     ("NIC.2", {"MACAddress": None})),
        **collection(f"{MANAGER}/EthernetInterfaces",
                     ("eth0", {"MACAddress": "02:00:00:00:00:01", "IPv4Addresses": [{"Address": "192.0.2.1"}]})),
        "/redfish/v1/UpdateService": {"FirmwareInventory": link("/redfish/v1/UpdateService/FirmwareInventory")},
        **collection("/redfish/v1/UpdateService/FirmwareInventory", ("BIOS", {"Name": "BIOS", "Version": "1.2.3", "Updateable": "true"}),
                     ("BMC", {"Name": "BMC", "Version": "7.0"})),
        "/redfish/v1/LicenseService": {"Licenses": link("/redfish/v1/LicenseService/Licenses")},
        **collection("/redfish/v1/LicenseService/Licenses",
                     ("1", {"Name": "Enterprise", "LicenseType": "Production", "LicenseString": "canary"})),
        "/redfish/v1/SessionService": {"SessionTimeout": 1800, "Sessions": link("/redfish/v1/SessionService/Sessions")},
        **collection("/redfish/v1/SessionService/Sessions", ("7", {"UserName": "operator", "CreatedTime": "2026-01-31T11:00:00Z"})),
    }


def read(documents, *parts):
    return bmc_info.gather(redfish_driver(documents), parts, now=lambda: NOW)


def test_default_costs_one_request_for_the_system_and_one_for_the_bmc():
    opened = redfish_driver(board())
    found = bmc_info.gather(opened, now=lambda: NOW)
    assert read_paths(opened) == [SYSTEM, MANAGER]
    assert not found["unavailable"]
    assert found["info"]["identity"] == {
        "manufacturer": "Dell Inc.", "model": "R750", "serial": "CNBOARD1", "sku": "ABC1234", "service_tag": "ABC1234", "part_number": None,
        "asset_tag": None, "system_uuid": "4c4c4544-0042-3510-8053-b4c04f4d3332", "bios_version": "1.2.3", "hostname": None}
    assert found["info"]["power"] == "on"
    assert found["info"]["bmc"]["firmware_version"] == "7.0"


def test_all_parts():
    parts = [part for part in bmc_info.PARTS if part != "boot"]
    found = read(board(), *parts)
    info = found["info"]
    assert not found["unavailable"]
    assert info["clock"] == {"time": "2026-01-31T12:00:42Z", "utc_offset": "+02:00", "skew": 42}
    assert info["health"] == {"health": "warning", "rollup": "critical", "state": None}
    assert info["indicator_led"] == "on"
    assert [(item["id"], item["mac"], item["speed_mbps"], item["link"]) for item in info["nics"]] == [
        ("NIC.1", "02:00:00:00:00:0a", 25000, "up")]
    assert info["bmc_ports"] == [
        {"name": "eth0", "mac": "02:00:00:00:00:01", "addresses": ["192.0.2.1"], "hostname": None, "enabled": None}]
    assert [(item["name"], item["version"], item["updateable"]) for item in info["firmware"]] == [
        ("BIOS", "1.2.3", True), ("BMC", "7.0", None)]
    assert info["licences"][0]["name"] == "Enterprise"
    assert info["sessions"]["open"] == 1 and info["sessions"]["timeout"] == 1800
    assert "canary" not in json.dumps(info)


def test_board_without_ethernet_interfaces_tells_macs_at_its_adapters():
    documents = board()
    del documents[f"{SYSTEM}/EthernetInterfaces"]
    documents |= collection(f"{CHASSIS}/NetworkAdapters", ("A", {"Name": "VIC", "NetworkDeviceFunctions": link(f"{CHASSIS}/F")}))
    documents |= collection(f"{CHASSIS}/F", ("1", {"Name": "port 1", "Ethernet": {"MACAddress": "02:00:00:00:00:0B"}}), ("2", {}))
    assert read(documents, "nics")["info"]["nics"] == [
        {"id": "1", "name": "VIC port 1", "mac": "02:00:00:00:00:0b", "speed_mbps": None, "link": None}]


def test_licences_of_ilo_are_below_its_manager():
    documents = board()
    del documents["/redfish/v1/LicenseService"]
    documents[MANAGER]["Oem"] = {"Hpe": {"Links": {"LicenseService": link(f"{MANAGER}/LicenseService")}}}
    documents |= collection(f"{MANAGER}/LicenseService", ("1", {"License": "iLO Advanced", "LicenseKey": "canary"}))
    assert [item["name"] for item in read(documents, "licences")["info"]["licences"]] == ["iLO Advanced"]


def test_part_that_is_refused_costs_no_other():
    documents = board()
    documents["/redfish/v1/LicenseService"] = (403, error_body("Oem.1.0.LicenseNotPassed", "OemLicenseNotPassed"))
    found = read(documents, "licences", "power")
    assert found["info"] == {"power": "on", "licences": None}
    assert "OemLicenseNotPassed" in found["unavailable"]["licences"]


def test_part_that_the_firmware_breaks_costs_no_other():
    documents = board()
    documents["/redfish/v1/LicenseService"] = 500
    found = read(documents, "licences", "power")
    assert found["info"] == {"power": "on", "licences": None}
    assert "HTTP status 500" in found["unavailable"]["licences"]


def test_lost_bmc_ends_it():
    documents = board()
    documents[MANAGER] = 503
    with pytest.raises(BmcLost):
        read(documents, "power", "bmc")


def test_one_expanded_request_where_the_board_can_and_single_ones_where_it_lies():
    path = "/redfish/v1/UpdateService/FirmwareInventory"
    documents = board() | collection(path, *((str(number), {"Name": f"part {number}"}) for number in range(5)))
    opened = redfish_driver(documents)
    assert len(bmc_info.gather(opened, ["firmware"])["info"]["firmware"]) == 5
    assert len([item for item in read_paths(opened) if item.startswith(path)]) == 7
    documents[f"{path}?$expand=.($levels=1)"] = {"Members": [
        {"@odata.id": f"{path}/{number}", "Name": f"part {number}"} for number in range(5)]}
    opened = redfish_driver(documents)
    assert len(bmc_info.gather(opened, ["firmware"])["info"]["firmware"]) == 5
    assert len([item for item in read_paths(opened) if item.startswith(path)]) == 2
    documents[f"{path}?$expand=.($levels=1)"]["Members"].pop()
    assert len(bmc_info.gather(redfish_driver(documents), ["firmware"])["info"]["firmware"]) == 5


resource = trees("Manufacturer", "SKU", "UUID", "Oem", "Links", "LicenseService", "IPv4Addresses", "Address", "MACAddress", "DateTime",
                 "Ethernet",
                 "IndicatorLED", "LocationIndicatorActive", "LastResetTime", "ExpirationDate", "SpeedMbps", "LinkStatus")


@given(first=resource, second=resource)
def test_any_resource_is_read_or_missing(first, second):
    tell = bmc_info_redfish
    found = [tell.identity(first), tell.bmc(first), tell.clock(first, NOW), tell.bmc_port(first), tell.nic(first),
             tell.adapter_nic(first, second),
             tell.firmware(first), tell.oem_licences(first), tell.licence(first), tell.session(first), indicator_led.told(first)]
    json.dumps(found).encode()


@given(documents=st.fixed_dictionaries({path: trees("EthernetInterfaces", "NetworkAdapters", "Links", "ManagedBy", "Chassis",
                                                    "UpdateService", "PowerState",
                                                    "FirmwareInventory", "LicenseService", "Licenses", "SessionService", "Sessions",
                                                    "Processors", "Memory", "Storage", "Drives", "SimpleStorage", "Devices", "TrustedModules")
                                        for path in ("/redfish/v1/", SYSTEM, MANAGER, CHASSIS)}))
def test_any_tree_is_read_or_missing(documents):
    json.dumps(read(documents, *(part for part in bmc_info.PARTS if part != "boot"))).encode()


def ipmi(**changes):
    answers = {
        (6, 0x37): bytes.fromhex("33221100554477668899aabbccddeeff"),
        (6, 1): bytes([0x20, 1, 3, 0x45, 2, 0xBF, 0xA2, 2, 0, 0, 1, 0, 0, 0, 0]),
        (0, 1): bytes([1, 0, 0x50]),
        (0x0A, 0x48): int(NOW + 3600 + 5).to_bytes(4, "little"),
        (0x0A, 0x5C): (60).to_bytes(2, "little"),
        (0x0C, 2, (14, 3, 0, 0)): bytes([0x11, 192, 0, 2, 1]),
        (0x0C, 2, (14, 5, 0, 0)): bytes([0x11, 2, 0, 0, 0, 0, 1]),
        (6, 0x3D): bytes([1, 5, 2]),
    }
    opened = IpmiAnswers(answers | changes.pop("answers", {}))
    opened.get_power = lambda: "on"
    return opened


def test_ipmi():
    parts = ("power", "health", "indicator_led", "bmc", "clock", "bmc_ports", "sessions", "firmware", "nics", "licences")
    found = bmc_info.gather(ipmi(), parts, now=lambda: NOW)
    info = found["info"]
    assert info["bmc"]["firmware_version"] == "3.45" and info["bmc"]["manufacturer"] == "IANA 674"
    assert info["clock"] == {"time": "2026-01-31T12:00:05Z", "utc_offset": "+01:00", "skew": 5}
    assert info["health"] == {"health": "ok", "rollup": "ok", "state": None}
    assert info["indicator_led"] == "on"
    assert info["bmc_ports"][0]["mac"] == "02:00:00:00:00:01" and info["bmc_ports"][0]["addresses"] == ["192.0.2.1"]
    assert info["sessions"] == {"open": 2, "limit": 5, "timeout": None, "sessions": []}
    assert sorted(found["unavailable"]) == ["licences", "nics"]


def test_ipmi_bmc_that_knows_nothing():
    opened = IpmiAnswers({})
    parts = ("health", "indicator_led", "bmc", "clock", "bmc_ports", "sessions")
    assert not bmc_info.gather(opened, parts, now=lambda: NOW)["unavailable"]


def test_ipmi_identity():
    product = {"Board manufacturer": "ACME", "Product name": bytearray(b"x"), "Board product name": "B1", "Serial Number": "S1"}
    found = bmc_info_ipmi.identity(product, bytes.fromhex("33221100554477668899aabbccddeeff"))
    assert (found["manufacturer"], found["model"], found["serial"]) == ("ACME", "B1", "S1")
    assert found["system_uuid"] == "00112233-4455-6677-8899-aabbccddeeff"


@given(told=st.binary(min_size=16, max_size=30), offset=st.binary(min_size=2, max_size=2))
def test_ipmi_any_bytes(told, offset):
    json.dumps([bmc_info_ipmi.guid(told), bmc_info_ipmi.chassis_health(told), bmc_info_ipmi.device(told),
                bmc_info_ipmi.clock(told, offset, NOW),
                bmc_info_ipmi.lan({3: told[:3], 5: told}), bmc_info_ipmi.lan({3: told, 5: None}), indicator_led.identify_state(told)])


def fru(fields=("ACME", "Rocket 1", "PN-7", "v2", "SER123", "AT-9", ""), areas=None):
    """The bytes of a FRU whose product area has these fields."""
    product = bytes([1, 0, 25]) + b"".join(bytes([0xC0 | len(field)]) + field.encode() for field in fields) + b"\xc1"
    product += bytes(-(len(product) + 1) % 8) + b"\0"
    return bytes([1, 0, 0, 0, 1, 0, 0, 0xFE]) + bytes([1, len(product) // 8]) + product[2:]


def fru_bmc(content, largest=255):
    """A BMC that gives its FRU in pieces of some size at most."""
    def read(data):
        start, count = data[1] | data[2] << 8, data[3]
        piece = content[start:start + count]
        return 0xC8 if count > largest or not piece else bytes([len(piece)]) + piece

    return IpmiAnswers({(0x0A, 0x11): read})


@pytest.mark.parametrize("largest", [255, 16, 8])
def test_fru_in_pieces_that_the_bmc_takes(largest):
    found = bmc_info_ipmi.identity(ipmi_fru.product(fru_bmc(fru(), largest)), None)
    assert (found["manufacturer"], found["model"], found["serial"], found["asset_tag"]) == ("ACME", "Rocket 1", "SER123", "AT-9")


def test_bmc_without_a_fru():
    assert ipmi_fru.product(IpmiAnswers({})) == {}
    assert ipmi_fru.product(fru_bmc(bytes(64))) == {}


@given(content=st.one_of(st.binary(max_size=200), st.binary(max_size=100).map(lambda tail: b"\x01\x00\x01\x02\x03\x00\x00\x00" + tail)))
def test_any_fru(content):
    json.dumps(bmc_info_ipmi.identity(ipmi_fru.product(fru_bmc(content)), None))
