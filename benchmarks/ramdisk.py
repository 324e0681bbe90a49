# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How large the ramdisk is, and how long a machine takes from power on until SSH greets, beside an untuned Debian ramdisk.

Both boot the same way, on one QEMU machine after the other: iPXE in the network card, DHCP, kernel and initrd over HTTP. The machine has
no network but QEMU's own, whose other end is on the loopback. The untuned one is what mmdebstrap makes of Debian's minbase with systemd,
an SSH server and the kernel, as it comes, plus what it cannot be reached without: a line that asks for DHCP, and a key.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

from support.figures import ROOT, figure, report

ROLES = ROOT / "roles"
sys.path[:0] = [str(ROLES / "ramdisk/files"), str(ROLES / "virtual_rack/files")]

import build_ramdisk  # noqa: E402
import yaml  # noqa: E402
from debian_sources import mmdebstrap  # noqa: E402
from rackkit.accel import try_kvm  # noqa: E402

SIZE_BAR = 80.0  # MB
LATEST = 900  # seconds
RUNS = 2
MIB = 2048  # of the machine
PLACE = ROOT / "build" / "bench" / "ramdisk"
# What servers of the big makers need for their network cards and controllers.
FIRMWARE = ["firmware-bnx2", "firmware-bnx2x", "firmware-cavium", "firmware-misc-nonfree", "firmware-myricom", "firmware-netronome",
            "firmware-netxen", "firmware-qlogic"]
UNTUNED = ["systemd", "systemd-sysv", "udev", "openssh-server", "iproute2"]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0fZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTUcq nobody@example.com\n"
DHCP = "[Match]\nType=ether\n\n[Network]\nDHCP=yes\n"


def ours(name, **variables):
    """Build the ramdisk with the role.

    :param name: directory below build/bench/ramdisk.
    :returns: dict with ``kernel`` and ``initrd``, paths.
    """
    root = PLACE / name
    root.mkdir(parents=True, exist_ok=True)
    settings = {"ramdisk_root": str(root), "ramdisk_install_tools": False, "ansible_connection": "local", "ansible_python_interpreter": sys.executable,
                **variables}
    inventory = PLACE / f"{name}.json"
    inventory.write_text(json.dumps({"boot_servers": {"hosts": {"localhost": None}, "vars": settings}}))
    subprocess.run([sys.executable, "-m", "ansible", "playbook", "-i", str(inventory), "rackwright.baremetal.ramdisk"], check=True)
    current = json.loads((root / "ramdisk/current.json").read_text())
    return {part: root / current[part] for part in ("kernel", "initrd")}


def untuned(suite):
    """Build the untuned ramdisk, with a key that nobody has.

    :returns: as ``ours``.
    """
    target = PLACE / "untuned"
    files = {"kernel": target / "vmlinuz", "initrd": target / "initrd.img"}
    if all(path.exists() for path in files.values()):
        return files
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="untuned-", dir="/var/tmp") as work:
        root = pathlib.Path(work, "root")
        config = {"suite": suite, "mirror": "", "architecture": "amd64", "components": ["main"], "packages": [*UNTUNED, "linux-image-amd64"]}
        mmdebstrap(config, root, pathlib.Path(work), "--variant=minbase")
        build_ramdisk.write(root, "etc/systemd/network/80-dhcp.network", DHCP)
        build_ramdisk.chroot(root, "systemctl", "enable", "systemd-networkd.service")
        build_ramdisk.write(root, "root/.ssh/authorized_keys", KEY)
        (root / "init").symlink_to("sbin/init")
        shutil.copyfile(next((root / "boot").glob("vmlinuz-*")), files["kernel"])
        build_ramdisk.pack(root, target / ".initrd.new")
        (target / ".initrd.new").rename(files["initrd"])
    return files


class Server(http.server.ThreadingHTTPServer):
    """A boot server for one boot; notes when it was asked for what."""

    def __init__(self, ramdisk, arguments):
        super().__init__(("127.0.0.1", 0), Handler)
        self.base = f"http://10.0.2.2:{self.server_port}"
        line = arguments.replace("BASE", self.base)
        script = f"#!ipxe\nkernel {self.base}/kernel {line}\ninitrd {self.base}/initrd\nboot\n"
        self.served = {"/boot.ipxe": script.encode(), "/keys/authorized_keys": KEY.encode(), "/beacon/ramdisk": b"", "/beacon/ssh": b"",
                       **{f"/{part}": path.read_bytes() for part, path in ramdisk.items()}}
        self.seen = {}
        self.journal = {}


