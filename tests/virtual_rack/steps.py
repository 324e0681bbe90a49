# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests on the virtual rack share."""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import subprocess
import threading
import time

import yaml

IMAGE = ("-e", "image=debian-12")
# Those of ramdisk_work.yml, by name.
MACHINES = {machine["name"]: machine
            for machine in yaml.safe_load((pathlib.Path(__file__).parent / "ramdisk_work.yml").read_text())["virtual_rack_nodes"]}

# All that the commands of this session printed, for the test that looks for passwords in it.
printed = []


def run(rack, *arguments, rc=0, **env):
    """Run a playbook inside the rack and return what it prints."""
    done = rack.playbook(*arguments, inside=True, check=False, capture=True, **env)
    printed.append(done.stdout)
    if "-vvvv" not in arguments:
        print(done.stdout)
    assert done.returncode == rc, done.stdout[-4000:]
    return done.stdout


def recap(output, host):
    """The numbers of the play recap of a host."""
    line = next(line for line in output.splitlines() if re.match(rf"{host}\s+: ok=", line))
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line)}


def host_tasks(output, host):
    """Results of a host, skipped and including ones counted: what the engine's floor is paid for."""
    results = re.findall(rf"^(?:ok|changed|skipping|fatal|failed): \[{host}[\] ]", output, re.M)
    return len(results) + len(re.findall(rf"^included: .* for .*\b{host}\b", output, re.M))


def told(text, node, *facts, stage):
    """Whether an error is one paragraph that names the node, the stage, what was seen and what to do, and these facts.

    :param stage: regular expression.
    """
    shape = rf"{node}: (?:{stage}): [^\n]+ Seen: [^\n]+ To do: [^\n]+"
    return bool(re.fullmatch(shape, text)) and all(fact in text for fact in facts) and "Traceback" not in text


def power(rack, name, state):
    """Change the power state of a machine, whatever came before."""
    subprocess.run(["ip", "netns", "exec", rack.NETNS, "ansible", name, "-m", "rackwright.baremetal.power", "-a", f"state={state}"],
                   cwd=rack.SITE, env=rack.environment(), check=False)


def virsh(rack, *arguments):
    """What somebody does to a machine who stands in front of it."""
    uri = f"qemu+unix:///system?socket={rack.RACK}/libvirt/run/libvirt/libvirt-sock"
    return subprocess.run(["virsh", "--quiet", "--connect", uri, *arguments], check=True, capture_output=True, text=True).stdout


def installed(rack, address, command, user="debian", seconds=600):
    """Run a command in a system that is starting or up, as the operator would, and return what it prints."""
    options = ["BatchMode=yes", "ConnectTimeout=10", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
    ssh = ["ip", "netns", "exec", rack.NETNS, "ssh", "-i", str(rack.KEY), *(word for option in options for word in ("-o", option)), f"{user}@{address}"]
    deadline = time.monotonic() + seconds
    while True:
        done = subprocess.run([*ssh, command], capture_output=True, text=True, check=False)
        # 255 is SSH's own.
        if done.returncode != 255 or time.monotonic() > deadline:
            assert done.returncode == 0, done
            return done.stdout
        time.sleep(5)


def nodes(rack):
    """The nodes as the inventory has them."""
    done = subprocess.run(["ansible-inventory", "--list"], cwd=rack.SITE, env=rack.environment(), capture_output=True, text=True, check=True)
    # The program marks every text that is no template; the mark is taken off again.
    listing = json.loads(done.stdout, object_hook=lambda found: found["__ansible_unsafe"] if list(found) == ["__ansible_unsafe"] else found)
    return {name: facts["baremetal"] for name, facts in listing["_meta"]["hostvars"].items() if "baremetal" in facts}


def data_digests(rack):
    """sha256 of every node's data disk, which no deploy may touch."""
    return {node: rack.disk_digest(node, "data") for node in ("node1", "node2", "node3")}


def boot_files(rack):
    """What the boot server has for nodes: paths with their contents."""
    found = [path for room in ("http/node", "dnsmasq/hosts.d") for path in (rack.BOOT / room).rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in found}


@contextlib.contextmanager
def watched_processes():
    """Collect the arguments of every process that runs in the meantime.

    :returns: a set of command lines that grows.
    """
    seen, done = set(), threading.Event()

    def watch():
        while not done.wait(0.2):
            for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    seen.add(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def enroll(rack, change):
    """Enrol the hardware file with a change to its nodes."""
    hardware = yaml.safe_load((rack.RACK / "hardware.yml").read_text())
    for node in hardware["nodes"]:
        change(node)
    changed = rack.SITE / "changed-hardware.yml"
    changed.write_text(yaml.safe_dump(hardware))
    run(rack, "enroll.yml", "-e", f"enroll_hardware_file={changed}")
