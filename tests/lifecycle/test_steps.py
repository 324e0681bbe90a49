# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps of cleaning: the real playbook with steps of a site, on simulated nodes."""

from __future__ import annotations

import json
import tarfile

import pytest
from ansible_collections.rackwright.baremetal.tests.lifecycle.steps_site import NOTE, note, notes, play, record, steps_site


@pytest.fixture(scope="module", name="site")
def _site():
    with steps_site() as site:
        yield site


def test_erasing_tells_its_plan_and_keeps_certificates(site):
    code, output = play(site, "clean", "node5", clean_steps=[{"step": "deploy.erase_devices_express"}, {"step": "deploy.erase_devices"}])
    assert code == 0, output
    assert output.index("serial DISK0: overwrite, about 21 s") < output.index("Begin to erase")
    kept = [json.loads(path.read_text()) for path in sorted((site.directory / "certificates").glob("node5-*.json"))]
    assert [(one["node"], one["certificates"][0]["serial"]) for one in kept] == [("node5", "DISK0")] * 2


def test_burn_in_of_several_nodes(site):
    steps = [{"step": f"deploy.burnin_{test}", "args": args} for test, args in (
        ("cpu", {"runtime": 60}), ("memory", {"runtime": 60, "vm_bytes": "50%"}), ("disk", {"loops": 1}), ("network", {"runtime": 60}))]
    code, output = play(site, "clean", "node4,node5,node6", clean_steps=steps)
    assert code == 0, output
    assert output.index("the cpu, for 60 s") < output.index("Begin to burn in")
    done = {name: site.disk(name)["burnt_in"] for name in ("node4", "node5", "node6")}
    assert all([one["test"] for one in burnt_in] == ["cpu", "memory", "disk", "network"] for burnt_in in done.values())
    # A ring: each sends to the next one.
    assert [done[name][3]["partner"] for name in ("node4", "node5", "node6")] == [site.address(name) for name in ("node5", "node6", "node4")]
    assert done["node4"][2] == {"test": "disk", "runtime": 0, "loops": 1, "partner": None, "disks": "root"}
    kept = [json.loads(path.read_text())["certificates"][0]["test"] for path in sorted((site.directory / "certificates").glob("node4-*.json"))]
    assert kept == ["cpu", "memory", "disk", "network"]

    # What a disk failed of is in the node's record, and kept as well.
    code, output = play(site, "clean", "node4", clean_steps=[{"step": "deploy.burnin_disk", "args": {"loops": 13}}])
    assert code != 0
    node = record(site, "node4")
    assert (node["provision_state"], node["lock"]) == ("clean failed", None)
    assert "serial DISK0) has failed. Seen: verify failed at file /dev/vda offset 4096" in node["last_error"]
    last = max((site.directory / "certificates").glob("node4-*.json"))
    assert json.loads(last.read_text())["certificates"][0]["result"] == "failed"
    code, output = play(site, "manage", "node4")
    assert code == 0, output


def test_manual_cleaning_with_a_hold(site):
    steps = [note("one"), {"step": "wipe"}, {"step": "hold"}, note("two"), {"step": "wait", "args": {"seconds": 1}}, {"step": "power_off"}]
    code, output = play(site, "clean", "node1", clean_steps=steps)
    assert code == 0, output
    assert "on hold in step 3 of 6" in output
    node = record(site, "node1")
    assert (node["provision_state"], node["lock"], notes(site, "node1")) == ("clean hold", None, ["one"])

    code, output = play(site, "clean", "node1", clean_steps=steps)
    assert code != 0
    assert "possible from here: abort, unhold" in output

    code, output = play(site, "unhold", "node1")
    assert code == 0, output
    assert record(site, "node1")["provision_state"] == "clean wait"
    code, output = play(site, "clean", "node1", clean_steps=steps)
    assert code == 0, output
    node = record(site, "node1")
    assert (node["provision_state"], node["power_state"], node["lock"], node["work"]) == ("manageable", "off", None, None)
    assert notes(site, "node1") == ["one", "two"]
    # Booted for the step in the ramdisk, and for nothing else.
    assert [boot["target"] for boot in site.simulator.show(0)["boots"]] == ["Pxe"]


