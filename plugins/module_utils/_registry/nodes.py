# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Node records in the registry. Private to the collection; may change at any time.

A node record has the keys name, rack, driver, bmc (without password), ports, address, system_uuid, serial,
boot_mac (the MAC address of the first port with pxe_enabled), boot_mode, boot_interface, resource_class, root_device, properties,
traits, automated_clean, disable_power_off, description, owner, lessee, site, location, network_data, extra, provision_state,
target_provision_state, power_state, power_sync_failures, maintenance, maintenance_reason, fault, protected, protected_reason, retired, retired_reason,
instance, allocation (name and owner, or None), addresses (that the registry gave it: list of dicts with network, link and address), work,
last_error, lock, created_at, updated_at, provision_updated_at, inspection_finished_at.
Of its properties those that the hardware file does not give are what an inspection found; so are traits, resource_class and description by
the rules of the site. The inventory of that inspection is no part of it.
"""

from __future__ import annotations

import functools

from .._errors import BaremetalError
from . import addresses, duplicates
from .store import among, by_bytes, now
from .tables import ADDRESSES, ALLOCATIONS, LOCKS, NODES, PORTS

try:
    from sqlalchemy import bindparam, delete, insert, select, update
except ImportError:
    select = None

# Keys of a record with a column of their own that enrolment may set.
_COLUMNS = ("rack", "driver", "address", "system_uuid", "serial")

# Keys of a record that live in the column details, with what stands for "not given".
_DETAILS = {
    "bmc": None,
    "boot_mode": "uefi",
    "boot_interface": None,
    "resource_class": None,
    "root_device": {},
    "properties": {},
    "traits": [],
    "automated_clean": True,
    "description": None,
    "owner": None,
    "lessee": None,
    "site": None,
    "location": None,
    "network_data": {},
    "extra": {},
    "disable_power_off": False,
    "maintenance_reason": None,
    "fault": None,
    "protected": False,
    "protected_reason": None,
    "retired": False,
    "retired_reason": None,
}

# What an operator says of a node without describing it: stays as it is until a hardware file says otherwise.
_FLAGS = ("maintenance", "maintenance_reason", "protected", "protected_reason", "retired", "retired_reason")

_STATE_COLUMNS = (
    "provision_state", "target_provision_state", "power_state", "power_sync_failures", "maintenance", "last_error", "instance", "work",
    "created_at", "updated_at", "provision_updated_at", "inspection_finished_at",
)

_LOCK_COLUMNS = ("run_id", "host", "pid", "user", "stage", "since", "heartbeat")


def _record(row, ports, lock, allocation, given):
    record = {"name": row.name}
    record.update({key: getattr(row, key) for key in _COLUMNS})
    record.update({key: row.details.get(key, default) for key, default in _DETAILS.items()})
    record.update(_with_inspected(record, row.details.get("inspected", {}), row.details.get("ruled", {})))
    record["ports"] = [
        {"address": port.address, "pxe_enabled": port.pxe_enabled, "name": port.name,
         **({"local_link_connection": port.local_link_connection} if port.local_link_connection else {})} for port in ports]
    record["boot_mac"] = next((port.address for port in ports if port.pxe_enabled), None)
    record.update({key: getattr(row, key) for key in _STATE_COLUMNS})
    record["allocation"] = {"name": allocation.name, "owner": allocation.owner} if allocation else None
    record["lock"] = {key: getattr(lock, key) for key in _LOCK_COLUMNS} if lock else None
    record["addresses"] = [{"network": one.network, "link": one.link, "address": one.address} for one in given]
    return record


def _with_inspected(record, inspected, ruled):
    """The keys of a record that an inspection adds to: what the hardware file says, and what was found beside it.

    :param record: dict with properties, traits, resource_class and description by the hardware file.
    :param inspected: properties that were found.
    :param ruled: what follows by the rules of the site, see ``inspections.keep``.
    """
    properties = {**inspected, **record["properties"]}
    if inspected.get("capabilities") and record["properties"].get("capabilities"):
        properties["capabilities"] = {**inspected["capabilities"], **record["properties"]["capabilities"]}
    return {
        "properties": properties,
        "traits": [*record["traits"], *(trait for trait in ruled.get("traits", []) if trait not in record["traits"])],
        **{key: record[key] if record[key] is not None else ruled.get(key) for key in ("resource_class", "description")},
    }


def _select():
    """All of the nodes but what is large and seldom asked for."""
    return select(*(column for column in NODES.c if column is not NODES.c.inventory))


def _addresses():
    return select(ADDRESSES).order_by(ADDRESSES.c.network, ADDRESSES.c.link)


def hardware(record, stored_credential):
    """A node as a hardware file describes it: what enrolment takes, and nothing that is not given.

    A flag that is not set counts as not given, and so does maintenance that the life cycle began: to enrol the file lifts no flag that was set since,
    and makes no fault an operator's.

    :param record: the record of the node.
    :param stored_credential: the reference to the password of its BMC, or None.
    """
    kept = ["name", *_COLUMNS, *(key for key in _DETAILS if key != "fault"), "maintenance", "ports"]
    left_out = {key for key in ("maintenance", "protected", "retired") if record[key] is False}
    left_out |= {"maintenance", "maintenance_reason"} if record["fault"] else set()
    node = {key: record[key] for key in kept if record[key] not in (None, [], {}) and key not in left_out}
    if stored_credential and node.get("bmc"):
        node["bmc"] = {**node["bmc"], "password": stored_credential}
    return node


def state(record):
    """The rest of a record: what becomes of a node by working with it, without who works on it at the moment."""
    return {key: record[key] for key in (*_STATE_COLUMNS, "fault") if key != "maintenance"}


@functools.cache
def _of_one(for_update):
    """The queries for one node. Made once: that takes SQLAlchemy longer than the database takes to answer them, and most tasks ask several times."""
    node = bindparam("node")
    row = _select().where(NODES.c.name == node)
    return (
        row.with_for_update() if for_update else row,
        select(PORTS).where(PORTS.c.node == node).order_by(PORTS.c.position),
        select(LOCKS).where(LOCKS.c.node == node),
        select(ALLOCATIONS).where(ALLOCATIONS.c.node == node),
        _addresses().where(ADDRESSES.c.node == node),
    )


def read(connection, name, *, for_update=False):
    """The record of one node, inside a transaction of the caller.

    :param for_update: whether the row stays locked until the transaction ends (PostgreSQL; SQLite locks as a whole).
    :returns: the record, or None.
    """
    of_node, *others = _of_one(for_update)
    row = connection.execute(of_node, {"node": name}).one_or_none()
    if row is None:
        return None
    ports, lock, allocation, given = (connection.execute(query, {"node": name}).all() for query in others)
    return _record(row, ports, lock[0] if lock else None, allocation[0] if allocation else None, given)


def any_name(connection):
    """The name of some node, or None where there is none."""
    return connection.execute(select(NODES.c.name).limit(1)).scalar()


def get(engine, name):
    """The record of one node.

    :raises BaremetalError: when there is no such node.
    """
    with engine.begin() as connection:
        record = read(connection, name)
    if record is None:
        raise unknown(name)
    return record


def unknown(name):
    """The error for a node that is not enrolled."""
    return BaremetalError("the registry has no such node", node=name, stage="registry",
                          cure="enrol it with enroll.yml, or check the name and the registry URL")


def bmcs(engine, names):
    """What is known of the BMCs of some nodes.

    :returns: dict by node, without those that are not enrolled: driver, bmc (without password), credential (the reference to the
        password, or None), system_uuid, serial, disable_power_off.
    """
    with engine.begin() as connection:
        return read_bmcs(connection, names)


def read_bmcs(connection, names):
    """The same, inside a transaction of the caller."""
    columns = (NODES.c.name, NODES.c.driver, NODES.c.details, NODES.c.credential, NODES.c.system_uuid, NODES.c.serial)
    rows = [row for some in among(NODES.c.name, names) for row in connection.execute(select(*columns).where(some))]
    return {
        row.name: {"driver": row.driver, "bmc": row.details.get("bmc"), "credential": row.credential, "system_uuid": row.system_uuid,
                   "serial": row.serial, "disable_power_off": row.details.get("disable_power_off", False)}
        for row in rows
    }


def list_nodes(engine):
    """All node records, by name. Five queries, however many nodes there are."""
    with engine.begin() as connection:
        return read_all(connection)


def read_all(connection):
    """The same, inside a transaction of the caller."""
    rows = connection.execute(_select().order_by(by_bytes(connection, NODES.c.name))).all()
    locks = {lock.node: lock for lock in connection.execute(select(LOCKS))}
    allocations = {allocation.node: allocation for allocation in connection.execute(select(ALLOCATIONS))}
    ports = {}
    for port in connection.execute(select(PORTS).order_by(PORTS.c.position)):
        ports.setdefault(port.node, []).append(port)
    given = {}
    for address in connection.execute(_addresses()):
        given.setdefault(address.node, []).append(address)
    return [_record(row, ports.get(row.name, []), locks.get(row.name), allocations.get(row.name), given.get(row.name, [])) for row in rows]


def credential(engine, name):
    """The reference to the password of the node's BMC, or None."""
    with engine.begin() as connection:
        return connection.execute(select(NODES.c.credential).where(NODES.c.name == name)).scalar_one_or_none()


