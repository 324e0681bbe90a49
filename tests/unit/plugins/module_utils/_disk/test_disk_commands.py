# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running a program."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.commands import run
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError


@pytest.mark.parametrize("options, fails", [({}, False), ({"failing": "no sense"}, True), ({"failing": "nonsense"}, False)])
def test_a_program_that_ends_with_success_and_says_otherwise(options, fails):
    argv = ["sh", "-c", "echo out; echo 'drive: no sense data' >&2"]
    if fails:
        with pytest.raises(BaremetalError, match="ended with code 0. Seen: drive: no sense data"):
            run(argv, **options)
    else:
        assert run(argv, **options) == b"out\n"
