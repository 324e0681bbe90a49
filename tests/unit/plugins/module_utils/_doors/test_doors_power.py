# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of power: what it has virtual media do."""

from __future__ import annotations

import contextlib
import types

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import power

MEDIUM = "http://192.0.2.1:8080/node/52-54-00-00-02-11/{}/boot.iso"


def asked(monkeypatch, image):
    """What inserting a virtual medium is asked for."""
    seen = {}
    monkeypatch.setattr(power, "open_bmc", lambda call: contextlib.nullcontext(types.SimpleNamespace(service=None)))
    monkeypatch.setattr(power, "ensure_inserted", lambda service, image, **options: seen.update(options))
    monkeypatch.setattr(power, "ensure_power", lambda driver, state, prepare, **options: prepare(True) or {"before": {}, "after": {}})
    given = {"state": "rebooted", "virtual_media": image, "driver": "redfish", "bmc": {}}
    validated = ArgumentSpecValidator(power.DOOR.argument_spec, **power.DOOR.constraints).validate(given)
    power.DOOR.run(Call(params=validated.validated_parameters))
    assert seen["check_mode"] is True
    return seen


def test_the_medium_of_an_earlier_run_makes_room(monkeypatch):
    seen = asked(monkeypatch, MEDIUM.format("9a1f5c0b7d3e4a21"))
    found = [seen["replaces"](MEDIUM.format(nonce).partition("8080")[2]) for nonce in ("0123456789abcdef", "9a1f5c0b7d3e4a21")]
    assert found == [True, False]


def test_what_somebody_inserts_makes_no_room_for_itself(monkeypatch):
    assert asked(monkeypatch, "http://192.0.2.1/rescue.iso")["replaces"] is None
