# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open drivers without a BMC, as far as capabilities beyond power and boot device need one."""

from __future__ import annotations

import types

from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.board import Clock
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.service_double import Tree, service_on

SYSTEM = "/redfish/v1/Systems/1"
MANAGER = "/redfish/v1/Managers/1"
CHASSIS = "/redfish/v1/Chassis/1"


def link(path):
    return {"@odata.id": path}


def collection(path, *members):
    """The documents of a collection and its members, which are ``(name, document)``."""
    documents = {path: {"Members": [link(f"{path}/{name}") for name, document in members]}}
    return documents | {f"{path}/{name}": {"Id": name, **document} for name, document in members}


def redfish_driver(documents, clock=None):
    """A driver over documents by path; a status or an exception instead of a document is what reading it gives.

    ``tree`` of it is the Tree, ``clock`` the Clock.
    """
    clock = clock or Clock()
    tree = Tree({path: document for path, document in documents.items() if isinstance(document, dict)})
    for path, document in documents.items():
        if not isinstance(document, dict):
            tree.on("GET", path, lambda tree, body, answer=document: answer)
    service = service_on(tree, clock=clock, system_id="1")
    return types.SimpleNamespace(NAME="redfish", service=service, system=service.system, tree=tree, clock=clock)


def read_paths(driver):
    """The paths that were read, in order."""
    return [path for path, body, headers in driver.tree.sent("GET")]


class IpmiAnswers:
    """A driver whose BMC gives prepared answers.

    :param answers: bytes by ``(netfn, command)`` or ``(netfn, command, data)``; an int is a completion code, a function is called
        with the data. What is missing is the completion code for an unknown command.
    """

    NAME = "ipmi"

    def __init__(self, answers):
        self.answers = answers
        self.asked = []

    def command(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False

    def raw_command(self, netfn, command, data=(), **options):
        self.asked.append((netfn, command, tuple(data)))
        found = self.answers.get((netfn, command, tuple(data)), self.answers.get((netfn, command), 0xC1))
        if callable(found):
            found = found(tuple(data))
        if isinstance(found, int):
            return {"error": "refused", "code": found, "data": b""}
        return {"code": 0, "data": bytearray(found)}
