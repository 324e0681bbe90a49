# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opening a registry: files, schema, many processes, bad input."""

from __future__ import annotations

import os
import pathlib
import sqlite3
import stat
import subprocess
import sys

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import migrations, nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import METADATA

ROOT = pathlib.Path(open_registry.__code__.co_filename).parents[6]
MODULE = open_registry.__module__


def test_new_file_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "some" / "where" / "registry.db"
    engine = open_registry(f"sqlite:///{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_absent_file_is_not_made_unless_asked(tmp_path):
    assert open_registry(f"sqlite:///{tmp_path}/absent.db", create=False) is None
    assert os.listdir(tmp_path) == []


def test_migrations_lead_to_the_tables_of_the_code(engine):
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_second_opening_changes_nothing(url, engine):
    with engine.begin() as connection:
        before = connection.exec_driver_sql("PRAGMA schema_version").scalar()
    migrations.upgrade(engine)
    with engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA schema_version").scalar() == before


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


def test_no_connection_stays_open(engine, enrol, tmp_path):
    """A SQLite connection that is open while Ansible forks breaks the locking of parent and child."""
    enrol()
    nodes.list_nodes(engine)
    held = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]
    assert not [path for path in held if path.startswith(str(tmp_path))]


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


def test_writers_wait_for_each_other(engine, enrol, tmp_path):
    enrol()
    other = sqlite3.connect(tmp_path / "registry.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE nodes SET power_state = 'on'")
    code = f"import sys\nfrom {MODULE} import open_registry\nfrom {nodes.__name__} import set_power_state\n" \
           "set_power_state(open_registry(sys.argv[1]), 'node1', 'off')\n"
    child = subprocess.Popen([sys.executable, "-c", code, f"sqlite:///{tmp_path}/registry.db"], env={**os.environ, "PYTHONPATH": str(ROOT)})
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(3)
    other.execute("COMMIT")
    assert child.wait(30) == 0
    assert nodes.get(engine, "node1")["power_state"] == "off"
    other.close()
