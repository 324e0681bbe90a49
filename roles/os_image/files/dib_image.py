# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a disk image with OpenStack's diskimage-builder out of its elements and those of the site.

What is in the image is up to the elements. Their builds are not reproducible.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import bill_of_materials

HERE = Path(__file__).resolve().parent
# Added to the elements asked for; writes down what the image was made of.
OWN_ELEMENT = "rackwright-packages"


def environment(config: dict, work: Path, facts: Path) -> dict[str, str]:
    """Return the environment of disk-image-create: release, archive and elements of the configuration, and all temporary files below work.

    What the configuration's own environment says comes last.
    """
    paths = [HERE / "elements", *([HERE / "site"] if (HERE / "site").is_dir() else [])]
    return {
        **os.environ,
        "DIB_RELEASE": config["suite"],
        "DIB_DEBIAN_COMPONENTS": ",".join(config["components"]),
        **({"DIB_DISTRIBUTION_MIRROR": config["mirror"]} if config["mirror"] else {}),
        "ELEMENTS_PATH": ":".join(map(str, paths)),
        "TMPDIR": str(work),
        "TMP_DIR": str(work),
        "DIB_IMAGE_CACHE": str(work / "cache"),
        "DIB_LOCKFILES": str(work / "locks"),
        "DIB_NO_TIMESTAMP": "1",
        "RACKWRIGHT_FACTS": str(facts),
        "RACKWRIGHT_QUERY": bill_of_materials.QUERY,
        **config["environment"],
    }


def command(config: dict, disk: Path) -> list[str]:
    """Return the command that makes the disk, a file whose name ends in .raw."""
    return [
        # What it has mounted goes with it, also when it is killed.
        "unshare", "--mount", "--propagation", "private",
        config["diskimage_builder"],
        "-a", config["architecture"],
        "-o", str(disk.with_suffix("")),
        "-t", "raw",
        "--no-tmpfs",
        "--image-size", f"{config['size'] / 1024:.3f}",
        *[argument for package in config["packages"] for argument in ("-p", package)],
        *config["elements"],
        OWN_ELEMENT,
    ]


def os_release(text: str) -> dict[str, str]:
    """Return the settings of an os-release file."""
    return {key: value.strip("\"'") for key, found, value in (line.partition("=") for line in text.splitlines()) if found}


def check_host(config: dict) -> None:
    """Make sure that this host can do what the elements ask for, before they begin; raises SystemExit."""
    if not any(element == "vm" or element.startswith("block-device-") for element in config["elements"]):
        return
    # Asking makes the kernel load its module, too.
    if subprocess.run(["dmsetup", "version"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        raise SystemExit("The kernel of this host has no device mapper, with which diskimage-builder partitions a disk (elements vm and block-device-*). "
                         "Build on another host, or leave them out: that makes the image of one file system, which is published as a partition image.")


def build(config: dict, work: Path) -> dict:
    """Build the disk below work, or the file system, where the elements do not partition.

    Returns disk (path of the raw file), packages, distribution, date (of the build, in seconds since 1970) and about (more for the
    description). Raises SystemExit when it fails.
    """
    check_host(config)
    facts = work / "facts"
    facts.mkdir()
    disk = work / "disk.raw"
    try:
        subprocess.run(command(config, disk), check=True, cwd=work, env=environment(config, work, facts))
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"diskimage-builder did not make the image from {' '.join(config['elements'])}: {error}. Its last lines above say why.") from error
    if not disk.exists():
        raise SystemExit(f"diskimage-builder made no image from {' '.join(config['elements'])}; is no-final-image among them?")
    version = subprocess.run([config["diskimage_builder"], "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return {
        "disk": disk,
        "packages": bill_of_materials.parse((facts / "packages").read_text()),
        "distribution": os_release((facts / "os-release").read_text())["ID"],
        "date": int(time.time()),
        "about": {"elements": config["elements"], "diskimage_builder": version},
    }
