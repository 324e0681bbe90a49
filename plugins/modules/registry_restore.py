#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_restore
short_description: Make the registry what a backup says
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Replaces everything in the registry by what a backup of M(rackwright.baremetal.registry_backup) holds, in one transaction. Backups of
    older releases are brought to the present schema first.
  - It is refused while a run works on a node. Locks are not restored; a node in a transient state is taken from there by the next run.
  - What the registry held is written to O(keep) first, as a backup. What was restored is read back and compared; when it differs, nothing has
    changed.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.registry
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows the number of rows in each table.
  idempotent:
    support: full
options:
  path:
    description: Path of the backup.
    type: path
    required: true
  keep:
    description: Path of the file that keeps what the registry held before. There must be none. It is not written when nothing changes.
    type: path
    required: true
seealso:
  - module: rackwright.baremetal.registry_backup
"""

EXAMPLES = r"""
- name: Restore a backup
  rackwright.baremetal.registry_restore:
    registry: sqlite:////tmp/registry.db
    path: /tmp/registry-backup.db
    keep: /tmp/registry-before.db
"""

RETURN = r"""
kept:
  description: Path of the file with what the registry held before.
  type: str
  returned: when something changed
rows:
  description: Number of rows in the backup, locks excepted, by table.
  type: dict
  returned: success
  sample:
    nodes: 40
    ports: 80
    history: 1312
"""

from ..module_utils._door import module_main
from ..module_utils._doors.registry_restore import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
