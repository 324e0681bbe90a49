# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs an in-band module on the node, and makes a lost connection an ordinary failure.

Ansible's C(rescue) does not see a host that became unreachable, so a node that dies in the middle
of a deploy would be left in a transient state with its lock held. Here it fails like any other.
"""

from __future__ import annotations

import time

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..plugin_utils._run_identity import end_with_run

# Seconds between two attempts to reach a machine that is still starting.
_RETRY_INTERVAL = 1


class ActionModule(ActionBase):
    """The action of every module that runs in the ramdisk or in the installed system."""

    _supports_check_mode = True
    _supports_async = False
    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        """Wait for the machine if asked to, run the module there, return its result."""
        super().run(tmp, task_vars)
        end_with_run()
        name = self._task.action.rpartition(".")[2]
        node = (task_vars or {}).get("inventory_hostname", "node")
        timeout = int(self._task.args.get("connect_timeout") or 0)
        started = time.monotonic()
        try:
            self._wait_for_connection(started + timeout)
            result = self._execute_module(module_name=f"rackwright.baremetal.{name}", task_vars=task_vars)
        except AnsibleConnectionFailure as error:
            return self._lost(node, name, error, time.monotonic() - started, timeout)
        if result.pop("unreachable", False):
            return self._lost(node, name, result.get("msg"), time.monotonic() - started, timeout)
        self._remove_tmp_path(self._connection._shell.tmpdir)
        return self._named(node, result)

    @staticmethod
    def _named(node, result):
        """A result with the node in what it tells: a machine does not know its node name, and equal warnings are shown once for all."""
        for text in result.pop("machine_warnings", ()):
            Display().warning(f"{node}: {text}")
        if result.get("failed") and not str(result.get("msg", "")).startswith(f"{node}: "):
            result["msg"] = f"{node}: {result.get('msg', 'the module failed')}"
        return result

    def _wait_for_connection(self, deadline):
        while True:
            try:
                self._connection._connect()
                self._low_level_execute_command("true", sudoable=False)
                return
            except AnsibleConnectionFailure:
                if time.monotonic() >= deadline:
                    raise
                self._connection.reset()
                time.sleep(_RETRY_INTERVAL)

    def _lost(self, node, name, error, elapsed, timeout):
        address = self._connection.get_option("host") if self._connection.transport == "ssh" else "the machine"
        user = self._play_context.remote_user or "the remote user"
        waited = f" within {timeout} s" if timeout else ""
        # A system that runs, most likely with another default user.
        user_cure = "name the default user of the image in deploy_user or install_user; " \
            if name == "instance_proof" and "Permission denied" in str(error) else ""
        return {
            "failed": True,
            "changed": False,
            "msg": f"{node}: {name}: no SSH connection to {user}@{address}{waited}. "
                   f"Seen: {' '.join(str(error).split()).rstrip('.')}, after {elapsed:.0f} s. "
                   f"To do: {user_cure}look at the machine's console; check its power state, its network and that it accepts the operator's key.",
        }
