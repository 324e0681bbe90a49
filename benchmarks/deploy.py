# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a deploy costs the controller: host-tasks and CPU seconds per node, and the time of each stage.

Runs the main job on the virtual rack. The CPU seconds are those of ansible-playbook and of all that it started and
waited for; the modules that a real site runs on its boot server are among them, because here both are one machine.
"""

from __future__ import annotations

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "virtual_rack"))

import rack  # noqa: E402
from steps import IMAGE, host_tasks, run  # noqa: E402
from support.figures import figure, report  # noqa: E402
from support.processes import cpu_seconds  # noqa: E402

HOST_TASKS_BAR = 15


def measure():
    """Deploy rack3 once, and then again with nothing to do.

    :returns: list of figures.
    """
    run(rack, "enroll.yml")
    run(rack, "provide.yml", "-l", "rack3")
    facts = rack.BUILD / "bench" / "report.json"
    before = cpu_seconds()
    output = run(rack, "deploy.yml", "-l", "rack3", *IMAGE, RACKWRIGHT_REPORT_FILE=str(facts))
    between = cpu_seconds()
    again = run(rack, "deploy.yml", "-l", "rack3", *IMAGE)
    after = cpu_seconds()
    nodes = json.loads(facts.read_text())["nodes"]
    names = [node["name"] for node in nodes]
    figures = [
        figure("host-tasks of a deploy, per node", max(host_tasks(output, name) for name in names), "tasks", HOST_TASKS_BAR),
        figure("controller CPU of a deploy, per node", (between - before) / len(names), "s"),
        figure("host-tasks of a deploy with nothing to do, per node", max(host_tasks(again, name) for name in names), "tasks"),
        figure("controller CPU of a deploy with nothing to do, per node", (after - between) / len(names), "s"),
    ]
    figures += [figure(f"{node['name']}: {stage}", seconds, "s") for node in nodes for stage, seconds in node["stages"].items()]
    return figures


if __name__ == "__main__":
    try:
        rack.set_up()
        measured = measure()
    finally:
        rack.tear_down()
    sys.exit(report("deploy", measured))