@pytest.mark.parametrize(("variables", "said"), [
    ({"clean_steps": [note("never"), {"step": "note"}]}, "arguments of the step note are not valid"),
    ({"clean_steps": [note("never"), {"step": "paint"}]}, "no step paint for the verb clean"),
    ({"clean_steps": []}, "the verb clean was given no steps"),
    ({"clean_steps": [note("never"), {"step": "deploy.burnin_memory", "args": {"vm_bytes": "all"}}]}, "vm_bytes must be a part such as 98%"),
    ({"clean_runbook": "others"}, "runbook others is not for this node"),
    ({"clean_runbook": "monthly", "clean_steps": [note("never")]}, "steps and a runbook were given"),
])
def test_refused_before_anything_runs(site, variables, said):
    code, output = play(site, "clean", "node2", **variables)
    assert code != 0
    assert said in " ".join(output.split())
    assert "Traceback" not in output
    assert (record(site, "node2")["provision_state"], notes(site, "node2")) == ("manageable", [])


def test_a_runbook_and_a_step_that_fails(site):
    code, output = play(site, "clean", "node3", clean_runbook="monthly")
    assert code == 0, output
    assert notes(site, "node3") == ["from the runbook"]
    code, output = play(site, "clean", "node3", clean_steps=[note("broken", fails=True), note("never")])
    assert code != 0
    node = record(site, "node3")
    assert (node["provision_state"], node["maintenance"], node["fault"], node["lock"]) == ("clean failed", True, "clean failure", None)
    assert "as the step was asked to" in node["last_error"]
    assert notes(site, "node3") == ["from the runbook", "broken"]
    # The same command again begins anew.
    code, output = play(site, "clean", "node3", clean_steps=[note("broken", fails=True)])
    assert code != 0
    assert "as the step was asked to" in output
    # What cures it.
    code, output = play(site, "provide", "node3")
    assert code == 0, output
    node = record(site, "node3")
    assert (node["provision_state"], node["maintenance"], node["fault"]) == ("available", False, None)


def test_a_step_that_includes_a_role_that_is_not_there(site):
    """Its name is known in the run only, so nobody could refuse it before."""
    tasks = [{"name": "Go on elsewhere", "ansible.builtin.include_role": {"name": "{{ steps_args.where }}"}}]
    (site.directory / "roles" / "site_note" / "tasks" / "lost.yml").write_text(json.dumps(tasks))
    lost = {"name": "lost", "role": "site_note", "tasks_from": "lost", "verbs": ["clean"], "in_band": False, "options": {"where": {"type": "str"}}}
    code, output = play(site, "clean", "node2", steps_definitions=[lost], clean_steps=[{"step": "lost", "args": {"where": "site_lost"}}])
    assert code != 0
    assert "site_lost" in output
    node = record(site, "node2")
    assert (node["provision_state"], node["lock"]) == ("clean failed", None)
    assert "could not load" in node["last_error"]


