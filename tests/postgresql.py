# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PostgreSQL server of Debian's package, on a Unix socket in a directory of its own, that ends with whoever started it."""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

import psycopg

# Debian has one directory a release and none of it in PATH; the package makes the user.
_ROOT = pathlib.Path("/usr/lib/postgresql")
_USER = "postgres"
_START = 60  # seconds until the server has to answer


class Server:
    """A running server."""

    def __init__(self, directory):
        self.directory = directory
        self._numbers = itertools.count(1)

    def new_database(self, **settings):
        """Make an empty database.

        :param settings: parameters of the server that hold for it.
        :returns: its SQLAlchemy URL.
        """
        name = f"registry{next(self._numbers)}"
        with _connect(self.directory) as connection:
            connection.execute(f"CREATE DATABASE {name}")
            for parameter, value in settings.items():
                connection.execute(f"ALTER DATABASE {name} SET {parameter} = '{value}'")
        return f"postgresql+psycopg://{_USER}@/{name}?host={self.directory}"


@contextlib.contextmanager
def server():
    """Start a server; it and its data are gone afterwards, also when the process that started it is killed.

    :returns: context manager of a Server.
    """
    programs = max(_ROOT.glob("*/bin"), key=lambda path: float(path.parent.name))
    # A Unix socket's path has at most 107 characters, and pytest's directories are longer.
    directory = pathlib.Path(tempfile.mkdtemp(prefix="rackwright-pg-"))
    data = directory / "data"
    try:
        if os.geteuid() == 0:
            shutil.chown(directory, _USER)
        # It sorts texts as a language does, like most servers, and not by their bytes. What is lost in a crash of this machine is no loss.
        _run([programs / "initdb", "--pgdata", data, "--auth", "trust", "--username", _USER, "--encoding", "UTF8", "--locale", "C",
              "--locale-provider", "icu", "--icu-locale", "en", "--no-sync"])
        with open(directory / "log", "wb") as log:
            process = subprocess.Popen(
                _as_user([programs / "postgres", "-D", data, "-k", directory, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=50"]),
                stdout=log, stderr=log, cwd="/")
        try:
            _wait(process, directory)
            yield Server(directory)
        finally:
            # A fast shutdown: it does not wait for clients.
            process.send_signal(signal.SIGINT)
            process.wait(_START)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _as_user(command):
    """The command as a user that PostgreSQL takes: it refuses root. It gets a SIGINT when its parent dies."""
    command = [str(part) for part in command]
    change = []
    if os.geteuid() == 0:
        user = pwd.getpwnam(_USER)
        change = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return ["setpriv", *change, "--pdeathsig=INT", *command]


def _run(command):
    result = subprocess.run(_as_user(command), capture_output=True, text=True, cwd="/", check=False)
    if result.returncode:
        raise RuntimeError(f"{command[0]} ended with {result.returncode}: {result.stdout}{result.stderr}")


def _wait(process, directory):
    deadline = time.monotonic() + _START
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError):
            _connect(directory).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"the PostgreSQL server does not answer: {(directory / 'log').read_text()[-3000:]}")


def _connect(directory):
    return psycopg.connect(host=str(directory), user=_USER, dbname="postgres", autocommit=True)
