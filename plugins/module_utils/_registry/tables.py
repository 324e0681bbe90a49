# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of the registry, as the newest migration leaves them. Private; may change at any time."""

from __future__ import annotations

try:
    from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, ForeignKey, Integer, MetaData, String, Table, Text, UniqueConstraint
except ImportError:
    MetaData = None

if MetaData is not None:
    METADATA = MetaData()

    NODES = Table(
        "nodes", METADATA,
        Column("name", String(255), primary_key=True),
        Column("rack", String(255)),
        Column("driver", String(32), nullable=False),
        Column("provision_state", String(32), nullable=False),
        Column("target_provision_state", String(32)),
        Column("power_state", String(32)),
        # How often in a row the power sync could not read or correct the power state.
        Column("power_sync_failures", Integer, nullable=False, server_default="0"),
        Column("address", String(64), unique=True),
        Column("system_uuid", String(64), unique=True),
        Column("serial", String(255), unique=True),
        Column("bmc_key", String(512), unique=True),
        Column("maintenance", Boolean, nullable=False),
        Column("last_error", Text),
        # Everything of the record that no query asks for.
        Column("details", JSON, nullable=False),
        Column("credential", JSON),
        Column("instance", JSON),
        # What a verb is doing on the node: its steps, and how far it has come.
        Column("work", JSON),
        # What the last inspection found, and when. Large: read where it is asked for, and with no record.
        Column("inventory", JSON),
        Column("inspection_finished_at", String(40)),
        Column("created_at", String(40), nullable=False),
        Column("updated_at", String(40), nullable=False),
        Column("provision_updated_at", String(40), nullable=False),
    )
    PORTS = Table(
        "ports", METADATA,
        Column("address", String(17), primary_key=True),
        Column("node", String(255), ForeignKey("nodes.name", ondelete="CASCADE"), nullable=False, index=True),
        Column("position", Integer, nullable=False),
        Column("pxe_enabled", Boolean, nullable=False),
        Column("name", String(255)),
        # Which port of which switch it is wired to.
        Column("local_link_connection", JSON),
    )
    LOCKS = Table(
        "locks", METADATA,
        Column("node", String(255), ForeignKey("nodes.name", ondelete="CASCADE"), primary_key=True),
        Column("run_id", String(36), nullable=False, index=True),
        Column("host", String(255), nullable=False),
        # Where the pid means something: boot and pid namespace, see _process.place().
        Column("place", String(128)),
        Column("pid", Integer, nullable=False),
        Column("start_time", BigInteger, nullable=False),
        Column("user", String(255), nullable=False),
        Column("stage", String(32), nullable=False),
        Column("nonce", String(32), nullable=False),
        Column("since", String(40), nullable=False),
        Column("heartbeat", String(40), nullable=False),
    )
    HISTORY = Table(
        "history", METADATA,
        Column("id", Integer, primary_key=True),
        # No foreign key: what happened to a node stays known when its record is gone.
        Column("node", String(255), nullable=False, index=True),
        Column("at", String(40), nullable=False),
        Column("who", String(512), nullable=False),
        Column("run_id", String(36)),
        Column("event", String(32), nullable=False),
        Column("from_state", String(32)),
        Column("to_state", String(32)),
        # Seconds that the node spent in from_state.
        Column("duration", Float),
        Column("error", Text),
        Column("instance", JSON),
    )
    IMAGES = Table(
        "images", METADATA,
        Column("name", String(255), primary_key=True),
        Column("digest", String(128), nullable=False),
        Column("published_at", String(40), nullable=False),
        Column("record", JSON, nullable=False),
    )
    # Which nodes were given away, to whom. The nodes of one name have the same owner, and the same requirements in details.
    ALLOCATIONS = Table(
        "allocations", METADATA,
        Column("node", String(255), ForeignKey("nodes.name", ondelete="CASCADE"), primary_key=True),
        Column("name", String(255), nullable=False, index=True),
        Column("owner", String(255), index=True),
        Column("details", JSON, nullable=False),
        Column("created_at", String(40), nullable=False),
    )
    # How many nodes an owner may have allocated at a time.
    QUOTAS = Table(
        "quotas", METADATA,
        Column("owner", String(255), primary_key=True),
        Column("nodes", Integer, nullable=False),
        Column("updated_at", String(40), nullable=False),
    )
    NETWORKS = Table(
        "networks", METADATA,
        Column("name", String(255), primary_key=True),
        Column("type", String(32), nullable=False),
        Column("cidr", String(64), nullable=False),
        Column("details", JSON, nullable=False),
        Column("created_at", String(40), nullable=False),
        Column("updated_at", String(40), nullable=False),
    )
    # Which address of which network a node was given.
    ADDRESSES = Table(
        "addresses", METADATA,
        Column("address", String(64), primary_key=True),
        Column("network", String(255), ForeignKey("networks.name"), nullable=False),
        Column("node", String(255), ForeignKey("nodes.name", ondelete="CASCADE"), nullable=False, index=True),
        # What carries it, for a node with several addresses in the network; else empty.
        Column("link", String(255), nullable=False),
        Column("created_at", String(40), nullable=False),
        UniqueConstraint("network", "node", "link", name="uq_addresses_network_node_link"),
    )
else:
    # Opening the registry says which package is missing; a gateway that only does BMC work needs none of this.
    METADATA = NODES = PORTS = LOCKS = HISTORY = IMAGES = ALLOCATIONS = QUOTAS = NETWORKS = ADDRESSES = None