def set_credential(engine, name, old, new):
    """Replace the reference to the password of the node's BMC, unless somebody else has replaced it meanwhile.

    :param old: the reference as it was read.
    :param new: what takes its place, as ``credentials.reference`` makes it.
    :returns: whether it was replaced.
    """
    with engine.begin() as connection:
        stored = connection.execute(select(NODES.c.credential).where(NODES.c.name == name).with_for_update()).scalar_one_or_none()
        if stored != old:
            return False
        connection.execute(update(NODES).where(NODES.c.name == name).values(credential=new, updated_at=now()))
        return True


def set_power_states(connection, states):
    """Record the power states that were seen, inside a transaction of the caller. A node that is not enrolled is no error.

    :param states: dict by node of ``on``, ``off`` or None for unknown.
    """
    for some in among(NODES.c.name, sorted(states)):
        connection.execute(select(NODES.c.name).where(some).order_by(by_bytes(connection, NODES.c.name)).with_for_update())
    for state in set(states.values()):
        for some in among(NODES.c.name, [name for name, value in states.items() if value == state]):
            connection.execute(update(NODES).where(some).values(power_state=state))


def set_flags(connection, name, flags):
    """Set some of a node's flags, inside a transaction of the caller.

    :param flags: dict with any of maintenance, protected and retired, their reasons, and fault.
    """
    details = connection.execute(select(NODES.c.details).where(NODES.c.name == name)).scalar_one()
    values = {"details": {**details, **{key: value for key, value in flags.items() if key in _DETAILS}}, "updated_at": now()}
    if "maintenance" in flags:
        values["maintenance"] = flags["maintenance"]
    connection.execute(update(NODES).where(NODES.c.name == name).values(**values))


