# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of instance_proof, on the machine that runs the tests."""

from __future__ import annotations

import shutil

import pytest
from ansible_collections.rackwright.baremetal.plugins.modules import instance_proof
from ansible_collections.rackwright.baremetal.tests.unit.plugins.modules.inband import start

WANTED = {"hostname": "no-such-host", "instance_uuid": "i1", "image_digest": "sha256:0", "serial": "SN1"}


@pytest.mark.skipif(shutil.which("findmnt") is None or shutil.which("cloud-init") is not None, reason="needs a machine with findmnt and without cloud-init")
def test_another_system_is_refused_with_every_mismatch(capsys):
    result = start(instance_proof, capsys, **WANTED)
    assert result["failed"] is True
    for word in ("no-such-host", "i1", "sha256:0", "SN1"):
        assert word in result["msg"]


def test_options_reach_the_proof(capsys, monkeypatch):
    def prove(expected, timeout):
        return dict(expected, waited=timeout)

    monkeypatch.setattr(instance_proof, "prove", prove)
    result = start(instance_proof, capsys, timeout=7, root_device={"serial": "S1"}, _ansible_check_mode=True, **WANTED)
    assert result["changed"] is False
    assert result["proof"] == dict(WANTED, system_uuid=None, datasource=None, root_gb=None, root_device={"serial": "S1"}, skip_block_devices=[], waited=7)


def test_an_identity_is_required(capsys):
    result = start(instance_proof, capsys, **{key: WANTED[key] for key in ("hostname", "instance_uuid", "image_digest")})
    assert "one of the following is required: system_uuid, serial" in result["msg"]
