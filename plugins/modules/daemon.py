#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: daemon
short_description: Run a daemon where no service manager runs
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Starts, restarts or stops one daemon that goes into the background by itself and writes a pid file, as C(dnsmasq) and C(nginx) do.
  - Meant for containers, network namespaces and other places without systemd. On an ordinary host use M(ansible.builtin.systemd_service).
  - A process is taken for the daemon only when the pid file names it and its command line contains O(marker), so that
    a stale pid file never ends a process of somebody else.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - Except for O(state=restarted), which always restarts.
options:
  command:
    description:
      - The program and its arguments, each one an element.
      - Required unless O(state=stopped).
    type: list
    elements: str
  pid_file:
    description: Absolute path of the file in which the daemon writes its process id.
    type: path
    required: true
  marker:
    description: Text that the command line of the daemon contains and no other process has, for instance the path of its configuration file.
    type: str
    required: true
  state:
    description: The state wanted.
    type: str
    choices: [started, restarted, stopped]
    default: started
  lifetime:
    description:
      - V(run) lets the daemon end together with this run of Ansible, also when that is killed. A process beside the daemon watches the run for it.
      - On a host that is reached over a connection, a session of its own stands for the run. It is held open as long as the run lives;
        when it breaks, the daemon ends too. That the controller has lost its power is noticed when the SSH server of the host gives the session up,
        after minutes with its setting C(ClientAliveInterval), without it after hours.
      - A daemon that another run has is refused.
      - V(permanent) lets it run on.
    type: str
    choices: [permanent, run]
    default: permanent
  run_id:
    description: Which run O(lifetime=run) means on a host that is reached over a connection. Filled in when the task runs; there is no use in giving it.
    type: str
  timeout:
    description: Seconds the daemon gets to start, and to stop.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Run dnsmasq inside a network namespace
  rackwright.baremetal.daemon:
    command: [ip, netns, exec, rack3, /usr/sbin/dnsmasq, -C, /srv/rackwright/dnsmasq/dnsmasq.conf]
    pid_file: /srv/rackwright/run/dnsmasq.pid
    marker: /srv/rackwright/dnsmasq/dnsmasq.conf

- name: Stop it
  rackwright.baremetal.daemon:
    pid_file: /srv/rackwright/run/dnsmasq.pid
    marker: /srv/rackwright/dnsmasq/dnsmasq.conf
    state: stopped
"""

RETURN = r"""
pid:
  description: Process id of the running daemon, V(null) when it does not run. In check mode what it is now.
  returned: success
  type: int
  sample: 4711
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._boot import daemons, guard
from ..module_utils._errors import BaremetalError


def settle(params, check_mode):
    """Bring the daemon into the state asked for.

    :returns: (changed, process id or None, state it was in).
    """
    pid_file, marker, wanted, timeout = params["pid_file"], params["marker"], params["state"], params["timeout"]
    if params["lifetime"] == "run" and wanted != "stopped":
        _watch(params, check_mode)
    elif not check_mode:
        guard.release(pid_file)
    pid = daemons.running(pid_file, marker)
    was = "started" if pid else "stopped"
    changed = wanted == "restarted" or wanted != was
    if not changed or check_mode:
        return changed, pid, was
    if was == "started":
        daemons.stop(pid_file, marker, timeout)
        pid = None
    if wanted != "stopped":
        pid = daemons.start(params["command"], pid_file, marker, timeout)
    return changed, pid, was


def _watch(params, check_mode):
    """Let the daemon end with the run, or only see whether that could be."""
    if params["run_id"]:
        run = guard.tether_of(params["pid_file"], params["run_id"], params["timeout"])
    elif check_mode:
        return
    else:
        run = guard.run_of(os.getpid())
    guard.watch(params["pid_file"], params["marker"], run)


def main():
    """The module's entry."""
    module = AnsibleModule(
        argument_spec={
            "command": {"type": "list", "elements": "str"},
            "pid_file": {"type": "path", "required": True},
            "marker": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["started", "restarted", "stopped"], "default": "started"},
            "lifetime": {"type": "str", "choices": ["permanent", "run"], "default": "permanent"},
            "timeout": {"type": "int", "default": 10},
            "run_id": {"type": "str"},
        },
        required_if=[("state", "started", ("command",)), ("state", "restarted", ("command",))],
        supports_check_mode=True,
    )
    try:
        changed, pid, was = settle(module.params, module.check_mode)
    except BaremetalError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=changed, pid=pid, diff={"before": {"state": was}, "after": {"state": module.params["state"]}})


if __name__ == "__main__":
    main()
