# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an image was made of, as a list and as a bill of materials (SBOM) in CycloneDX 1.5.

Source of the form: https://cyclonedx.org/docs/1.5/json/ and, for the addresses of packages, the type deb of https://github.com/package-url/purl-spec.
Shared by the build scripts of the roles ramdisk and os_image.
"""

from __future__ import annotations

import datetime
import json
import subprocess
import uuid
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

# In dpkg's form, for dpkg-query and dpkg-deb.
QUERY = "${Package}\\t${Version}\\t${Architecture}\\t${source:Package}\\t${source:Version}\\n"


class Package(NamedTuple):
    """A binary package, and the source package it was built from."""

    name: str
    version: str
    architecture: str
    source: str
    source_version: str


class Origin(NamedTuple):
    """Where packages come from: a distribution (``debian``) and its release (``bookworm``)."""

    distribution: str
    suite: str


def parse(listed: str) -> list[Package]:
    """Return the packages of an output in the form QUERY, sorted; ValueError for a line of another form."""
    packages = []
    for line in listed.splitlines():
        fields = line.split("\t")
        if len(fields) != len(Package._fields) or not all(fields):
            raise ValueError(f"not a line of dpkg-query: {line!r}")
        packages.append(Package(*fields))
    return sorted(packages)


def installed(root: Path) -> list[Package]:
    """Return the packages installed in a root file system; raises subprocess.CalledProcessError."""
    command = ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "--show", f"--showformat={QUERY}"]
    return parse(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def archives(paths: list[Path]) -> list[Package]:
    """Return what package files hold; raises subprocess.CalledProcessError."""
    command = ["dpkg-deb", "--show", f"--showformat={QUERY}"]
    return parse("".join(subprocess.run([*command, str(path)], check=True, stdout=subprocess.PIPE, text=True).stdout for path in paths))


def table(packages: list[Package]) -> str:
    """Return the list for people: name, version, architecture, source and its version, with tabs between."""
    return "".join("\t".join(package) + "\n" for package in packages)


def address(package: Package, origin: Origin) -> str:
    """Return the package URL (purl), by which scanners know a package."""
    upstream = quote(f"{package.source}@{package.source_version}", safe="")
    name, version = quote(package.name, safe=""), quote(package.version, safe=":")
    return f"pkg:deb/{origin.distribution}/{name}@{version}?arch={package.architecture}&distro={origin.suite}&upstream={upstream}"


def component(package: Package, origin: Origin) -> dict:
    """Return the entry of a package."""
    where = address(package, origin)
    more = {"architecture": package.architecture, "source": package.source, "source_version": package.source_version}
    return {
        "type": "library",
        "bom-ref": where,
        "name": package.name,
        "version": package.version,
        "purl": where,
        "properties": [{"name": f"rackwright:{name}", "value": value} for name, value in more.items()],
    }


def bill(name: str, version: str, origin: Origin, packages: list[Package], files: dict[str, str], date: int) -> str:
    """Return the bill of materials as JSON; the same arguments give the same text.

    name, version: of the image. files: SHA-256 in hexadecimal by the name of each file that the image consists of.
    date: of the packages, in seconds since 1970.
    """
    body = {
        "metadata": {
            "timestamp": datetime.datetime.fromtimestamp(date, datetime.timezone.utc).isoformat().replace("+00:00", "Z"),
            "component": {
                "type": "operating-system",
                "bom-ref": f"{name}@{version}",
                "name": name,
                "version": version,
                "components": [
                    {"type": "file", "bom-ref": f"file:{file}", "name": file, "hashes": [{"alg": "SHA-256", "content": digest}]}
                    for file, digest in sorted(files.items())
                ],
            },
        },
        "components": [component(package, origin) for package in packages],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(body, sort_keys=True))
    return json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": f"urn:uuid:{serial}", "version": 1, **body}, indent=1) + "\n"
