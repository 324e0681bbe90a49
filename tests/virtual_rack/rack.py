#!/usr/bin/env python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The virtual rack as the demo and the tests use it: machines, boot server, site, and commands in the rack.

Everything lives below build/ of the checkout. Playbooks that need the package mirror run outside of the
rack's namespace, playbooks that talk to BMCs and nodes inside.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(os.environ.get("RACKWRIGHT_CHECKOUT") or pathlib.Path(__file__).resolve().parents[2])
BUILD = ROOT / "build"
RACK = BUILD / "rack"
SITE = BUILD / "demo" / "site"
BOOT = BUILD / "boot"
KEY = BUILD / "demo" / "id_ed25519"
NETNS = "rackwright"
NODES = ("node1", "node2", "node3")
# Further variables of the site, by the name of the rack that tests ask for.
VARIANT = os.environ.get("RACKWRIGHT_RACK", "")
BIN = ROOT / ".venv" / "bin"

# What differs from the example site, because everything is on one machine and inside a namespace.
OVERRIDES = f"""---
boot_server_root: {BOOT}
boot_server_interface: br0
boot_server_netns: {NETNS}
boot_server_service_manager: process
boot_server_manage_packages: false
# The checkout may be below a home directory that only root can enter.
boot_server_user: root
ramdisk_boot_ssh_private_key_file: {KEY}
ramdisk_kernel: linux-image-cloud-amd64
ramdisk_install_tools: false
os_image_kernel: linux-image-cloud-amd64
os_image_dir: {BUILD}/images
os_image_install_tools: false
virtual_rack_dir: {RACK}
virtual_rack_venv: {BUILD}/rack-venv
virtual_rack_install_packages: false
enroll_hardware_file: {RACK}/hardware.yml
ramdisk_boot_evidence_directory: {BUILD}/evidence
ramdisk_boot_timeouts:
  callback: 900
deploy_timeouts:
  write: 1200
  proof: 900
"""


def environment(**more):
    """Environment of every command: the tools of the checkout first, the collection as it was built."""
    return {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(BUILD / "collections"),
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_FORCE_COLOR": "0",
        **more,
    }


def say(text):
    """Print a headline at once."""
    print(f"\n=== {text}", flush=True)


def playbook_command(name, *arguments, inside=False):
    """The command line of a playbook of the site; it is printed.

    :param inside: whether it runs in the namespace of the rack.
    """
    command = ["ansible-playbook", name, *arguments]
    print(f"$ {' '.join(command)}", flush=True)
    return ["ip", "netns", "exec", NETNS, *command] if inside else command


def playbook(name, *arguments, inside=False, check=True, capture=False, **env):
    """Run a playbook of the site.

    :param inside: whether it runs in the namespace of the rack.
    :param capture: whether the output is returned instead of printed.
    :returns: the CompletedProcess, with stdout where it was captured.
    """
    return subprocess.run(
        playbook_command(name, *arguments, inside=inside), cwd=SITE, env=environment(**env), check=check, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if capture else None, stderr=subprocess.STDOUT if capture else None)


def prepare_site():
    """Copy the example site, as a user would, and lay this machine's differences over it."""
    if SITE.exists():
        shutil.rmtree(SITE)
    shutil.copytree(ROOT / "examples" / "site", SITE)
    variant = (pathlib.Path(__file__).parent / f"{VARIANT}.yml").read_text().removeprefix("---\n") if VARIANT else ""
    (SITE / "inventory" / "group_vars" / "all" / "virtual_rack.yml").write_text(OVERRIDES + variant)
    (SITE / "virtual_rack.yml").write_text("---\n- name: Virtual rack\n  ansible.builtin.import_playbook: rackwright.baremetal.virtual_rack\n")
    if not KEY.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "operator", "-f", str(KEY)], check=True)


def set_up():
    """Make the rack, the boot server, the ramdisk and the image. Nothing is deployed yet."""
    prepare_site()
    say("Virtual rack")
    playbook("virtual_rack.yml")
    say("Boot server")
    playbook("boot_server.yml")
    say("Ramdisk")
    playbook("ramdisk.yml")
    say("Operating system image")
    playbook("os_image.yml")
    say("Publish the image")
    playbook("publish.yml")


