# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that loses the way to its registry, a real PostgreSQL server, in the middle of its work."""

from __future__ import annotations

import time

from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import transitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests import postgresql
from ansible_collections.rackwright.baremetal.tests.simulators.lab import PASSWORD, lab


def test_the_same_command_goes_on_when_the_registry_is_back():
    with postgresql.server() as server, lab(1, registry=server.new_database(), boot_seconds=1) as site:
        for playbook in ("enroll", "manage"):
            code, output = site.play(playbook)
            assert code == 0, output

        def record():
            return nodes.get(open_registry(site.registry), "node1")

        # Each transaction has a connection of its own, so the socket is all of the way.
        socket, = server.directory.glob(".s.PGSQL.*[0-9]")
        with site.start("provide") as process:
            deadline = time.monotonic() + 120
            while record()["provision_state"] == "manageable" and time.monotonic() < deadline:
                time.sleep(0.02)
            socket.rename(socket.with_name("away"))
            output = process.communicate()[0]
        told = " ".join(output.split())
        assert process.returncode not in (0, None) and "Traceback" not in output and PASSWORD not in output
        assert "To do: " in told and "the registry cannot be" in told, output
        socket.with_name("away").rename(socket)
        node = record()
        # Nothing of it was recorded, and nobody else was let in.
        assert node["provision_state"] == "cleaning" and node["lock"], node
        code, output = site.play("provide")
        assert code == 0, output
        node = record()
        assert (node["provision_state"], node["lock"], node["maintenance"]) == ("available", None, False)
        assert "died in state cleaning" in " ".join(entry["error"] or "" for entry in transitions.history(open_registry(site.registry), "node1"))
