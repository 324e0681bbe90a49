# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Allocations: which nodes are given to whom, and how many an owner may have. Private to the collection; may change at any time.

The rules are Ironic's (ironic/conductor/allocations.py), with these differences: an allocation may have several nodes, which are given all or
none; nodes are taken in the order of their names, and neither at random nor one with the name of the allocation first; the power state of a node need not be
known; a node that has an owner or a lessee is given to nobody else,
also not when no owner is named.

An allocation is a dict with the keys name, owner, nodes, resource_class, traits, candidate_nodes and created_at.
"""

from __future__ import annotations

import re

from .._errors import BaremetalError
from . import nodes
from .store import by_bytes, now, one_at_a_time
from .tables import ALLOCATIONS, QUOTAS

try:
    from sqlalchemy import delete, func, insert, select, update
except ImportError:
    select = None

STAGE = "allocation"

# Nodes that a message names of each reason.
_SHOWN = 20

# What an allocation asks for, as it is kept in the column details.
_REQUIREMENTS = ("resource_class", "traits", "candidate_nodes")


def read(connection, name):
    """One allocation, inside a transaction of the caller; None where there is none of this name."""
    query = select(ALLOCATIONS).where(ALLOCATIONS.c.name == name).order_by(by_bytes(connection, ALLOCATIONS.c.node))
    return next(iter(_allocations(connection.execute(query))), None)


def list_allocations(engine):
    """All allocations, and all quotas.

    :returns: (list of allocations by name, dict by owner of ``{"nodes": the quota or None, "used": nodes that the owner has}``).
    """
    with engine.begin() as connection:
        found = _allocations(connection.execute(select(ALLOCATIONS).order_by(ALLOCATIONS.c.name, ALLOCATIONS.c.node)))
        limits = {row.owner: row.nodes for row in connection.execute(select(QUOTAS))}
    used = {}
    for allocation in found:
        if allocation["owner"] is not None:
            used[allocation["owner"]] = used.get(allocation["owner"], 0) + len(allocation["nodes"])
    return found, {owner: {"nodes": limits.get(owner), "used": used.get(owner, 0)} for owner in sorted({*limits, *used})}


def _allocations(rows):
    found = {}
    for row in rows:
        allocation = found.setdefault(row.name, {
            "name": row.name, "owner": row.owner, "nodes": [], **{key: row.details[key] for key in _REQUIREMENTS}, "created_at": row.created_at})
        allocation["nodes"].append(row.node)
        allocation["created_at"] = min(allocation["created_at"], row.created_at)
    return list(found.values())


def allocate(engine, name, *, owner=None, resource_class=None, traits=(), candidate_nodes=None, count=1, backfill=None, check_mode=False):
    """See to it that an allocation has its nodes: all of them or none are given.

    :param owner: whom the nodes are for; None for nobody in particular, whom no quota binds.
    :param resource_class: that the nodes must have.
    :param traits: that each node must have, all of them.
    :param candidate_nodes: names of the only nodes to choose from; None for all.
    :param count: how many nodes the allocation has. Those that it has already stay, those that it lacks are added.
    :param backfill: names of nodes in state active that become the allocation's, as they are; ``count`` and ``candidate_nodes`` are left out then.
    :returns: (before, after): the allocation, or None where there was none.
    :raises BaremetalError: when not enough nodes fit, telling of every node why it does not; when the quota is used up, or the allocation is
        there and asks for something else.
    """
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?", name) or len(name) > 255:
        raise BaremetalError(f"{name!r} cannot be the name of an allocation", stage=STAGE, cure="use letters, digits and - _ . between them")
    if count < 1:
        raise BaremetalError(f"an allocation cannot have {count} nodes", stage=STAGE, cure="give a count of 1 or more, or release it with state absent")
    asked = {
        "resource_class": resource_class, "traits": sorted(set(traits or [])),
        "candidate_nodes": None if candidate_nodes is None else sorted(set(candidate_nodes)),
    }
    with engine.begin() as connection:
        # One at a time: a quota is a sum over all, and two must not split the last nodes between them.
        one_at_a_time(connection)
        before = read(connection, name)
        if before is not None:
            _refuse_difference(before, {**asked, "owner": owner})
        had = before["nodes"] if before else []
        known = nodes.read_all(connection)
        _refuse_unknown(known, backfill if backfill is not None else candidate_nodes or [])
        if backfill is not None:
            asked_names, missing = set(backfill), len(set(backfill) - set(had))
        else:
            asked_names = None if candidate_nodes is None else set(candidate_nodes)
            missing = count - len(had)
        if missing < 0:
            raise BaremetalError(f"the allocation {name} has {len(had)} nodes, more than {count}", stage=STAGE, seen=", ".join(had),
                                 cure="undeploy those that are not needed any more, which releases them; what was never deployed is released "
                                      "with the whole allocation only, by state absent")
        if not missing:
            return before, before
        _refuse_over_quota(connection, owner, missing)
        chosen, reasons = [], {}
        for node in known:
            if node["name"] in had or len(chosen) == missing:
                continue
            why = _misfit(node, asked, asked_names, owner, backfill is not None)
            if not why:
                # Nobody changes it from here on; what was done to it in between is looked at.
                node = nodes.read(connection, node["name"], for_update=True)
                why = _misfit(node, asked, asked_names, owner, backfill is not None) if node else ["it was removed"]
            if why:
                reasons.setdefault("; ".join(why), []).append(node["name"] if node else "?")
            else:
                chosen.append(node["name"])
        if len(chosen) < missing:
            raise _too_few(name, missing, chosen, reasons)
        moment = now()
        if not check_mode:
            for node in chosen:
                connection.execute(insert(ALLOCATIONS).values(node=node, name=name, owner=owner, details=asked, created_at=moment))
            return before, read(connection, name)
        created = before["created_at"] if before else moment
        return before, {"name": name, "owner": owner, "nodes": sorted([*had, *chosen]), **asked, "created_at": created}


def _refuse_difference(before, asked):
    differing = [f"{key} {before[key]!r}, not {asked[key]!r}" for key in ("owner", *_REQUIREMENTS) if before[key] != asked[key]]
    if differing:
        raise BaremetalError(f"the allocation {before['name']} exists and asks for something else", stage=STAGE, seen="; ".join(differing),
                             cure="choose another name, or release it first with state absent")


def _refuse_unknown(known, names):
    unknown = sorted(set(names) - {node["name"] for node in known})
    if unknown:
        raise BaremetalError(f"the registry has no node {', '.join(unknown)}", stage=STAGE, cure="correct the names, or enrol the nodes with enroll.yml")


def _refuse_over_quota(connection, owner, missing):
    if owner is None:
        return
    limit = connection.execute(select(QUOTAS.c.nodes).where(QUOTAS.c.owner == owner)).scalar_one_or_none()
    used = connection.execute(select(func.count()).select_from(ALLOCATIONS).where(ALLOCATIONS.c.owner == owner)).scalar()
    if limit is not None and used + missing > limit:
        raise BaremetalError(f"the quota of {owner} does not suffice for {missing} more", stage=STAGE, seen=f"{used} of {limit} nodes are in use",
                             cure="release nodes, or raise the quota with the module allocation_quota")


def _misfit(node, asked, names, owner, backfill):
    """Why a node cannot be given; an empty list when it can."""
    why = []
    if names is not None and node["name"] not in names:
        return ["not among those asked for"]
    if asked["resource_class"] is not None and node["resource_class"] != asked["resource_class"]:
        why.append(f"resource class {node['resource_class']}" if node["resource_class"] else "no resource class")
    lacking = [trait for trait in asked["traits"] if trait not in node["traits"]]
    if lacking:
        why.append(f"lacks the trait {', '.join(lacking)}")
    holders = [holder for holder in (node["owner"], node["lessee"]) if holder]
    if holders and owner not in holders:
        why.append(f"belongs to {' and '.join(holders)}")
    if node["allocation"]:
        why.append(f"allocated as {node['allocation']['name']}")
    state = "active" if backfill else "available"
    if node["provision_state"] != state:
        why.append(f"state {node['provision_state']}")
    if node["instance"] and not backfill:
        why.append("carries an instance")
    if node["maintenance"]:
        why.append("in maintenance")
    if node["retired"]:
        why.append("retired")
    return why


def _too_few(name, missing, chosen, reasons):
    told = [
        f"({len(names)}) {', '.join(names[:_SHOWN])}{f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''}: {why}"
        for why, names in sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    found = f"only {len(chosen)} ({', '.join(chosen[:_SHOWN])})" if chosen else "none"
    return BaremetalError(
        f"the allocation {name} needs {missing} more node{'s' if missing > 1 else ''}, and {found} fit{'' if len(chosen) > 1 else 's'}", stage=STAGE,
        seen=". ".join(told) or "the registry has no other node",
        cure="ask for less, or make nodes fit: provide.yml makes them available, and the hardware file gives class, traits and owner")


def release(engine, name, *, check_mode=False):
    """Give up an allocation with all of its nodes.

    :returns: the allocation as it was, or None.
    :raises BaremetalError: when one of its nodes is in use; then none is released. A node in maintenance is let go (Ironic's rule).
    """
    with engine.begin() as connection:
        one_at_a_time(connection)
        before = read(connection, name)
        if before is None:
            return None
        for node in (nodes.read(connection, node, for_update=True) for node in before["nodes"]):
            if node["provision_state"] != "available" and not node["maintenance"]:
                raise BaremetalError(f"the allocation {name} cannot be released while its nodes are in use", node=node["name"], stage=STAGE,
                                     seen=f"state {node['provision_state']}", cure="undeploy the node, which releases it")
        if not check_mode:
            connection.execute(delete(ALLOCATIONS).where(ALLOCATIONS.c.name == name))
        return before


def release_node(connection, node):
    """Let go of one node, inside a transaction of the caller. An allocation ends with its last one."""
    connection.execute(delete(ALLOCATIONS).where(ALLOCATIONS.c.node == node))


def set_quota(engine, owner, limit, *, check_mode=False):
    """Say how many nodes an owner may have allocated at a time. What the owner has already stays.

    :param limit: number of nodes, or None for no limit.
    :returns: the quota before.
    :raises BaremetalError: for a negative number.
    """
    if limit is not None and limit < 0:
        raise BaremetalError(f"a quota of {limit} nodes makes no sense", stage=STAGE, cure="give 0 or more, or state absent for no limit")
    with engine.begin() as connection:
        one_at_a_time(connection)
        before = connection.execute(select(QUOTAS.c.nodes).where(QUOTAS.c.owner == owner)).scalar_one_or_none()
        if before != limit and not check_mode:
            if limit is None:
                connection.execute(delete(QUOTAS).where(QUOTAS.c.owner == owner))
            elif before is None:
                connection.execute(insert(QUOTAS).values(owner=owner, nodes=limit, updated_at=now()))
            else:
                connection.execute(update(QUOTAS).where(QUOTAS.c.owner == owner).values(nodes=limit, updated_at=now()))
        return before
