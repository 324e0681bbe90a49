# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups, restores and exports of a registry in either database."""

from __future__ import annotations

import json
import os
import socket
import stat
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import network as network_door
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import node as node_door
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import registry_backup, registry_export, registry_restore
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import transitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._process import place, process_start_time
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import addresses, backup, hardware_files, images, migrations, nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.network_rules import DETAILS
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from sqlalchemy import event, text

RUN = {"run_id": "own", "host": socket.gethostname(), "place": place(), "pid": os.getpid(), "start_time": process_start_time(os.getpid()), "user": "bob"}
MACHINES = [
    {"name": "node1", "driver": "redfish", "bmc": {"address": "198.51.100.1", "password": {"env": "BMC_PASSWORD"}}, "ports": [{"address": "52:54:00:00:00:01"}],
     "address": "192.0.2.1", "traits": ["CUSTOM_GPU"], "properties": {"capabilities": {"boot_mode": "uefi"}}, "protected": False, "owner": "lab"},
    {"name": "node2", "driver": "manual", "maintenance": True, "maintenance_reason": "fan"},
    # Behind the others in the order of a language, and before them in that of bytes.
    {"name": "Server3", "driver": "manual"},
]


@pytest.fixture
def do(url):
    def do(door, check_mode=False, at=url, run=None, **params):
        defaults = {name: spec.get("default") for name, spec in door.DOOR.argument_spec.items()}
        return door.run(Call(params={**defaults, "registry": at, **params}, check_mode=check_mode, controller=run or RUN))
    return do


@pytest.fixture
def filled(do, engine):
    do(node_door, nodes=MACHINES)
    transitions.begin(engine, "node1", "manage", RUN)
    transitions.advance(engine, "node1", "done", RUN)
    images.record(engine, {"name": "debian-12", "digest": "sha256:aa", "published_at": "2026-01-01T00:00:00Z"})
    return engine


def content(engine):
    return nodes.list_nodes(engine), transitions.history(engine, "node1"), images.list_images(engine), nodes.credential(engine, "node1")


def test_backup_and_restore(do, filled, tmp_path):
    before = content(filled)
    path = tmp_path / "new" / "backup.db"
    assert do(registry_backup, path=str(path))["rows"]["nodes"] == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and [file.name for file in path.parent.iterdir()] == ["backup.db"]
    keep = tmp_path / "keep.db"
    assert not do(registry_restore, path=str(path), keep=str(keep))["changed"]
    do(node_door, nodes=[MACHINES[1]], state="absent")
    transitions.begin(filled, "node1", "provide", RUN)
    transitions.advance(filled, "node1", "done", RUN)
    after = content(filled)
    assert do(registry_restore, path=str(path), keep=str(keep), check_mode=True)["changed"]
    assert content(filled) == after and not keep.exists()
    result = do(registry_restore, path=str(path), keep=str(keep))
    assert result["changed"] and result["kept"] == str(keep)
    assert result["diff"][0]["before"]["nodes"] == 2 and result["diff"][0]["after"]["nodes"] == 3
    assert content(filled) == before
    # What was there is a backup itself, and numbers of the history go on after those that came back.
    assert content(open_registry(f"sqlite:///{keep}")) == after
    transitions.begin(filled, "node1", "provide", RUN)
    assert len(transitions.history(filled, "node1")) == 3


def test_backup_moves_a_registry_to_another_database(do, filled, tmp_path, postgresql_server):
    path = tmp_path / "backup.db"
    do(registry_backup, path=str(path))
    for number, target in enumerate((f"sqlite:///{tmp_path}/other.db", postgresql_server.new_database())):
        do(registry_restore, at=target, path=str(path), keep=str(tmp_path / f"keep{number}.db"))
        assert content(open_registry(target)) == content(filled)


def test_backup_of_an_older_release_is_brought_up_to_date(do, filled, tmp_path, monkeypatch):
    path = tmp_path / "backup.db"
    with monkeypatch.context() as released:
        released.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        with open_registry(f"sqlite:///{path}").begin() as connection:
            connection.execute(text("INSERT INTO nodes (name, driver, provision_state, maintenance, details, created_at, updated_at, provision_updated_at) "
                                    "VALUES ('old1', 'manual', 'manageable', false, '{}', :at, :at, :at)"), {"at": "2026-01-01T00:00:00+00:00"})
    do(registry_restore, path=str(path), keep=str(tmp_path / "keep.db"))
    assert [(node["name"], node["provision_state"]) for node in nodes.list_nodes(filled)] == [("old1", "manageable")]
    assert transitions.begin(filled, "old1", "provide", RUN)["provision_state"] == "cleaning"


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_restore_may_take_longer_than_others_inside_its_transaction(do, filled, tmp_path, monkeypatch, url):
    path = tmp_path / "backup.db"
    do(registry_backup, path=str(path))
    do(node_door, nodes=[MACHINES[1]], state="absent")
    write = backup._write
    monkeypatch.setattr(backup, "_write", lambda rows, kept: time.sleep(1.5) or write(rows, kept))
    impatient = f"{url}&options=-c%20idle_in_transaction_session_timeout%3D1s"
    assert do(registry_restore, at=impatient, path=str(path), keep=str(tmp_path / "keep.db"))["changed"]


