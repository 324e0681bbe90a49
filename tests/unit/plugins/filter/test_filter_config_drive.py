# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter config_drive in a template."""

from __future__ import annotations

import base64
import gzip

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.rackwright.baremetal.plugins.filter.config_drive import FilterModule

pytest.importorskip("pycdlib")
FILTER = FilterModule().filters()["config_drive"]
UUID = "7f1f2d0a-1f53-4d1b-9c3b-2f0f3d1f6a10"


def test_a_drive():
    image = gzip.decompress(base64.b64decode(FILTER({"hostname": "node1", "uuid": UUID})))
    assert image[32769:32774] == b"CD001"


def test_bad_input_is_a_filter_error():
    with pytest.raises(AnsibleFilterError, match="config drive: uuid is missing"):
        FILTER({"hostname": "node1"})


def test_a_ready_drive_comes_back_whichever_way_it_is_given(tmp_path):
    packed = FILTER({"hostname": "node1", "uuid": UUID})
    (tmp_path / "drive.iso").write_bytes(gzip.decompress(base64.b64decode(packed)))
    assert FILTER({"iso": packed, "hostname": "other"}) == packed
    assert FILTER({"iso": str(tmp_path / "drive.iso")}) == packed
    assert FILTER({"iso": "preserve"}) == "preserve"
