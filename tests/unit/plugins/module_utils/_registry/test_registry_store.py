# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opening a registry: files, schema, many processes, bad input."""

from __future__ import annotations

import os
import pathlib
import socket
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images, migrations, nodes, schema, store
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import HISTORY, METADATA, NODES
from sqlalchemy import event, insert

ROOT = pathlib.Path(open_registry.__code__.co_filename).parents[6]
MODULE = open_registry.__module__


def test_new_file_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "some" / "where" / "registry.db"
    engine = open_registry(f"sqlite:///{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_registry_that_another_run_keeps_for_itself_says_so(tmp_path):
    engine = open_registry(f"sqlite:///{tmp_path}/registry.db")
    with engine.begin(), pytest.raises(BaremetalError, match="database is locked. To do: another run has kept the registry for itself for 30 s: .*PostgreSQL"):
        with engine.connect() as other:
            # Without the wait that begins every other connection.
            other.connection.dbapi_connection.execute("PRAGMA busy_timeout = 0")
            other.begin()


def test_absent_file_is_not_made_unless_asked(tmp_path):
    assert open_registry(f"sqlite:///{tmp_path}/absent.db", create=False) is None
    assert os.listdir(tmp_path) == []


def test_registry_that_was_taken_away_is_not_made_anew(tmp_path):
    url = f"sqlite:///{tmp_path}/registry.db"
    engine = open_registry(url)
    assert engine in store.opened()
    for path in tmp_path.iterdir():
        path.unlink()
    assert open_registry(url, create=False) is None
    assert engine not in store.opened()
    assert os.listdir(tmp_path) == []


def test_process_that_is_forked_goes_on_with_the_engine(engine, enrol, url):
    enrol("node1", address="192.0.2.1")
    child = os.fork()
    if not child:
        taken = False
        try:
            with open_registry(url).begin() as connection:
                nodes.set_power_states(connection, {"node1": "on"})
            taken = open_registry(url) is engine
        finally:
            os._exit(not taken)
    assert os.waitpid(child, 0)[1] == 0
    assert nodes.get(engine, "node1")["power_state"] == "on"


def test_migrations_lead_to_the_tables_of_the_code(engine):
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_second_opening_changes_nothing(engine):
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    migrations.upgrade(engine)
    assert statements and not [text for text in statements if text.startswith(("CREATE", "ALTER", "INSERT", "UPDATE", "DELETE"))]


def test_old_schema_is_brought_forward_with_its_data(engine, enrol, monkeypatch):
    enrol("node1", address="192.0.2.1")
    monkeypatch.setattr(migrations, "MIGRATIONS", (
        *migrations.MIGRATIONS,
        ("9001", lambda op: op.add_column("nodes", sqlalchemy.Column("shelf", sqlalchemy.String(10)))),
        ("9002", lambda op: op.execute("UPDATE nodes SET shelf = 'top'")),
    ))
    migrations.upgrade(engine)
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT shelf, address FROM nodes").one() == ("top", "192.0.2.1")
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == ["9002"]


@pytest.mark.parametrize("released", [version for version, step in migrations.MIGRATIONS])
def test_every_released_schema_is_brought_forward_with_its_data(url, released):
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    old = {
        "nodes": {"name": "node1", "rack": "rack3", "driver": "ipmi", "provision_state": "deploying", "target_provision_state": "active", "power_state": "on",
                  "address": "192.0.2.1", "system_uuid": "6695eb01-f6a4-8304-79aa-97f2502e193f", "serial": "S1", "bmc_key": "198.51.100.1:623/",
                  "maintenance": False, "last_error": "it broke", "credential": {"env": "BMC_PASSWORD"}, "instance": {"image": "debian-12"},
                  "details": {"bmc": {"address": "198.51.100.1"}, "owner": "lab", "traits": ["CUSTOM_GPU"]},
                  "created_at": "2026-01-01T00:00:00+00:00", "updated_at": "2026-01-02T00:00:00+00:00", "provision_updated_at": "2026-01-02T00:00:00+00:00"},
        "ports": {"address": "52:54:00:00:00:01", "node": "node1", "position": 0, "pxe_enabled": True, "name": "eth0"},
        "locks": {"node": "node1", "run_id": "run1", "host": "c1", "pid": 1, "start_time": 2 ** 40, "user": "alice", "stage": "deploying", "nonce": "ab",
                  "since": "2026-01-01T00:00:00+00:00", "heartbeat": "2026-01-01T00:00:00+00:00"},
        "history": {"node": "node1", "at": "2026-01-01T00:00:00+00:00", "who": "alice@c1", "run_id": "run1", "event": "deploy",
                    "from_state": "available", "to_state": "deploying", "duration": 1.5, "error": None, "instance": {"image": "debian-12"}},
        "images": {"name": "debian-12", "digest": "sha256:aa", "published_at": "2026-01-01T00:00:00Z", "record": {"name": "debian-12"}},
        "allocations": {"node": "node1", "name": "web", "owner": "lab", "details": {"resource_class": "big"}, "created_at": "2026-01-01T00:00:00+00:00"},
        "quotas": {"owner": "lab", "nodes": 7, "updated_at": "2026-01-01T00:00:00+00:00"},
        "networks": {"name": "boot", "type": "provisioning", "cidr": "192.0.2.0/24", "details": {"vlan": 7}, "created_at": "2026-01-01T00:00:00+00:00",
                     "updated_at": "2026-01-01T00:00:00+00:00"},
        "addresses": {"address": "192.0.2.1", "network": "boot", "node": "node1", "link": "", "created_at": "2026-01-01T00:00:00+00:00"},
    }
    # What later releases brought, as far as this one has it.
    old["nodes"] |= {"work": {"verb": "deploy"}, "inventory": {"disks": []}, "inspection_finished_at": "2026-01-01T00:00:00+00:00", "power_sync_failures": 2}
    old["ports"]["local_link_connection"] = {"switch_id": "leaf1", "port_id": "7"}
    old["locks"]["place"] = "boot/1"
    with engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        for version, step in migrations.MIGRATIONS:
            step(operations)
            if version == released:
                break
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{released}')")
        tables = sqlalchemy.MetaData()
        tables.reflect(connection)
        old = {name: {column: value for column, value in row.items() if column in tables.tables[name].columns}
               for name, row in old.items() if name in tables.tables}
        for name, row in old.items():
            connection.execute(insert(tables.tables[name]).values(row))
    engine = open_registry(url)
    with engine.begin() as connection:
        for name, row in old.items():
            kept = connection.execute(sqlalchemy.select(METADATA.tables[name])).one()._asdict()
            assert {column: kept[column] for column in row} == row
    node = nodes.get(engine, "node1")
    assert (node["owner"], node["traits"], node["boot_mac"], node["work"]) == ("lab", ["CUSTOM_GPU"], "52:54:00:00:00:01", old["nodes"].get("work"))
    assert nodes.credential(engine, "node1") == {"env": "BMC_PASSWORD"}
    assert images.list_images(engine) == [{"name": "debian-12"}]
    with engine.begin() as connection:
        connection.execute(insert(HISTORY).values(**old["history"]))
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_addresses_of_bmcs_come_into_one_spelling(url, monkeypatch):
    monkeypatch.setattr(store, "_engines", {})
    keys = {
        "node1": ("2001:0db8:0::11:443/1", "2001:db8::11:443/1"), "node2": ("198.51.100.1:623/7-0x72",) * 2, "node3": ("bmc.example.com:443/",) * 2,
        # Two records of one BMC: a person has to say which one is right, and can still do so.
        "node4": ("2001:db8::12:443/",) * 2, "node5": ("2001:db8:0::12:443/",) * 2, "node6": (None, None),
    }
    with monkeypatch.context() as released:
        released.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:5])
        with open_registry(url).begin() as connection:
            for name, (before, _after) in keys.items():
                connection.execute(insert(NODES).values(name=name, driver="redfish", provision_state="enroll", bmc_key=before, maintenance=False, details={},
                                                        **dict.fromkeys(("created_at", "updated_at", "provision_updated_at"), "2026-01-01T00:00:00+00:00")))
    store._engines.clear()
    with open_registry(url).begin() as connection:
        found = connection.execute(sqlalchemy.select(NODES.c.name, NODES.c.bmc_key)).all()
    assert {row.name: row.bmc_key for row in found} == {name: after for name, (_before, after) in keys.items()}


