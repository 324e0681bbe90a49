# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The daemons of the rack: libvirtd, vbmcd and one Redfish emulator per node."""

from __future__ import annotations

import dataclasses
import hashlib
import ipaddress
import os
import subprocess
import time
from pathlib import Path

from . import processes
from .ground import RackError, read_file, write_file
from .network import namespace_inode

READY_SECONDS = 60
LOG_TAIL_LINES = 15
# State columns of /proc/net: 0A is TCP LISTEN; a bound UDP socket has 07.
LISTENING = {"tcp": "0A", "udp": "07"}


@dataclasses.dataclass(frozen=True)
class Daemon:
    """One daemon: how it is started and how its being ready is seen.

    ``listens`` holds ``("unix", path)`` or ``(protocol, IPv4 address, port)``.
    """

    name: str
    argv: tuple
    listens: tuple
    config: tuple
    environment: tuple = ()
    stale: tuple = ()


def libvirt_daemons(rack):
    """Return the daemon the machines need."""
    launcher = Path(__file__).with_name("libvirtd.sh")
    etc = rack.libvirt / "etc"
    return [
        Daemon(
            name="libvirtd",
            argv=("/bin/sh", launcher, rack.libvirt),
            listens=(("unix", rack.libvirt_socket),),
            config=(launcher, etc / "libvirtd.conf", etc / "qemu.conf"),
            stale=(rack.libvirt_socket,),
        )
    ]


def bmc_daemons(rack):
    """Return the daemons that play the BMCs."""
    python = Path(rack.spec["venv"]) / "bin" / "python"
    found = []
    if rack.ipmi_nodes():
        vbmc = rack.dir / "vbmc"
        found.append(
            Daemon(
                name="vbmcd",
                argv=(python, "-B", "-m", "virtualbmc.cmd.vbmcd", "--foreground"),
                listens=tuple(("udp", node["bmc_address"], 623) for node in rack.ipmi_nodes()),
                config=(vbmc / "virtualbmc.conf", *(vbmc / "domains" / node["name"] / "config" for node in rack.ipmi_nodes())),
                environment=(("VIRTUALBMC_CONFIG", vbmc / "virtualbmc.conf"),),
                # vbmcd refuses to start when this names a living process, whichever it is by now.
                stale=(vbmc / "master.pid",),
            )
        )
    for node in rack.redfish_nodes():
        name, config = node["name"], rack.dir / "bmc" / f"{node['name']}.conf"
        found.append(
            Daemon(
                name=f"redfish-{name}",
                argv=(python, "-B", "-m", "sushy_tools.emulator.main", "--config", config),
                listens=(("tcp", node["bmc_address"], 443),),
                config=(
                    config,
                    rack.dir / "bmc" / f"{name}.pem",
                    rack.secrets / f"{name}.key",
                    rack.secrets / f"{name}.htpasswd",
                    # It keeps its connection, which a new libvirtd does not know; so it has to start anew as well.
                    rack.run / "libvirtd.pid",
                ),
            )
        )
    return found


def start_libvirt(rack, check_mode):
    """Start libvirtd when it does not run as described."""
    return ensure(rack, libvirt_daemons(rack), check_mode)


def start_bmcs(rack, check_mode):
    """Start the BMCs that do not run as described, and end those of nodes that are no longer described."""
    wanted = bmc_daemons(rack)
    known = {daemon.name for daemon in wanted + libvirt_daemons(rack)}
    done = []
    for record in sorted(rack.run.glob("*.pid")):
        if record.stem not in known:
            done.append(f"{record.stem} ended")
            if not check_mode:
                stop(rack, record.stem)
    result = ensure(rack, wanted, check_mode)
    return {"changed": bool(done) or result["changed"], "messages": done + result["messages"]}


def libvirt_runs(rack):
    """Tell whether the rack's libvirtd runs as described."""
    return all(runs(rack, daemon, config_digest(daemon)) for daemon in libvirt_daemons(rack))


