# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Node records in the registry. Private to the collection; may change at any time.

A node record has the keys name, rack, driver, bmc (without password), ports, address, system_uuid, serial,
boot_mac (the MAC address of the first port with pxe_enabled), boot_mode, resource_class, root_device, properties,
traits, automated_clean, description, owner, extra, provision_state, target_provision_state, power_state, maintenance,
maintenance_reason, fault, protected, retired,
instance, last_error, lock, created_at, updated_at, provision_updated_at.
"""

from __future__ import annotations

import urllib.parse

from .._errors import BaremetalError
from .store import among, now
from .tables import LOCKS, NODES, PORTS

try:
    from sqlalchemy import delete, insert, select, update
except ImportError:
    select = None

# Keys of a record with a column of their own that enrolment may set.
_COLUMNS = ("rack", "driver", "address", "system_uuid", "serial")

# Keys of a record that live in the column details, with what stands for "not given".
_DETAILS = {
    "bmc": None,
    "boot_mode": "uefi",
    "resource_class": None,
    "root_device": {},
    "properties": {},
    "traits": [],
    "automated_clean": True,
    "description": None,
    "owner": None,
    "extra": {},
    "maintenance_reason": None,
    "fault": None,
    "protected": False,
    "retired": False,
}

# What an operator says of a node without describing it: stays as it is until a hardware file says otherwise.
_FLAGS = ("maintenance", "maintenance_reason", "protected", "retired")

_STATE_COLUMNS = (
    "provision_state", "target_provision_state", "power_state", "maintenance", "last_error", "instance",
    "created_at", "updated_at", "provision_updated_at",
)

_LOCK_COLUMNS = ("run_id", "host", "pid", "user", "stage", "since", "heartbeat")


def _record(row, ports, lock):
    record = {"name": row.name}
    record.update({key: getattr(row, key) for key in _COLUMNS})
    record.update({key: row.details.get(key, default) for key, default in _DETAILS.items()})
    record["ports"] = [{"address": port.address, "pxe_enabled": port.pxe_enabled, "name": port.name} for port in ports]
    record["boot_mac"] = next((port.address for port in ports if port.pxe_enabled), None)
    record.update({key: getattr(row, key) for key in _STATE_COLUMNS})
    record["lock"] = {key: getattr(lock, key) for key in _LOCK_COLUMNS} if lock else None
    return record


def read(connection, name, *, for_update=False):
    """The record of one node, inside a transaction of the caller.

    :param for_update: whether the row stays locked until the transaction ends (PostgreSQL; SQLite locks as a whole).
    :returns: the record, or None.
    """
    statement = select(NODES).where(NODES.c.name == name)
    row = connection.execute(statement.with_for_update() if for_update else statement).one_or_none()
    if row is None:
        return None
    ports = connection.execute(select(PORTS).where(PORTS.c.node == name).order_by(PORTS.c.position)).all()
    lock = connection.execute(select(LOCKS).where(LOCKS.c.node == name)).one_or_none()
    return _record(row, ports, lock)


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
        password, or None), system_uuid, serial.
    """
    columns = (NODES.c.name, NODES.c.driver, NODES.c.details, NODES.c.credential, NODES.c.system_uuid, NODES.c.serial)
    with engine.begin() as connection:
        rows = [row for some in among(NODES.c.name, names) for row in connection.execute(select(*columns).where(some))]
    return {
        row.name: {"driver": row.driver, "bmc": row.details.get("bmc"), "credential": row.credential, "system_uuid": row.system_uuid,
                   "serial": row.serial}
        for row in rows
    }


def list_nodes(engine):
    """All node records, by name. Three queries, however many nodes there are."""
    with engine.begin() as connection:
        rows = connection.execute(select(NODES).order_by(NODES.c.name)).all()
        locks = {lock.node: lock for lock in connection.execute(select(LOCKS))}
        ports = {}
        for port in connection.execute(select(PORTS).order_by(PORTS.c.position)):
            ports.setdefault(port.node, []).append(port)
    return [_record(row, ports.get(row.name, []), locks.get(row.name)) for row in rows]


def credential(engine, name):
    """The reference to the password of the node's BMC, or None."""
    with engine.begin() as connection:
        return connection.execute(select(NODES.c.credential).where(NODES.c.name == name)).scalar_one_or_none()


def set_power_state(engine, name, state):
    """Record the power state that was seen. A node that is not enrolled is no error.

    :param state: ``on``, ``off`` or None for unknown.
    """
    set_power_states(engine, {name: state})


