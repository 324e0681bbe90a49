# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A ramdisk and an image for arm64, built here and booted by UEFI firmware on an emulated machine (make arm64).

The ramdisk is booted by shim and GRUB, by iPXE and from the medium; the machine and the boot server have a network namespace of their own, with the
machine's card as the only one. The image is booted from a disk, by shim and GRUB too. Both stay, in build/arm64 of the checkout, for the next time.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import (
    boot_interface, journal, node_files, ramdisk_store, static_network, wait)
from ansible_collections.rackwright.baremetal.tests.simulators.boot_server import boot_server, ip, namespaces

PLACE = pathlib.Path(os.environ.get("RACKWRIGHT_CHECKOUT") or pathlib.Path(__file__).resolve().parents[2]) / "build/arm64"
MAC, HYPHENS, ADDRESS, URL = "52:54:00:00:07:01", "52-54-00-00-07-01", "192.0.2.71", "http://192.0.2.1:8080"
FIRMWARE = "/usr/share/AAVMF/AAVMF_CODE.fd"
# Without keys, and with Microsoft's and Secure Boot on.
PLAIN, SECURE = "/usr/share/AAVMF/AAVMF_VARS.fd", "/usr/share/AAVMF/AAVMF_VARS.ms.fd"
# Debian's from 13 on, or one that was got elsewhere.
LOADER = os.environ.get("RACKWRIGHT_ARM64_LOADER", "/usr/lib/ipxe/ipxe-arm64.efi")
# Everything is emulated here, on a machine that may have other things to do.
PATIENCE = 3600


