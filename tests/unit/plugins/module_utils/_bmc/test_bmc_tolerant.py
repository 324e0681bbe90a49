# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading what boards send without believing its types."""

from __future__ import annotations

import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import tolerant
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.random_json import anything
from hypothesis import example, given


@given(value=anything)
@example(value="\ud800")
@example(value="0001-01-01T00:00:00+23:59")
@example(value="9" * 400)
def test_any_value_is_read_or_missing(value):
    found = [tolerant.text(value), tolerant.number(value), tolerant.flag(value), tolerant.dig(value, "a", "b"), tolerant.objects(value),
             tolerant.texts(value), tolerant.utc(tolerant.moment(value)), tolerant.health(value)]
    json.dumps(found[:1]).encode()
    assert found[-1] in ("ok", "warning", "critical", "unknown")


@pytest.mark.parametrize(("sent", "read"), [
    ("42", 42), (" 42.5 ", 42.5), (3.0, 3), (True, None), ("", None), ("n/a", None), (None, None), ("nan", None), ("-inf", None),
    ([1], None)])
def test_number(sent, read):
    assert tolerant.number(sent) == read


@pytest.mark.parametrize(("sent", "read"), [
    ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
    ("2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00Z"),
    ("2026-01-31T12:00:00-0600", "2026-01-31T18:00:00Z"),
    ("2026-01-31 12:00:00.123", "2026-01-31T12:00:00Z"),
    ("2026-13-31T12:00:00Z", None), ("yesterday", None), (1769860800, None), ("0001-01-01T00:00:00+05:00", None)])
def test_time(sent, read):
    assert tolerant.utc(tolerant.moment(sent)) == read