def tear_down():
    """Take everything down that runs; what was built stays for the next time.

    :returns: whether all of it went well.
    """
    if not SITE.exists():
        return True
    done = [playbook("boot_server.yml", "-e", "boot_server_state=absent", check=False),
            playbook("virtual_rack.yml", "-e", "virtual_rack_state=absent", check=False)]
    return not any(run.returncode for run in done)


def console_tail(node, lines=40):
    """The last lines that a machine printed on its serial console."""
    log = RACK / "console" / f"{node}.log"
    if not log.exists():
        return f"(no console log of {node})"
    text = log.read_bytes()[-20000:].decode(errors="replace")
    printable = "".join(character if character.isprintable() or character == "\n" else "" for character in text)
    return "\n".join(printable.splitlines()[-lines:])


def disk_digest(node, disk):
    """sha256 of what is on a disk of a node: where its blocks that are not zero lie, and what they hold.

    The disks are sparse files of many GiB; their holes are not read.

    :param disk: ``target`` or ``data``.
    """
    block = 1 << 16
    digest = hashlib.sha256()
    with open(RACK / "disks" / node / f"{disk}.raw", "rb", buffering=0) as stream:
        size, at = os.fstat(stream.fileno()).st_size, 0
        while at < size:
            try:
                begin = os.lseek(stream.fileno(), at, os.SEEK_DATA)
            except OSError:
                # ENXIO: there is nothing but a hole from here on.
                break
            at, end = begin // block * block, os.lseek(stream.fileno(), begin, os.SEEK_HOLE)
            while at < end:
                data = os.pread(stream.fileno(), block, at)
                if data != bytes(len(data)):
                    digest.update(at.to_bytes(8, "little") + data)
                at += block
    return digest.hexdigest()


def demo():
    """The main job, from nothing to proof."""
    started = time.monotonic()
    torn_down = True
    report = BUILD / "demo" / "report.json"
    try:
        set_up()
        data = [disk_digest(node, "data") for node in NODES]
        ready = time.monotonic()
        say("Enrol the hardware")
        playbook("enroll.yml", inside=True)
        subprocess.run(["ansible-inventory", "--graph"], cwd=SITE, env=environment(), check=True)
        say("Verify and clean rack3: enroll -> available")
        playbook("provide.yml", "-l", "rack3", inside=True)
        say("Deploy rack3")
        playbook("deploy.yml", "-l", "rack3", "-e", "image=debian-12", inside=True)
        say("Undeploy and clean rack3")
        playbook("undeploy.yml", "-l", "rack3", inside=True)
        say("Deploy rack3 again")
        playbook("deploy.yml", "-l", "rack3", "-e", "image=debian-12", inside=True, RACKWRIGHT_REPORT_FILE=str(report))
        say("The same command once more changes nothing")
        again = playbook("deploy.yml", "-l", "rack3", "-e", "image=debian-12", inside=True, capture=True).stdout
        print(again)
        done = time.monotonic()
        changed = [int(number) for number in re.findall(r"changed=(\d+)", again)]
        if changed != [0, 0] or [disk_digest(node, "data") for node in NODES] != data:
            print("The demo failed: the last command changed something, or a data disk is not what it was.", file=sys.stderr)
            return 1
    except subprocess.CalledProcessError as error:
        print(error.stdout or "")
        for node in ("node1", "node2"):
            print(f"\n--- console of {node}\n{console_tail(node)}")
        print(f"\nThe demo failed in: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    finally:
        if os.environ.get("KEEP") != "1":
            say("Take the rack down (KEEP=1 keeps it)")
            torn_down = tear_down()
    if not torn_down:
        return 1
    # The collection is there only since it was built.
    sys.path.insert(0, str(BUILD / "collections"))
    from ansible_collections.rackwright.baremetal.plugins.plugin_utils._report import table
    say("What came of it")
    print(table(json.loads(report.read_text())["nodes"]))
    print(f"\nEach node was cleaned, deployed, proved over SSH, undeployed, deployed again and proved again; once more changed\n"
          "nothing, and the data disks are what they were.\n"
          f"Set-up {ready - started:.0f} s, main job {done - ready:.0f} s. The facts are in {report.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == ["down"]:
        sys.exit(0 if tear_down() else 1)
    if sys.argv[1:] == ["up"]:
        set_up()
    else:
        sys.exit(demo())