def test_what_a_step_hides_is_recorded_nowhere(site):
    """A rescue sees what no_log hides from everyone else."""
    tasks = [{"name": "Fail in silence", "ansible.builtin.command": "/bin/sh -c 'echo canary-h1dden >&2; exit 3'", "no_log": True}]
    (site.directory / "roles" / "site_note" / "tasks" / "hidden.yml").write_text(json.dumps(tasks))
    hidden = {"name": "hidden", "role": "site_note", "tasks_from": "hidden", "verbs": ["clean"], "in_band": False}
    code, output = play(site, "manage", "node2")
    assert code == 0, output
    code, output = play(site, "clean", "node2", steps_definitions=[hidden], clean_steps=[{"step": "hidden"}])
    assert code != 0 and "canary" not in output
    node = record(site, "node2")
    assert (node["provision_state"], node["lock"]) == ("clean failed", None)
    assert "hides its output (no_log)" in node["last_error"] and "canary" not in str(node)
    kept = [path for path in (site.directory / "evidence").rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        with tarfile.open(path) as archive:
            for member in filter(tarfile.TarInfo.isfile, archive):
                assert b"canary-h1dden" not in archive.extractfile(member).read(), member.name


def test_settings_and_volumes_that_take_effect_at_a_boot(site):
    """A controller that works only while the machine boots, and does one thing at each boot: what is in the way goes, then volume after volume comes."""
    site.simulator.change(1, behaviour={"volume_apply_default": "OnReset", "volume_one_waits": True})
    state = site.simulator.state(1)
    state.merge("/redfish/v1/Systems/1/Storage/1/Volumes", {"@Redfish.OperationApplyTimeSupport": {"SupportedValues": ["OnReset"]}})
    before = len(site.simulator.show(1)["boots"])

    def volumes(*disks):
        return {"step": "raid.create_configuration", "args": {"target_raid_config": {"logical_disks": disks}, "delete_existing": True}}

    pair = {"size_gb": "MAX", "raid_level": "0", "number_of_physical_disks": 2}
    steps = [{"step": "bios.apply_configuration", "args": {"settings": {"NumLock": "Off"}}},
             volumes({"size_gb": "MAX", "raid_level": "1"}), volumes(pair, pair)]
    code, output = play(site, "clean", "node2", clean_steps=steps, steps_timeouts={"settings": 60})
    assert code == 0, output
    assert state["/redfish/v1/Systems/1/Bios"]["Attributes"]["NumLock"] == "Off"
    made = [state[member["@odata.id"]] for member in state["/redfish/v1/Systems/1/Storage/1/Volumes"]["Members"]]
    assert [volume["RAIDType"] for volume in made] == ["RAID0", "RAID0"]
    # One for the settings, one for the first volume, three to replace it.
    assert len(site.simulator.show(1)["boots"]) - before >= 5

    code, output = play(site, "clean", "node2", clean_steps=[{"step": "raid.delete_configuration"}], steps_timeouts={"settings": 60})
    assert code == 0, output
    assert state["/redfish/v1/Systems/1/Storage/1/Volumes"]["Members"] == []


def test_software_raid_is_made_in_the_ramdisk(site):
    target = {"logical_disks": [{"size_gb": "MAX", "raid_level": "1", "controller": "software", "volume_name": "system"}]}
    before = len(site.simulator.show(1)["boots"])
    steps = [{"step": "raid.delete_configuration", "args": {"controller": "software"}},
             {"step": "raid.create_configuration", "args": {"target_raid_config": target}}]
    code, output = play(site, "clean", "node2", clean_steps=steps)
    assert code == 0, output
    # One boot of the ramdisk for both.
    assert len(site.simulator.show(1)["boots"]) - before == 1
    assert site.disk("node2") == {"raid": target}


def test_a_setting_that_never_takes_effect_is_told(site):
    site.simulator.faults("bios_ignored", index=1)
    steps = [{"step": "bios.apply_configuration", "args": {"settings": {"NumLock": "On"}}}]
    code, output = play(site, "clean", "node2", clean_steps=steps, steps_timeouts={"settings": 10})
    site.simulator.faults(index=1)
    assert code != 0
    said = record(site, "node2")["last_error"]
    assert "bios.apply_configuration: what was set is not in effect" in said and "Seen: the BMC still tells" in said
    code, output = play(site, "provide", "node2")
    assert code == 0, output


@pytest.mark.parametrize(("broken", "tasks", "said"), [
    ("lost_role", None, "the role 'lost_role' was not found"),
    ("lost_tasks", None, "Could not find specified file in role: tasks/lost_tasks"),
    ("no_yaml", "- name: [\n", "no_yaml.yml"),
    ("leaves", "- ansible.builtin.meta: end_host\n", "takes the node out of the play"),
])
def test_a_step_that_cannot_be_run_is_refused_for_its_node_alone(site, broken, tasks, said):
    if tasks:
        (site.directory / "roles" / "site_note" / "tasks" / f"{broken}.yml").write_text(tasks)
    role = broken if broken == "lost_role" else "site_note"
    definition = {"name": broken, "role": role, "tasks_from": broken, "verbs": ["clean"], "in_band": False}
    before = notes(site, "node2")
    code, output = play(site, "manage", "node2,node3")
    assert code == 0, output
    variables = {"steps_definitions": [NOTE, definition], "good": [note(f"beside {broken}")], "bad": [note("never"), {"step": broken}],
                 "clean_steps": "{{ bad if inventory_hostname == 'node2' else good }}"}
    code, output = play(site, "clean", "node2,node3", **variables)
    assert code != 0
    output = " ".join(output.split())
    assert f"node2: steps: the tasks of the step {broken} cannot be run. Seen: role {role}, tasks {broken}: " in output and said in output
    node = record(site, "node2")
    assert (node["provision_state"], node["lock"], notes(site, "node2")) == ("manageable", None, before)
    assert (record(site, "node3")["provision_state"], notes(site, "node3")[-1]) == ("manageable", f"beside {broken}")