def set_power_states(engine, states):
    """The same for many nodes, in one transaction.

    :param states: dict of power states by node.
    """
    with engine.begin() as connection:
        for state in set(states.values()):
            for some in among(NODES.c.name, [name for name, value in states.items() if value == state]):
                connection.execute(update(NODES).where(some).values(power_state=state))


def _bmc_key(node):
    """What tells one BMC from another: several systems may stand behind one address, several BMCs behind one gateway."""
    bmc = node.get("bmc")
    if not bmc:
        return None
    parts = urllib.parse.urlsplit(bmc["address"] if "://" in bmc["address"] else f"//{_bracketed(bmc['address'])}")
    port = bmc.get("port") or parts.port or {"http": 80, "ipmi": 623}.get(parts.scheme or node["driver"], 443)
    return f"{parts.hostname}:{port}/{bmc.get('system_id') or ''}"


def _bracketed(host):
    # A bare IPv6 address has more than one colon, a host with a port exactly one.
    return f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host


def upsert(connection, node, stored_credential, *, same_credential, check=None, check_mode=False):
    """Enrol a node, or bring its record to what the hardware file says now, inside a transaction of the caller.

    :param node: dict as ``schema.normalise`` returns it.
    :param stored_credential: reference to the BMC password as ``credentials.reference`` makes it, or None.
    :param same_credential: function of the old and the new reference; whether they mean the same password.
    :param check: function of the connection, the old record (None for a new node) and the set of keys that change;
        raises BaremetalError when they must not.
    :returns: (changed, before, after): dicts of the fields that enrolment owns; before is {} for a new node.
    :raises BaremetalError: when another node has the same MAC, address, UUID, serial or BMC.
    """
    node = dict(node)
    bmc = node.get("bmc")
    if bmc:
        node["bmc"] = {key: value for key, value in bmc.items() if key != "password"}
    details = {key: node.get(key, default) for key, default in _DETAILS.items()}
    old = read(connection, node["name"], for_update=True)
    _refuse_duplicates(connection, node)
    flags = {key: node.get(key, old[key] if old else _DETAILS.get(key, False)) for key in _FLAGS}
    if not flags["maintenance"]:
        flags["maintenance_reason"] = None
    details.update({key: value for key, value in flags.items() if key in _DETAILS}, fault=old["fault"] if old else None)
    after = {
        **{key: node.get(key) for key in _COLUMNS}, **{key: value for key, value in details.items() if key != "fault"},
        "maintenance": flags["maintenance"], "ports": node["ports"],
    }
    before = {key: old[key] for key in after} if old else {}
    old_credential = connection.execute(select(NODES.c.credential).where(NODES.c.name == node["name"])).scalar_one_or_none()
    credential_differs = not same_credential(old_credential, stored_credential)
    if credential_differs:
        before = {**before, "bmc_password": "********" if old_credential else None}
        after = {**after, "bmc_password": "******** (new)" if stored_credential else None}
    if before == after:
        return False, before, after
    if check:
        check(connection, old, {key for key, value in after.items() if key not in before or before[key] != value})
    if check_mode:
        return True, before, after
    values = {key: node.get(key) for key in _COLUMNS}
    values.update(details=details, bmc_key=_bmc_key(node), maintenance=flags["maintenance"], updated_at=now())
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


def _refuse_duplicates(connection, node):
    name = node["name"]
    wanted = [(NODES.c.address, "address"), (NODES.c.system_uuid, "system UUID"), (NODES.c.serial, "serial number")]
    found = [
        (label, node.get(column.name), connection.execute(
            select(NODES.c.name).where(column == node[column.name], NODES.c.name != name)).scalar())
        for column, label in wanted if node.get(column.name)
    ]
    key = _bmc_key(node)
    if key:
        found.append(("BMC", key, connection.execute(select(NODES.c.name).where(NODES.c.bmc_key == key, NODES.c.name != name)).scalar()))
    for port in node["ports"]:
        found.append(("MAC address", port["address"], connection.execute(
            select(PORTS.c.node).where(PORTS.c.address == port["address"], PORTS.c.node != name)).scalar()))
    for label, value, other in found:
        if other:
            raise BaremetalError(f"the {label} {value} belongs to node {other} already", node=name, stage="enrolment",
                                 cure=f"correct the hardware file, or remove {other} first")


def remove(connection, name, *, check=None, check_mode=False):
    """Forget a node, inside a transaction of the caller.

    :param check: function of the connection and the record; raises BaremetalError when the node must stay.
    :returns: whether there was one.
    """
    node = read(connection, name, for_update=True)
    if node is None:
        return False
    if check:
        check(connection, node)
    if not check_mode:
        connection.execute(delete(PORTS).where(PORTS.c.node == name))
        connection.execute(delete(NODES).where(NODES.c.name == name))
    return True
