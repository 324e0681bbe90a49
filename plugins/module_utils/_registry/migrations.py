# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Schema migrations of the registry, forward only. Private to the collection; may change at any time.

Each migration is written with Alembic's operations and is never edited once it was released; a new
schema is a new function at the end of ``MIGRATIONS``.
"""

from __future__ import annotations

from .._errors import BaremetalError, missing_library
from .duplicates import canonical, parts_of

try:
    import sqlalchemy as sa
except ImportError:
    # store.py says so before it comes here.
    sa = None


def _initial(op):
    op.create_table(
        "nodes",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("rack", sa.String(255)),
        sa.Column("driver", sa.String(32), nullable=False),
        sa.Column("provision_state", sa.String(32), nullable=False),
        sa.Column("target_provision_state", sa.String(32)),
        sa.Column("power_state", sa.String(32)),
        sa.Column("address", sa.String(64), unique=True),
        sa.Column("system_uuid", sa.String(64), unique=True),
        sa.Column("serial", sa.String(255), unique=True),
        sa.Column("bmc_key", sa.String(512), unique=True),
        sa.Column("maintenance", sa.Boolean, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("credential", sa.JSON),
        sa.Column("instance", sa.JSON),
        sa.Column("created_at", sa.String(40), nullable=False),
        sa.Column("updated_at", sa.String(40), nullable=False),
        sa.Column("provision_updated_at", sa.String(40), nullable=False),
    )
    op.create_table(
        "ports",
        sa.Column("address", sa.String(17), primary_key=True),
        sa.Column("node", sa.String(255), sa.ForeignKey("nodes.name", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("pxe_enabled", sa.Boolean, nullable=False),
        sa.Column("name", sa.String(255)),
    )
    op.create_table(
        "locks",
        sa.Column("node", sa.String(255), sa.ForeignKey("nodes.name", ondelete="CASCADE"), primary_key=True),
        sa.Column("run_id", sa.String(36), nullable=False, index=True),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        # Clock ticks since boot: 32 bits end after 248 days.
        sa.Column("start_time", sa.BigInteger, nullable=False),
        sa.Column("user", sa.String(255), nullable=False),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("nonce", sa.String(32), nullable=False),
        sa.Column("since", sa.String(40), nullable=False),
        sa.Column("heartbeat", sa.String(40), nullable=False),
    )
    op.create_table(
        "history",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("node", sa.String(255), nullable=False, index=True),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("who", sa.String(512), nullable=False),
        sa.Column("run_id", sa.String(36)),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("from_state", sa.String(32)),
        sa.Column("to_state", sa.String(32)),
        sa.Column("duration", sa.Float),
        sa.Column("error", sa.Text),
        sa.Column("instance", sa.JSON),
    )
    op.create_table(
        "images",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("digest", sa.String(128), nullable=False),
        sa.Column("published_at", sa.String(40), nullable=False),
        sa.Column("record", sa.JSON, nullable=False),
    )


def _lock_place(op):
    op.add_column("locks", sa.Column("place", sa.String(128)))


def _allocations(op):
    # What a verb is doing on the node: its steps, and how far it has come.
    op.add_column("nodes", sa.Column("work", sa.JSON))
    op.add_column("nodes", sa.Column("inventory", sa.JSON))
    op.add_column("nodes", sa.Column("inspection_finished_at", sa.String(40)))
    op.add_column("nodes", sa.Column("power_sync_failures", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "allocations",
        sa.Column("node", sa.String(255), sa.ForeignKey("nodes.name", ondelete="CASCADE"), primary_key=True),
        sa.Column("name", sa.String(255), nullable=False, index=True),
        sa.Column("owner", sa.String(255), index=True),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("created_at", sa.String(40), nullable=False),
    )
    op.create_table(
        "quotas",
        sa.Column("owner", sa.String(255), primary_key=True),
        sa.Column("nodes", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.String(40), nullable=False),
    )


def _networks(op):
    op.create_table(
        "networks",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("cidr", sa.String(64), nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("created_at", sa.String(40), nullable=False),
        sa.Column("updated_at", sa.String(40), nullable=False),
    )
    op.create_table(
        "addresses",
        sa.Column("address", sa.String(64), primary_key=True),
        sa.Column("network", sa.String(255), sa.ForeignKey("networks.name"), nullable=False),
        sa.Column("node", sa.String(255), sa.ForeignKey("nodes.name", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("link", sa.String(255), nullable=False),
        sa.Column("created_at", sa.String(40), nullable=False),
        sa.UniqueConstraint("network", "node", "link", name="uq_addresses_network_node_link"),
    )


def _switch_ports(op):
    op.add_column("ports", sa.Column("local_link_connection", sa.JSON))


def _bmc_hosts(op):
    """The keys of BMCs have one spelling of each address, see ``duplicates.canonical``. Of two nodes that share a BMC already, one keeps its own."""
    nodes = sa.table("nodes", sa.column("name"), sa.column("bmc_key"))
    connection = op.get_bind()
    rows = connection.execute(sa.select(nodes).where(nodes.c.bmc_key.is_not(None)).order_by(nodes.c.name)).all()
    taken = {row.bmc_key for row in rows}
    for row in rows:
        host, port, system = parts_of(row.bmc_key)
        key = f"{canonical(host)}:{port}/{system}"
        if key not in taken:
            connection.execute(sa.update(nodes).where(nodes.c.name == row.name).values(bmc_key=key))
            taken.add(key)


# (version, migration), oldest first.
MIGRATIONS = (("0001", _initial), ("0002", _lock_place), ("0003", _allocations), ("0004", _networks), ("0005", _switch_ports), ("0006", _bmc_hosts))

# Any number that nothing else in the database locks by.
_UPGRADE_LOCK = 0x7261636B


def upgrade(engine, *, create=True, migrate=True):
    """Apply every migration that the database has not seen yet, in one transaction.

    :param create: whether a database that holds no registry gets one.
    :param migrate: whether the registry of an older release is changed.
    :returns: whether there is a registry.
    :raises BaremetalError: when the database was made by a newer release, or by an older one and must not be changed.
    """
    versions = [version for version, step in MIGRATIONS]
    current = _version(engine)
    if current is None and not create:
        return False
    if current == versions[-1]:
        return True
    if current in versions and not migrate:
        raise BaremetalError(f"the registry has schema {current} of an older release, and check mode does not change it", stage="registry",
                             cure=f"back it up with the release that made it, then run any command without --check, which brings it to schema {versions[-1]}")
    try:
        # Here, because nearly every opening finds the newest schema and need not pay for Alembic: 0.15 s of CPU.
        from alembic.operations import Operations
        from alembic.runtime.migration import MigrationContext
    except ImportError as error:
        raise missing_library("alembic", error) from error
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Two controllers may open a new database at the same moment, and IF NOT EXISTS does not hold between them.
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:number)"), {"number": _UPGRADE_LOCK})
        connection.execute(sa.text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        current = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        if current is not None and current not in versions:
            raise BaremetalError(f"the registry has schema {current}, this release knows schemas up to {versions[-1]}", stage="registry",
                                 cure="use the release of rackwright.baremetal that made it, or a newer one")
        operations = Operations(MigrationContext.configure(connection))
        for version, migration in MIGRATIONS[versions.index(current) + 1 if current else 0:]:
            migration(operations)
        connection.execute(sa.text("DELETE FROM alembic_version"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES (:version)"), {"version": versions[-1]})
    return True


def _version(engine):
    with engine.begin() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