def ensure(rack, daemons, check_mode):
    """Start each daemon that is not running with its present configuration; all are started before any is waited for."""
    done, started = [], []
    for daemon in daemons:
        digest = config_digest(daemon)
        if runs(rack, daemon, digest):
            continue
        done.append(f"{daemon.name} started")
        if not check_mode:
            started.append((daemon, start(rack, daemon, digest)))
    for daemon, process in started:
        wait_ready(rack, daemon, process)
    return {"changed": bool(done), "messages": done}


def config_digest(daemon):
    """Return a digest of what the daemon is started with: arguments and configuration files."""
    digest = hashlib.sha256(repr([str(part) for part in daemon.argv]).encode())
    for path in daemon.config:
        digest.update((read_file(path) or "").encode() + b"\0")
    return digest.hexdigest()


def runs(rack, daemon, digest):
    """Tell whether the daemon runs in the rack's namespace, is the one its pid file names, and listens."""
    pid = (read_file(rack.run / f"{daemon.name}.pid") or "").strip()
    if not pid.isdigit() or not processes.alive(pid):
        return False
    seen = processes.environment(pid)
    marks = {processes.RACK_MARK: str(rack.dir), processes.DAEMON_MARK: daemon.name, processes.CONFIG_MARK: digest}
    marked = marks.items() <= seen.items()
    if not marked or processes.network_namespace(pid) != namespace_inode(rack):
        return False
    return ready(daemon, pid)


def stop(rack, name):
    """End a daemon with all its children and remove its pid file.

    :raises RackError: a process does not end.
    """
    left = processes.end(processes.of_daemon(rack, name))
    if left:
        raise RackError(f"{name}: the processes {left} do not end. To do: look at what they wait for (/proc/<pid>/stack).")
    (rack.run / f"{name}.pid").unlink(missing_ok=True)


def start(rack, daemon, digest):
    """Start a daemon detached from this process and record its process id."""
    stop(rack, daemon.name)
    for path in daemon.stale:
        Path(path).unlink(missing_ok=True)
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(rack.run),
        "TMPDIR": str(rack.run),
        "PYTHONUNBUFFERED": "1",
        processes.RACK_MARK: str(rack.dir),
        processes.DAEMON_MARK: daemon.name,
        processes.CONFIG_MARK: digest,
        **{key: str(value) for key, value in daemon.environment},
    }
    argv = ["ip", "netns", "exec", rack.name, *(str(part) for part in daemon.argv)]
    with open(rack.log / f"{daemon.name}.log", "ab") as log:
        # `ip netns exec` and the launcher replace themselves by the daemon, so this is the daemon's process id.
        process = subprocess.Popen(
            argv, env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    write_file(rack.run / f"{daemon.name}.pid", f"{process.pid}\n", 0o644)
    return process


def wait_ready(rack, daemon, process):
    """Wait until a daemon listens.

    :raises RackError: it ended or took too long; the end of its log is in the text.
    """
    deadline = time.monotonic() + READY_SECONDS
    while not ready(daemon, process.pid):
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            stop(rack, daemon.name)
            log = rack.log / f"{daemon.name}.log"
            tail = "\n".join((read_file(log) or "").splitlines()[-LOG_TAIL_LINES:])
            seen = f"it ended with code {process.returncode}" if ended else f"it did not listen after {READY_SECONDS} s"
            raise RackError(f"{daemon.name} does not start. Seen: {seen}; the end of {log}:\n{tail}\nTo do: cure the cause named there, run again.")
        time.sleep(0.1)


def ready(daemon, pid):
    """Tell whether every socket of the daemon is there."""
    for kind, *where in daemon.listens:
        if kind == "unix":
            if not os.path.exists(where[0]):
                return False
        elif not bound(pid, kind, *where):
            return False
    return True


def bound(pid, protocol, address, port):
    """Tell whether a socket of the process's network namespace is bound to an IPv4 address and port."""
    local = f"{int.from_bytes(ipaddress.IPv4Address(address).packed, 'little'):08X}:{port:04X}"
    table = read_file(f"/proc/{pid}/net/{protocol}") or ""
    rows = (line.split() for line in table.splitlines()[1:])
    return any(row[1] == local and row[3] == LISTENING[protocol] for row in rows)
