# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The boot order: which options are meant, where it is sent, and what is believed."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.boot_order import choose, ensure_boot_order, view
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.random_json import trees
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.service_double import Tree, error_body, service_on, wait_in_task
from hypothesis import given, settings
from hypothesis import strategies as st

SYSTEM = "/redfish/v1/Systems/1"
SETTINGS = f"{SYSTEM}/SD"
TASK = "/redfish/v1/TaskService/Tasks/1"

OPTIONS = {
    "Boot0001": {"DisplayName": "NIC 1 IPv4", "UefiDevicePath": "PciRoot(0x0)/Pci(0x1,0x0)/MAC(020000000001,0x1)/IPv4(0.0.0.0)"},
    "Boot0002": {"DisplayName": "Debian", "UefiDevicePath": "HD(1,GPT,4F0C)/File(shimx64.efi)"},
    "Boot0003": {"DisplayName": "NIC 1 HTTP", "UefiDevicePath": "PciRoot(0x0)/Pci(0x1,0x0)/MAC(020000000001,0x1)/IPv4(0.0.0.0)/Uri()"},
    "Boot0004": {"DisplayName": "NIC 2 IPv4", "Alias": "Pxe", "UefiDevicePath": "PciRoot(0x0)/Pci(0x2,0x0)/MAC(020000000002,0x1)"},
    "Boot0005": {"DisplayName": "Stick", "UefiDevicePath": "PciRoot(0x0)/USB(0x1,0x0)/HD(1,MBR,0x1)"},
}


class Board:
    """A board with a boot order.

    :param has_settings: whether changes belong to a Settings resource, and wait there for a reboot.
    """

    def __init__(self, has_settings=False):
        self.tree = Tree({
            "/redfish/v1/Systems": {"Members": [{"@odata.id": SYSTEM}]},
            SYSTEM: {"Boot": {"BootOrder": list(OPTIONS), "BootOptions": {"@odata.id": f"{SYSTEM}/BootOptions"}}},
            f"{SYSTEM}/BootOptions": {"Members": [{"@odata.id": f"{SYSTEM}/BootOptions/{number}"} for number in range(len(OPTIONS))]},
            **{f"{SYSTEM}/BootOptions/{number}": {"BootOptionReference": reference, **option}
               for number, (reference, option) in enumerate(OPTIONS.items())},
        })
        if has_settings:
            self.tree.resources[SYSTEM]["@Redfish.Settings"] = {"SettingsObject": {"@odata.id": SETTINGS}, "SupportedApplyTimes": ["OnReset"]}
            self.tree.resources[SETTINGS] = {"Boot": {"BootOrder": []}}
        self.service = service_on(self.tree)

    def ensure(self, *order, **options):
        return ensure_boot_order(self.service, order, sleep=lambda seconds: None, **options)

    def order(self):
        return self.tree.resources[SYSTEM]["Boot"]["BootOrder"]


@pytest.mark.parametrize(("order", "first"), [
    (["Boot0003", "Boot0001"], ["Boot0003", "Boot0001"]),
    (["debian"], ["Boot0002"]),
    (["pxe", "disk"], ["Boot0001", "Boot0004", "Boot0002"]),
    (["http"], ["Boot0003"]),
    (["usb"], ["Boot0005"]),
    (["MAC(020000000001", "pxe"], ["Boot0001", "Boot0003", "Boot0004"]),
])
def test_options_by_what_a_person_knows_of_them(order, first):
    board = Board()
    result = board.ensure(*order)
    rest = [reference for reference in OPTIONS if reference not in first]
    assert board.order() == [*first, *rest]
    assert [option["reference"] for option in result["boot_order"]] == board.order()
    assert not result["reboot_required"]


def test_once_and_never_again():
    board = Board()
    assert board.ensure("disk", check_mode=True)["changed"] and not board.tree.changes
    foreseen = board.ensure("disk", check_mode=True)
    assert board.ensure("disk") == foreseen
    assert foreseen["before"]["boot_order"][0] == "Boot0001 (NIC 1 IPv4)" and foreseen["after"]["boot_order"][0] == "Boot0002 (Debian)"
    assert not board.ensure("disk")["changed"] and not board.ensure("Debian", "Boot0001")["changed"]
    assert len(board.tree.changes) == 1


def test_order_waits_at_the_settings_resource():
    board = Board(has_settings=True)
    foreseen = board.ensure("disk", check_mode=True)
    result = board.ensure("disk")
    assert result == foreseen and result["changed"] and result["reboot_required"]
    method, path, body = board.tree.changes[0]
    assert path == SETTINGS and body["@Redfish.SettingsApplyTime"] == {"ApplyTime": "OnReset"}
    again = board.ensure("disk")
    assert not again["changed"] and again["reboot_required"]
    board.tree.resources[SYSTEM]["Boot"]["BootOrder"] = body["Boot"]["BootOrder"]
    assert not board.ensure("disk")["reboot_required"]


@pytest.mark.parametrize("answer", [(200, None), (400, error_body("Base.1.0.PropertyNotWritable")), (405, None)])
def test_system_itself_where_the_settings_resource_is_not_the_place(answer):
    board = Board(has_settings=True)
    board.tree.on("PATCH", SETTINGS, lambda tree, body: answer)
    result = board.ensure("disk")
    assert result["changed"] and board.order()[0] == "Boot0002"


