# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: boot_server_url
short_description: Where a boot server has its files
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - The URL of the HTTP server of the role P(rackwright.baremetal.boot_server#role), without a slash at its end.
  - An IPv6 address is put into brackets, as RFC 3986, section 3.2.2, wants it.
options:
  _input:
    description:
      - Variables of the boot server, of which O(rackwright.baremetal.boot_server#role:main:boot_server_address) and
        O(rackwright.baremetal.boot_server#role:main:boot_server_http_port) are looked at.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say where the boot files are
  ansible.builtin.debug:
    msg: "{{ hostvars[groups['boot_servers'][0]] | rackwright.baremetal.boot_server_url }}"
"""

RETURN = r"""
_value:
  description: The URL; empty where the boot server has no address.
  type: str
  sample: http://192.0.2.1:8080
"""

# As in roles/boot_server/defaults/main.yml.
_PORT = 8080


def boot_server_url(variables):
    """Return the URL of a boot server; see DOCUMENTATION."""
    address = str(variables.get("boot_server_address") or "")
    if not address:
        return ""
    return f"http://{f'[{address}]' if ':' in address else address}:{variables.get('boot_server_http_port', _PORT)}"


class FilterModule:
    """The filters of this file."""

    def filters(self):
        """Return {name: filter}."""
        return {"boot_server_url": boot_server_url}
