# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ipaddress

from ansible.errors import AnsibleFilterError
from jinja2 import Undefined

from ..module_utils._errors import BaremetalError
from .boot_server_url import boot_server_url

DOCUMENTATION = r"""
name: boot_hosts
short_description: On which boot servers and caches nodes rest
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - For the role P(rackwright.baremetal.preflight#role).
  - Returns each boot server and each cache of some nodes once, with the networks that it is in, by the variables of nodes and hosts.
  - Fails for one that is not in the inventory.
options:
  _input:
    description: Names of the nodes.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variable C(hostvars).
    type: dict
    required: true
  server:
    description: Name of the boot server of all nodes. Empty for no boot server and no cache. When not given, that of each node, C(ramdisk_boot_server).
    type: str
  first:
    description: Name of the boot server of nodes without C(ramdisk_boot_server). Empty for none.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show who serves the nodes of the play
  ansible.builtin.debug:
    msg: "{{ (ansible_play_batch | rackwright.baremetal.boot_hosts(hostvars, first=groups['boot_servers'][0])).hosts | map(attribute='name') }}"
"""

RETURN = r"""
_value:
  description:
    - A dictionary of three lists of dictionaries, in which C(name) is the host and C(nodes) names the nodes that rest on it.
    - C(hosts) are boot servers and caches, with C(url), C(root) and C(cache), whether it is one, and C(further_urls), at which nodes find it
      (C(ramdisk_boot_server_url)). These are left out with O(server), and where they rest on something that is not defined for the node
      or on variables of other hosts.
    - C(interfaces) are network interfaces that boot servers serve, with C(interface), C(netns), C(dhcp) (C(boot_server_dhcp)) and C(own), the addresses of
      all boot servers.
    - C(networks) are networks of IPv4 in which boot servers have an interface, with C(interface), C(netns), C(network) and C(address).
  type: dict
"""

# As in roles/boot_server/defaults/main.yml.
_ROOT = "/srv/rackwright"


def boot_hosts(nodes, hostvars, server=None, first=""):
    """Return who serves nodes; see DOCUMENTATION."""
    servers, caches, urls = {}, {}, {}
    for node in nodes if server != "" else ():
        variables = hostvars[node]
        chosen = server or variables.get("ramdisk_boot_server") or first
        cache = variables.get("ramdisk_boot_cache")
        for name, users, variable in ((chosen, servers, "ramdisk_boot_server"), (cache, caches, "ramdisk_boot_cache")):
            if name and name not in hostvars:
                raise AnsibleFilterError(str(BaremetalError(f"{variable} names a host that is not in the inventory", node=node, stage="preflight", seen=name,
                                                            cure="correct it, or add the host")))
            if name:
                users.setdefault(name, []).append(node)
        # A server that is given here is used instead of the node's own, which is what the variable tells the address of.
        url = None if server else variables.get("ramdisk_boot_server_url")
        if chosen and not isinstance(url, Undefined) and url:
            urls.setdefault(chosen, []).append(str(url).rstrip("/"))
    found = {"hosts": [], "interfaces": [], "networks": []}
    for name in dict.fromkeys([*servers, *caches]):
        variables, users = hostvars[name], list(dict.fromkeys([*servers.get(name, ()), *caches.get(name, ())]))
        url = boot_server_url(variables)
        found["hosts"].append({"name": name, "nodes": users, "cache": name not in servers and bool(variables.get("boot_server_origin")),
                               "root": variables.get("boot_server_root") or _ROOT, "url": url,
                               "further_urls": [one for one in dict.fromkeys(urls.get(name, ())) if one != url]})
    attached = {name: _attached(hostvars[name]) for name in servers}
    own = list(dict.fromkeys(one["address"] for some in attached.values() for one in some if one["address"]))
    for name, users in servers.items():
        variables = hostvars[name]
        host = {"name": name, "nodes": users, "netns": variables.get("boot_server_netns") or ""}
        found["interfaces"] += [{**host, "interface": interface, "dhcp": variables.get("boot_server_dhcp") or "full", "own": own}
                                for interface in dict.fromkeys(one["interface"] for one in attached[name] if _version(one["network"]) != 6)]
        # It is asked by ARP, which IPv6 has not.
        found["networks"] += [{**host, **one} for one in attached[name] if one["address"] and _version(one["network"]) == 4]
    return found


def _attached(variables):
    """The networks in which a boot server has an interface, the main one first."""
    main = {key: variables.get(f"boot_server_{key}") for key in ("interface", "network", "address")}
    return [{key: str(one.get(key) or "") for key in main} for one in [main, *(variables.get("boot_server_further_networks") or ())] if one.get("interface")]


def _version(network):
    """The IP version of a network, or None where it is none."""
    try:
        return ipaddress.ip_network(network).version
    except ValueError:
        return None


class FilterModule:
    """The filters of this file."""

    def filters(self):
        """Return {name: filter}."""
        return {"boot_hosts": boot_hosts}
