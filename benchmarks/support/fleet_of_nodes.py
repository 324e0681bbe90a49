# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet of simulated nodes through the whole life cycle: where each node ends, and what that costs the controller.

The playbooks, roles and modules are the real ones, and the BMCs answer over TLS; in-band modules are answered for by the simulated machine
(tests/simulators/lab.py), which keeps its disk in a sparse file. CPU time and memory are those of ansible-playbook and of all that it
started, the heartbeat of the run included; the BMCs are another process and not among them.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys
import time

from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images, nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.simulators.lab import IMAGE, lab, publish
from ansible_collections.rackwright.baremetal.tests.virtual_rack.steps import host_tasks

from .figures import figure
from .processes import Watch, cpu_seconds

SUPPORT = pathlib.Path(__file__).resolve().parent
PROMISED = 1000  # nodes; with fewer, Ansible's start and the first workers weigh more
FORKS = 50
# What a deploy may cost, in no-op actions for each of its host-tasks.
BAR = 3
# No-op tasks of the floor's play: with several the start, which is taken off, weighs less.
FLOOR_TASKS = 4
# In the order in which a node passes them; provision state, what its machine runs, and whether its disk carries the image, when each is done.
PHASES = {
    "enroll": ("enroll", None, None), "manage": ("manageable", None, None), "provide": ("available", None, False),
    "deploy": ("active", "disk", True), "undeploy": ("available", None, False),
}
# What a disk carries before the first cleaning.
BEFORE = {"image_digest": "sha256:" + "3" * 64, "whole": True}


class Fleet:
    """A site, and the figures that come of it."""

    def __init__(self, site):
        self.site = site
        self.figures = []
        self._begin = time.monotonic()

    @property
    def count(self):
        return len(self.site.names)

    def say(self, text):
        print(f"{time.monotonic() - self._begin:7.1f} s  {text}", flush=True)

    def tell(self, metric, value, unit, limit=None):
        self.figures.append(figure(f"{self.count} nodes, {metric}", value, unit, limit))
        self.say(f"{metric}: {self.figures[-1]['value']:g} {unit}")

    def play(self, playbook):
        """Run a playbook on all nodes.

        :returns: its output, CPU seconds, wall seconds and the Watch.
        """
        environment = self.site.environment(
            ANSIBLE_CALLBACKS_ENABLED="rackwright.baremetal.run_report", ANSIBLE_ACTION_PLUGINS=str(SUPPORT / "action"))
        # With it, Python would compile all modules anew at every start.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [sys.executable, str(SUPPORT / "with_orphans.py"), shutil.which("ansible-playbook"), playbook, "-f", str(FORKS)]
        before, begin, lines = cpu_seconds(), time.monotonic(), []
        with subprocess.Popen(command, cwd=self.site.directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as process:
            watch = Watch(process, interval=1)
            watch.start()
            for line in process.stdout:
                lines.append(line)
                if line.startswith("TASK ["):
                    self.say(line.rstrip(" *\n"))
        watch.join()
        if process.returncode:
            raise RuntimeError(f"{playbook} ended with {process.returncode}: {''.join(lines)[-5000:]}")
        return "".join(lines), cpu_seconds() - before, time.monotonic() - begin, watch

    def phase(self, verb):
        """Run the playbook of a verb, tell what it cost, and see where it led.

        :returns: CPU seconds and host-tasks, per node.
        """
        output, cpu, wall, watch = self.play(f"rackwright.baremetal.{verb}")
        # Enrolment is one task for all of them.
        tasks = max(host_tasks(output, name) for name in (self.site.names[0], self.site.names[-1]))
        self.tell(f"{verb}: wall", wall, "s")
        self.tell(f"{verb}: controller CPU per node", cpu / self.count * 1000, "ms")
        self.tell(f"{verb}: peak memory, all processes", watch.memory, "MiB")
        self.tell(f"{verb}: processes", watch.processes, "processes")
        if tasks:
            self.tell(f"{verb}: host-tasks per node", tasks, "tasks")
        self.check(verb)
        return cpu / self.count, tasks

    def check(self, verb):
        """Every node is where the verb leads.

        :raises RuntimeError: naming the nodes that are not.
        """
        state, runs, carries_image = PHASES[verb]
        records = {record["name"]: record for record in nodes.list_nodes(open_registry(self.site.registry))}
        wrong = [] if set(records) == set(self.site.names) else [f"the registry has {len(records)} nodes"]
        for name, node in records.items():
            instance = (node["instance"] or {}).get("image_digest")
            seen = [node["provision_state"], node["lock"], node["last_error"], node["work"], instance]
            wanted = [state, None, None, None, IMAGE["digest"] if carries_image else None]
            if carries_image is not None:
                seen += [self.site.runs(name), node["power_state"], self.site.disk(name).get("image_digest")]
                wanted += [runs, "on" if runs else "off", IMAGE["digest"] if carries_image else None]
            if carries_image:
                # The proof has looked into the config drive for the instance.
                seen.append(self.site.disk(name)["whole"])
                wanted.append(True)
            if seen != wanted:
                wrong.append(f"{name}: {seen}, not {wanted}")
        left = sorted(path.name for path in (self.site.boot_root / "http/node").iterdir())
        if wrong or left:
            raise RuntimeError(f"after {verb}: {'; '.join(wrong[:5])} ({len(wrong)} in all); boot files left: {left[:5]}")
        self.say(f"after {verb} all {self.count} nodes are {state}, unlocked, and their disks are as they should be")

    def floor(self):
        """CPU seconds of a no-op action, per host and task, on the same hosts with the same forks, without Ansible's start."""
        used = []
        for tasks in (0, FLOOR_TASKS):
            play = {"name": "Floor", "hosts": "baremetal", "gather_facts": False,
                    "tasks": [{"name": "Nothing", "ansible.builtin.meta": "noop"}, *({"name": "Floor", "bench_noop": {}} for _number in range(tasks))]}
            path = self.site.directory / "floor.yml"
            path.write_text(json.dumps([play]))
            used.append(self.play(str(path))[1])
        return (used[1] - used[0]) / FLOOR_TASKS / self.count


def measure(count):
    """Take so many nodes from their enrolment to the second cleaning.

    :returns: list of figures.
    """
    with lab(count) as site:
        fleet = Fleet(site)
        fleet.phase("enroll")
        publish(open_registry(site.registry), images)
        fleet.phase("manage")
        for name in site.names:
            site.fill_disk(name, BEFORE)
        fleet.phase("provide")
        # Before and after, because a machine does not always run at the same speed.
        before = fleet.floor()
        cpu, tasks = fleet.phase("deploy")
        floor = (before + fleet.floor()) / 2
        fleet.tell("floor: controller CPU of a no-op action, per host", floor * 1000, "ms")
        fleet.tell(f"deploy: controller CPU, of {BAR} x host-tasks x floor", cpu / (BAR * tasks * floor), "x", 1 if count >= PROMISED else None)
        fleet.phase("undeploy")
    return fleet.figures
