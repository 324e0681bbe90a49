# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service of firewalld, against a firewall-cmd that keeps what it is told. The real one is asked by molecule."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import firewalld
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError

NAME = "rackwright-boot-server"
PORTS = ("69/udp", "8080/tcp")


class Firewall:
    """What firewall-cmd and firewall-offline-cmd do of what is needed here."""

    def __init__(self, directory):
        self.directory = directory
        self.state = "running"
        self.zones = {"public": {"ssh"}, "trusted": set(), "rack": {"dhcpv6-client"}}
        self.interfaces = {"eno2": "rack"}
        self.loaded = set()
        self.effective = {zone: set(services) for zone, services in self.zones.items()}
        self.written = 0

    def __call__(self, command, *options):
        if self.state is None:
            return None, ""
        if (self.state == "running") == (command == "firewall-offline-cmd"):
            return 252, "FirewallD is not running"
        words = dict(option[2:].partition("=")[::2] for option in options)
        zone = self.zones.get(words.get("zone"))
        if "add-service" in words or "remove-service" in words:
            self.written += 1
            name = words.get("add-service") or words["remove-service"]
            if name not in self.loaded:
                return 101, f"Error: INVALID_SERVICE: '{name}' not among existing services"
            (zone.add if "add-service" in words else zone.discard)(name)
        elif "reload" in words:
            self.written += 1
            self.loaded = {path.stem for path in self.directory.glob("*.xml")}
            self.effective = {zone: set(services) for zone, services in self.zones.items()}
        elif "get-zone-of-interface" in words:
            found = self.interfaces.get(words["get-zone-of-interface"])
            return (0, found) if found else (2, "no zone")
        elif "get-default-zone" in words:
            return 0, "public"
        elif "list-all-zones" in words:
            return 0, "\n\n".join(f"{zone}{' (active)' if zone == 'rack' else ''}\n  target: default\n  services: {' '.join(sorted(services))}\n  ports: "
                                  for zone, services in (self.effective if command == "firewall-cmd" and "permanent" not in words else self.zones).items())
        return 0, "success"

    def members(self):
        return sorted(zone for zone, services in self.zones.items() if NAME in services)


@pytest.fixture(name="firewall")
def _firewall(tmp_path):
    return Firewall(tmp_path / "services")


def present(firewall, ports=PORTS, interfaces=("eno2", "eno3"), **more):
    return firewalld.present(NAME, ports, interfaces, run=firewall, directory=firewall.directory, **more)


def absent(firewall, **more):
    return firewalld.absent(NAME, run=firewall, directory=firewall.directory, **more)


def test_from_first_run_to_removal(firewall):
    changed, before, after = present(firewall, check_mode=True)
    assert changed and before["definition"] is None and after["zones"] == ["public", "rack"] and not firewall.written
    assert present(firewall)[0] and firewall.members() == ["public", "rack"] and firewall.loaded == {NAME}
    assert '<port port="69" protocol="udp"/>' in (firewall.directory / f"{NAME}.xml").read_text()
    firewall.written = 0
    assert not present(firewall)[0] and not present(firewall, check_mode=True)[0] and not firewall.written
    # Another port; and another zone instead of the one before.
    assert present(firewall, ports=["69/udp"])[0]
    firewall.interfaces["eno3"] = "trusted"
    assert present(firewall, ports=["69/udp"])[0] and firewall.members() == ["rack", "trusted"]
    assert absent(firewall, check_mode=True)[0] and firewall.members()
    assert absent(firewall)[0] and not firewall.members() and not list(firewall.directory.iterdir()) and firewall.loaded == set()
    assert not absent(firewall)[0]
    assert firewall.zones["public"] == {"ssh"}


def test_a_run_that_was_cut_off_before_its_last_word_is_made_good(firewall):
    present(firewall)
    firewall.effective["rack"].discard(NAME)
    assert present(firewall, check_mode=True)[0] and present(firewall)[0] and NAME in firewall.effective["rack"]
    assert not present(firewall)[0]


def test_where_it_does_not_run(firewall):
    present(firewall)
    firewall.state = "stopped"
    assert present(firewall, ports=["80/tcp"]) == (False, {}, {})
    assert absent(firewall)[0] and not firewall.members()
    firewall.state = None
    assert present(firewall) == (False, {}, {}) and not absent(firewall)[0]


def test_what_it_refuses_is_told(firewall):
    def refuse(command, *options):
        return (253, "Authorization failed.") if "--reload" in options else firewall(command, *options)

    with pytest.raises(BaremetalError, match="firewall-cmd --reload: Authorization failed"):
        firewalld.present(NAME, PORTS, ["eno2"], run=refuse, directory=firewall.directory)
