# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: hardware
short_description: Nodes of a hardware file, in any of the forms that sites have
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Reads a file and returns the nodes in it as M(rackwright.baremetal.node) takes them. The form is told from the content.
  - A YAML or JSON file with the key C(nodes). What M(rackwright.baremetal.registry_export) writes is one.
  - A CSV file (its name ends with C(.csv)) with one node a row. The first row names the keys, with a dot for each level, such as
    C(name,driver,bmc.address,bmc.password.env,ports,root_device.serial). C(ports) are MAC addresses and C(traits) words, with spaces between them.
  - An inventory of Bifrost, C(baremetal.json) or C(baremetal.yml), with C(driver_info) flat or nested in C(power) and the like.
  - What C(openstack baremetal node list --long -f json) printed; see O(ports).
  - A file that is encrypted with Ansible Vault is decrypted. Expressions are templated in a file with the key C(nodes), and in no other.
    They are not in an export of the registry, which has the key C(exported), or C(states) at least, because texts of tenants and machines are in it.
  - Keys for which there is no place are left out, and a warning names them.
options:
  _terms:
    description: Path of the file.
    required: true
  ports:
    description: Path of what C(openstack baremetal port list --long -f json) printed, for the nodes of a list of Ironic's.
    type: str
  password:
    description:
      - Password of the BMCs, or the reference to it, a dictionary with one of the keys C(env), C(file) and C(vault), for nodes that
        have none in the file. Ironic does not show the passwords that it has.
    type: raw
seealso:
  - module: rackwright.baremetal.node
"""

EXAMPLES = r"""
- name: Enrol what Ironic has
  rackwright.baremetal.node:
    nodes: "{{ lookup('rackwright.baremetal.hardware', 'nodes.json', ports='ports.json', password={'env': 'BMC_PASSWORD'}) }}"
"""

RETURN = r"""
_raw:
  description: The nodes.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleError, AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display

from ..module_utils._errors import BaremetalError
from ..module_utils._registry import hardware_files

display = Display()


class LookupModule(LookupBase):
    """The nodes of each file."""

    def run(self, terms, variables=None, **kwargs):
        """Read the files and return a list of lists of nodes."""
        self.set_options(var_options=variables, direct=kwargs)
        ports = self.get_option("ports")
        return [self._nodes(path, self._load(ports) if ports else None) for path in terms]

    def _nodes(self, path, ports):
        data = self._load(path)
        if hardware_files.has_expressions(data):
            # Other files come from programs, and what tenants wrote may be in them.
            data = self._templar.template(data)
        try:
            nodes, left_out = hardware_files.read(data, ports=ports, password=self.get_option("password"))
        except BaremetalError as error:
            raise AnsibleLookupError(f"{path}: {error}") from None
        if left_out:
            display.warning(f"{path}: there is no place for {', '.join(left_out)}; left out")
        return nodes

    def _load(self, path):
        try:
            if str(path).lower().endswith(".csv"):
                return self._loader.get_text_file_contents(path)
            return self._loader.load_from_file(path, cache="none", trusted_as_template=True)
        except (AnsibleError, UnicodeDecodeError) as error:
            # Without what Ansible shows of the file beside it: passwords may be there.
            raise AnsibleLookupError(f"The hardware file {path} cannot be read. Seen: {getattr(error, 'message', 'it is no UTF-8 text')}") from None
