# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role boot_server where one of its daemons runs and the other does not, for another program has its port. The tests build on each other."""

from __future__ import annotations

import socket

import pytest
from ansible_collections.rackwright.baremetal.tests.simulators import boot_client

FILES = ("nginx/nginx.conf", "dnsmasq/dnsmasq.conf", "http/boot.ipxe")


def _hold():
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    held.bind(("0.0.0.0", 67))
    return held


@pytest.fixture(autouse=True, scope="module")
def _port_of_dhcp(site):
    with boot_client.inside(site.server, _hold):
        yield


def refused(site, said, **variables):
    played = site.play(**variables)
    assert not played.ok and "Address already in use" in played.output and said in played.output, played.output


def test_nothing_runs_after_a_first_run_that_failed(site):
    refused(site, "there was none before, so the boot server does not run")
    assert not any(site.pids().values())


def test_both_go_back_to_what_they_had(site):
    played = site.play(boot_server_dhcp="none")
    assert played.ok and all(site.pids().values()), played.output
    before = [(site.root / name).read_text() for name in FILES]
    refused(site, "the one before is in place and runs", boot_server_http_port=8081)
    assert [(site.root / name).read_text() for name in FILES] == before
    assert all(site.pids().values()) and site.curl(f"{site.url}/boot.ipxe")[0] == "200"