def test_server_that_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setitem(store._LIBPQ, "connect_timeout", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(BaremetalError, match="timeout.*To do: .*that the database server runs"):
        open_registry(f"postgresql://rackwright@127.0.0.1:{silent.getsockname()[1]}/registry")


def test_what_somebody_has_set_of_postgresql_holds(monkeypatch, postgresql_server):
    def settings(url):
        with open_registry(url).begin() as connection:
            found = connection.exec_driver_sql("SELECT current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout')").one()
            return *found, connection.connection.driver_connection.info.get_parameters().get("connect_timeout")

    url = postgresql_server.new_database()
    assert settings(url) == ("10min", "20s", "10")
    assert settings(f"{url}&options=-c%20lock_timeout%3D5s&connect_timeout=7") == ("5s", "20s", "7")
    monkeypatch.setenv("PGOPTIONS", "-c idle_in_transaction_session_timeout=9s")
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "8")
    assert settings(f"{url}&application_name=rackwright") == ("10min", "9s", "8")
    with open_registry(url).begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {connection.engine.url.database} SET lock_timeout = '3s'")
    assert settings(url)[0] == "3s"


def test_failed_migration_leaves_the_old_schema(engine, monkeypatch):
    def broken(op):
        op.add_column("nodes", sqlalchemy.Column("shelf", sqlalchemy.String(10)))
        raise RuntimeError("half way")
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, ("9001", broken)))
    with pytest.raises(RuntimeError):
        migrations.upgrade(engine)
    with engine.begin() as connection:
        assert "shelf" not in [column["name"] for column in sqlalchemy.inspect(connection).get_columns("nodes")]