def test_unknown_option_is_told_with_all_there_are():
    board = Board()
    with pytest.raises(BaremetalError, match=r"no boot option is floppy or Boot0009. Seen: boot options: Boot0001 \(NIC 1 IPv4\), Boot0002 \(Debian\)"):
        board.ensure("disk", "floppy", "Boot0009")
    assert not board.tree.changes


def test_order_that_is_not_kept_and_order_that_is_refused():
    board = Board()
    board.tree.on("PATCH", SYSTEM, lambda tree, body: (200, None))
    with pytest.raises(BaremetalError, match=r"took the boot order and kept another. Seen: boot order: Boot0001 \(NIC 1 IPv4\)"):
        board.ensure("disk")
    board.tree.on("PATCH", SYSTEM, lambda tree, body: (400, error_body("Base.1.0.PropertyValueNotInList", "not in the list")))
    with pytest.raises(BaremetalError, match="refused the boot order.*not in the list"):
        board.ensure("disk")


def test_job_is_a_warning():
    board = Board(has_settings=True)
    board.tree.on("PATCH", SETTINGS, lambda tree, body: (202, None, {"Location": TASK}))
    warnings = []
    result = board.ensure("disk", warn=warnings.append)
    assert result["changed"] and result["reboot_required"] and TASK in warnings[0]


def test_order_that_only_a_job_holds_is_sent_once():
    board = Board(has_settings=True)
    board.tree.on("PATCH", SETTINGS, lambda tree, body: wait_in_task(tree, "PATCH", SETTINGS, body))
    assert board.ensure("disk")["changed"]
    again = board.ensure("disk")
    assert not again["changed"] and again["reboot_required"] and again["boot_order"][0]["reference"] == "Boot0002"
    assert len(board.tree.changes) == 1
    assert board.ensure("http", check_mode=True)["changed"]


def test_board_without_options_knows_references_only():
    board = Board()
    del board.tree.resources[SYSTEM]["Boot"]["BootOptions"]
    assert board.ensure("Boot0004")["changed"]
    with pytest.raises(BaremetalError, match=r"no boot option is disk. Seen: boot options: Boot0004 \(no name\)"):
        board.ensure("disk")


OWN = f"{SYSTEM}/Oem/Supermicro/FixedBootOrder"
TITLES = ["UEFI Hard Disk:Debian (HDD,Port:900)", "UEFI Network:(B83/D0/F0) UEFI PXE IPv4 X550", "UEFI CD/DVD", "UEFI USB CD/DVD", "UEFI USB Key",
          "UEFI Network:(B83/D0/F0) UEFI HTTP IPv4 X550", "UEFI AP:UEFI: Built-in EFI Shell"]


@pytest.mark.parametrize(("order", "first"), [
    (["pxe", "disk"], [1, 0]), (["http"], [5]), (["cdrom"], [2, 3]), (["usb"], [4]), (["uefi usb key"], [4]), ([TITLES[6]], [6])])
def test_resource_of_the_maker_where_there_is_no_boot_order(order, first):
    board = Board()
    board.tree.resources[SYSTEM].update(
        Manufacturer="Supermicro", Boot={"BootOrder": None}, Oem={"Supermicro": {"FixedBootOrder": {"@odata.id": OWN}}})
    board.tree.resources[OWN] = {"FixedBootOrder": TITLES}
    foreseen = board.ensure(*order, check_mode=True)
    result = board.ensure(*order)
    assert result == foreseen and result["changed"] and result["reboot_required"]
    wanted = [TITLES[number] for number in first]
    assert board.tree.changes == [("PATCH", OWN, {"FixedBootOrder": [*wanted, *(title for title in TITLES if title not in wanted)]})]
    assert not board.ensure(*order)["changed"]


def test_warnings_for_boards_that_are_known():
    board = Board()
    board.tree.resources[SYSTEM]["Manufacturer"] = "Lenovo"
    warnings = []
    board.ensure("disk", warn=warnings.append)
    assert "the operating system changes the order as well" in warnings[0]


def test_board_without_a_boot_order():
    board = Board()
    board.tree.resources[SYSTEM]["Boot"] = None
    with pytest.raises(BaremetalError, match="tells no boot order"):
        board.ensure("disk")


@given(st.lists(trees("BootOptionReference", "DisplayName", "Alias", "UefiDevicePath"), max_size=3), st.lists(st.text(max_size=5), max_size=3))
def test_random_options(options, order):
    try:
        assert set(choose(order, [view(option) for option in options])) <= {view(option)["reference"] for option in options}
    except BaremetalError as error:
        assert order and error.what


@settings(max_examples=60)
@given(trees("Boot", "BootOrder", "BootOptions", "@Redfish.Settings", "SettingsObject"), trees("Boot", "BootOrder"), trees("DisplayName", "Alias"))
def test_random_boards_end_in_a_result_or_a_paragraph(system, pending, option):
    board = Board(has_settings=True)
    board.tree.resources[SYSTEM].update({name: value for name, value in system.items() if name != "@odata.id"})
    board.tree.resources[SETTINGS] = pending
    board.tree.resources[f"{SYSTEM}/BootOptions/1"] = option
    try:
        board.ensure("pxe", "Boot0002")
    except BaremetalError as error:
        assert error.what
