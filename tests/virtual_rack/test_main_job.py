# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job on the virtual rack, from enrolment to a proven deploy.

The tests follow on each other: each one starts where the one before it ended.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from steps import IMAGE, boot_files, data_digests, host_tasks, nodes, recap, run


@pytest.fixture(scope="module")
def data_before(virtual_rack):
    return data_digests(virtual_rack)


def test_what_is_served_has_a_bill_of_materials(virtual_rack):
    http = virtual_rack.BOOT / "http"
    ramdisk = json.loads((http / "ramdisk/current.json").read_text())
    served = (http / ramdisk["sbom"]).parent
    image, = (virtual_rack.BUILD / "images").glob("debian-12.qcow2")
    published = [path for path in (http / "images/debian-12").glob("*/sbom.cdx.json") if path.read_text() == Path(f"{image}.cdx.json").read_text()]
    assert published
    parts = {"vmlinuz", "initrd.img", "boot.iso", "shimx64.efi", "grubx64.efi"}
    for bill, folder, names in ((http / ramdisk["sbom"], served, parts), (published[0], image.parent, {image.name})):
        assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(bill.read_text()) is None
        known = json.loads(bill.read_text())
        files = {file["name"]: file["hashes"][0]["content"] for file in known["metadata"]["component"]["components"]}
        assert files == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
        assert {"openssh-server", "linux-image-cloud-amd64", "libc6"} <= {package["name"] for package in known["components"]}


def test_enroll(virtual_rack, data_before):
    assert recap(run(virtual_rack, "enroll.yml", "--check", "--diff"), "localhost")["changed"] == 1
    assert nodes(virtual_rack) == {}
    assert recap(run(virtual_rack, "enroll.yml"), "localhost")["changed"] == 1
    assert recap(run(virtual_rack, "enroll.yml"), "localhost")["changed"] == 0
    graph = subprocess.run(["ansible-inventory", "--graph"], cwd=virtual_rack.SITE, env=virtual_rack.environment(),
                           capture_output=True, text=True, check=True).stdout
    for group in ("@rack3:", "@rack4:", "@provision_state_enroll:", "@driver_ipmi:", "@driver_redfish:"):
        assert group in graph


def test_provide_and_the_lock_of_another_run(virtual_rack):
    first = subprocess.Popen(virtual_rack.playbook_command("provide.yml", "-l", "rack3", inside=True), cwd=virtual_rack.SITE,
                             env=virtual_rack.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        started = time.monotonic()
        while nodes(virtual_rack)["node1"]["provision_state"] not in ("cleaning", "clean wait"):
            assert first.poll() is None and time.monotonic() < started + 600, "the first run does not come so far"
        for playbook in (("provide.yml",), ("deploy.yml", *IMAGE)):
            output = run(virtual_rack, playbook[0], "-l", "node1", *playbook[1:], rc=2)
            assert "node1" in output and "another run works on the node" in output and f"(pid {first.pid})" in output
            assert "Traceback" not in output
    except BaseException:
        first.kill()
        raise
    finally:
        output = first.communicate()[0]
        print(output)
    assert first.returncode == 0
    assert {name: node["provision_state"] for name, node in nodes(virtual_rack).items()} == {
        "node1": "available", "node2": "available", "node3": "enroll"}


def test_check_mode_changes_nothing(virtual_rack):
    before = nodes(virtual_rack), boot_files(virtual_rack)
    output = run(virtual_rack, "deploy.yml", "-l", "rack3", *IMAGE, "--check", "--diff")
    assert "available -> deploying (check)" in output
    assert (nodes(virtual_rack), boot_files(virtual_rack)) == before


def test_nothing_speaks_against_a_deploy(virtual_rack):
    report = virtual_rack.BUILD / "demo" / "preflight.json"
    report.unlink(missing_ok=True)
    output = run(virtual_rack, "preflight.yml", "-l", "rack3", *IMAGE, "-e", f"preflight_report_file={report}")
    found = json.loads(report.read_text())
    assert (found["status"], found["failed_nodes"], found["failed_hosts"]) == ("ok", [], []) and "rack3: 2 nodes, 2 ready" in output
    assert {item["check"] for item in found["hosts"]["boot1"]} == {"daemons", "tftp", "http", "ramdisk", "images", "dhcp", "address"}
    assert all(item["status"] == "ok" for item in found["hosts"]["boot1"])


def test_deploy(virtual_rack, data_before):
    report = virtual_rack.BUILD / "demo" / "report.json"
    report.unlink(missing_ok=True)
    output = run(virtual_rack, "deploy.yml", "-l", "rack3", *IMAGE, RACKWRIGHT_REPORT_FILE=str(report))
    facts = {node["name"]: node for node in json.loads(report.read_text())["nodes"]}
    assert set(facts) == {"node1", "node2"}
    for name, node in facts.items():
        assert (node["provision_state"], node["image"]) == ("active", "debian-12")
        assert node["stages"]["image"] > 0 and node["stages"]["first boot"] > 0
        assert host_tasks(output, name) <= 15
    assert data_digests(virtual_rack) == data_before
    assert nodes(virtual_rack)["node3"]["provision_state"] == "enroll"


def test_deploy_again_changes_nothing(virtual_rack):
    output = run(virtual_rack, "deploy.yml", "-l", "rack3", *IMAGE)
    for node in ("node1", "node2"):
        assert recap(output, node)["changed"] == 0
        assert host_tasks(output, node) <= 3


def test_undeploy(virtual_rack, data_before):
    run(virtual_rack, "undeploy.yml", "-l", "rack3")
    for name in ("node1", "node2"):
        assert nodes(virtual_rack)[name]["provision_state"] == "available"
        assert nodes(virtual_rack)[name]["instance"] is None
    assert data_digests(virtual_rack) == data_before
