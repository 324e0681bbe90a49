# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import yaml
from ansible_collections.rackwright.baremetal.plugins.doc_fragments.bmc import ModuleDocFragment as Bmc
from ansible_collections.rackwright.baremetal.plugins.doc_fragments.fleet import ModuleDocFragment as Fleet


def test_a_bmc_in_a_list_has_the_keys_that_it_has_alone():
    alone = yaml.safe_load(Bmc.DOCUMENTATION)["options"]
    listed = yaml.safe_load(Fleet.DOCUMENTATION)["options"]["bmcs"]["suboptions"]
    assert {key: value for key, value in listed.items() if key not in ("name", "driver")} == alone["bmc"]["suboptions"]
    assert listed["driver"]["choices"] == alone["driver"]["choices"]
