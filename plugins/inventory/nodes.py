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
  - Every enrolled node is a host. Its groups are C(baremetal), its rack by name, C(provision_state_X), C(resource_class_X), C(driver_X),
    C(site_X), and C(trait_X) for each of its traits. What no name of a group can have in it becomes an underscore.
  - The host variable C(baremetal) holds the node's record, C(ansible_host) its address. No password is among them.
  - The variable C(baremetal_registry) tells all modules of this collection where the registry is.
  - A registry file that does not exist yet is an inventory without nodes, so that the first enrolment can run.
  - The name of the file ends with C(nodes.yml) or C(nodes.yaml).
extends_documentation_fragment:
  - constructed
  - inventory_cache
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
  filters:
    description:
      - Which nodes are hosts. The first entry whose condition holds decides; a node for which none holds is a host.
      - A condition is a Jinja expression of the host's variables, C(inventory_hostname) among them. One that cannot be evaluated is an error.
    type: list
    elements: dict
    default: []
    suboptions:
      include:
        description: The node is a host when this holds. Excludes O(filters[].exclude).
        type: raw
      exclude:
        description: The node is no host when this holds. Excludes O(filters[].include).
        type: raw
notes:
  - With O(cache=true) the nodes are read from the cache, and their provision states are as old as it is. C(--flush-cache) and
    the task C(meta=refresh_inventory) read the registry anew.
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

---
# lab/lab.nodes.yml: another inventory, of another registry; only what one tenant has, and nothing that is being retired
plugin: rackwright.baremetal.nodes
registry: postgresql+psycopg://rackwright@db.example.com/rackwright
filters:
  - exclude: baremetal.retired
  - include: baremetal.lessee == 'lab'
  - exclude: true
compose:
  nic: baremetal.boot_mac
"""

import hashlib
import os
import pathlib

from ansible import context
from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ..module_utils._errors import BaremetalError
from ..module_utils._registry import nodes
from ..module_utils._registry.store import holds_password, open_registry

_RELATIVE = "sqlite:///"

# Groups by a key of the record.
_GROUPS = (("", "rack"), ("provision_state_", "provision_state"), ("resource_class_", "resource_class"), ("driver_", "driver"), ("site_", "site"))


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
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
        other = self.inventory.groups["all"].get_vars().get("baremetal_registry", url)
        if other != url:
            raise AnsibleParserError(f"Another file of this inventory has set baremetal_registry to {other}, and this one names the registry {url}; each "
                                     "command works with one. Give each registry an inventory of its own, and choose with -i.")
        self.inventory.set_variable("all", "baremetal_registry", url)
        self.inventory.add_group("baremetal")
        records = self._records(url, path, cache)
        both = sorted({record["name"] for record in records} & {host.name for host in self._members("boot_servers")})
        if both:
            raise AnsibleParserError(f"The registry has a node with the name of a boot server: {', '.join(both)}. Give one of them another name.")
        self._fill(records)

    def _records(self, url, path, cache):
        """The records of all nodes, from the cache or from the registry."""
        if not self.get_option("cache"):
            return _read(url)
        # The file may name another registry than yesterday.
        key = f"{self.get_cache_key(path)}_{hashlib.sha256(url.encode()).hexdigest()[:12]}"
        if cache:
            try:
                return self._cache[key]
            except KeyError:
                pass
        self._cache[key] = _read(url)
        return self._cache[key]

    def _members(self, name):
        group = self.inventory.groups.get(name)
        return group.get_hosts() if group else []

    def _fill(self, records):
        filters = _conditions(self.get_option("filters"))
        constructed = any(self.get_option(option) for option in ("compose", "groups", "keyed_groups"))
        # A name is made fit for a group once, not once for each of its hosts.
        names = {}

        def group(prefix, value):
            if (prefix, value) not in names:
                names[prefix, value] = self.inventory.add_group(self._sanitize_group_name(f"{prefix}{value}"))
            return names[prefix, value]

        for record in records:
            if filters and not self._is_wanted(record, filters):
                continue
            name = record["name"]
            self.inventory.add_host(name, group="baremetal")
            for prefix, key in _GROUPS:
                if record[key]:
                    self.inventory.add_host(name, group=group(prefix, record[key]))
            for trait in record["traits"]:
                self.inventory.add_host(name, group=group("trait_", trait))
            for variable, value in _variables(record).items():
                self.inventory.set_variable(name, variable, value)
            if constructed:
                self._construct(name)

    def _is_wanted(self, record, filters):
        self.templar.available_variables = {"inventory_hostname": record["name"], **_variables(record)}
        for kind, condition in filters:
            try:
                holds = self.templar.evaluate_conditional(condition)
            except Exception as error:
                # Jinja and Ansible have many exceptions for a condition that makes no sense.
                raise AnsibleParserError(f"The condition of filters, {kind}: {condition}, cannot be evaluated for node {record['name']}: {error}") from error
            if holds:
                return kind == "include"
        return True

    def _construct(self, name):
        strict = self.get_option("strict")
        variables = self.inventory.get_host(name).get_vars()
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)


def _read(url):
    try:
        engine = open_registry(url, create=False, migrate=not context.CLIARGS.get("check"))
        return nodes.list_nodes(engine) if engine is not None else []
    except BaremetalError as error:
        raise AnsibleParserError(str(error)) from error


def _variables(record):
    return {"baremetal": record, **({"ansible_host": record["address"]} if record["address"] else {})}


def _conditions(filters):
    """The conditions of the option filters as (include or exclude, condition)."""
    for entry in filters:
        if len(entry) != 1 or not set(entry) <= {"include", "exclude"} or not isinstance(next(iter(entry.values())), (str, bool)):
            raise AnsibleParserError("Each entry of filters has exactly one of the keys include and exclude, with a condition.")
    return [pair for entry in filters for pair in entry.items()]


def _absolute(url, directory):
    """A SQLite URL whose relative path counts from a directory; other URLs as they are."""
    if not url.startswith(_RELATIVE) or url == _RELATIVE:
        return url
    return f"{_RELATIVE}{os.path.normpath(directory.absolute() / url[len(_RELATIVE):])}"
