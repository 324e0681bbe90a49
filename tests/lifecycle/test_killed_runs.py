# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of a node whose run dies: the same command again, and nothing else, brings it to where it should be.

The real playbooks run on a site of simulated nodes (tests/simulators/lab.py). A callback kills ansible-playbook at one boundary between
tasks after the other, each time on a node of its own.
"""

from __future__ import annotations

import concurrent.futures
import json
import re

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images, nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.simulators.lab import IMAGE, lab, publish

# In the order in which they are run on the site. State, and whether the disk carries the image, when it is done.
VERBS = {"provide": ("available", False), "deploy": ("active", True), "undeploy": ("available", False)}
NODES = 30
RUNS_AT_ONCE = 3


@pytest.fixture(scope="module", name="site")
def _site():
    with lab(NODES) as site:
        code, output = site.play("enroll")
        assert code == 0, output
        publish(open_registry(site.registry), images)
        yield site


def record(site, name):
    return nodes.get(open_registry(site.registry), name)


def check(site, verb, name):
    """The node is where the verb leads, and nobody holds it."""
    state, carries_image = VERBS[verb]
    node = record(site, name)
    assert (node["provision_state"], node["lock"], node["last_error"]) == (state, None, None)
    disk = site.disk(name)
    assert bool(disk) == carries_image
    if carries_image:
        assert (disk["image_digest"], disk["whole"]) == (IMAGE["digest"], True)
    assert not (site.boot_root / "http/node" / node["boot_mac"].replace(":", "-")).exists()


def killed(site, verb, name, at):
    """Kill a run at a boundary, then run the same command again.

    :returns: what went wrong, or None.
    """
    code, output = site.play(verb, "-l", name, RACKWRIGHT_KILL_AT=str(at))
    if "killed at" not in output:
        return f"{name} was not killed at boundary {at}: {output[-2000:]}"
    where = re.search("killed at (.*)", output)[1]
    code, output = site.play(verb, "-l", name)
    if code:
        return f"{verb} killed at boundary {at}, {where}, could not be repeated: {output[-3000:]}"
    try:
        check(site, verb, name)
    except AssertionError as error:
        return f"{verb} killed at boundary {at}, {where}: {error}"
    return None


@pytest.mark.parametrize("verb", VERBS)
def test_killed_at_every_boundary(site, verb):
    code, output = site.play(verb, "-l", "node1")
    assert code == 0, output
    check(site, verb, "node1")
    boundaries = int(re.search(r"boundaries: (\d+)", output)[1])
    assert 10 < boundaries < NODES
    with concurrent.futures.ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
        runs = [pool.submit(killed, site, verb, f"node{number + 1}", number) for number in range(1, boundaries + 1)]
        problems = [run.result() for run in runs]
    assert not [problem for problem in problems if problem], "\n\n".join(problem for problem in problems if problem)
    # All others of the site as well, for the next verb.
    code, output = site.play(verb)
    assert code == 0, output


# State that a node is in while the playbook runs, the boundary at which that is so, and where it ends.
STATES = {
    "manage": ("verifying", 4, "manageable"),
    "adopt": ("adopting", 4, "active"),
    "rebuild": ("deploying", 10, "active"),
    "service": ("servicing", 6, "active"),
}
BY = ("SIGKILL", "SIGINT", "SIGTERM")


def ended(site, playbook, name, by):
    """End a run in the state with a signal, then run the same command again; what comes of it.

    :returns: (state of the node when the run had ended, state after the second one, its lock, its error).
    """
    arguments = ["-l", name, "-e", json.dumps({"service_steps": [{"step": "power_off"}, {"step": "power_on"}]})]
    code, output = site.play(playbook, *arguments, RACKWRIGHT_KILL_AT=str(STATES[playbook][1]), RACKWRIGHT_KILL_WITH=by)
    assert code and "killed at" in output, output
    between = record(site, name)["provision_state"]
    assert record(site, name)["lock"]
    code, output = site.play(playbook, *arguments)
    assert code == 0, output
    node = record(site, name)
    return between, node["provision_state"], node["lock"], node["last_error"]


def test_ended_in_every_other_state():
    """kill -9, Ctrl-C and a job that is cancelled, where the verbs above do not come by."""
    with lab(len(BY)) as site, concurrent.futures.ThreadPoolExecutor(len(BY)) as pool:
        assert site.play("enroll")[0] == 0
        publish(open_registry(site.registry), images)
        for playbook, (during, _boundary, after) in STATES.items():
            runs = [pool.submit(ended, site, playbook, name, by) for name, by in zip(site.names, BY)]
            assert [run.result() for run in runs] == [(during, after, None, None)] * len(BY), playbook
