# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values that pass for ones and are none, at every door."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import refuse_senseless
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.plugin_utils._doors import load_all

DOORS = load_all()
REQUIRED = [(name, option) for name, door in sorted(DOORS.items()) for option, spec in door.argument_spec.items()
            if spec.get("required") and spec["type"] in ("str", "path") and not spec.get("choices")]
WITH_TIMEOUT = [name for name, door in sorted(DOORS.items()) if "timeout" in door.argument_spec]


@pytest.mark.parametrize("value", ["", " "])
@pytest.mark.parametrize(("name", "option"), REQUIRED)
def test_an_empty_text_is_no_value_of_a_required_option(name, option, value):
    spec = DOORS[name].argument_spec
    given = {key: "something" for key, its in spec.items() if its.get("required")}
    assert refuse_senseless(spec, given) is None
    with pytest.raises(BaremetalError, match=f"the option {option} is empty"):
        refuse_senseless(spec, {**given, option: value})


def test_which_options_must_not_be_empty():
    assert {("firmware", "version"), ("firmware", "component"), ("bmc_account", "username")} <= set(REQUIRED)


@pytest.mark.parametrize("seconds", [0, -5])
@pytest.mark.parametrize("name", WITH_TIMEOUT)
def test_a_time_out_of_no_time_is_refused(name, seconds):
    spec = {"timeout": DOORS[name].argument_spec["timeout"]}
    assert refuse_senseless(spec, {"timeout": 1}) is None and refuse_senseless(spec, {"timeout": None}) is None
    with pytest.raises(BaremetalError, match=f"no time to wait. Seen: {seconds} s"):
        refuse_senseless(spec, {"timeout": seconds})
