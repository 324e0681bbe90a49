# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opens the registry. Private to the collection; may change at any time."""

from __future__ import annotations

import datetime
import os
import pathlib
import sqlite3
import time

from .._errors import BaremetalError, missing_library
from . import migrations

try:
    import sqlalchemy
    # Else SQLAlchemy imports it when a registry is opened, which is 20 ms in each worker that Ansible forks.
    import sqlalchemy.dialects.sqlite
    from sqlalchemy import event
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, IntegrityError, NoSuchModuleError
    from sqlalchemy.pool import NullPool
except ImportError as error:
    sqlalchemy = None
    SQLALCHEMY_ERROR = error
else:
    SQLALCHEMY_ERROR = None

# Seconds that a writer waits for another one to end.
_BUSY_TIMEOUT = 30

# Of PostgreSQL. A controller that was suspended or cut off inside a transaction keeps what it has taken hold of until its server ends that: soon enough
# for the heartbeats of others, which have to come within locks.STALE_AFTER. Enrolments of many thousand nodes are waited for, and not for ever. Who has
# set a time of his own, for the role, the database or the connection, has done so for a reason.
_BOUNDS = """
SELECT set_config(name, value, true)
FROM (VALUES ('idle_in_transaction_session_timeout', '20s'), ('lock_timeout', '10min')) AS ours (name, value)
WHERE current_setting(name) = '0'
"""

# In seconds, and in milliseconds the last one: a heartbeat has to notice in time that there is no way to the server
# (https://www.postgresql.org/docs/current/libpq-connect.html, section 32.1.2).
_LIBPQ = {"connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25000}

# By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), what helps.
_CURES = {
    "55P03": "somebody else is inside a long transaction: wait for it to end; pg_stat_activity of the database tells whose it is",
    "25P03": "see why this run stood still inside a transaction: whether its host was suspended, or has far too much to do",
}

# SQLite had a limit of 999 before 3.32 (https://www.sqlite.org/limits.html).
_MOST_VALUES = 900

# Any number that nothing else in the database locks by.
_ONE_AT_A_TIME = 0x7261636C

_engines = {}


def now():
    """The present moment as the registry keeps it: ISO 8601, UTC, microseconds."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds")


def database_now(connection):
    """The present moment by the clock of the database's host, in the same form.

    Controllers with clocks of their own compare heartbeats by this one. A SQLite file is on their own host.
    """
    if connection.dialect.name != "postgresql":
        return now()
    moment = connection.exec_driver_sql("SELECT clock_timestamp()").scalar()
    return moment.astimezone(datetime.timezone.utc).isoformat(timespec="microseconds")


def open_registry(url, *, create=True, migrate=True):
    """Open the registry and bring its schema up to date.

    :param url: SQLAlchemy URL, for example ``sqlite:////var/lib/rackwright/registry.db``.
    :param create: whether a registry that does not exist is made.
    :param migrate: whether the registry of an older release is changed; not in check mode.
    :returns: an engine, one per URL; None when there is no registry and none is to be made.
    :raises BaremetalError: when the URL cannot be used, or the registry is of an older release and must not be changed.
    """
    if sqlalchemy is None:
        raise missing_library("SQLAlchemy", SQLALCHEMY_ERROR)
    if not url:
        raise BaremetalError("nothing says where the registry is", stage="registry",
                             cure="give it in the inventory file as registry, or in the environment variable RACKWRIGHT_REGISTRY")
    if url in _engines and _is_there(_engines[url]):
        return _engines[url]
    try:
        parsed = make_url(url)
        if parsed.drivername == "postgresql":
            # SQLAlchemy 2.0 would take another driver than 2.1.
            parsed = parsed.set(drivername="postgresql+psycopg")
        path = parsed.database if parsed.get_backend_name() == "sqlite" else None
        if parsed.get_backend_name() == "sqlite" and path in (None, "", ":memory:"):
            raise ArgumentError("a registry in memory ends with every task")
        if path and not _prepare_file(pathlib.Path(path), create):
            return None
        # A connection ends with its transaction: one that is open while Ansible forks breaks the locking of parent and child
        # (https://www.sqlite.org/howtocorrupt.html, section 2.6). So a worker can go on with its parent's engine and what that one knows.
        engine = sqlalchemy.create_engine(parsed, poolclass=NullPool, connect_args=_bounded(parsed))
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise BaremetalError(f"the registry URL cannot be used ({error})", stage="registry",
                             cure="use sqlite:////path/to/registry.db or postgresql+psycopg://host/database") from error
    if path is not None:
        event.listen(engine, "first_connect", _set_wal)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    elif parsed.get_backend_name() == "postgresql":
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(_BOUNDS))
    try:
        if not migrations.upgrade(engine, create=create, migrate=migrate):
            return None
    except DatabaseError as error:
        raise BaremetalError("the registry cannot be opened", stage="registry", seen=str(error.orig),
                             cure=_cure(error.orig) or "check that the path names a registry, its permissions and the room on the disk, or that the database "
                                                       "server runs") from error
    event.listen(engine, "handle_error", _explain)
    _engines[url] = engine
    return engine


def _bounded(url):
    """Arguments of libpq that keep a connection from waiting for ever for a host that is gone, apart from what the URL or the environment says."""
    if url.get_driver_name() not in ("psycopg", "psycopg2") or "service" in url.query or "PGSERVICE" in os.environ:
        return {}
    said = {*url.query, *(["connect_timeout"] if "PGCONNECT_TIMEOUT" in os.environ else [])}
    return {name: value for name, value in _LIBPQ.items() if name not in said}


def opened():
    """The engines of all registries that this process, or the one that it was forked from, has opened."""
    return [engine for engine in _engines.values() if _is_there(engine)]


def _is_there(engine):
    # SQLite would make an empty file where the registry was taken away.
    return engine.dialect.name != "sqlite" or os.path.exists(engine.url.database)


def _explain(context):
    """Make what the database could not do an error that a person can act on; a broken rule of the schema, and a mistake of ours, stay what they are."""
    if isinstance(context.sqlalchemy_exception, DBAPIError) and not isinstance(context.sqlalchemy_exception, IntegrityError):
        cure = _cure(context.original_exception) or "see to the room on its disk, or to its database server and the way there"
        raise BaremetalError(
            "the registry cannot be read or written, so nothing of this was recorded", stage="registry",
            seen=" ".join(str(context.original_exception).split()), cure=f"{cure}; then run the same command again")


def _cure(error):
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
        return f"another run has kept the registry for itself for {_BUSY_TIMEOUT} s: wait for it to end, or use PostgreSQL where many runs write at once"
    # psycopg and psycopg2 have a name each for it.
    return _CURES.get(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None))


def one_at_a_time(connection):
    """Wait until no other transaction is here, and keep others out until this one ends.

    For what looks at many nodes before it writes one; a transaction of SQLite is alone anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})")


