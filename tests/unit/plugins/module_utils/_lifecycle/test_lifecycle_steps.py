# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planning of steps: order, precedence, and what is refused before the first one runs."""

from __future__ import annotations

import contextlib
import pathlib
import re

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import steps
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle.builtin_steps import BUILT_IN, TASKS
from hypothesis import given
from hypothesis import strategies as st

ROOT = pathlib.Path(__file__).parents[5]
SITE = "example.site.hardware"
DEFINITIONS = [
    {"name": "erase", "role": SITE, "verbs": ["clean"], "priority": 99, "abortable": True},
    {"name": "burn_in", "role": SITE, "tasks_from": "burn_in", "verbs": ["clean", "service"],
     "options": {"minutes": {"type": "int", "required": True}}},
    {"name": "settings", "role": SITE, "verbs": ["clean", "deploy"], "priority": 90, "in_band": False, "reboot_requested": True},
    {"name": "label", "role": SITE, "verbs": ["deploy"], "priority": 10},
]


@pytest.fixture(name="known")
def _known():
    return steps.catalogue(DEFINITIONS)


def names(plan):
    return [step["step"] for step in plan]


def test_automated_steps_by_priority(known):
    assert names(steps.automated(known, "clean")) == ["erase", "settings"]


@pytest.mark.parametrize(("priorities", "expected"), [
    ({"settings": 100}, ["settings", "erase"]),
    ({"erase": 0}, ["settings"]),
    ({"settings": "99"}, ["erase", "settings"]),
])
def test_priorities_of_the_site(known, priorities, expected):
    assert names(steps.automated(known, "clean", priorities)) == expected


def test_manual_steps_in_the_order_of_the_operator(known):
    plan = steps.manual(known, "clean", [{"step": "settings"}, {"step": "hold"}, {"step": "burn_in", "args": {"minutes": "5"}}, {"step": "erase"}])
    assert names(plan) == ["settings", "hold", "burn_in", "erase"]
    assert plan[2]["args"] == {"minutes": 5}
    assert (plan[0]["in_band"], plan[0]["reboot_requested"]) == (False, True)


@pytest.mark.parametrize(("requests", "said"), [
    ([], "was given no steps"),
    ([{"step": "label"}], "no step label for the verb clean"),
    ([{"step": "erase"}, {"step": "burn_in"}], "arguments of the step burn_in.*minutes"),
    ([{"step": "burn_in", "args": {"minutes": 1, "hours": 2}}], "hours. Supported parameters"),
    ([{"step": "erase", "arguments": {}}], "request of the step erase"),
    ([{"step": "wait"}], "arguments of the step wait.*seconds"),
    (["erase"], "a str where a dictionary belongs"),
])
def test_refused_before_the_first_step(known, requests, said):
    with pytest.raises(BaremetalError, match=said):
        try:
            steps.manual(known, "clean", requests)
        except BaremetalError as error:
            raise BaremetalError(str(error)) from error


def test_deploy_around_the_image(known):
    assert names(steps.deploy(known)) == ["settings", "deploy.write_image", "label"]


def test_deploy_precedence(known):
    templates = {"CUSTOM_LATE": [{"step": "settings", "priority": 20}], "CUSTOM_UNUSED": [{"step": "label", "priority": 0}]}
    assert names(steps.deploy(known, templates=templates, traits=["CUSTOM_LATE"])) == ["deploy.write_image", "settings", "label"]
    asked = [{"step": "settings", "priority": 0}, {"step": "label", "priority": 85}]
    assert names(steps.deploy(known, asked, templates, ["CUSTOM_LATE"])) == ["label", "deploy.write_image"]


@pytest.mark.parametrize(("asked", "booted"), [
    (["settings", "hold"], []),
    (["erase", "wait", "burn_in"], ["erase"]),
    (["erase", "settings", "burn_in"], ["erase", "burn_in"]),
    (["settings", "erase", "reboot", "erase"], ["erase", "erase"]),
    (["erase", "power_off", "settings", "hold", "erase", "erase"], ["erase", "erase"]),
])
def test_when_the_ramdisk_is_booted(known, asked, booted):
    args = {"wait": {"seconds": 1}, "burn_in": {"minutes": 1}}
    plan = steps.ready(steps.manual(known, "clean", [{"step": name, "args": args.get(name, {})} for name in asked]))
    assert names(step for step in plan if step["boot_ramdisk"]) == booted


