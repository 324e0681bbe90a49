# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running an in-band module in this process, as Ansible would start it."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils.testing import patch_module_args


def start(module, capsys, **arguments):
    """Run main() of a module with arguments and return the result that it prints."""
    with patch_module_args(arguments), pytest.raises(SystemExit):
        module.main()
    return json.loads(capsys.readouterr().out)
