# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of an inspection, with Ansible's own templating."""

from __future__ import annotations

import pytest
from ansible.template import Templar, trust_as_template
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle.inspection_rules import apply, check
from hypothesis import given
from hypothesis import strategies as st

VARIABLES = {
    "hardware": {"cpu": {"count": 64}, "disks": [{"tran": "nvme", "serial": "N1"}, {"tran": "sata", "serial": "S1"}], "bios": {"version": "1.2"}},
    "node": {"rack": "rack3"},
}


def trusted(value):
    """A rule as it comes from a playbook."""
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [trusted(item) for item in value]
    return trust_as_template(value) if isinstance(value, str) else value


def outcome(*rules):
    templar = Templar(variables=VARIABLES)
    return apply(trusted(list(rules)), templar.evaluate_conditional, templar.evaluate_expression)


def test_rules_come_together_in_their_order():
    assert outcome(
        {"name": "always", "traits": ["CUSTOM_A"], "resource_class": "small", "properties": {"tier": 1}},
        {"name": "big", "when": "hardware.cpu.count >= 64", "traits": ["CUSTOM_A", "CUSTOM_BIG"], "resource_class": "big",
         "capabilities": {"hugepages": True}},
        {"name": "other rack", "when": ["hardware.cpu.count >= 64", "node.rack == 'rack4'"], "traits": ["CUSTOM_NOT"], "fail": "never"},
        {"name": "worked out", "description": {"expression": "'with ' ~ hardware.cpu.count ~ ' threads'"}, "capabilities": {"numa": 2},
         "properties": {"nvme": {"expression": "hardware.disks | selectattr('tran', 'eq', 'nvme') | map(attribute='serial') | list"}}},
        {"name": "off", "when": False, "traits": ["CUSTOM_NOT"]},
    ) == {
        "rules": ["always", "big", "worked out"], "traits": ["CUSTOM_A", "CUSTOM_BIG"], "resource_class": "big", "description": "with 64 threads",
        "properties": {"tier": 1, "nvme": ["N1"], "capabilities": {"hugepages": "true", "numa": "2"}}}
    assert outcome() == {"rules": [], "traits": [], "properties": {}, "resource_class": None, "description": None}


def test_a_rule_that_fails_the_inspection():
    with pytest.raises(BaremetalError, match="inspection: BIOS 1.2 is too old. Seen: the rule 'firmware' of the site holds. To do: mend"):
        outcome({"name": "firmware", "when": "hardware.bios.version is version('1.4', '<')",
                 "fail": {"expression": "'BIOS ' ~ hardware.bios.version ~ ' is too old'"}})


@pytest.mark.parametrize("rule, said", [
    ({"name": "x", "when": "hardware.gpu.count > 1", "traits": []}, "the condition of the rule 'x' cannot be evaluated. Seen: hardware.gpu.count > 1: .*gpu"),
    ({"name": "x", "when": "hardware.cpu.count >", "traits": []}, "the condition of the rule 'x' cannot be evaluated"),
    ({"name": "x", "traits": {"expression": "nothing"}}, "the expression of the rule 'x' cannot be evaluated"),
    ({"name": "x", "resource_class": {"expression": "hardware.cpu.count"}}, "the rule 'x' gives what a node cannot have. Seen: x: resource_class: 64 is not"),
    ({"name": "x", "traits": [{"expression": "node.rack"}]}, "gives what a node cannot have. Seen: x: traits.0: 'rack3' does not match"),
])
def test_what_makes_no_sense_of_this_hardware_is_told(rule, said):
    with pytest.raises(BaremetalError, match=said):
        outcome(rule)


@pytest.mark.parametrize("rule, said", [
    ({"traits": ["A"]}, "number 1: 'name' is a required property"),
    ({"name": "x"}, "x: .*does not have enough properties|x: .*should be non-empty|x: .*too short"),
    ({"name": "x", "trait": "A"}, "x: .*'trait' was unexpected"),
    ({"name": "x", "traits": ["lower"]}, "x: traits.0: 'lower'"),
    ({"name": "x", "traits": "CUSTOM_A"}, "x: traits: 'CUSTOM_A' is not of type 'array'"),
    ({"name": "x", "properties": {"capabilities": {"a": "b"}}}, "x: properties: 'capabilities' should not be valid"),
    ({"name": "x", "when": 5, "fail": "y"}, "x: when"),
    ("text", "number 1: 'text' is not of type 'object'"),
])
def test_rules_that_are_none_are_refused(rule, said):
    with pytest.raises(BaremetalError, match="the rules of the inspection are not valid. Seen: " + f".*({said})"):
        check([rule])


@given(st.lists(st.fixed_dictionaries({"name": st.text(min_size=1)}, optional={
    "when": st.one_of(st.booleans(), st.lists(st.booleans(), max_size=3)), "resource_class": st.from_regex("[a-z]{1,3}", fullmatch=True),
    "traits": st.lists(st.sampled_from(["A", "B", "C"]), max_size=3, unique=True), "description": st.text(max_size=3)}), max_size=5))
def test_only_what_rules_say_that_hold_follows(rules):
    rules = [{"description": "", **rule} for rule in rules]
    found = apply(rules, bool, str)
    holding = [rule for rule in rules if all(rule.get("when", True) if isinstance(rule.get("when", True), list) else [rule.get("when", True)])]
    assert found["rules"] == [rule["name"] for rule in holding]
    assert set(found["traits"]) == {trait for rule in holding for trait in rule.get("traits", [])}
    assert found["resource_class"] == next((rule["resource_class"] for rule in reversed(holding) if "resource_class" in rule), None)


anything = st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)), lambda inner: st.one_of(
    st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["name", "when", "traits", "fail", "expression", "x"]), inner, max_size=4)), max_leaves=8)


@given(st.lists(anything, max_size=3))
def test_anything_is_a_list_of_rules_or_refused_in_one_paragraph(rules):
    try:
        check(rules)
    except BaremetalError as error:
        assert "\n" not in str(error)
    else:
        assert all(rule["name"] for rule in rules)
