# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps of cleaning, deploys and services: the real playbooks with steps of a site, on simulated nodes."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import tarfile
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images, nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.simulators.lab import lab, publish

# Out-of-band: it runs on the controller and writes down that it ran.
NOTE = {"name": "note", "role": "site_note", "verbs": ["clean", "deploy", "service"], "in_band": False,
        "options": {"text": {"type": "str", "required": True}, "fails": {"type": "bool", "default": False}}}
# In-band: the tasks that the collection itself brings for the ramdisk.
WIPE = {"name": "wipe", "role": "rackwright.baremetal.clean", "tasks_from": "erase_devices_metadata", "verbs": ["clean"]}
TASKS = [
    {"name": "Write it down", "ansible.builtin.lineinfile": {
        "path": "{{ inventory_dir }}/../notes-{{ inventory_hostname }}", "line": "{{ steps_args.text }} {{ steps_node.serial }}",
        "create": True, "mode": "0600"}},
    {"name": "Fail", "ansible.builtin.fail": {"msg": "as the step was asked to"}, "when": "steps_args.fails"},
]


@pytest.fixture(scope="module", name="site")
def _site():
    with lab(8) as site:
        role = site.directory / "roles" / "site_note" / "tasks"
        role.mkdir(parents=True)
        (role / "main.yml").write_text(json.dumps(TASKS))
        settings = site.directory / "inventory" / "group_vars" / "all" / "steps.yml"
        settings.write_text(json.dumps({
            "steps_definitions": [NOTE, WIPE],
            "steps_runbooks": {"monthly": {"steps": [note("from the runbook")]}, "others": {"steps": [note("x")], "traits": ["CUSTOM_OTHER"]}},
            "steps_templates": {"CUSTOM_NOTED": [{**note("before the image"), "priority": 90}]},
        }))
        hardware = site.directory / "hardware.yml"
        described = json.loads(hardware.read_text())
        described["nodes"][3].update(traits=["CUSTOM_NOTED"], network_data=network_data(described["nodes"][3]))
        hardware.write_text(json.dumps(described))
        code, output = site.play("enroll")
        assert code == 0, output
        publish(open_registry(site.registry), images)
        code, output = site.play("manage")
        assert code == 0, output
        yield site


def network_data(node):
    return {"links": [{"id": "nic0", "type": "phy", "ethernet_mac_address": node["ports"][0]["address"]}], "services": [],
            "networks": [{"id": "boot", "type": "ipv4", "link": "nic0", "ip_address": node["address"], "netmask": "255.255.0.0"}]}


def note(text, **more):
    return {"step": "note", "args": {"text": text, **more}}


def play(site, playbook, node, **variables):
    return site.play(playbook, "-l", node, "-e", json.dumps(variables), ANSIBLE_ROLES_PATH=str(site.directory / "roles"))


def record(site, name):
    return nodes.get(open_registry(site.registry), name)


def notes(site, node):
    path = site.directory / f"notes-{node}"
    return [line.rpartition(" ")[0] for line in path.read_text().splitlines()] if path.exists() else []


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
    """A controller that works only while the machine boots: what is in the way is deleted at one boot, the new volume made at the next."""
    site.simulator.change(1, behaviour={"volume_apply_default": "OnReset"})
    state = site.simulator.state(1)
    state.merge("/redfish/v1/Systems/1/Storage/1/Volumes", {"@Redfish.OperationApplyTimeSupport": {"SupportedValues": ["OnReset"]}})
    before = len(site.simulator.show(1)["boots"])

    def volumes(level):
        return {"step": "raid.create_configuration", "args": {
            "target_raid_config": {"logical_disks": [{"size_gb": "MAX", "raid_level": level}]}, "delete_existing": True}}

    steps = [{"step": "bios.apply_configuration", "args": {"settings": {"NumLock": "Off"}}}, volumes("1"), volumes("0")]
    code, output = play(site, "clean", "node2", clean_steps=steps)
    assert code == 0, output
    assert state["/redfish/v1/Systems/1/Bios"]["Attributes"]["NumLock"] == "Off"
    made = [state[member["@odata.id"]] for member in state["/redfish/v1/Systems/1/Storage/1/Volumes"]["Members"]]
    assert [volume["RAIDType"] for volume in made] == ["RAID0"]
    # One for the settings, one for the first volume, two to replace it.
    assert len(site.simulator.show(1)["boots"]) - before >= 4

    code, output = play(site, "clean", "node2", clean_steps=[{"step": "raid.delete_configuration"}])
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
    assert "bios.apply_configuration: what was set is not in effect" in record(site, "node2")["last_error"]
    code, output = play(site, "provide", "node2")
    assert code == 0, output


