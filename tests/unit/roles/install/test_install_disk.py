# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The disk that an installer is told to take, and the proof of it."""

from __future__ import annotations

import fnmatch
import json
import os
import pathlib
import subprocess
import sys

import pytest
import yaml
from ansible_collections.rackwright.baremetal.plugins.module_utils import _errors

ROLES = pathlib.Path(_errors.__file__).parents[2] / "roles"
# What Subiquity compares with what, by fnmatch.fnmatchcase; the keys of match hold all together.
UDEV = {"serial": "ID_SERIAL", "id_path": "ID_PATH", "path": "DEVNAME"}


def disk(name, serial, place):
    return {"name": f"/dev/{name}", "serial_long": serial, "by_path": place and f"/dev/disk/by-path/{place}"}


# The first one of each machine is meant.
MACHINES = {
    "ata": [disk("sdb", "ACME_Disk_Z1", "pci-0000:00:1f.2-ata-1"), disk("sda", "ACME_Disk_Z2", "pci-0000:00:1f.2-ata-2")],
    "namespaces": [disk("nvme0n2", "ACME_Z1", "pci-0000:01:00.0-nvme-2"), disk("nvme0n1", "ACME_Z1", "pci-0000:01:00.0-nvme-1")],
    "no_serial": [disk("vda", None, "pci-0000:00:04.0"), disk("vdb", None, "pci-0000:00:05.0")],
    "no_place": [disk("vda", None, None), disk("vdb", None, None)],
    # NVMe drives with several ways in, which stand below no place.
    "multipath": [disk("nvme0n2", "ACME_Z1", None), disk("nvme0n1", "ACME_Z1", None), disk("nvme1n1", "ACME_Z2", None), disk("nvme1n2", "ACME_Z2", None)],
}


@pytest.fixture(scope="module", name="matches")
def _matches(tmp_path_factory):
    """{machine: match of the autoinstall file}, all of them rendered by one play."""
    folder = tmp_path_factory.mktemp("install")
    role = ROLES / "install"
    play = {"hosts": "localhost", "gather_facts": False, "vars_files": [str(role / part / "main.yml") for part in ("defaults", "vars")],
            "vars": {"ansible_python_interpreter": sys.executable, "ramdisk_boot_server_url": "http://192.0.2.1:8080",
                     "ramdisk_boot_ssh_public_keys": ["ssh-ed25519 AAAA"]},
            "tasks": [{"ansible.builtin.copy": {"content": "{{ install__answer.text }}", "dest": f"{folder}/{{{{ item.name }}}}", "mode": "0600"},
                       "vars": {"install_template": str(role / "templates/user-data.j2"), "install__hardware": "{{ item.hardware }}"},
                       "loop": [{"name": name, "hardware": {"root_disk": disks[0], "hardware": {"disks": disks}}} for name, disks in MACHINES.items()]},
                      {"ansible.builtin.copy": {"content": "{{ install__answer.text }}", "dest": f"{folder}/unseen", "mode": "0600"},
                       "vars": {"install_template": str(role / "templates/user-data.j2")}}]}
    (folder / "play.yml").write_text(json.dumps([play]))
    (folder / "ansible.cfg").write_text("")
    done = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "ansible-playbook"), "-i", "localhost,", "-c", "local", "play.yml"],
        cwd=folder, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
        env={**os.environ, "ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(folder / ".ansible")})
    assert done.returncode == 0, done.stdout
    return {name: yaml.safe_load((folder / name).read_text())["autoinstall"]["storage"]["layout"]["match"] for name in [*MACHINES, "unseen"]}


def taken(match, disks, known=tuple(UDEV)):
    """The names of the disks that Subiquity takes for those that are meant, by those keys that it knows."""
    found = []
    for one in disks:
        udev = {"ID_SERIAL": one["serial_long"] or "", "ID_PATH": (one["by_path"] or "").rpartition("/")[2], "DEVNAME": one["name"]}
        if all(fnmatch.fnmatchcase(udev[UDEV[key]], value) for key, value in match.items() if key in known):
            found.append(one["name"])
    return found


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("known", [set(UDEV), set(UDEV) - {"id_path"}], ids=["today", "older"])
def test_subiquity_takes_the_disk_that_is_meant(matches, machine, known):
    """Also a version that does not know one of the keys, and leaves it out."""
    assert taken(matches[machine], MACHINES[machine], known) == [MACHINES[machine][0]["name"]]


def test_subiquity_takes_no_disk_of_another_drive_that_has_its_name(matches):
    names = [one["name"] for one in MACHINES["multipath"]]
    assert not taken(matches["multipath"], [dict(one, name=name) for one, name in zip(MACHINES["multipath"], names[2:] + names[:2])])


def test_a_disk_that_has_another_name_in_the_installer_is_found_by_its_serial_number(matches):
    assert matches["ata"] == {"serial": "ACME_Disk_Z1"}


def test_before_the_machine_has_been_seen_no_disk_is_meant(matches):
    assert matches["unseen"] == {"path": "/dev/placeholder", "id_path": "placeholder"}


def proofs(tasks):
    """All tasks that prove what was installed, those in blocks included."""
    for task in tasks or []:
        if "rackwright.baremetal.instance_proof" in task:
            yield task["rackwright.baremetal.instance_proof"]
        for part in ("block", "rescue", "always"):
            yield from proofs(task.get(part))


def test_the_proof_looks_for_the_root_device_as_the_ramdisk_did():
    """Two disks of one size, of which one is in skip_block_devices, are no doubt."""
    found = [proof for path in ROLES.glob("*/tasks/*.yml") for proof in proofs(yaml.safe_load(path.read_text())) if "root_device" in proof]
    assert len(found) >= 2
    assert all(proof["skip_block_devices"].endswith("_begin.interlock.skip_block_devices }}") for proof in found)