def test_steps_that_are_left(known):
    plan = steps.manual(known, "clean", [{"step": "erase"}, {"step": "hold"}, {"step": "reboot"}, {"step": "erase"}])
    left = steps.ready(plan, begin=2)
    assert [(step["step"], step["number"], step["of"], step["kind"], step["boot_ramdisk"]) for step in left] == [
        ("reboot", 2, 4, "power", False), ("erase", 3, 4, "role", True)]
    assert [step["kind"] for step in steps.ready(plan)] == ["role", "hold", "power", "role"]


def test_no_step_in_the_ramdisk_while_the_switches_have_the_node_elsewhere():
    known = steps.catalogue([*DEFINITIONS, *BUILT_IN])
    there, back = {"step": "network.add_provisioning_network"}, {"step": "deploy.switch_to_tenant_network"}
    erase = {"step": "burn_in", "args": {"minutes": 1}}
    assert names(steps.manual(known, "service", [there, erase, back])) == [there["step"], "burn_in", back["step"]]
    with pytest.raises(BaremetalError, match="step burn_in needs the ramdisk, and comes after deploy.switch_to_tenant_network"):
        steps.manual(known, "service", [back, erase])
    asked = [{**back, "priority": 30}, {"step": "label", "priority": 0}]
    assert names(steps.deploy(known, asked)) == ["settings", "deploy.write_image", back["step"]]
    with pytest.raises(BaremetalError, match="step label needs the ramdisk"):
        steps.deploy(known, asked[:1])
    with pytest.raises(BaremetalError, match="no step deploy.switch_to_tenant_network for the verb clean"):
        steps.manual(known, "clean", [back])
    assert [step["kind"] for step in steps.ready(steps.manual(known, "clean", [there]))] == ["switch_port"]


THERE, BACK = "network.add_provisioning_network", "deploy.switch_to_tenant_network"


@pytest.mark.parametrize(("requests", "expected"), [
    (None, []),
    ([{"step": "no step of this site"}, {"step": THERE}, {"step": BACK, "priority": 0}], []),
    ([{"step": BACK, "priority": "30"}], ["tenant"]),
    ([{"step": BACK, "priority": 30}, {"step": THERE, "priority": 110}], ["provisioning", "tenant"]),
])
def test_networks_that_deploys_take_a_node_into(requests, expected):
    assert steps.network_types(steps.catalogue(BUILT_IN), requests) == expected


def test_networks_by_the_priority_of_a_definition():
    known = steps.catalogue([*BUILT_IN, {**next(step for step in BUILT_IN if step["name"] == THERE), "priority": 110}])
    assert steps.network_types(known, []) == ["provisioning"]
    assert steps.network_types(known, [{"step": THERE, "priority": 0}]) == []
    with pytest.raises(BaremetalError, match="request of the step x is not valid"):
        steps.network_types(known, [{"step": "x", "priority": "soon"}])


@pytest.mark.parametrize(("verb", "asked", "expected"), [
    ("clean", ["settings", "erase", "burn_in"], ["settings", THERE, "erase", "burn_in"]),
    ("clean", ["settings", "reboot"], ["settings", "reboot"]),
    ("clean", [THERE, "settings", "erase"], [THERE, "settings", "erase"]),
    ("service", ["power_off", "burn_in", "hold"], ["power_off", THERE, "burn_in", "hold", BACK]),
    ("service", [THERE, "burn_in"], [THERE, "burn_in", BACK]),
    ("service", ["burn_in", BACK, "power_on"], [THERE, "burn_in", BACK, "power_on"]),
    ("service", ["hold"], ["hold"]),
])
def test_other_verbs_follow_the_deploys(verb, asked, expected):
    known = steps.catalogue([*DEFINITIONS, *BUILT_IN])
    plan = steps.manual(known, verb, [{"step": name, "args": {"minutes": 1} if name == "burn_in" else {}} for name in asked])
    assert steps.in_networks(known, plan, verb, []) == plan
    found = steps.in_networks(known, plan, verb, ["provisioning", "tenant"])
    assert names(found) == expected
    # The machine is off after a change, so the ramdisk is booted once, behind it.
    assert [step["step"] for step in steps.ready(found) if step["boot_ramdisk"]] == [name for name in asked if name in ("erase", "burn_in")][:1]