def test_restore_is_refused_while_a_run_works(do, filled, tmp_path):
    path = tmp_path / "backup.db"
    do(registry_backup, path=str(path))
    transitions.begin(filled, "node1", "provide", RUN)
    before = content(filled)
    with pytest.raises(BaremetalError, match="node1: lock: another run works on the node.*pid"):
        do(registry_restore, path=str(path), keep=str(tmp_path / "keep.db"), run={**RUN, "run_id": "other"})
    assert content(filled) == before and not (tmp_path / "keep.db").exists()


def test_locks_are_not_restored(do, filled, tmp_path):
    transitions.begin(filled, "node1", "provide", RUN)
    do(registry_backup, path=str(tmp_path / "backup.db"))
    transitions.advance(filled, "node1", "done", RUN)
    do(registry_restore, path=str(tmp_path / "backup.db"), keep=str(tmp_path / "keep.db"))
    node = nodes.get(filled, "node1")
    assert (node["provision_state"], node["lock"]) == ("cleaning", None)
    assert transitions.begin(filled, "node1", "manage", {**RUN, "run_id": "next"})["previous_state"] == "cleaning"


def test_file_that_is_there_is_not_replaced(do, filled, tmp_path):
    path = tmp_path / "backup.db"
    path.write_text("mine")
    do(registry_backup, path=str(tmp_path / "other.db"))
    with filled.begin() as connection:
        nodes.upsert(connection, schema.normalise({"name": "node9", "driver": "manual"}), None, same_credential=lambda old, new: True)
    for check_mode in (True, False):
        with pytest.raises(BaremetalError, match="is there already"):
            do(registry_backup, path=str(path), check_mode=check_mode)
        with pytest.raises(BaremetalError, match="is there already"):
            do(registry_restore, path=str(tmp_path / "other.db"), keep=str(path), check_mode=check_mode)
    assert path.read_text() == "mine" and [file.name for file in tmp_path.glob("*backup*")] == ["backup.db"]
    assert nodes.get(filled, "node9")


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.touch(), lambda path: path.write_text("nodes: []\n" * 1000)],
                         ids=["absent", "empty", "other"])
def test_what_is_no_backup_changes_nothing(do, filled, tmp_path, make):
    path = tmp_path / "backup.db"
    make(path)
    before = content(filled)
    with pytest.raises(BaremetalError, match="backup"):
        do(registry_restore, path=str(path), keep=str(tmp_path / "keep.db"))
    assert content(filled) == before


def test_restore_that_is_not_what_the_backup_holds_is_taken_back(do, filled, tmp_path):
    path = tmp_path / "backup.db"
    do(registry_backup, path=str(path))
    do(node_door, nodes=[MACHINES[1]], state="absent")
    before = content(filled)

    def interfere(connection, cursor, statement, *more):
        if statement.startswith("INSERT INTO nodes"):
            connection.exec_driver_sql("UPDATE nodes SET last_error = 'wrong'")

    event.listen(filled, "after_cursor_execute", interfere)
    with pytest.raises(BaremetalError, match="not what the backup holds"):
        do(registry_restore, path=str(path), keep=str(tmp_path / "keep.db"))
    assert content(filled) == before


def test_export_can_be_enrolled(do, filled, tmp_path):
    path = tmp_path / "nodes.json"
    do(network_door, networks=[{"name": "boot", "type": "provisioning", "cidr": "203.0.113.0/24", **dict.fromkeys(DETAILS), "vlan": 7}])
    with filled.begin() as connection:
        addresses.give(connection, nodes.read(connection, "node2", for_update=True), "boot", link="", address="203.0.113.9")
    assert do(registry_export, path=str(path), check_mode=True)["changed"] and not path.exists()
    assert do(registry_export, path=str(path), history=True)["changed"]
    assert not do(registry_export, path=str(path), history=True)["changed"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    data = json.loads(path.read_text())
    assert not hardware_files.has_expressions(data)
    assert data["states"]["node1"]["provision_state"] == "manageable" and len(data["states"]["node1"]["history"]) == 2
    assert not do(node_door, nodes=data["nodes"])["changed"]
    assert data["networks"] == [{"name": "boot", "type": "provisioning", "cidr": "203.0.113.0/24", "vlan": 7}]
    assert data["states"]["node2"]["addresses"] == [{"network": "boot", "link": "", "address": "203.0.113.9"}]
    other = f"sqlite:///{tmp_path}/other.db"
    do(node_door, at=other, nodes=data["nodes"])
    assert [nodes.hardware(record, None) for record in nodes.list_nodes(open_registry(other))] == [
        nodes.hardware(record, None) for record in nodes.list_nodes(filled)]
    assert nodes.credential(open_registry(other), "node1") == {"env": "BMC_PASSWORD"}