def test_a_deploy_with_steps_and_a_service(site):
    code, output = play(site, "provide", "node4,node5")
    assert code == 0, output
    code, output = play(site, "deploy", "node5", deploy_traits=["CUSTOM_NOTED"])
    assert code != 0
    assert "the node lacks the trait CUSTOM_NOTED" in output
    assert record(site, "node5")["provision_state"] == "available"

    code, output = play(site, "deploy", "node4", deploy_traits=["CUSTOM_NOTED"], deploy_steps=[])
    assert code == 0, output
    assert (record(site, "node4")["provision_state"], notes(site, "node4")) == ("active", ["before the image"])
    image = site.disk("node4")
    # The network that its record describes, since the play describes none.
    assert json.dumps(record(site, "node4")["network_data"], sort_keys=True, indent=1).encode() in gzip.decompress(base64.b64decode(image["config_drive"]))
    boots = len(site.simulator.show(3)["boots"])

    code, output = play(site, "service", "node4", service_steps=[note("serviced")])
    assert code == 0, output
    node = record(site, "node4")
    assert (node["provision_state"], node["lock"]) == ("active", None)
    assert (notes(site, "node4"), site.disk("node4")) == (["before the image", "serviced"], image)
    assert len(site.simulator.show(3)["boots"]) == boots


def test_a_deploy_of_an_image_that_is_not_published_and_its_rebuild(site):
    address, checksum = "https://images.example.com/appliance.raw", "sha256:" + "c" * 64
    code, output = play(site, "provide", "node5")
    assert code == 0, output
    code, output = play(site, "deploy", "node5", image=address)
    assert code != 0
    assert "an image that is not published needs its checksum" in output
    # A file system; its partitions are given as text, as a survey does.
    code, output = play(site, "deploy", "node5", image=address, image_checksum=checksum, deploy_partitions='{"root_gb": 4}')
    assert code == 0, output
    assert {"role": "root", "size_mb": 4096} in record(site, "node5")["instance"]["partitions"]
    assert site.disk("node5")["source"] == [address, None]
    node = record(site, "node5")
    assert (node["provision_state"], node["instance"]["image"], node["instance"]["image_digest"]) == ("active", address, checksum)
    code, output = play(site, "deploy", "node5", image=address, image_checksum=checksum, deploy_partitions={"root_gb": 4})
    assert code == 0 and "changed=0" in output, output
    # As group_vars would have it: nothing but the instance itself says what it is.
    code, output = play(site, "rebuild", "node5", deploy_image="", deploy_partitions={"root_gb": 4})
    assert code == 0, output
    assert (site.disk("node5")["source"], record(site, "node5")["instance"]["image_digest"]) == ([address, None], checksum)


def test_a_deploy_that_is_held_behind_the_image(site):
    code, output = play(site, "provide", "node6")
    assert code == 0, output
    steps = [{"step": "hold", "priority": 50}, {**note("after the hold"), "priority": 40}]
    code, output = play(site, "deploy", "node6", deploy_steps=steps)
    assert code == 0, output
    held = record(site, "node6")
    assert (held["provision_state"], notes(site, "node6")) == ("deploy hold", [])
    assert site.disk("node6")["whole"] is True
    code, output = play(site, "unhold", "node6")
    assert code == 0, output
    code, output = play(site, "deploy", "node6", deploy_steps=steps)
    assert code == 0, output
    node = record(site, "node6")
    assert (node["provision_state"], node["instance"]["uuid"], notes(site, "node6")) == ("active", held["instance"]["uuid"], ["after the hold"])


def machine_file(site, node, name):
    return site.boot_root / "machines" / f"{site.address(node)}.{name}"


