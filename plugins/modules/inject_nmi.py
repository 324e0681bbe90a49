#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: inject_nmi
short_description: Inject a non-maskable interrupt into a node
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Injects a non-maskable interrupt through the BMC, on which a hung operating system that is set up for it writes a crash dump.
  - What the operating system makes of it, the BMC cannot tell. See M(rackwright.baremetal.console_capture) for what it prints.
  - A node that is off is refused.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.controller
  - rackwright.baremetal.node
  - rackwright.baremetal.bmc
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
    details:
      - The BMC is asked whether the node is on and whether it offers an NMI; nothing is injected.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - An interrupt is an event and no state, so that every run injects one and reports a change.
seealso:
  - module: rackwright.baremetal.console_capture
  - module: rackwright.baremetal.power
"""

EXAMPLES = r"""
- name: Have the hung kernel write its crash dump
  rackwright.baremetal.inject_nmi:
"""

RETURN = r"""
# Nothing but what every module returns.
"""

from ..module_utils._door import module_main
from ..module_utils._doors.inject_nmi import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