class Handler(http.server.BaseHTTPRequestHandler):
    """GET what is served, PUT the journal."""

    def do_GET(self):
        """Serve, and note when it was delivered."""
        path = self.path.partition("?")[0]
        body = self.server.served.get(path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")
        self.server.seen.setdefault(path, time.monotonic())

    def do_PUT(self):
        """Take a part of the journal."""
        self.server.journal[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.setdefault("journal", time.monotonic())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        """Nobody reads it."""


def greets(port):
    """Whether an SSH server greets there; QEMU accepts the connection whether or not there is one behind it.

    Patience is for the slow machine of an emulator: it forks a process for each connection, those that were given up too.
    """
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        return connection.recv(4) == b"SSH-"
    return False


def free_port():
    """A port that is free now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def boot(name, ramdisk, accel, arguments=""):
    """Boot a machine once.

    :returns: seconds from power on: ``loaded``, when kernel and initrd were there, ``ssh``, when SSH greeted, and ``journal`` or None,
        when its first part came.
    """
    console = PLACE / f"{name}.console"
    with Server(ramdisk, f"console=ttyS0,115200 {arguments}") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = free_port()
        command = ["qemu-system-x86_64", "-machine", f"q35,accel={accel},graphics=off", "-m", str(MIB), "-smp", "1", "-nodefaults", "-no-reboot",
                   "-display", "none", "-serial", f"file:{console}", "-boot", "n",
                   "-netdev", f"user,id=net,restrict=off,hostfwd=tcp:127.0.0.1:{port}-:22,bootfile={server.base}/boot.ipxe",
                   "-device", "virtio-net-pci,netdev=net,mac=52:54:00:00:02:11"]
        start = time.monotonic()
        machine = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            while not greets(port):
                if machine.poll() is not None or time.monotonic() - start > LATEST:
                    raise SystemExit(f"{name}: no SSH after {time.monotonic() - start:.0f} s, after {list(server.seen)}; its console is in {console}")
                time.sleep(0.2)
            ssh = time.monotonic() - start
            while arguments and "journal" not in server.seen and time.monotonic() - start < LATEST:
                time.sleep(0.2)
            seen = {stage: when - start for stage, when in server.seen.items()}
            print(f"{name}: {', '.join(f'{stage} {seconds:.1f} s' for stage, seconds in seen.items())}, greeting {ssh:.1f} s", flush=True)
            if server.journal:
                (PLACE / f"{name}.journal").write_bytes(b"".join(server.journal[part] for part in sorted(server.journal)))
            return {"loaded": seen["/initrd"], "ssh": ssh, "journal": seen.get("journal")}
        finally:
            machine.kill()
            machine.wait()
            server.shutdown()


def megabytes(ramdisk):
    """Size of kernel and initrd, in MB."""
    return sum(path.stat().st_size for path in ramdisk.values()) / 1e6


def measure():
    """Build all, boot the two in turn.

    :returns: list of figures.
    """
    suite = yaml.safe_load((ROLES / "ramdisk/defaults/main.yml").read_text(encoding="utf-8"))["ramdisk_suite"]
    own, plain = ours("own"), untuned(suite)
    with_firmware = ours("firmware", ramdisk_components=["main", "non-free-firmware"], ramdisk_mirror="http://deb.debian.org/debian",
                         ramdisk_extra_packages=FIRMWARE)
    works, reason = try_kvm()
    accel = "kvm" if works else "tcg"
    print(f"{accel}: {reason}", flush=True)
    arguments = ("rackwright.url=BASE/keys/ rackwright.beacon=BASE/beacon/ rackwright.journal=BASE/journal/ rackwright.nonce=benchmark "
                 "BOOTIF=01-52-54-00-00-02-11")
    mine, theirs = [], []
    for dummy in range(RUNS):
        mine.append(boot("own", own, accel, arguments))
        theirs.append(boot("untuned", plain, accel))
    # The best of each: what disturbs a run only ever makes it longer.
    best = {name: {stage: min(run[stage] for run in runs) for stage in ("loaded", "ssh")} for name, runs in (("own", mine), ("untuned", theirs))}
    return [
        figure("size of kernel and initrd, without firmware", megabytes(own), "MB", SIZE_BAR),
        figure("of which the kernel", own["kernel"].stat().st_size / 1e6, "MB"),
        figure("size with firmware of server NICs and controllers", megabytes(with_firmware), "MB"),
        figure("size of the untuned ramdisk, without firmware", megabytes(plain), "MB"),
        figure(f"power on to kernel and initrd loaded ({accel})", best["own"]["loaded"], "s"),
        figure(f"power on to SSH ({accel})", best["own"]["ssh"], "s"),
        figure("power on to the first part of the journal", min(run["journal"] for run in mine), "s"),
        figure(f"untuned: power on to kernel and initrd loaded ({accel})", best["untuned"]["loaded"], "s"),
        figure(f"untuned: power on to SSH ({accel})", best["untuned"]["ssh"], "s"),
        figure("power on to SSH, ours to untuned", best["own"]["ssh"] / best["untuned"]["ssh"], "x", 1.0),
    ]


if __name__ == "__main__":
    PLACE.mkdir(parents=True, exist_ok=True)
    sys.exit(report("ramdisk", measure()))