@contextlib.contextmanager
def under_way(site, node, verb, begun, **variables):
    """Begin something on a machine that takes its time; yields the process of the run."""
    machine_file(site, node, "slow").touch()
    machine_file(site, node, "stopped").unlink(missing_ok=True)
    site.fill_disk(node, {})
    with site.start(verb, "-l", node, "-e", json.dumps(variables), ANSIBLE_ROLES_PATH=str(site.directory / "roles")) as process:
        try:
            deadline = time.monotonic() + 600
            while not begun(site.disk(node)) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
            yield process
        except BaseException:
            # Else the machine that takes its time would be waited for.
            process.kill()
            raise


def aborted(site, node, verb, begun, *, first=lambda: None, **variables):
    """Abort what is under way, and return the node's record and what the run said. first: what is done before the abort."""
    with under_way(site, node, verb, begun, **variables) as process:
        first()
        code, output = site.play("abort", "-l", node)
        assert code == 0 and "ends it where it next reports anything" in output, output
        output = process.communicate(timeout=600)[0]
    assert process.returncode != 0 and "ended by request of" in output
    return record(site, node), output


def test_an_abort_tells_that_it_knows_no_ramdisk_and_the_next_one_stops_a_burn_in(site):
    log = site.boot_root / "log" / "http.log"

    def in_vain():
        log.rename(log.with_suffix(".away"))
        code, output = site.play("abort", "-l", "node7")
        log.with_suffix(".away").rename(log)
        assert code == 0 and "Nothing was stopped in the ramdisk, for the boot server has seen no call of it." in " ".join(output.split()), output
        assert not machine_file(site, "node7", "stopped").exists()

    node = aborted(site, "node7", "clean", lambda disk: disk.get("burnt_in"), first=in_vain,
                   clean_steps=[{"step": "deploy.burnin_memory"}, note("never")])[0]
    assert (node["provision_state"], node["lock"], node["maintenance"], node["fault"]) == ("clean failed", None, False, None)
    assert "burnin: ended by request of" in node["last_error"] and notes(site, "node7") == []


def test_an_abort_stops_what_a_killed_run_left_in_the_ramdisk(site):
    with under_way(site, "node7", "clean", lambda disk: disk.get("burnt_in"), clean_steps=[{"step": "deploy.burnin_memory"}]) as process:
        process.kill()
        process.wait()
        code, output = site.play("abort", "-l", "node7")
    assert code == 0, output
    assert "ended by request of" in machine_file(site, "node7", "stopped").read_text()
    node = record(site, "node7")
    assert (node["provision_state"], node["lock"], node["fault"]) == ("clean failed", None, "clean failure")


def test_an_abort_stops_an_image_that_is_written_and_the_same_command_goes_on(site):
    code, output = play(site, "provide", "node8")
    assert code == 0, output
    node = aborted(site, "node8", "deploy", lambda disk: disk.get("whole") is False)[0]
    assert (node["provision_state"], node["lock"], site.disk("node8")["whole"]) == ("deploy failed", None, False)
    assert "disk_image: ended by request of" in node["last_error"]
    machine_file(site, "node8", "slow").unlink()
    code, output = play(site, "deploy", "node8")
    assert code == 0, output
    assert (record(site, "node8")["provision_state"], site.disk("node8")["whole"]) == ("active", True)


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


# At the begin of: the task of the first step, and of the wait.
@pytest.mark.parametrize("boundary", [9, 11])
@pytest.mark.parametrize(("verb", "name", "end"), [("clean", "node3", "manageable"), ("service", "node4", "active")])
def test_killed_between_steps_and_run_again(site, verb, name, end, boundary):
    if verb == "clean":
        code, output = play(site, "manage", name)
        assert code == 0, output
    texts = [f"{verb} {boundary} first", f"{verb} {boundary} second"]
    variables = {f"{verb}_steps": [note(texts[0]), {"step": "wait", "args": {"seconds": 1}}, note(texts[1])]}
    command = (verb, "-l", name, "-e", json.dumps(variables))
    code, output = site.play(*command, ANSIBLE_ROLES_PATH=str(site.directory / "roles"), RACKWRIGHT_KILL_AT=str(boundary))
    assert code != 0 and "killed at the begin of" in output, output
    assert record(site, name)["lock"] and texts[1] not in notes(site, name)
    code, output = site.play(*command, ANSIBLE_ROLES_PATH=str(site.directory / "roles"))
    assert code == 0, output
    node = record(site, name)
    assert (node["provision_state"], node["lock"], node["maintenance"], node["fault"], node["last_error"]) == (end, None, False, None, None)
    assert notes(site, name)[-2:] == texts
