# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose BMC it is, over IPMI: nothing is changed on a stranger's machine, nor read from it, nobody is refused without proof, and little is asked.

I and a number: row of docs/bmc-quirks.md.
"""

from __future__ import annotations

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.driver import open_driver, refuse_unsupported
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.plugin_utils._doors import load_all
from ansible_collections.rackwright.baremetal.tests.emulators.conftest import PASSWORD
from ansible_collections.rackwright.baremetal.tests.simulators.start import ipmi_bmcs

DOORS = load_all()
OTHER = {"system_uuid": "00000000-1111-4222-8333-444444444444", "serial": "S1"}

# A change by module, of every module that changes something over IPMI.
CHANGES = {
    "bmc_account": {"username": "monitor", "password": "monitor-Passw0rd", "role": "ReadOnly"},
    "bmc_reset": {},
    "boot_device": {"device": "pxe"},
    "event_log": {"cleared": True},
    "indicator_led": {"state": "on"},
    "inject_nmi": {},
    "power": {"state": "off"},
}
READS = {"bmc_info": {"gather": ["power"]}, "console_capture": {}, "console_info": {}, "event_log": {}, "quirks_info": {}, "sensors_info": {}}
REDFISH_ALONE = {"bios_settings": "BIOS settings", "boot_order": "boot order", "firmware": "firmware update", "raid": "RAID",
                 "secure_boot": "secure boot", "virtual_media": "virtual media"}
# Login, whose it is, Get Device ID (for the quirks) and the end of the session, as (netfn, command).
HARMLESS = {(6, 0x38), (6, 0x3B), (6, 0x3C), (6, 0x37), (6, 0x01), (0x0A, 0x11)}


@pytest.fixture(scope="module")
def running(workplace):
    with ipmi_bmcs(directory=str(workplace), password=PASSWORD[:16]) as simulator:
        yield simulator


@pytest.fixture
def sim(running):
    running.change(0, personality="generic")
    running.faults()
    running.change(0, power="On", behaviour={"guid": "smbios", "fru_serial": None})
    running.reset_counters()
    return running


@pytest.fixture
def through_door(sim):
    """``through_door(module, options, expected, check_mode)``: the result, on a BMC that should have what ``expected`` says."""
    def run(module, options, expected, check_mode=False):
        bmc = {key: value for key, value in {**sim.connections[0], **expected}.items() if value is not None}
        checked = ArgumentSpecValidator(DOORS[module].argument_spec).validate({"driver": "ipmi", "bmc": bmc, **options})
        assert not checked.error_messages
        return DOORS[module].run(Call(params=checked.validated_parameters, check_mode=check_mode, node="node1"))

    return run


def asked(sim):
    """The commands that the BMC was asked, without those of login and logout."""
    commands = [(request["netfn"], request["command"]) for request in sim.requests()]
    return [command for command in commands if command not in ((6, 0x38), (6, 0x3B), (6, 0x3C))]


def is_let_in(sim, **expected):
    """Whether a BMC may be changed, which should have what ``expected`` says; and what it was asked for that."""
    sim.reset_counters()
    try:
        with open_driver("ipmi", {**sim.connections[0], **expected}):
            pass
    except BaremetalError as error:
        assert "belongs to another machine" in error.what and "\n" not in str(error)
        return False, asked(sim)
    return True, asked(sim)


# The boot server's log; evidence, which only reads; the preflight, which only reads, whose machine it is too (test_sim_preflight.py); and the power
# sync, which opens a BMC as power does where it changes one.
OTHERWISE = {"ramdisk_wait", "failure_evidence", "preflight_info", "power_sync"}


def test_every_module_is_known_here():
    assert {name for name, door in DOORS.items() if "bmc" in door.argument_spec} - OTHERWISE == {*CHANGES, *READS, *REDFISH_ALONE}
    for capability in REDFISH_ALONE.values():
        with pytest.raises(BaremetalError, match=f"the driver ipmi has no {capability}"):
            refuse_unsupported("ipmi", capability=capability)


@pytest.mark.parametrize("check_mode", [False, True], ids=["run", "check"])
@pytest.mark.parametrize("module", CHANGES)
def test_nothing_is_changed_on_another_machine(sim, through_door, module, check_mode):
    with pytest.raises(BaremetalError, match="belongs to another machine. .*UUID 5241434b-.*expected 00000000-1111-.*serial number SIM000000, expected S1"):
        through_door(module, CHANGES[module], OTHER, check_mode)
    assert {(request["netfn"], request["command"]) for request in sim.requests()} <= HARMLESS
    assert sim.show()["power"] == "On" and sim.show()["sessions_open"] == 0


@pytest.mark.parametrize("module", [module for module in CHANGES if module != "bmc_reset"])
def test_machine_that_is_meant_costs_nothing(sim, through_door, module):
    expected = {"system_uuid": sim.show()["uuid"], "serial": sim.show()["serial"]}
    assert through_door(module, CHANGES[module], expected)["changed"]
    assert not {(6, 0x37), (0x0A, 0x11)} & set(asked(sim))


@pytest.mark.parametrize("module", sorted(set(READS) - {"console_capture"}))
def test_reading_the_machine_that_is_meant_asks_nothing_more(sim, through_door, module):
    assert not through_door(module, READS[module], {})["changed"]
    questions = asked(sim)
    # The serial number alone is looked up by what changes something.
    for expected in ({"system_uuid": sim.show()["uuid"], "serial": "S1"}, {"serial": "S1"}):
        sim.reset_counters()
        assert not through_door(module, READS[module], expected)["changed"]
        assert asked(sim) == questions


@pytest.mark.parametrize("module", READS)
def test_nothing_is_read_from_another_machine(sim, through_door, module):
    """The GUID of the login raises the doubt."""
    with pytest.raises(BaremetalError, match="belongs to another machine. .*expected 00000000-1111-.*serial number SIM000000, expected S1"):
        through_door(module, READS[module], OTHER)
    assert {(request["netfn"], request["command"]) for request in sim.requests()} <= HARMLESS


def test_doubt_costs_a_reader_little_and_a_serial_number_clears_it(sim, through_door):
    expected = {"system_uuid": OTHER["system_uuid"], "serial": sim.show()["serial"]}
    assert through_door("bmc_info", {"gather": ["power"]}, expected)["bmc_info"]["power"] == "on"
    # A GUID that is known to be the BMC's own is no reason to look further.
    sim.change(0, personality="supermicro_x12")
    sim.change(0, power="On", behaviour={"guid": "own", "fru_serial": "S2"})
    sim.reset_counters()
    assert through_door("bmc_info", {"gather": ["power"]}, OTHER)["bmc_info"]["power"] == "on"
    assert (0x0A, 0x11) not in asked(sim) and len(asked(sim)) <= 3


def test_who_asks_whose_it_is_is_told(sim, through_door):
    with pytest.raises(BaremetalError, match="belongs to another machine"):
        through_door("bmc_info", {"gather": ["identity"]}, OTHER)
    told = through_door("bmc_info", {"gather": ["identity"]}, {"serial": sim.show()["serial"]})
    assert told["bmc_info"]["identity"]["serial"] == sim.show()["serial"]


@pytest.mark.parametrize("order", ["smbios", "ipmi", "rfc4122"])
def test_guid_in_any_order_i20(sim, order):
    sim.change(0, behaviour={"guid": order, "fru_serial": False})
    assert is_let_in(sim, system_uuid=sim.show()["uuid"]) == (True, [])
    assert is_let_in(sim, system_uuid=OTHER["system_uuid"]) == (False, [(6, 0x37), (6, 0x01)])


@pytest.mark.parametrize("guid", ["zeros", "none"])
def test_board_without_guid_is_known_by_its_serial_number_alone(sim, guid):
    sim.change(0, behaviour={"guid": guid})
    assert is_let_in(sim, system_uuid=OTHER["system_uuid"]) == (True, [(6, 0x37)])
    let_in, questions = is_let_in(sim, system_uuid=OTHER["system_uuid"], serial=sim.show()["serial"])
    assert let_in and len(questions) <= 5
    assert not is_let_in(sim, **OTHER)[0]
    sim.change(0, behaviour={"fru_serial": False})
    # The header of the FRU is asked for twice, and nothing else of it.
    assert is_let_in(sim, **OTHER) == (True, [(6, 0x37), (0x0A, 0x11), (0x0A, 0x11)])


@pytest.mark.parametrize("serial", ["", "0123456789", "To be filled by O.E.M.", "Default string"])
def test_serial_number_that_nobody_filled_in_proves_nothing(sim, serial):
    sim.change(0, behaviour={"guid": "zeros", "fru_serial": serial})
    assert is_let_in(sim, **OTHER)[0]
    sim.change(0, behaviour={"guid": "smbios"})
    assert not is_let_in(sim, **OTHER)[0]


def test_one_fact_that_agrees_is_enough(sim):
    assert is_let_in(sim, system_uuid=OTHER["system_uuid"], serial=sim.show()["serial"].lower())[0]
    # The serial number of the board, where the product has another.
    assert is_let_in(sim, serial=f"B{sim.show()['serial']}")[0]
    assert is_let_in(sim, system_uuid=sim.show()["uuid"], serial="S1") == (True, [])


def test_guid_of_its_own_proves_nothing_i19(sim):
    sim.change(0, personality="supermicro_x12")
    sim.change(0, behaviour={"guid": "own", "fru_serial": "To be filled by O.E.M."})
    assert is_let_in(sim, **OTHER)[0]
    sim.change(0, behaviour={"fru_serial": "S2"})
    assert not is_let_in(sim, **OTHER)[0]


def test_other_controller_behind_the_bmc_is_asked_itself(sim):
    """The GUID of the login is that of the BMC before it."""
    bridge = {"bridge_channel": 0, "bridge_address": 0x2C, "system_uuid": sim.show()["uuid"]}
    let_in, questions = is_let_in(sim, **bridge)
    assert let_in and (6, 0x37) in questions and (0x0A, 0x11) not in questions