def take_time(connection):
    """Let a transaction do work of its own between two statements, such as to write a large file."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '10min'")


def by_bytes(connection, column):
    """A column of texts to order by as SQLite and Python do; PostgreSQL has the order of the language that its database was made for.

    Whoever takes hold of several rows does so in this order: two that take the same ones in different orders would wait for each other for ever.
    """
    return column.collate("C") if connection.dialect.name == "postgresql" else column


def holds_password(url):
    """Whether a registry URL names a password, in its authority or among its options.

    :param url: SQLAlchemy URL; one that cannot be parsed counts as one that does.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        return True
    return parsed.password is not None or any("password" in option for option in parsed.query)


def among(column, values):
    """Conditions that a column has one of many values, each with no more values than every database takes.

    :returns: list of conditions; what they select together is what is asked for.
    """
    return [column.in_(values[begin:begin + _MOST_VALUES]) for begin in range(0, len(values), _MOST_VALUES)]


def _prepare_file(path, create):
    if path.exists():
        return True
    if not create:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # It holds addresses and encrypted credentials: for its owner alone.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise BaremetalError("the registry file cannot be made", stage="registry", seen=str(error),
                             cure="choose a path that the user who runs Ansible may write") from error
    return True


def _configure_sqlite(connection, record):
    # SQLAlchemy sends BEGIN itself, see _begin_sqlite.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT * 1000}")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _set_wal(connection, record):
    # Once: the file keeps the mode (https://www.sqlite.org/wal.html, section 3.3). To change it takes the file alone, and SQLite does not wait
    # for that by itself: the busy handler is not called for a lock that is to be upgraded (https://www.sqlite.org/c3ref/busy_handler.html).
    deadline = time.monotonic() + _BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError as error:
            # The low byte of an extended code is its primary one.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def _begin_sqlite(connection):
    # A deferred transaction that reads first and writes later fails at once when another wrote in
    # between; an immediate one waits its turn (https://www.sqlite.org/lang_transaction.html).
    connection.exec_driver_sql("BEGIN IMMEDIATE")
