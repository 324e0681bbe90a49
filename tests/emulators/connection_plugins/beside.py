# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A local connection under another name: what Ansible takes for a remote host."""

from __future__ import annotations

DOCUMENTATION = """
name: beside
short_description: Execute on this host as if it were another one
description: For tests of delegated tasks.
author: rackwright.baremetal contributors (@rackwright)
extends_documentation_fragment:
  - connection_pipelining
"""

from ansible.plugins.connection.local import Connection as LocalConnection


class Connection(LocalConnection):
    """Everything but the name is the local connection's."""

    transport = "beside"
