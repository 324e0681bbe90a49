# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks, credentials, the choice of an accelerator: what is made is right, and made only once."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rackkit import accel, credentials, disks, network
from rackkit.ground import RackError


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(0, 9 * 1024**2),
    writes=st.lists(st.tuples(st.integers(0, 9 * 1024**2), st.binary(min_size=1, max_size=9000)), max_size=4),
)
def test_the_digest_of_a_sparse_file_is_that_of_its_content(tmp_path_factory, size, writes):
    path = tmp_path_factory.mktemp("sparse") / "disk.raw"
    with open(path, "wb") as stream:
        stream.truncate(size)
        for position, content in writes:
            stream.seek(position)
            stream.write(content)
    assert disks.sparse_sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def small(rack, fill):
    rack.nodes[:] = [{**rack.nodes[0], "disks": [{"name": "disk", "serial": "RW-TEST", "size_gib": 1, "fill": fill}]}]
    return rack.dir / "disks" / rack.nodes[0]["name"] / "disk.raw"


def test_a_stale_disk_shows_old_data_at_both_ends_and_lets_the_bios_go_on(rack):
    path = small(rack, "stale")
    assert disks.ensure(rack, False)["changed"]
    with open(path, "rb") as stream:
        first = stream.read(512)
        stream.seek(-1024, os.SEEK_END)
        last = stream.read()
    assert first[:2] == b"\xcd\x18" and first[510:] == b"\x55\xaa" and first[446 + 4] == 0x83
    assert b"stale data of disk RW-TEST" in last
    assert path.stat().st_size == 1024**3 and path.stat().st_blocks * 512 < 32 * 1024**2


@pytest.mark.skipif(shutil.which("mkfs.ext4") is None, reason="needs mkfs.ext4")
def test_a_data_disk_holds_a_file_and_its_digest_stands_beside_it(rack):
    path = small(rack, "data")
    disks.ensure(rack, False)
    told, name = path.with_suffix(".sha256").read_text(encoding="ascii").split()
    assert name == "disk.raw" and told == disks.sparse_sha256(path)
    shown = subprocess.run(["debugfs", "-R", "cat precious.txt", path], capture_output=True, text=True, check=True)
    assert "disk RW-TEST must survive" in shown.stdout
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["disk.raw", "disk.sha256"]


def test_a_disk_is_never_written_twice(rack):
    path = small(rack, "stale")
    disks.ensure(rack, False)
    with open(path, "r+b") as stream:
        stream.write(b"installed system")
    assert disks.ensure(rack, False)["changed"] is False
    assert path.open("rb").read(16) == b"installed system"
    rack.nodes[0]["disks"][0]["size_gib"] = 2
    with pytest.raises(RackError, match="disk file .* has 1073741824 bytes"):
        disks.ensure(rack, False)


def test_check_mode_makes_no_disk(rack):
    path = small(rack, "blank")
    assert disks.ensure(rack, True)["changed"] and not path.exists()


def test_ipmi_settings_are_private_and_written_once(rack):
    node = rack.ipmi_nodes()[0]
    assert credentials.vbmc_settings(rack, node, "secret", False)
    path = rack.dir / "vbmc" / "domains" / node["name"] / "config"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and "password = secret" in path.read_text(encoding="ascii")
    assert credentials.vbmc_settings(rack, node, "secret", False) == []
    rack.nodes.remove(node)
    assert credentials.forget_vbmc_settings(rack, False) and not path.exists()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_certificates_hold_for_the_address_and_for_no_other(rack):
    done = credentials.certificates(rack, False)
    assert done == ["certificate authority made", "certificate of node2 made", "certificate of node3 made"]
    assert credentials.certificates(rack, False) == []
    certificate = rack.dir / "bmc" / "node2.pem"
    verify = ["openssl", "verify", "-x509_strict", "-CAfile", str(rack.ca), "-verify_ip"]
    assert subprocess.run([*verify, "198.51.100.12", certificate], capture_output=True, check=False).returncode == 0
    assert subprocess.run([*verify, "198.51.100.13", certificate], capture_output=True, check=False).returncode != 0
    rack.redfish_nodes()[0]["bmc_address"] = "198.51.100.99"
    assert credentials.certificates(rack, False) == ["certificate of node2 made"]
    for key in rack.secrets.iterdir():
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.skipif(credentials.bcrypt is None, reason="needs bcrypt")
def test_passwords_are_random_and_stay(rack):
    assert credentials.ensure(rack, False)["changed"]
    passwords = {rack.password_file(node).read_text(encoding="ascii") for node in rack.nodes}
    assert len(passwords) == 3 and all(len(password) == 17 for password in passwords)
    assert credentials.ensure(rack, False)["changed"] is False


