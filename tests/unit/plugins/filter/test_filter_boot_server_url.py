# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a boot server has its files."""

from __future__ import annotations

import pathlib

import pytest
import yaml

from ansible_collections.rackwright.baremetal.plugins.filter.boot_server_url import boot_server_url

DEFAULTS = pathlib.Path(__file__).parents[4] / "roles" / "boot_server" / "defaults" / "main.yml"


@pytest.mark.parametrize(("variables", "url"), [
    ({"boot_server_address": "192.0.2.1", "boot_server_http_port": 80}, "http://192.0.2.1:80"),
    ({"boot_server_address": "2001:db8::1", "boot_server_http_port": "8081"}, "http://[2001:db8::1]:8081"),
    ({"boot_server_address": "", "boot_server_http_port": 80}, ""),
    ({}, ""),
])
def test_url(variables, url):
    assert boot_server_url(variables) == url


def test_port_is_that_of_the_role_where_none_is_set():
    port = yaml.safe_load(DEFAULTS.read_text())["boot_server_http_port"]
    assert boot_server_url({"boot_server_address": "192.0.2.1"}) == f"http://192.0.2.1:{port}"
