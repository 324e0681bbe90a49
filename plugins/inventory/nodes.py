# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: nodes
short_description: The registry as an inventory
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Every enrolled node is a host. Its groups are C(baremetal), its rack by name, C(provision_state_X), C(resource_class_X) and C(driver_X).
  - The host variable C(baremetal) holds the node's record, C(ansible_host) its address. No password is among them.
  - The variable C(baremetal_registry) tells all modules of this collection where the registry is.
  - A registry file that does not exist yet is an inventory without nodes, so that the first enrolment can run.
  - The name of the file ends with C(nodes.yml) or C(nodes.yaml).
extends_documentation_fragment:
  - constructed
options:
  plugin:
    description: Must be V(rackwright.baremetal.nodes).
    type: str
    required: true
    choices: [rackwright.baremetal.nodes]
  registry:
    description:
      - SQLAlchemy URL of the registry. The path of a C(sqlite:///) URL counts from the directory of the inventory file.
      - A URL with a password in it is refused, because all host variables can be read; libpq takes the password from C(PGPASSFILE).
    type: str
    required: true
    env:
      - name: RACKWRIGHT_REGISTRY
requirements:
  - SQLAlchemy and alembic (Python packages)
"""

EXAMPLES = r"""
# inventory/nodes.yml
plugin: rackwright.baremetal.nodes
registry: sqlite:///../registry.db
keyed_groups:
  - key: baremetal.owner
    prefix: owner
"""

import os
import pathlib

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable

from ..module_utils._errors import BaremetalError
from ..module_utils._registry import nodes
from ..module_utils._registry.store import holds_password, open_registry

_RELATIVE = "sqlite:///"


class InventoryModule(BaseInventoryPlugin, Constructable):
    """Hosts, groups and variables from the registry."""

    NAME = "rackwright.baremetal.nodes"

    def verify_file(self, path):
        """Whether the file is meant for this plugin, by its name."""
        return super().verify_file(path) and path.endswith(("nodes.yml", "nodes.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        """Fill the inventory."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        url = _absolute(str(self.get_option("registry")), pathlib.Path(path).parent)
        if holds_password(url):
            raise AnsibleParserError("The registry URL holds a password, and everyone who reads the inventory would see it. "
                                     "Leave it out and put it into the file that PGPASSFILE names.")
        self.inventory.set_variable("all", "baremetal_registry", url)
        self.inventory.add_group("baremetal")
        try:
            engine = open_registry(url, create=False)
            records = nodes.list_nodes(engine) if engine is not None else []
        except BaremetalError as error:
            raise AnsibleParserError(str(error)) from error
        for record in records:
            self._add(record)
        both = sorted({record["name"] for record in records} & {host.name for host in self._members("boot_servers")})
        if both:
            raise AnsibleParserError(f"The registry has a node with the name of a boot server: {', '.join(both)}. Give one of them another name.")

    def _members(self, name):
        group = self.inventory.groups.get(name)
        return group.get_hosts() if group else []

    def _add(self, record):
        name = record["name"]
        self.inventory.add_host(name, group="baremetal")
        for prefix, key in (("", "rack"), ("provision_state_", "provision_state"), ("resource_class_", "resource_class"), ("driver_", "driver")):
            if record[key]:
                group = self._sanitize_group_name(f"{prefix}{record[key]}")
                self.inventory.add_group(group)
                self.inventory.add_host(name, group=group)
        self.inventory.set_variable(name, "baremetal", record)
        if record["address"]:
            self.inventory.set_variable(name, "ansible_host", record["address"])
        strict = self.get_option("strict")
        variables = self.inventory.get_host(name).get_vars()
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)


def _absolute(url, directory):
    """A SQLite URL whose relative path counts from a directory; other URLs as they are."""
    if not url.startswith(_RELATIVE) or url == _RELATIVE:
        return url
    return f"{_RELATIVE}{os.path.normpath(directory.absolute() / url[len(_RELATIVE):])}"