def set_work(connection, name, work):
    """Set what a verb is doing on a node, inside a transaction of the caller.

    :param work: dict, or None for nothing.
    """
    connection.execute(update(NODES).where(NODES.c.name == name).values(work=work))


def make_way(connection, enrolled):
    """Have nodes that are enrolled together give up what they will not have any more, so that they can swap it, inside a transaction of the caller.

    :param enrolled: list of dicts as ``schema.normalise`` returns them.
    :returns: the records of those that are known, as they were before, by name.
    """
    known = {}
    # In the order in which everybody takes hold of several nodes.
    for node in sorted(enrolled, key=lambda node: node["name"]):
        old = read(connection, node["name"], for_update=True)
        if old:
            known[node["name"]] = old
            duplicates.give_up(connection, _with_address(connection, node), old)
    return known


def upsert(connection, node, stored_credential, *, same_credential, check=None, known=None):
    """Enrol a node, or bring its record to what the hardware file says now, inside a transaction of the caller.

    :param node: dict as ``schema.normalise`` returns it.
    :param stored_credential: reference to the BMC password as ``credentials.reference`` makes it, or None.
    :param same_credential: function of the old and the new reference; whether they mean the same password.
    :param check: function of the connection, the old record (None for a new node) and the set of keys that change;
        raises BaremetalError when they must not.
    :param known: what ``make_way`` returned, where the node is enrolled together with others.
    :returns: (changed, before, after): dicts of the fields that enrolment owns; before is {} for a new node.
    :raises BaremetalError: when another node has the same MAC, address, UUID, serial, BMC or switch port.
    """
    node = _with_address(connection, node)
    bmc = node.get("bmc")
    if bmc:
        node["bmc"] = {key: value for key, value in bmc.items() if key != "password"}
    details = {key: node.get(key, default) for key, default in _DETAILS.items()}
    old = read(connection, node["name"], for_update=True) if known is None else known.get(node["name"])
    stored = connection.execute(select(NODES.c.details, NODES.c.credential).where(NODES.c.name == node["name"])).one_or_none()
    inspected = dict(stored.details.get("inspected", {})) if stored else {}
    ruled = stored.details.get("ruled", {}) if stored else {}
    if old and old["root_device"] != details["root_device"]:
        # It was the size of another disk.
        inspected.pop("local_gb", None)
    old_credential = stored.credential if stored else None
    flags = {key: node.get(key, old[key] if old else _DETAILS.get(key, False)) for key in _FLAGS}
    for flag in ("maintenance", "protected", "retired"):
        if not flags[flag]:
            flags[f"{flag}_reason"] = None
    # A fault is maintenance that the life cycle began; what the hardware file says of maintenance is the operator's.
    fault = old["fault"] if old and "maintenance" not in node else None
    details.update({key: value for key, value in flags.items() if key in _DETAILS}, fault=fault)
    after = {
        **{key: node.get(key) for key in _COLUMNS}, **details, **_with_inspected(details, inspected, ruled),
        "maintenance": flags["maintenance"], "ports": node["ports"],
    }
    before = {key: old[key] for key in after} if old else {}
    credential_differs = not same_credential(old_credential, stored_credential)
    if credential_differs:
        before = {**before, "bmc_password": "********" if old_credential else None}
        after = {**after, "bmc_password": "******** (new)" if stored_credential else None}
    if before == after:
        return False, before, after
    duplicates.refuse(connection, node)
    addresses.enrol(connection, node)
    if check:
        check(connection, old, {key for key, value in after.items() if key not in before or before[key] != value})
    values = {key: node.get(key) for key in _COLUMNS}
    values.update(details={**details, "inspected": inspected, "ruled": ruled},
                  bmc_key=duplicates.bmc_key(node), maintenance=flags["maintenance"], updated_at=now())
    if credential_differs or not old:
        values["credential"] = stored_credential
    if old:
        connection.execute(update(NODES).where(NODES.c.name == node["name"]).values(**values))
    else:
        connection.execute(insert(NODES).values(
            name=node["name"], provision_state="enroll", created_at=values["updated_at"],
            provision_updated_at=values["updated_at"], **values))
    connection.execute(delete(PORTS).where(PORTS.c.node == node["name"]))
    for position, port in enumerate(node["ports"]):
        connection.execute(insert(PORTS).values(node=node["name"], position=position, **port))
    return True, before, after


def _with_address(connection, node):
    """A node as the hardware file has it, with the address that the registry has given it where the file gives none."""
    return {**node, "address": node.get("address") or addresses.given_to_boot(connection, node["name"])}


def remove(connection, name, *, check=None):
    """Forget a node, inside a transaction of the caller.

    :param check: function of the connection and the record; raises BaremetalError when the node must stay.
    :returns: whether there was one.
    """
    node = read(connection, name, for_update=True)
    if node is None:
        return False
    if check:
        check(connection, node)
    connection.execute(delete(PORTS).where(PORTS.c.node == name))
    connection.execute(delete(NODES).where(NODES.c.name == name))
    return True
