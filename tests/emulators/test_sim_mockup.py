# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulator with a Redfish mockup, a directory as the DMTF publishes them and as its tools read them from a board, in place of its own tree."""

from __future__ import annotations

import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import bmc_info
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.boot import ensure_boot_device
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.driver import open_driver
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.power import ensure_power
from ansible_collections.rackwright.baremetal.tests.emulators.conftest import PASSWORD
from ansible_collections.rackwright.baremetal.tests.simulators import personalities
from ansible_collections.rackwright.baremetal.tests.simulators.start import redfish_bmcs

SYSTEM = "/redfish/v1/Systems/437XR1138R2"


def link(*paths):
    return [{"@odata.id": path} for path in paths]


def small():
    """As little as a mockup may have: names that nothing else here has, no accounts and no sessions."""
    return {
        "/redfish/v1/": {"RedfishVersion": "1.15.0", "Systems": link("/redfish/v1/Systems")[0], "Managers": link("/redfish/v1/Managers")[0]},
        "/redfish/v1/Systems": {"Members": link(SYSTEM)},
        SYSTEM: {
            "@odata.type": "#ComputerSystem.v1_22_0.ComputerSystem", "Manufacturer": "Contoso", "SerialNumber": "437XR1138R2", "PowerState": "On",
            "Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe", "BootSourceOverrideMode": "UEFI",
                     "BootSourceOverrideTarget@Redfish.AllowableValues": ["None", "Pxe", "Hdd"]},
            "Links": {"ManagedBy": link("/redfish/v1/Managers/BMC")},
            "Actions": {"#ComputerSystem.Reset": {
                "target": f"{SYSTEM}/Actions/ComputerSystem.Reset", "ResetType@Redfish.AllowableValues": ["On", "ForceOff", "ForceRestart"]}}},
        "/redfish/v1/Managers": {"Members": link("/redfish/v1/Managers/BMC")},
        "/redfish/v1/Managers/BMC": {"@odata.type": "#Manager.v1_17_0.Manager", "FirmwareVersion": "1.45", "Model": "Joo Janta 200"},
    }


TREES = {"small": small, **{name: lambda name=name: {path: resource for path, (resource, _bytes) in personalities.load(name).templates.items()}
                            for name in ("dell_idrac9", "openbmc")}}


@pytest.fixture(params=sorted(TREES))
def directory(request, tmp_path):
    """A mockup in the form of a short one, whose root is that of the service."""
    for path, resource in TREES[request.param]().items():
        place = tmp_path / "mockup" / path.removeprefix("/redfish/v1").strip("/")
        place.mkdir(parents=True, exist_ok=True)
        (place / "index.json").write_text(json.dumps({"@odata.id": path, **resource}))
    return tmp_path / "mockup"


def test_modules_work_on_a_mockup(directory, tmp_path):
    with redfish_bmcs(personality=str(directory), directory=tmp_path, password=PASSWORD, first_address="127.66.8.1", power="On") as sim, \
            open_driver("redfish", sim.connections[0]) as driver:
        found = bmc_info.gather(driver, bmc_info.PARTS)["info"]
        assert found["power"] == "on" and found["identity"]["manufacturer"] and found["bmc"]["firmware_version"] and found["boot"]["device"]
        assert ensure_power(driver, "off")["changed"] and not ensure_power(driver, "off")["changed"]
        assert ensure_boot_device(driver, "disk")["after"]["device"] == "disk"
        ensure_power(driver, "on")
        assert sim.show()["boots"][-1]["target"] == "Hdd"


def test_file_names_its_mockup(directory, tmp_path):
    overlay = {"mockup": "mockup", "behaviour": {"max_sessions": 1}, "tree": {"/redfish/v1/Managers/1": {"Model": "another"}}}
    (tmp_path / "ours.yml").write_text(json.dumps(overlay))
    found = personalities.load(str(tmp_path / "ours.yml"))
    assert found.behaviour["max_sessions"] == 1 and found.templates["/redfish/v1/Managers/1"][0]["Model"] == "another"
    assert set(personalities.load(str(directory)).templates) - {"/redfish/v1/Managers/1"} <= set(found.templates)


@pytest.mark.parametrize("files", [{}, {"index.json": {"@odata.id": "/redfish/v1/"}}, {"a/index.json": ["no object"]}])
def test_directory_that_is_none(tmp_path, files):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(ValueError, match="holds no Redfish mockup with a system"):
        personalities.load(str(tmp_path))
