# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess

import dib_image
import pytest

CONFIG = {
    "suite": "bookworm", "components": ["main", "non-free-firmware"], "mirror": "", "architecture": "amd64", "size": 3072, "packages": ["htop"],
    "elements": ["vm", "debian-minimal"], "environment": {"DIB_BOOTLOADER_DEFAULT_CMDLINE": "nofb"}}
# Stands in for disk-image-create: notes how it was called and does what the element of the role does.
PROGRAM = """\
#!/bin/sh
if [ "$1" = --version ]; then echo 3.43.0; exit; fi
printf '%s\\n' "$@" >{folder}/arguments
env >{folder}/environment
printf 'zlib1g\\t1:1.2\\tamd64\\tzlib\\t1:1.2\\n' >"$RACKWRIGHT_FACTS/packages"
printf 'ID=ubuntu\\nNAME="Ubuntu"\\n' >"$RACKWRIGHT_FACTS/os-release"
{end}
"""


@pytest.fixture
def mapper(tmp_path, monkeypatch):
    """Puts a dmsetup in the place of the host's; returns a function that says how it ends."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def ends(status):
        (folder / "dmsetup").write_text(f"#!/bin/sh\nexit {status}\n")
        (folder / "dmsetup").chmod(0o755)

    ends(0)
    return ends


@pytest.fixture
def program(tmp_path, mapper):
    def make(end):
        path = tmp_path / "disk-image-create"
        path.write_text(PROGRAM.format(folder=tmp_path, end=end))
        path.chmod(0o755)
        work = tmp_path / "work"
        work.mkdir()
        return {**CONFIG, "diskimage_builder": str(path)}, work

    return make


def test_the_elements_become_a_disk_and_its_packages_are_known(program, tmp_path):
    config, work = program("echo disk >disk.raw")
    made = dib_image.build(config, work)
    assert made["disk"].read_text() == "disk\n"
    assert [package.name for package in made["packages"]] == ["zlib1g"]
    assert made["distribution"] == "ubuntu"
    assert made["about"] == {"elements": ["vm", "debian-minimal"], "diskimage_builder": "3.43.0"}
    arguments = (tmp_path / "arguments").read_text().split("\n")
    assert arguments[-4:-1] == ["vm", "debian-minimal", "rackwright-packages"]
    for option, value in (("-a", "amd64"), ("-t", "raw"), ("--image-size", "3.000"), ("-p", "htop")):
        assert arguments[arguments.index(option) + 1] == value
    environment = dict(line.partition("=")[::2] for line in (tmp_path / "environment").read_text().splitlines())
    assert (environment["DIB_RELEASE"], environment["DIB_DEBIAN_COMPONENTS"]) == ("bookworm", "main,non-free-firmware")
    assert environment["DIB_BOOTLOADER_DEFAULT_CMDLINE"] == "nofb"
    assert "DIB_DISTRIBUTION_MIRROR" not in environment
    assert all(environment[name].startswith(str(work)) for name in ("TMPDIR", "TMP_DIR", "DIB_IMAGE_CACHE", "DIB_LOCKFILES"))


def test_a_mirror_is_told_and_the_own_environment_has_the_last_word(tmp_path):
    config = {**CONFIG, "mirror": "http://m.example.com/debian", "environment": {"DIB_RELEASE": "stable"}}
    environment = dib_image.environment(config, tmp_path, tmp_path)
    assert (environment["DIB_DISTRIBUTION_MIRROR"], environment["DIB_RELEASE"]) == ("http://m.example.com/debian", "stable")


@pytest.mark.parametrize(("end", "said"), [("exit 3", "vm debian-minimal: .* exit status 3"), ("true", "made no image from vm debian-minimal")])
def test_without_a_disk_it_says_so(program, end, said):
    config, work = program(end)
    with pytest.raises(SystemExit, match=said):
        dib_image.build(config, work)


def test_a_host_that_cannot_partition_is_told_before_the_build(program, mapper, tmp_path):
    config, work = program("echo disk >disk.raw")
    mapper(1)
    with pytest.raises(SystemExit, match="no device mapper.*leave them out"):
        dib_image.build(config, work)
    assert not (tmp_path / "arguments").exists()
    assert dib_image.build({**config, "elements": ["debian-minimal"]}, work)["disk"].exists()


def test_a_program_that_is_not_there_is_told(tmp_path, mapper):
    (tmp_path / "work").mkdir()
    with pytest.raises(SystemExit, match="did not make the image .*disk-image-create"):
        dib_image.build({**CONFIG, "diskimage_builder": str(tmp_path / "disk-image-create")}, tmp_path / "work")


@pytest.fixture
def element(tmp_path):
    """Runs the role's element on a root file system; returns the finished process."""
    script = dib_image.HERE / "elements/rackwright-packages/cleanup.d/99-rackwright-packages"
    (tmp_path / "facts").mkdir()
    (tmp_path / "root/usr/lib").mkdir(parents=True)
    (tmp_path / "root/usr/lib/os-release").write_text("ID=debian\n")
    environment = {**os.environ, "TARGET_ROOT": f"{tmp_path}/root", "RACKWRIGHT_FACTS": f"{tmp_path}/facts",
                   "RACKWRIGHT_QUERY": dib_image.bill_of_materials.QUERY}
    return lambda: subprocess.run([str(script)], check=False, env=environment, capture_output=True, text=True)


def test_the_element_lists_the_packages(element, tmp_path):
    database = tmp_path / "root/var/lib/dpkg"
    database.mkdir(parents=True)
    (database / "status").write_text("Package: base-files\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12.4\nMaintainer: N <n@example.com>\n"
                                     "Description: x\n")
    assert element().returncode == 0
    assert (tmp_path / "facts/packages").read_text() == "base-files\t12.4\tamd64\tbase-files\t12.4\n"
    assert dib_image.os_release((tmp_path / "facts/os-release").read_text())["ID"] == "debian"


def test_the_element_refuses_a_distribution_without_dpkg(element):
    done = element()
    assert done.returncode == 1 and "choose elements of Debian or Ubuntu" in done.stderr
