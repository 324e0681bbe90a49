# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role os_image through the real ansible-playbook, with a program in the place of diskimage-builder."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils import _errors

COLLECTION = pathlib.Path(_errors.__file__).parents[2]
PROGRAM = """\
#!/bin/sh
if [ "$1" = --version ]; then echo 3.43.0; exit; fi
case $ELEMENTS_PATH in *:*) cp "${ELEMENTS_PATH#*:}/site-agent/install.d/10-agent" disk.raw ;; esac
printf 'zlib1g\\t1:1.2\\tamd64\\tzlib\\t1:1.2\\n' >"$RACKWRIGHT_FACTS/packages"
printf 'ID=debian\\n' >"$RACKWRIGHT_FACTS/os-release"
"""


@pytest.fixture
def play(tmp_path):
    """A function that runs the playbook for several images at once; returns its output and the line of each in the recap."""
    def run(hosts, *arguments):
        common = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "os_image_install_tools": False,
                  "os_image_dir": str(tmp_path / "images"), "os_image_work": str(tmp_path), "os_image_format": "raw"}
        inventory = {"boot_servers": {"hosts": hosts, "vars": common}}
        (tmp_path / "inventory.json").write_text(json.dumps(inventory))
        done = subprocess.run(
            [os.path.join(os.path.dirname(sys.executable), "ansible-playbook"), "-i", "inventory.json", "rackwright.baremetal.os_image", *arguments],
            cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
            env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION.parents[2]), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(tmp_path / "home")})
        output = done.stdout + done.stderr
        assert "Traceback" not in output, output
        recap = dict(line.split(":", 1) for line in output.partition("PLAY RECAP")[2].splitlines() if " : " in line)
        return output, {host.strip(): line for host, line in recap.items()}
    return run


def test_an_image_of_elements_from_the_site_to_its_bill_of_materials(play, tmp_path):
    program = tmp_path / "disk-image-create"
    program.write_text(PROGRAM)
    script = tmp_path / "elements/site-agent/install.d/10-agent"
    script.parent.mkdir(parents=True)
    script.write_text("first")
    for path in (program, script):
        path.chmod(0o755)
    elements = {"os_image_builder": "diskimage-builder", "os_image_diskimage_builder": str(program), "os_image_elements": ["debian-minimal", "site-agent"],
                "os_image_elements_path": str(tmp_path / "elements")}
    hosts = {
        "good": elements,
        "mixed": {**elements, "os_image_name": "mixed", "os_image_drivers": ["nic.ko"]},
        "gone": {"os_image_name": "gone", "os_image_package_files": [str(tmp_path / "nowhere.deb")]},
        "treeless": {"os_image_name": "treeless", "os_image_site_files": str(tmp_path / "nowhere")},
    }
    output, recap = play(hosts, "--check")
    assert "with diskimage-builder (bookworm, amd64, debian-minimal site-agent, 2048 MiB)" in " ".join(output.split())
    assert "diskimage-builder takes no os_image_package_files" in output and "The controller has no " in output and "is not a directory" in output
    assert {host for host in hosts if "failed=1" in recap[host]} == {"mixed", "gone", "treeless"}
    assert "changed=1" in recap["good"] and not (tmp_path / "images").exists()

    # Where the program is missing, nothing is put into a directory that holds something else, as that of the system's Python does.
    (tmp_path / "usr/bin").mkdir(parents=True)
    output, recap = play({"good": elements, "system": {**elements, "os_image_name": "system", "os_image_install_tools": True,
                                                       "os_image_diskimage_builder": str(tmp_path / "usr/bin/disk-image-create")}})
    assert "failed=1" in recap["system"] and f"{tmp_path}/usr is no virtual environment" in " ".join(output.split())
    image = tmp_path / "images/debian-12.raw"
    assert image.read_text() == "first"
    assert subprocess.run(["sha256sum", "--check", f"{image.name}.sha256"], check=False, cwd=image.parent, capture_output=True).returncode == 0
    assert [component["name"] for component in json.loads(pathlib.Path(f"{image}.cdx.json").read_text())["components"]] == ["zlib1g"]

    # Nothing is built from the same inputs again; an element that was changed is another input.
    other = tmp_path / "other/site-agent/install.d/10-agent"
    other.parent.mkdir(parents=True)
    other.write_text("second")
    other.chmod(0o755)
    output, recap = play({"good": elements, "changed": {**elements, "os_image_elements_path": str(tmp_path / "other")}}, "--check")
    assert "changed=0" in recap["good"] and "changed=1" in recap["changed"]