def test_two_templates_for_one_step(known):
    templates = {"A": [{"step": "label", "priority": 1}], "B": [{"step": "label", "priority": 2}]}
    with pytest.raises(BaremetalError, match="templates A and B both set the step label"):
        steps.deploy(known, templates=templates, traits=["A", "B"])


@pytest.mark.parametrize(("request_", "said"), [
    ({"step": "bare"}, "step bare is asked for without a priority"),
    ({"step": "hold"}, "step hold is asked for without a priority"),
    ({"step": "label"}, None),
    ({"step": "bare", "priority": 0}, None),
])
def test_no_step_of_a_deploy_is_left_out_silently(known, request_, said):
    known = {**known, **steps.catalogue([{"name": "bare", "role": SITE, "verbs": ["deploy"]}])}
    for given in ({"requests": [request_]}, {"templates": {"A": [request_]}, "traits": ["A"]}):
        if said:
            with pytest.raises(BaremetalError, match=said):
                steps.deploy(known, **given)
        else:
            assert names(steps.deploy(known, **given)) == ["settings", "deploy.write_image", "label"]


def test_one_step_twice_in_a_deploy(known):
    twice = [{"step": "hold", "priority": 90}, {"step": "hold", "priority": 10}]
    for given in ({"requests": twice}, {"templates": {"A": twice}, "traits": ["A"]}):
        with pytest.raises(BaremetalError, match="step hold is asked for twice"):
            steps.deploy(known, **given)


def test_runbook():
    runbooks = {"weekly": {"steps": [{"step": "erase"}], "traits": ["CUSTOM_GPU"]}}
    assert steps.runbook(runbooks, "weekly", {"traits": ["CUSTOM_GPU", "HW_X"]}) == [{"step": "erase"}]
    with pytest.raises(BaremetalError, match="not for this node"):
        steps.runbook(runbooks, "weekly", {"traits": []})
    with pytest.raises(BaremetalError, match="no runbook daily"):
        steps.runbook(runbooks, "daily", {"traits": []})


@pytest.mark.parametrize(("definition", "said"), [
    ({"name": "hold", "role": SITE, "verbs": ["clean"]}, "reserved"),
    ({"name": "x", "role": SITE, "verbs": ["paint"]}, "step definition x is not valid"),
    ({"role": SITE, "verbs": ["clean"]}, "step definition number 1 is not valid"),
    ({"name": "x", "role": SITE, "verbs": ["clean"], "options": {"a": {"type": "colour"}}}, "option a of the step x"),
    ({"name": "x", "role": SITE, "verbs": ["clean"], "options": {"a": "int"}}, "option a of the step x"),
    ({"name": "x", "role": SITE, "verbs": ["clean"], "options": {"pin": {"no_log": True}}}, "option pin of the step x is a secret"),
    ("x", "number 1 is not valid"),
])
def test_definitions_that_are_wrong(definition, said):
    with pytest.raises(BaremetalError, match=said):
        steps.catalogue([definition])


def test_a_later_definition_replaces_an_earlier_one():
    known = steps.catalogue([*DEFINITIONS, {"name": "erase", "role": "example.site.erase", "verbs": ["clean"], "priority": 5}])
    assert names(steps.automated(known, "clean")) == ["settings", "erase"]
    assert known["erase"]["role"] == "example.site.erase"


ANYTHING = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6)


@given(st.lists(ANYTHING | st.fixed_dictionaries({"step": st.sampled_from(["erase", "burn_in", "wait", "hold", "x"]), "args": ANYTHING}), max_size=3))
def test_anything_asked_for_is_planned_or_refused(requests):
    known = steps.catalogue(DEFINITIONS)
    try:
        plan = steps.manual(known, "clean", requests)
    except BaremetalError:
        return
    assert names(plan) == [request["step"] for request in requests]


@given(st.dictionaries(st.sampled_from(["erase", "settings", "burn_in"]), st.integers(-5, 200)))
def test_automated_order_is_total(priorities):
    known = steps.catalogue([*DEFINITIONS[:1], *DEFINITIONS[2:], {"name": "burn_in", "role": SITE, "verbs": ["clean"]}])
    plan = steps.automated(known, "clean", priorities)
    keys = [(-step["priority"], step["step"]) for step in plan]
    assert keys == sorted(keys)
    assert all(step["priority"] > 0 for step in plan)