@pytest.mark.parametrize(
    ("shown", "ends", "works", "told"),
    [
        (b"\x1b[0mSeaBIOS\r\nBooting from ROM...\r\niPXE initialising devices...", False, True, "booted"),
        (b"SeaBIOS (version 1.16)\r\nBooting from ROM..", False, False, "hung for 0.2 s: Booting from ROM.."),
        (b"qemu: could not access KVM", True, False, "ended at once: qemu: could not access KVM"),
        (b"", True, False, "stayed empty"),
    ],
)
def test_only_a_guest_that_went_on_proves_kvm(shown, ends, works, told):
    reader, writer = os.pipe()
    os.write(writer, shown)
    if ends:
        os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as console:
        answer, reason = accel.judge(console, 0.2)
    if not ends:
        os.close(writer)
    assert answer is works and told in reason


def test_a_trial_is_remembered_and_a_demand_for_kvm_is_not_softened(rack, monkeypatch):
    trials = []
    monkeypatch.setattr(accel, "try_kvm", lambda: trials.append(1) or (False, "it hung"))
    assert accel.choose(rack, False)["accel"] == "tcg"
    assert accel.choose(rack, False)["changed"] is False and len(trials) == 1
    rack.spec["accel"] = "kvm"
    with pytest.raises(RackError, match="it hung"):
        accel.choose(rack, False)


def test_an_ipv6_address_of_the_bridge_is_of_use_at_once(rack, monkeypatch):
    """A bridge without machines has no carrier, and would look for another owner of the address without an end."""
    commands = []
    monkeypatch.setattr(network, "namespace_inode", lambda _rack: 1)
    monkeypatch.setattr(network, "links", lambda _rack: {"lo": {"flags": ["UP"], "ifalias": network.owner_mark(rack)}, "br0": {"flags": ["UP"]}})
    monkeypatch.setattr(network, "run", lambda argv: commands.append(" ".join(argv)))
    for gateway, command in (("192.0.2.1/24", "192.0.2.1/24 dev br0"), ("2001:db8:6::1/64", "2001:db8:6::1/64 dev br0 nodad")):
        rack.spec["gateway"] = gateway
        commands.clear()
        network.ensure(rack, False)
        assert f"ip -n testrack address add {command}" in commands


@pytest.mark.parametrize(
    ("links", "ours"),
    [
        ({"lo": {"flags": ["LOOPBACK", "UP"], "ifalias": "OWN"}, "br0": {"flags": []}}, True),
        ({"lo": {"flags": ["LOOPBACK"]}}, True),
        ({"lo": {"flags": ["LOOPBACK", "UP"]}}, False),
        ({"lo": {"flags": ["LOOPBACK"]}, "veth0": {"flags": []}}, False),
        ({"lo": {"flags": ["LOOPBACK"], "ifalias": "rackwright /srv/another"}}, False),
    ],
)
def test_a_namespace_is_ours_by_its_mark_or_by_being_untouched(rack, monkeypatch, links, ours):
    for link in links.values():
        if link.get("ifalias") == "OWN":
            link["ifalias"] = network.owner_mark(rack)
    monkeypatch.setattr(network, "links", lambda _rack: links)
    assert network.is_ours(rack) is ours
