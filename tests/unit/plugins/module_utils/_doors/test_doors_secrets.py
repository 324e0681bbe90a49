# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No secret of a call leaves in a result, whatever it is nested in."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call, outcome
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import boot_device, power, virtual_media
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError

TEXT = st.text("ab\\\"é1", max_size=6)
DATA = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("k", max_size=3), inner, max_size=3), max_leaves=20)


@given(data=DATA, secrets=st.sets(TEXT.filter(bool), max_size=3))
def test_a_result_is_scrubbed_as_ansible_does_it(data, secrets):
    scrubbed = Call({}, secrets=secrets).scrub(data)
    assert json.dumps(scrubbed) == json.dumps(remove_values(data, secrets))


@pytest.mark.parametrize("data", [("x", ["canary"]), {"deep": ({"more": "a canary sings"},)}, {"canary"}, {"bytes": b"canary"}, [{"n": 1}, "canary"]])
def test_other_types_are_scrubbed_too(data):
    assert "canary" not in repr(Call({}, secrets={"canary"}).scrub(data))


URL = "http://reader:canary%21@192.0.2.1/boot.efi"


@pytest.mark.parametrize(("door", "options"), [
    (boot_device, {"device": "http", "uri": URL}), (power, {"state": "on", "boot_device": {"device": "http", "uri": URL}}),
    (power, {"state": "on", "virtual_media": URL}), (virtual_media, {"image": URL})])
@pytest.mark.parametrize("told", [URL, "the password canary! is wrong"])
def test_password_in_a_url_does_not_leave_a_call(monkeypatch, door, options, told):
    def refused(call):
        raise BaremetalError("the BMC refused the request", seen=told)

    monkeypatch.setattr(door, "open_bmc", refused)
    validated = ArgumentSpecValidator(door.DOOR.argument_spec, **door.DOOR.constraints).validate({**options, "driver": "redfish", "bmc": {}})
    call = Call(params=validated.validated_parameters)
    message = outcome(call, lambda: door.DOOR.run(call))["msg"]
    assert "refused the request" in message and "canary" not in message
