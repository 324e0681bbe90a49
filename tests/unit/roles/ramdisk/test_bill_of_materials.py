# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bill of materials, held against the schema that the makers of CycloneDX publish."""

from __future__ import annotations

import json
import subprocess

import bill_of_materials
import pytest
from bill_of_materials import Origin, Package
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

PACKAGES = [
    Package("libstdc++6", "12.2.0-14+deb12u1", "amd64", "gcc-12", "12.2.0-14+deb12u1"),
    Package("login", "1:4.13+dfsg1-1+deb12u1", "amd64", "shadow", "1:4.13+dfsg1-1+deb12u1"),
    Package("tzdata", "2025b-0+deb12u2~rc1", "all", "tzdata", "2025b-0+deb12u2~rc1"),
]
FILES = {"vmlinuz": "a" * 64, "initrd.img": "b" * 64}
BOOKWORM = Origin("debian", "bookworm")
DATE = 1748563200


def made(**changes):
    arguments = {"name": "ramdisk", "version": "0123456789abcdef", "origin": BOOKWORM, "packages": PACKAGES, "files": FILES, "date": DATE, **changes}
    return bill_of_materials.bill(**arguments)


@pytest.mark.parametrize("changes", [{}, {"packages": []}, {"files": {}}])
def test_it_is_valid_cyclonedx(changes):
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(made(**changes)) is None


def test_it_names_every_package_with_its_source_and_every_file_with_its_digest():
    bill = json.loads(made())
    login = bill["components"][1]
    assert (login["name"], login["version"]) == ("login", "1:4.13+dfsg1-1+deb12u1")
    assert {entry["name"]: entry["value"] for entry in login["properties"]} == {
        "rackwright:architecture": "amd64", "rackwright:source": "shadow", "rackwright:source_version": "1:4.13+dfsg1-1+deb12u1"}
    files = {entry["name"]: entry["hashes"][0]["content"] for entry in bill["metadata"]["component"]["components"]}
    assert files == FILES
    assert bill["metadata"]["timestamp"] == "2025-05-30T00:00:00Z"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_package_urls_are_read_by_others_as_they_were_meant(package):
    url = PackageURL.from_string(bill_of_materials.address(package, BOOKWORM))
    assert (url.type, url.namespace, url.name, url.version) == ("deb", "debian", package.name, package.version)
    assert url.qualifiers == {"arch": package.architecture, "distro": "bookworm", "upstream": f"{package.source}@{package.source_version}"}


def test_the_same_contents_make_the_same_text_and_others_another_serial():
    assert made() == made()
    serials = {json.loads(made(**changes))["serialNumber"] for changes in ({}, {"packages": PACKAGES[1:]}, {"files": {}}, {"date": DATE + 1})}
    assert len(serials) == 4


def test_packages_are_read_from_a_root_file_system(tmp_path):
    database = tmp_path / "var/lib/dpkg"
    (database / "info").mkdir(parents=True)
    (database / "status").write_text(
        "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:1.2.13.dfsg-1\nSource: zlib\nMaintainer: N <n@example.com>\n"
        "Description: x\n\nPackage: base-files\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12.4\nMaintainer: N <n@example.com>\n"
        "Description: x\n")
    packages = bill_of_materials.installed(tmp_path)
    zlib = Package("zlib1g", "1:1.2.13.dfsg-1", "amd64", "zlib", "1:1.2.13.dfsg-1")
    assert packages == [Package("base-files", "12.4", "amd64", "base-files", "12.4"), zlib]
    assert bill_of_materials.table(packages).splitlines()[1] == "zlib1g\t1:1.2.13.dfsg-1\tamd64\tzlib\t1:1.2.13.dfsg-1"


def test_package_files_are_read_as_well(tmp_path):
    control = tmp_path / "tree/DEBIAN/control"
    control.parent.mkdir(parents=True)
    control.write_text("Package: shim\nVersion: 1.0+15\nArchitecture: amd64\nSource: shim-source (15.8)\nMaintainer: N <n@example.com>\nDescription: x\n")
    subprocess.run(["dpkg-deb", "--build", f"{tmp_path}/tree", f"{tmp_path}/shim.deb"], check=True, stdout=subprocess.DEVNULL)
    assert bill_of_materials.archives([tmp_path / "shim.deb"]) == [Package("shim", "1.0+15", "amd64", "shim-source", "15.8")]
    assert bill_of_materials.archives([]) == []


@pytest.mark.parametrize("line", ["name\tversion", "a\tb\tc\td\t", "dpkg-query: error"])
def test_what_is_no_list_is_refused(line):
    with pytest.raises(ValueError, match="not a line"):
        bill_of_materials.parse(line)
