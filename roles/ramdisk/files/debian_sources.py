# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the packages of a Debian root file system come from, and how mmdebstrap is called for it.

Shared by the build scripts of the roles ramdisk and os_image.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

DEFAULT_MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# What a build host must be allowed to say about how it reaches its mirror. Anything else
# (trust, allowed insecure repositories) is not taken over from the host.
TRANSPORT = ("Acquire::http::", "Acquire::https::", "Acquire::Check-", "Acquire::Retries", "Acquire::ForceIPv")
# Shows package files of the host inside the new root.
FILE_HOOKS = "/usr/share/mmdebstrap/hooks/file-mirror-automount"
INDEX_FIELDS = "$(CREATED_BY)\t$(ORIGIN)\t$(CODENAME)\t$(REPO_URI)\t$(COMPONENT)"


def host_sources(index: str, suite: str, components: list[str]) -> list[str]:
    """Return one-line apt sources for a suite out of what the build host itself uses.

    index: output of ``apt-get indextargets`` in the format INDEX_FIELDS. suite: a code name
    (``bookworm``). components: wanted components; those the host does not have are left out.
    Returns an empty list when the host does not use this suite over HTTP.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for line in index.splitlines():
        created_by, origin, codename, uri, component = line.split("\t")
        wanted = codename in (suite, f"{suite}-updates", f"{suite}-security")
        if created_by != "Packages" or origin != "Debian" or not wanted or component not in components:
            continue
        # Local media and mirror lists mean nothing inside another root file system.
        if uri.startswith(("http://", "https://")):
            listed = found.setdefault((uri, codename), [])
            if component not in listed:
                listed.append(component)
    if not any(codename == suite for _uri, codename in found):
        return []
    return [
        f"deb [signed-by={KEYRING}] {uri} {codename} {' '.join(listed)}" for (uri, codename), listed in found.items()
    ]


def sources(suite: str, mirror: str, components: list[str], further: list[str]) -> list[str]:
    """Return the mirror arguments for mmdebstrap: the given mirror, the host's sources, or none (its default).

    further: lines of apt's sources.list, which come on top.
    """
    if mirror:
        return [mirror, *further]
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", INDEX_FIELDS],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found = host_sources(listed.stdout, suite, components)
    if further and not found:
        # Where mmdebstrap is given anything, it adds nothing of its own.
        found = [DEFAULT_MIRROR]
    return [*found, *further]


def transport_settings(dump: str) -> str:
    """Return the lines of an ``apt-config dump`` that say how the host reaches its mirror (proxy, time-outs)."""
    return "".join(f"{line}\n" for line in dump.splitlines() if line.startswith(TRANSPORT))


def check_architecture(architecture: str) -> None:
    """Make sure that programs of an architecture run here, which the packages' scripts need: raises SystemExit before anything is fetched."""
    own = subprocess.run(["dpkg", "--print-architecture"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    if architecture == own:
        return
    cure = f"Install qemu-user-static, binfmt-support and arch-test there, or build on a host that is {architecture}."
    if not shutil.which("arch-test"):
        raise SystemExit(f"This host is {own}, and the program arch-test, which tells whether it can run those of {architecture}, is missing. {cure}")
    if subprocess.run(["arch-test", architecture], check=False, stdout=subprocess.DEVNULL).returncode != 0:
        raise SystemExit(f"This host is {own} and cannot run programs of {architecture}: its kernel has no emulator for them (binfmt_misc). {cure} "
                         "In a container, the kernel is that of the container's host.")


def package_files(names: list[str]) -> list[str]:
    """Return the arguments that make mmdebstrap install package files, which lie in the directory packages beside this script."""
    folder = Path(__file__).resolve().parent / "packages"
    return [*[f"--include={folder / name}" for name in names], *([f"--hook-dir={FILE_HOOKS}"] if names else [])]


def mmdebstrap(config: dict, root: Path, work: Path, *extra: str) -> None:
    """Build the root file system of a configuration with mmdebstrap.

    config: keys suite, mirror, architecture, components, packages; package_files (names of .deb files beside this script) and sources may be missing.
    root: directory to fill, must not exist. work: existing directory for temporary files.
    extra: more arguments for mmdebstrap. Raises subprocess.CalledProcessError.
    """
    dump = subprocess.run(["apt-config", "dump"], check=True, stdout=subprocess.PIPE, text=True).stdout
    settings = work / "apt.conf"
    settings.write_text(transport_settings(dump))
    subprocess.run(
        [
            "mmdebstrap",
            "--mode=root",
            "--format=directory",
            f"--architectures={config['architecture']}",
            f"--components={','.join(config['components'])}",
            f"--include={','.join(config['packages'])}",
            *package_files(config.get("package_files", [])),
            f"--aptopt={settings}",
            *extra,
            config["suite"],
            str(root),
            *sources(config["suite"], config["mirror"], config["components"], config.get("sources", [])),
        ],
        check=True,
    )
