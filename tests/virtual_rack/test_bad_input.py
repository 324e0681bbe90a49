# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bad input gets on the virtual rack: a paragraph, the right state, and no disk touched.

The tests follow on each other; they start where test_main_job.py ends, or make the nodes available themselves.
"""

from __future__ import annotations

import subprocess

import pytest

from steps import IMAGE, data_digests, enroll, nodes, printed, run, told, watched_processes


@pytest.fixture(scope="module")
def data_before(virtual_rack):
    run(virtual_rack, "enroll.yml")
    run(virtual_rack, "provide.yml", "-l", "rack3")
    return data_digests(virtual_rack)


def test_unknown_image(virtual_rack, data_before):
    output = run(virtual_rack, "deploy.yml", "-l", "rack3", "-e", "image=nothing", rc=2)
    assert "there is no image nothing" in output and "debian-12" in output
    assert nodes(virtual_rack)["node1"]["provision_state"] == "available"


def test_image_larger_than_the_disk(virtual_rack):
    enroll(virtual_rack, lambda node: node.setdefault("properties", {}).update(local_gb=1) if node["name"] == "node1" else None)
    output = run(virtual_rack, "deploy.yml", "-l", "node1", *IMAGE, rc=2)
    assert "larger than the disk" in output
    assert nodes(virtual_rack)["node1"]["provision_state"] == "available"


def test_wrong_password_and_unreachable_bmc(virtual_rack, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong-password")

    def change(node):
        if node["name"] == "node1":
            node["bmc"]["password"] = {"file": str(wrong)}
        if node["name"] == "node2":
            node["bmc"]["address"] = "198.51.100.99"

    enroll(virtual_rack, change)
    output = run(virtual_rack, "deploy.yml", "-l", "rack3", *IMAGE, rc=2)
    states = nodes(virtual_rack)
    assert states["node1"]["provision_state"] == states["node2"]["provision_state"] == "deploy failed"
    assert told(states["node1"]["last_error"], "node1", "password", stage="BMC connection")
    assert told(states["node2"]["last_error"], "node2", "198.51.100.99", stage="BMC connection")
    assert "Traceback" not in output and "wrong-password" not in output


def test_two_matching_disks_and_a_damaged_image(virtual_rack, data_before):
    def change(node):
        if node["name"] == "node1":
            node["root_device"] = {"size": ">= 5"}

    enroll(virtual_rack, change)
    target = virtual_rack.disk_digest("node1", "target")
    # Another system's disk: of one that holds the image already, only the frames that differ are fetched.
    with open(virtual_rack.RACK / "disks/node2/target.raw", "r+b") as disk:
        size = disk.seek(0, 2)
        disk.truncate(0)
        disk.truncate(size)
        disk.seek(0)
        disk.write(b"\x55" * (1 << 20))
    published = next((virtual_rack.BOOT / "http" / "images" / "debian-12").glob("*/disk.raw.zst"))
    whole = published.read_bytes()
    with open(published, "r+b") as stream:
        stream.seek(len(whole) // 2)
        stream.write(bytes(byte ^ 0xFF for byte in whole[len(whole) // 2:len(whole) // 2 + 16]))
    try:
        run(virtual_rack, "deploy.yml", "-l", "rack3", *IMAGE, rc=2)
    finally:
        with open(published, "r+b") as stream:
            stream.write(whole)
    states = nodes(virtual_rack)
    assert states["node1"]["provision_state"] == states["node2"]["provision_state"] == "deploy failed"
    assert told(states["node1"]["last_error"], "node1", "RW-0301-TARGET", "RW-0301-DATA", stage="root device")
    assert virtual_rack.disk_digest("node1", "target") == target
    assert told(states["node2"]["last_error"], "node2", stage="verify the image")
    with open(virtual_rack.RACK / "disks/node2/target.raw", "rb") as disk:
        assert not any(disk.read(1 << 20)), "a half-written disk could boot"
    assert data_digests(virtual_rack) == data_before


def test_the_same_command_cures_one_node_while_another_fails(virtual_rack, data_before):
    def change(node):
        if node["name"] == "node1":
            node["serial"] = "ANOTHER-MACHINE"

    enroll(virtual_rack, change)
    target = virtual_rack.disk_digest("node1", "target")
    with watched_processes() as seen:
        run(virtual_rack, "deploy.yml", "-l", "rack3", *IMAGE, "-vvvv", rc=2)
    printed.extend(seen)
    states = nodes(virtual_rack)
    assert states["node1"]["provision_state"] == "deploy failed"
    assert told(states["node1"]["last_error"], "node1", "ANOTHER-MACHINE", "RW-SN-0301", stage="interlock")
    assert states["node2"]["provision_state"] == "active"
    assert virtual_rack.disk_digest("node1", "target") == target
    assert data_digests(virtual_rack) == data_before


def test_checksum_mismatch(virtual_rack):
    done = virtual_rack.playbook("publish.yml", "-e", "publish_name=other", "-e", f"publish_checksum=sha256:{'0' * 64}", check=False, capture=True)
    assert done.returncode == 2
    assert "checksum" in done.stdout
    assert not list((virtual_rack.BOOT / "http" / "images").glob("other/*"))


def test_passwords_are_nowhere(virtual_rack):
    secrets = [path.read_text().strip() for path in (virtual_rack.RACK / "secrets").iterdir() if "password" in path.name]
    assert secrets
    listing = subprocess.run(["ansible-inventory", "--list"], cwd=virtual_rack.SITE, env=virtual_rack.environment(),
                             capture_output=True, text=True, check=True).stdout
    registry = (virtual_rack.SITE / "registry.db").read_bytes()
    for secret in secrets:
        assert secret not in listing + "".join(printed)
        assert secret.encode() not in registry
