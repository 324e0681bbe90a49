# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups of the registry. Private to the collection; may change at any time.

A backup is a registry in a SQLite file of its own, whatever database it was made of: one file that can be looked into, and
that a registry in either database can be restored from, also by a later release.
"""

from __future__ import annotations

import operator
import os
import pathlib
import shutil
import sqlite3
import tempfile

from .._errors import BaremetalError
from .store import one_at_a_time, open_registry, take_time
from .tables import LOCKS, METADATA, NODES

try:
    from sqlalchemy import delete, func, insert, select, text
except ImportError:
    select = None

_STAGE = "registry"


def save(engine, path, check_mode=False):
    """Write all of a registry as it is at one moment, while others may go on writing.

    :param engine: the registry.
    :param path: pathlib.Path of the file; there must be none.
    :returns: dict of the number of rows by table; None in check mode.
    :raises BaremetalError: when the file is there or cannot be written; then none is left.
    """
    _refuse_present(path)
    if check_mode:
        return None
    # All statements of such a transaction see one moment; of SQLite every transaction is so.
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.begin() as connection:
        rows = _rows(connection)
    return _write(rows, path)


def restore(engine, path, kept, *, refuse, check_mode=False):
    """Make a registry what a backup says, in one transaction. Locks are not restored: whoever had them is gone.

    :param engine: the registry.
    :param path: pathlib.Path of the backup; it is not changed.
    :param kept: pathlib.Path of the file that keeps what the registry held before.
    :param refuse: function of the connection that raises BaremetalError while a run works on a node.
    :returns: (changed, before, after): the numbers of rows by table.
    :raises BaremetalError: when the file is no backup, or the registry is in use; then nothing has changed.
    """
    wanted = _read(path)
    with engine.begin() as connection:
        one_at_a_time(connection)
        take_time(connection)
        if engine.dialect.name == "postgresql":
            # Nodes first, as everybody takes them.
            tables = sorted(METADATA.sorted_tables, key=lambda table: table is not NODES)
            connection.execute(text(f"LOCK TABLE {', '.join(table.name for table in tables)} IN ACCESS EXCLUSIVE MODE"))
        refuse(connection)
        present = _rows(connection)
        changed = {**present, LOCKS.name: []} != wanted
        if changed:
            _refuse_present(kept)
        if changed and not check_mode:
            _write(present, kept)
            _replace(connection, wanted)
    return changed, _count(present), _count(wanted)


def _replace(connection, wanted):
    for table in reversed(METADATA.sorted_tables):
        connection.execute(delete(table))
    for table in METADATA.sorted_tables:
        if wanted[table.name]:
            connection.execute(insert(table), wanted[table.name])
    if connection.dialect.name == "postgresql":
        # What gets a number from now on gets one after those that were written with theirs.
        for table in METADATA.sorted_tables:
            if "id" in table.c:
                connection.execute(select(func.setval(func.pg_get_serial_sequence(table.name, "id"), select(func.max(table.c.id)).scalar_subquery())))
    if _rows(connection) != wanted:
        raise BaremetalError("what was written is not what the backup holds, so nothing was restored", stage=_STAGE,
                             cure="report it; the registry is as it was")


def _rows(connection):
    """All rows by table, as lists of dicts in the order of their keys. Sorted here: each database would do it in its own way, and they are compared."""
    return {
        table.name: sorted((dict(row) for row in connection.execute(select(table)).mappings()), key=operator.itemgetter(*table.primary_key.columns.keys()))
        for table in METADATA.sorted_tables
    }


def _count(rows):
    return {name: len(found) for name, found in rows.items()}


def _refuse_present(path):
    if path.exists():
        raise BaremetalError(f"the file {path} is there already", stage=_STAGE, cure="give another name, or move it away")


def _write(rows, path):
    _refuse_present(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as directory:
            new = pathlib.Path(directory) / "registry.db"
            engine = open_registry(f"sqlite:///{new}")
            with engine.begin() as connection:
                for table in METADATA.sorted_tables:
                    if rows[table.name]:
                        connection.execute(insert(table), rows[table.name])
            # Without a write-ahead log beside it the file is the whole.
            with sqlite3.connect(new, isolation_level=None) as plain:
                plain.execute("PRAGMA journal_mode = DELETE")
            plain.close()
            with open(new, "rb+") as file:
                os.fsync(file.fileno())
            if {**rows, LOCKS.name: []} != _read(new):
                raise BaremetalError(f"the backup {path} does not hold what was written to it", stage=_STAGE, cure="check the disk, then run it again")
            # link, unlike rename, never takes the place of a file that came meanwhile.
            os.link(new, path)
    except OSError as error:
        raise BaremetalError(f"the backup {path} cannot be written", stage=_STAGE, seen=str(error), cure="see to its directory and the room there") from error
    return _count(rows)


def _read(path):
    """What a backup holds, brought to the newest schema, without locks."""
    with tempfile.TemporaryDirectory() as directory:
        copy = pathlib.Path(directory) / "registry.db"
        try:
            shutil.copyfile(path, copy)
            plain = sqlite3.connect(copy)
            sound = plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            made = plain.execute("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'").fetchone() == (1,)
            plain.close()
        except (OSError, sqlite3.Error) as error:
            raise BaremetalError(f"the backup {path} cannot be read", stage=_STAGE, seen=str(error), cure="give the path of a backup") from error
        if not sound or not made:
            raise BaremetalError(f"the file {path} is no sound backup of a registry", stage=_STAGE, cure="give the path of another backup")
        with open_registry(f"sqlite:///{copy}").begin() as connection:
            return {**_rows(connection), LOCKS.name: []}
