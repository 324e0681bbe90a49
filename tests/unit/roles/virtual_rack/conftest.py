# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rack tool lives in the role's files, outside of any package path."""

from __future__ import annotations

import copy
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

ROLE = Path(__file__).resolve().parents[4] / "roles" / "virtual_rack"
sys.path.insert(0, str(ROLE / "files"))


@pytest.fixture(scope="session")
def role_path():
    return ROLE


@pytest.fixture(scope="session")
def role_defaults():
    return yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))


@pytest.fixture
def short_path():
    """A directory whose path leaves room for a Unix socket's 107 bytes; pytest's own may not."""
    with tempfile.TemporaryDirectory(prefix="rack-") as directory:
        yield Path(directory)


@pytest.fixture
def rack(short_path, role_defaults):
    """The default rack in a directory of the test, its directories made, nothing else."""
    from rackkit.ground import Rack

    directory = short_path / "rack"
    spec = {
        "name": "testrack",
        "dir": str(directory),
        "venv": str(directory / "venv"),
        "accel": "auto",
        "bridge": role_defaults["virtual_rack_bridge"],
        "bmc_interface": role_defaults["virtual_rack_bmc_interface"],
        "gateway": role_defaults["virtual_rack_gateway"],
        "username": role_defaults["virtual_rack_bmc_username"],
        "ovmf_vars": role_defaults["virtual_rack_ovmf_vars"],
        "nodes": copy.deepcopy(role_defaults["virtual_rack_nodes"]),
    }
    for name in ("bmc", "disks", "log", "machines", "nvram", "run", "secrets", "vbmc/domains"):
        (directory / name).mkdir(parents=True)
    (directory / ".rackwright-rack").write_text("{}", encoding="utf-8")
    return Rack(spec)
