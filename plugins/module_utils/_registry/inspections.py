# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What inspections of nodes found, by source. Private to the collection; may change at any time.

The column ``inventory`` of a node holds a dict by source, ``in-band`` and ``out-of-band``, of dicts with ``at`` (the time), ``hardware`` and
``drift`` (what differed from the inspection before it), and ``previous`` (its time, or None).
"""

from __future__ import annotations

from .drift import drift, merged
from .store import among, now
from .tables import NODES

try:
    from sqlalchemy import select, update
except ImportError:
    select = None

# The first one counts where they know the same: the machine itself saw it.
SOURCES = ("in-band", "out-of-band")


def read(engine, names):
    """What is kept of some nodes.

    :returns: dict of what the column holds by node; {} for one that was never inspected, without those that are not enrolled.
    """
    with engine.begin() as connection:
        return {row.name: {source: row.inventory[source] for source in SOURCES if source in (row.inventory or {})}
                for some in among(NODES.c.name, names)
                for row in connection.execute(select(NODES.c.name, NODES.c.inventory).where(some))}


def hardware(found):
    """The hardware of a node by all that its inspections found, or None where there was none.

    :param found: dict of one node as ``read`` returns it.
    """
    looks = [found[source]["hardware"] for source in SOURCES if source in found]
    return merged(*looks) if len(looks) == 2 else looks[0] if looks else None


def renewed(found, source, seen):
    """What is kept after another inspection.

    :param found: dict of one node as ``read`` returns it; it is not changed.
    :param source: one of SOURCES.
    :param seen: the hardware that was found.
    :returns: a new dict, with the drift against the inspection before from the same source.
    """
    before = found.get(source)
    changes = drift(before["hardware"], seen) if before else []
    return {**found, source: {"at": now(), "previous": before["at"] if before else None, "hardware": seen, "drift": changes}}


def keep(connection, name, found, properties, ruled=None):
    """Keep what inspections found, inside a transaction of the caller.

    :param found: dict as ``renewed`` returns it.
    :param properties: dict of properties that follow from it; they count where the hardware file does not say them.
    :param ruled: dict of traits (list), resource_class and description that follow from it by the rules of the site; traits are added to those
        of the hardware file, the others count where it does not say them.
    """
    details = connection.execute(select(NODES.c.details).where(NODES.c.name == name)).scalar_one()
    moment = now()
    connection.execute(update(NODES).where(NODES.c.name == name).values(
        inventory=found, inspection_finished_at=moment, updated_at=moment, details={**details, "inspected": properties, "ruled": ruled or {}}))
