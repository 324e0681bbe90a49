# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which nodes the registry had and has no more. Private to the collection; may change at any time."""

from __future__ import annotations

from .tables import HISTORY, NODES, PORTS

try:
    from sqlalchemy import select
except ImportError:
    select = None


def read(engine):
    """The nodes that were removed. Of a node that no verb ever ran for nothing is left that could tell.

    :returns: (sorted names of nodes that have a history and no record, sorted MAC addresses of the ports of all that have one).
    """
    with engine.begin() as connection:
        names = connection.execute(select(HISTORY.c.node).distinct().where(HISTORY.c.node.not_in(select(NODES.c.name)))).scalars()
        return sorted(names), sorted(connection.execute(select(PORTS.c.address)).scalars())