def test_steps_of_the_collection_are_there():
    known = steps.catalogue(BUILT_IN)
    assert names(steps.automated(known, "clean")) == ["deploy.erase_devices_metadata"]
    assert names(steps.deploy(known)) == ["deploy.write_image"]
    for definition in known.values():
        role = ROOT / "roles" / definition["role"].rpartition(".")[2] / "tasks"
        assert (role / f"{definition['tasks_from']}.yml").is_file()
        # The controller says which tasks they are.
        assert set(definition["options"]) - {"controller"} == set(re.findall(r"steps_args\.(\w+)", (role / f"{definition['tasks_from']}.yml").read_text()))


def test_software_raid_is_made_in_the_ramdisk_by_steps_of_the_same_name():
    known = steps.catalogue(BUILT_IN)
    software, hardware = ({"target_raid_config": {"logical_disks": [{"size_gb": 1, "raid_level": "1", **more}]}} for more in ({"controller": "software"}, {}))
    plan = steps.manual(known, "clean", [
        {"step": "raid.delete_configuration", "args": {"controller": "software"}}, {"step": "raid.create_configuration", "args": software},
        {"step": "raid.delete_configuration"}, {"step": "raid.create_configuration", "args": hardware}])
    assert [(step["tasks_from"], step["in_band"], step["reboot_requested"]) for step in plan] == [
        ("software_raid_delete_configuration", True, False), ("software_raid_create_configuration", True, False),
        ("raid_delete_configuration", False, True), ("raid_create_configuration", False, True)]
    assert [step["boot_ramdisk"] for step in steps.ready(plan)] == [True, False, False, False]
    for step in plan[:2]:
        assert (step["role"], step["tasks_from"]) in TASKS
        assert (ROOT / "roles/steps/tasks" / f"{step['tasks_from']}.yml").is_file()
    # A step that a site has put in its place is left alone, and so are arguments that are none.
    mine = steps.catalogue([*BUILT_IN, {"name": "raid.create_configuration", "role": SITE, "verbs": ["clean"], "in_band": False,
                                        "options": {"target_raid_config": {"type": "dict"}}}])
    assert steps.manual(mine, "clean", [{"step": "raid.create_configuration", "args": software}])[0]["role"] == SITE
    for target in ([], "x", {"logical_disks": "x"}, {"logical_disks": ["x"]}):
        with contextlib.suppress(BaremetalError):
            steps.manual(known, "clean", [{"step": "raid.create_configuration", "args": {"target_raid_config": target}}])


@pytest.mark.parametrize(("step", "args", "said"), [
    ("cpu", {"runtime": 0}, "runtime must be at least 1 and is 0"),
    ("memory", {"vm_bytes": "101%"}, "vm_bytes must be"),
    ("disk", {"loops": 0, "runtime": -1}, "runtime must be at least 0 and is -1; loops must be at least 1"),
    ("disk", {"workers": 1}, "workers. Supported parameters"),
])
def test_arguments_of_a_burn_in_that_make_no_sense(step, args, said):
    known = steps.catalogue(BUILT_IN)
    with pytest.raises(BaremetalError) as refused:
        steps.manual(known, "clean", [{"step": "deploy.burnin_cpu"}, {"step": f"deploy.burnin_{step}", "args": args}])
    assert said in str(refused.value)


def test_what_a_burn_in_takes_by_default():
    known = steps.catalogue(BUILT_IN)
    [planned] = steps.manual(known, "clean", [{"step": "deploy.burnin_disk"}])
    assert (planned["args"], planned["in_band"]) == ({"loops": 4, "runtime": 0}, True)
    # It writes all over the disks, which a machine that is in use needs.
    with pytest.raises(BaremetalError, match="no step deploy.burnin_disk for the verb service"):
        steps.manual(known, "service", [{"step": "deploy.burnin_disk"}])
    # What a site calls by the same name is its own business.
    own = steps.catalogue([{"name": "deploy.burnin_cpu", "role": "example.site.burn", "tasks_from": "burnin_cpu", "verbs": ["clean"],
                            "options": {"runtime": {"type": "int"}}}])
    assert steps.manual(own, "clean", [{"step": "deploy.burnin_cpu", "args": {"runtime": 0}}])[0]["args"]["runtime"] == 0
