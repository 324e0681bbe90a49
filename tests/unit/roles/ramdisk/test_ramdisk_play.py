# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What decides whether the role ramdisk builds anew, through the real ansible-playbook in check mode."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

from ansible_collections.rackwright.baremetal.plugins.module_utils import _errors

COLLECTION = pathlib.Path(_errors.__file__).parents[2]


def test_what_a_site_adds_is_an_input_by_its_content_and_not_by_where_it_lies(tmp_path):
    for folder, text, leads_to in (("one", "x", "nic.bin"), ("copy", "x", "nic.bin"), ("other", "y", "nic.bin"), ("relinked", "x", "../nic.bin")):
        file = tmp_path / folder / "usr/lib/firmware/nic.bin"
        file.parent.mkdir(parents=True)
        file.write_text(text)
        (file.parent / "link.bin").symlink_to(leads_to)
        (tmp_path / folder / "nic.ko").write_text(text)
    # A host on which there is no dpkg to be found.
    (tmp_path / "python").write_text(f'#!/bin/sh\nPATH=/nowhere exec {sys.executable} "$@"\n')
    (tmp_path / "python").chmod(0o755)
    hosts = {"plain": {}, "arm": {"ramdisk_architecture": "arm64"}, "gone": {"ramdisk_drivers": [str(tmp_path / "nowhere.ko")]},
             "other": {"ansible_python_interpreter": str(tmp_path / "python")}}
    hosts["files-relinked"] = {"ramdisk_site_files": str(tmp_path / "relinked" / "usr")}
    for folder in ("one", "copy", "other"):
        hosts[f"files-{folder}"] = {"ramdisk_site_files": str(tmp_path / folder / "usr")}
        hosts[f"driver-{folder}"] = {"ramdisk_drivers": [str(tmp_path / folder / "nic.ko")]}
    common = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ramdisk_root": str(tmp_path / "http")}
    (tmp_path / "inventory.json").write_text(json.dumps({"boot_servers": {"hosts": hosts, "vars": common}}))
    done = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "ansible-playbook"), "-i", "inventory.json", "rackwright.baremetal.ramdisk", "--check"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION.parents[2]), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(tmp_path / "home")})
    output = done.stdout + done.stderr
    digests = dict(re.findall(r'(?:ok|changed): \[([\w-]+)\] => \{\s+"msg": "Would build the ramdisk ([0-9a-f]{16})', output))
    assert set(digests) == set(hosts) - {"gone", "other"} and "Traceback" not in output, output
    assert digests["files-one"] == digests["files-copy"] and digests["driver-one"] == digests["driver-copy"]
    assert len(set(digests.values())) == 7
    assert "linux-image-arm64" in output and f"The controller has no {tmp_path}/nowhere.ko" in output
    assert "other: ramdisk: The ramdisk is put together of Debian's packages by Debian's tools, and this host has no dpkg." in output
    assert not (tmp_path / "http").exists()
