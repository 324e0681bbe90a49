#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_backup
short_description: Write a backup of the registry
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Writes all of the registry, as it is at one moment, into one file, while other runs may go on working.
  - The file is a registry in SQLite, whatever database it was made of, for its owner alone. It holds credentials as the registry does, as
    references and Ansible Vault ciphertext. It is read back and compared before it gets its name.
  - A registry can be moved from SQLite to PostgreSQL, or back, with a backup and M(rackwright.baremetal.registry_restore).
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.registry
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - Every call writes a new file; one that is there already is refused.
options:
  path:
    description: Path of the file. There must be none.
    type: path
    required: true
seealso:
  - module: rackwright.baremetal.registry_restore
  - module: rackwright.baremetal.registry_export
"""

EXAMPLES = r"""
- name: Write a backup
  rackwright.baremetal.registry_backup:
    registry: sqlite:////tmp/registry.db
    path: /tmp/registry-backup.db
"""

RETURN = r"""
path:
  description: Path of the backup.
  type: str
  returned: success
rows:
  description: Number of rows that were written; nothing in check mode, by table.
  type: dict
  returned: success
  sample:
    nodes: 40
    ports: 80
    history: 1312
"""

from ..module_utils._door import module_main
from ..module_utils._doors.registry_backup import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