def test_registry_of_a_newer_release_is_refused(engine, url):
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(BaremetalError, match="schema 9999"):
        migrations.upgrade(engine)


def test_what_the_database_cannot_do_is_one_paragraph(engine, url):
    with pytest.raises(BaremetalError, match="registry: the registry cannot be read or written.*To do: ") as refusal, engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("ATTACH '/proc/nowhere/x.db' AS other")
        else:
            connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
    assert "\n" not in str(refusal.value)


def test_postgresql_url_needs_no_driver(postgresql_server):
    engine = open_registry(postgresql_server.new_database().replace("+psycopg", ""))
    assert engine.driver == "psycopg" and nodes.list_nodes(engine) == []


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_enrolments_at_the_same_time_do_not_meet(url):
    """Two that enrol the same new nodes in different orders: one finds nothing to do, neither fails."""
    code = (f"import sys\nfrom {MODULE} import one_at_a_time, open_registry\nfrom {nodes.__name__} import upsert\nfrom {schema.__name__} import normalise\n"
            "engine = open_registry(sys.argv[1])\nprint('ready', flush=True)\nsys.stdin.readline()\n"
            "with engine.begin() as connection:\n    one_at_a_time(connection)\n"
            "    print(sum(upsert(connection, normalise({'name': f'n{number}', 'driver': 'manual'}), None,"
            " same_credential=lambda old, new: True)[0] for number in eval(sys.argv[2])))\n")
    open_registry(url)
    children = [
        subprocess.Popen([sys.executable, "-c", code, url, numbers], env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for numbers in ("range(50)", "range(49, -1, -1)")
    ]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    told = [child.communicate() for child in children]
    assert [error for said, error in told] == ["", ""]
    assert sorted(int(said) for said, error in told) == [0, 50]


def test_no_connection_stays_open(engine, enrol):
    """A connection that is open while Ansible forks breaks parent and child: the locking of SQLite, the protocol of PostgreSQL."""
    before = set(os.listdir("/proc/self/fd"))
    enrol()
    nodes.list_nodes(engine)
    assert set(os.listdir("/proc/self/fd")) == before


def test_processes_that_make_a_registry_at_the_same_time(url, tmp_path):
    code = (f"import os, sys, time\nfrom {MODULE} import open_registry\nprint('ready', flush=True)\nsys.stdin.readline()\n"
            "open_registry(sys.argv[1])\n")
    children = [
        subprocess.Popen([sys.executable, "-c", code, url], env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for dummy in range(6)
    ]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    assert [(child.communicate()[1], child.returncode) for child in children] == [("", 0)] * len(children)
    assert nodes.list_nodes(open_registry(url)) == []


@pytest.mark.parametrize(("given", "said"), [
    ("", "nothing says where the registry is"),
    (None, "nothing says where the registry is"),
    ("registry.db", "cannot be used"),
    ("carrierpigeon://loft", "cannot be used"),
    ("sqlite:////proc/nowhere/registry.db", "cannot be made"),
])
def test_bad_url_is_one_paragraph(given, said):
    with pytest.raises(BaremetalError, match=said) as refusal:
        open_registry(given)
    assert "To do: " in str(refusal.value) and "\n" not in str(refusal.value)


def test_other_files_are_no_registries(tmp_path):
    path = tmp_path / "registry.db"
    path.write_text("nodes: []\n" * 1000)
    with pytest.raises(BaremetalError, match="not a database"):
        open_registry(f"sqlite:///{path}")
    assert path.read_text() == "nodes: []\n" * 1000


def test_writers_wait_for_each_other(engine, enrol, url):
    enrol()
    code = f"import sys\nfrom {MODULE} import open_registry\nfrom {nodes.__name__} import set_power_states\n" \
           "with open_registry(sys.argv[1]).begin() as connection:\n    set_power_states(connection, {'node1': 'off'})\n"
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE nodes SET power_state = 'on'")
        child = subprocess.Popen([sys.executable, "-c", code, url], env={**os.environ, "PYTHONPATH": str(ROOT)})
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(3)
    assert child.wait(120) == 0
    assert nodes.get(engine, "node1")["power_state"] == "off"


def test_journal_mode_waits_for_others(tmp_path):
    """SQLite does not wait by itself when the change of the mode finds the file locked."""
    path = tmp_path / "registry.db"
    path.touch()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE guest (number INTEGER)")
    threading.Timer(0.5, other.execute, ["ROLLBACK"]).start()
    with open_registry(f"sqlite:///{path}").begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    other.close()


def test_file_that_may_not_be_written_is_one_paragraph(tmp_path, monkeypatch):
    path = tmp_path / "registry.db"
    path.write_text("nodes: []\n" * 1000)
    monkeypatch.setattr(store, "_BUSY_TIMEOUT", 3600)
    with pytest.raises(BaremetalError, match="not a database"):
        # Only a lock is waited for.
        open_registry(f"sqlite:///{path}")


def test_disk_without_room_is_told_as_what_it_is(tmp_path):
    engine = open_registry(f"sqlite:///{tmp_path}/registry.db")
    with engine.begin() as connection:
        # SQLite fails then as it does where the disk is full.
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    with pytest.raises(BaremetalError, match="registry: the registry cannot be read or written.*Seen: database or disk is full. To do: see to the room"):
        with engine.begin() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            for number in range(1000):
                connection.exec_driver_sql("INSERT INTO history (node, at, who, event, error) VALUES ('n', 't', 'w', 'e', ?)", ("x" * 500,))
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM history").scalar() == 0
    with pytest.raises(sqlalchemy.exc.IntegrityError), engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO history (node) VALUES ('n')")


def test_mistake_of_the_caller_is_no_fault_of_the_database(engine):
    """Nobody has to look for room on a disk because of a value that is none of JSON's."""
    with pytest.raises((TypeError, sqlalchemy.exc.StatementError), match="not JSON serializable"), engine.begin() as connection:
        connection.execute(insert(HISTORY).values(node="n", at="t", who="w", event="e", instance={"x": object()}))