def play(name, **variables):
    """Run a playbook of the collection on this host, and show what it did."""
    PLACE.mkdir(parents=True, exist_ok=True)
    inventory = PLACE / f"{name}.json"
    inventory.write_text(json.dumps({"boot_servers": {"hosts": {"localhost": {
        "ansible_connection": "local", "ansible_python_interpreter": sys.executable, **variables}}}}))
    done = subprocess.run([sys.executable, "-m", "ansible", "playbook", "-i", str(inventory), f"rackwright.baremetal.{name}"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def emulator():
    """The kernel runs programs of arm64; where the host has not been set up so (no init runs, as in a container), for the time of the tests."""
    if subprocess.run(["arch-test", "arm64"], check=False, stdout=subprocess.DEVNULL).returncode == 0:
        yield
        return
    mounted = os.path.exists("/proc/sys/fs/binfmt_misc/register")
    subprocess.run(["update-binfmts", "--enable", "qemu-aarch64"], check=True)
    try:
        yield
    finally:
        subprocess.run(["update-binfmts", "--disable", "qemu-aarch64"], check=True)
        if not mounted:
            subprocess.run(["umount", "/proc/sys/fs/binfmt_misc"], check=True)


@pytest.fixture(scope="session")
def ramdisk(emulator):
    """The directory with a ramdisk for arm64."""
    settings = {"ramdisk_root": str(PLACE / "http"), "ramdisk_architecture": "arm64", "ramdisk_kernel": "linux-image-cloud-arm64"}
    play("ramdisk", **settings)
    assert "changed=0" in play("ramdisk", **settings)
    return PLACE / "http/ramdisk"


@pytest.fixture
def key(tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    return tmp_path / "key"


@pytest.fixture
def server(ramdisk):
    """A boot server for one node."""
    loader = LOADER if os.path.exists(LOADER) else ""
    with namespaces("arm") as (space,):
        ip("-n", space, "tuntap", "add", "dev", "eth0", "mode", "tap")
        ip("-n", space, "address", "add", "192.0.2.1/24", "dev", "eth0")
        ip("-n", space, "link", "set", "eth0", "up")
        with boot_server(space, boot_server_arm64_loader=loader) as made:
            (made.root / "tftp/grub").mkdir()
            (made.root / "tftp/grub/grub.cfg").write_text(made.render("grub.cfg.j2"))
            subprocess.run(["cp", "-a", "--reflink=auto", f"{ramdisk}/.", str(made.root / "http/ramdisk")], check=True)
            (made.root / "tftp/ramdisk").symlink_to("../http/ramdisk")
            yield made


def prepare(server, interface, key):
    """Write the boot files of the node; returns (the run's nonce, the path of its medium or None)."""
    nonce = f"nonce-{time.time_ns()}"
    found = ramdisk_store.current(server.root, "arm64")
    assert boot_interface.server_problem(interface, server.root, found) is None
    static = static_network.arguments("node1", ADDRESS, "192.0.2.0/24") if interface in boot_interface.MEDIA else ()
    node_files.present(
        str(server.root), node="node1", mac=HYPHENS, address=ADDRESS, nonce=nonce, keys=[pathlib.Path(f"{key}.pub").read_text().strip()], url=URL,
        arguments=node_files.boot_arguments(URL, "node1", HYPHENS, nonce, "console=ttyAMA0", static), interface=interface, ramdisk=found)
    place = server.root / boot_interface.place(interface, HYPHENS, nonce)
    return nonce, place if interface in boot_interface.MEDIA else None


@contextlib.contextmanager
def machine(server, console, *more, firmware=SECURE, uri=None):
    """An emulated machine that is on for as long as the context lasts; its network card has no iPXE of its own.

    :param server: the boot server that it is cabled to; None for a machine without network.
    :param firmware: file with the variables of its firmware.
    :param uri: what its firmware was told to boot by HTTP the next time, as a BMC does.
    """
    variables = console.with_name("variables.fd")
    shutil.copyfile(firmware, variables)
    if uri:
        subprocess.run(["virt-fw-vars", "--inplace", str(variables), "--set-boot-uri", uri], check=True)
    beside, network = (), ("-nic", "none")
    if server:
        beside = "ip", "netns", "exec", server.space
        network = "-netdev", "tap,id=n,ifname=eth0,script=no,downscript=no", "-device", f"virtio-net-pci,netdev=n,mac={MAC},romfile="
    command = [*beside, "qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a57", "-accel", "tcg,thread=multi",
               "-smp", "2", "-m", "2048", "-display", "none", "-monitor", "none", "-serial", f"file:{console}", *network,
               "-drive", f"if=pflash,format=raw,readonly=on,file={FIRMWARE}", "-drive", f"if=pflash,format=raw,file={variables}", *more]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


def ssh(server, key, host_key, command):
    """What a command prints in the ramdisk."""
    known = key.with_name("known_hosts")
    known.write_text(f"{ADDRESS} {host_key}\n")
    return subprocess.run(
        ["ip", "netns", "exec", server.space, "ssh", "-i", str(key), "-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes",
         "-o", "ConnectTimeout=120", f"root@{ADDRESS}", command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout


def calls_back(server, key, nonce, console):
    """Wait for the ramdisk, and look into it; returns the stages on the way."""
    try:
        found = wait.wait_for_ramdisk(str(server.root), mac=MAC, nonce=nonce, address=ADDRESS, timeout=PATIENCE)
    finally:
        print(console.read_text(errors="replace")[-6000:])
    told = ssh(server, key, found["host_key"], "uname -m; cat /proc/cmdline; python3 -c 'import zstandard'; dmidecode -s system-manufacturer")
    assert told.startswith("aarch64\n") and f"rackwright.nonce={nonce}" in told and told.endswith("QEMU\n")
    assert "Linux version" in journal.read(str(server.root), HYPHENS, nonce)
    return [item["stage"] for item in found["stages"]]


def test_shim_and_grub_by_tftp(server, key, tmp_path):
    nonce, _medium = prepare(server, "pxe", key)
    with machine(server, tmp_path / "console"):
        stages = calls_back(server, key, nonce, tmp_path / "console")
    assert stages == ["dhcp", "firmware", "grub", "kernel", "initrd", "ramdisk", "ssh"]
    sent = (server.root / "log/dnsmasq.log").read_text()
    assert f"{HYPHENS}/arm64.efi to {ADDRESS}" in sent and f"grubaa64.efi to {ADDRESS}" in sent


@pytest.mark.skipif(not os.path.exists(LOADER), reason="the package ipxe has no iPXE for arm64 before Debian 13; RACKWRIGHT_ARM64_LOADER names another one")
def test_ipxe(server, key, tmp_path):
    # Which nobody signed.
    nonce, _medium = prepare(server, "ipxe", key)
    with machine(server, tmp_path / "console", firmware=PLAIN):
        stages = calls_back(server, key, nonce, tmp_path / "console")
    assert stages == ["dhcp", "firmware", "ipxe", "kernel", "initrd", "ramdisk", "ssh"]


def test_the_medium(server, key, tmp_path):
    nonce, medium = prepare(server, "redfish-virtual-media", key)
    with machine(server, tmp_path / "console", "-device", "virtio-scsi-pci", "-drive", f"if=none,id=cd,media=cdrom,readonly=on,format=raw,file={medium}",
                 "-device", "scsi-cd,drive=cd,bootindex=0"):
        assert calls_back(server, key, nonce, tmp_path / "console") == ["ramdisk", "ssh"]


def test_the_medium_by_http_boot_from_a_url(server, key, tmp_path):
    nonce, medium = prepare(server, "redfish-https", key)
    with machine(server, tmp_path / "console", uri=f"{URL}/{medium.relative_to(server.root / 'http')}"):
        assert calls_back(server, key, nonce, tmp_path / "console") == ["dhcp", "medium", "ramdisk", "ssh"]


@pytest.fixture(scope="session")
def image(emulator):
    """The path of an image for arm64."""
    settings = {"os_image_dir": str(PLACE / "images"), "os_image_name": "debian-12-arm64", "os_image_architecture": "arm64",
                "os_image_kernel": "linux-image-cloud-arm64", "os_image_kernel_arguments": "console=tty0 console=ttyAMA0"}
    play("os_image", **settings)
    assert "changed=0" in play("os_image", **settings)
    return PLACE / "images/debian-12-arm64.qcow2"


# What the machine tells at its first start: what it is, the last byte of the firmware's variable SecureBoot, and the bytes of its root file system.
FIRST_START = """#cloud-config
runcmd:
  - 'echo "seen: $(uname -m) $(tail -c 1 /sys/firmware/efi/efivars/SecureBoot-* | od -A n -t u1) $(df --output=size -B 1 / | tail -n 1)" > /dev/ttyAMA0'
"""


def test_an_image_starts_with_secure_boot(image, tmp_path):
    disk, seed, console = tmp_path / "disk.qcow2", tmp_path / "seed", tmp_path / "console"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", image, "-F", "qcow2", disk, "6G"], check=True)
    seed.mkdir()
    (seed / "user-data").write_text(FIRST_START)
    (seed / "meta-data").write_text("instance-id: first\nlocal-hostname: node1\n")
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-V", "cidata", "-J", "-r", "-o", tmp_path / "seed.iso", seed], check=True)
    with machine(None, console, "-drive", f"if=virtio,format=qcow2,file={disk}",
                 "-drive", f"if=virtio,format=raw,readonly=on,file={tmp_path}/seed.iso") as process:
        deadline = time.monotonic() + PATIENCE
        # The two come in any order.
        while not ((found := re.search(r"seen: (\S+) +(\d) +(\d+)\s", told := _read(console))) and "node1 login:" in told):
            assert process.poll() is None and time.monotonic() < deadline, told[-6000:]
            time.sleep(1)
    assert found.group(1, 2) == ("aarch64", "1")
    # It has grown to the disk.
    assert int(found[3]) > 5 * 1024 ** 3


def _read(console):
    return console.read_text(errors="replace") if console.exists() else ""
