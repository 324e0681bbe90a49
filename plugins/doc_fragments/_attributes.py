# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module says of itself. Private to the collection; may change at any time."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying anything.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
"""

    # For modules that run inside Ansible's own worker on the controller unless they are delegated.
    CONTROLLER = r"""
options: {}
attributes:
  action:
    support: full
    description: Runs inside the worker process of the controller; no interpreter is started and no connection is made.
  delegation:
    support: full
    description: With C(delegate_to) a remote host the work is done by the module there, for example on a gateway.
  action_group:
    support: full
    membership: [rackwright.baremetal.controller]
    description: Use C(group/rackwright.baremetal.controller) in C(module_defaults) to set options once for all modules of the group.
"""

    # For modules that work on the registry alone.
    REGISTRY = r"""
options: {}
attributes:
  action:
    support: full
    description: Runs inside the worker process of the controller; no interpreter is started and no connection is made.
  delegation:
    support: none
    description: With C(delegate_to) a remote host the work is done by the module there, for example on a gateway.
    details:
      - The registry is at hand on the controller alone, so C(delegate_to) makes no difference.
  action_group:
    support: full
    membership: [rackwright.baremetal.controller]
    description: Use C(group/rackwright.baremetal.controller) in C(module_defaults) to set options once for all modules of the group.
"""
