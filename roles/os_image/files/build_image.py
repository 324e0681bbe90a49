# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build an operating system image and put it in its place.

Usage: build_image.py CONFIG.json. The configuration has the keys name, builder, suite, mirror, sources, architecture,
components, packages, package_files, drivers, kernel, size, kernel_arguments, elements, environment, diskimage_builder, format,
directory, work and digest; cloud.cfg lies beside this script, what the site adds in its directories packages, drivers,
site and elements. The result is DIRECTORY/NAME.FORMAT with NAME.FORMAT.sha256, .packages.txt, .cdx.json and .json,
the last of which is written last and says what the others are.
"""

from __future__ import annotations

import datetime
import fcntl
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

import bill_of_materials
import debian_image
import dib_image
from disk_layout import MIB, run

BUILDERS = {"mmdebstrap": debian_image.build, "diskimage-builder": dib_image.build}


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(MIB):
            digest.update(block)
    return digest.hexdigest()


def build(config: dict, work: Path) -> dict[str, Path]:
    """Build the image below work; return the finished files by the suffix of their final names."""
    made = BUILDERS[config["builder"]](config, work)
    image = made["disk"]
    virtual_size = image.stat().st_size
    if config["format"] != "raw":
        image = work / "disk.image"
        run("qemu-img", "convert", "-f", "raw", "-O", config["format"], str(made["disk"]), str(image))
    file_name = f"{config['name']}.{config['format']}"
    sha256 = digest_of(image)
    description = {
        "name": config["name"],
        "digest": config["digest"],
        "sha256": sha256,
        "file": file_name,
        "format": config["format"],
        "virtual_size": virtual_size,
        "builder": config["builder"],
        "suite": config["suite"],
        "architecture": config["architecture"],
        "built_at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        **made["about"],
    }
    origin = bill_of_materials.Origin(made["distribution"], config["suite"])
    sbom = bill_of_materials.bill(config["name"], config["digest"][:16], origin, made["packages"], {file_name: sha256}, made["date"])
    texts = {
        ".sha256": f"{sha256}  {file_name}\n",
        ".packages.txt": bill_of_materials.table(made["packages"]),
        ".cdx.json": sbom,
        ".json": json.dumps(description, indent=2) + "\n",
    }
    for suffix, text in texts.items():
        (work / f"file{suffix}").write_text(text)
    return {"": image, **{suffix: work / f"file{suffix}" for suffix in texts}}


def publish(config: dict) -> None:
    """Build the image and put it in its place.

    The description goes away before the first file is replaced and comes back after the last one,
    so a build that is cut short is never taken for a finished one.
    """
    directory = Path(config["directory"])
    directory.mkdir(parents=True, exist_ok=True)
    final = directory / f"{config['name']}.{config['format']}"
    with open(directory / f".{final.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with tempfile.TemporaryDirectory(prefix="os-image-", dir=config["work"]) as work:
            files = build(config, Path(work))
            staged = {}
            try:
                for suffix, source in files.items():
                    staged[suffix] = directory / f".new-{final.name}{suffix}"
                    run("cp", "--sparse=always", str(source), str(staged[suffix]))
                os.sync()
                Path(f"{final}.json").unlink(missing_ok=True)
                for suffix, source in staged.items():
                    source.rename(f"{final}{suffix}")
            finally:
                for source in staged.values():
                    source.unlink(missing_ok=True)


def main() -> None:
    """Read the configuration named on the command line and build."""
    os.umask(0o022)
    publish(json.loads(Path(sys.argv[1]).read_text()))


if __name__ == "__main__":
    main()
