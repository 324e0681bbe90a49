# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What YAML makes of a hardware file, and JSON, which the registry keeps, has not."""

from __future__ import annotations

import datetime
import json

import pytest
import yaml
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes, schema
from hypothesis import given, strategies

DATES = """
extra:
  purchased: 2024-05-01
  seen: 2024-05-01 10:30:00
  services: {2025-02-03: fan, 7: disk, list: [2025-02-03, {on: 2025-02-04}]}
properties: {warranty: 2027-05-01, capabilities: {tested: 2024-05-01}}
"""


def test_dates_are_kept_as_texts(engine, enrol):
    assert enrol(**yaml.safe_load(DATES))[0]
    node = nodes.get(engine, "node1")
    assert node["extra"] == {"purchased": "2024-05-01", "seen": "2024-05-01T10:30:00", "services": {
        "2025-02-03": "fan", "7": "disk", "list": ["2025-02-03", {"True": "2025-02-04"}]}}
    assert node["properties"] == {"warranty": "2027-05-01", "capabilities": {"tested": "2024-05-01"}}
    assert not enrol(**yaml.safe_load(DATES))[0]


@pytest.mark.parametrize(("text", "said"), [
    ("extra: {icon: !!binary aGVsbG8=}", "extra holds what the registry cannot keep"),
    ("extra: {racks: !!set {a, b}}", "extra holds what the registry cannot keep"),
    ("properties: {load: [.nan]}", "properties holds what the registry cannot keep"),
    # The key that wants a text says so, and that this is none.
    ("description: 2024-05-01", "description: must be of type string or null; put quotes around it"),
])
def test_other_values_are_refused_with_their_key(text, said):
    with pytest.raises(BaremetalError, match=f"node1: enrolment: .*{said}.*To do: ") as refusal:
        schema.normalise({"name": "node1", "driver": "manual", **yaml.safe_load(text)})
    assert "\n" not in str(refusal.value)


@given(strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.floats() | strategies.integers() | strategies.text(max_size=4) | strategies.binary(max_size=2)
    | strategies.dates() | strategies.datetimes(timezones=strategies.sampled_from([None, datetime.timezone.utc])),
    lambda inner: strategies.lists(inner, max_size=3)
    | strategies.dictionaries(strategies.text(max_size=4) | strategies.integers() | strategies.dates(), inner, max_size=3), max_leaves=8))
def test_any_value_is_kept_as_it_is_read_again_or_refused(value):
    try:
        node = schema.normalise({"name": "node1", "driver": "manual", "extra": {"x": value}})
    except BaremetalError as error:
        assert "extra holds what the registry cannot keep" in str(error) and "\n" not in str(error)
    else:
        assert json.loads(json.dumps(node)) == node == schema.normalise(node)
