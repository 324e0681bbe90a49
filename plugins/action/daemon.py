# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs daemon, and keeps something at a remote host that lives as long as this run of Ansible does.

On the controller, a guard sees the process of ansible-playbook itself. At a host that is reached over a connection there is none to see;
there the tether stands for it: a process at the far end of a session of its own, which is held open from here and closed when the run has ended.
Of a controller that loses its power, the far end learns when its SSH server gives the session up (ClientAliveInterval, or else TCP's own hours).
"""

from __future__ import annotations

import os
import shlex
import signal
import time

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._boot.guard import tether_file
from ..module_utils._process import in_background, is_running
from ..plugin_utils._run_identity import controller_of_worker

_POLL = 0.5

# Where a tether holds already, of this run or of another one, it ends: the module looks whose it is. That of a run that has just ended
# ends soon. cat ends with its input.
_TETHER = """
umask 077
started() { cut -d' ' -f22 "/proc/$1/stat" 2>/dev/null; }
held() { read -r run pid start < "$1" 2>/dev/null && [ "$start" ] && [ "$(started "$pid")" = "$start" ]; }
for moment in 1 2 3 4 5; do held "$1" && [ "$run" != "$2" ] && sleep 1; done
held "$1" && exit 0
mkdir -p "$(dirname "$1")" && echo "$2 $$ $(started $$)" > "$1.$$" && mv "$1.$$" "$1" && exec cat > /dev/null
"""


class ActionModule(ActionBase):
    """The action of daemon."""

    _supports_check_mode = True
    _supports_diff = True
    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        """Run the module; for a daemon that ends with the run, on another host, hold a session to that host first."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        ends = arguments.get("lifetime") == "run" and arguments.get("state") != "stopped"
        if ends and self._connection.transport != "local" and not self._task.check_mode and arguments.get("pid_file"):
            run = controller_of_worker()
            # It outlives the worker and, for a moment, the run.
            in_background(lambda: self._keep(tether_file(arguments["pid_file"]), run))
            arguments["run_id"] = run["run_id"]
        return self._execute_module(module_args=arguments, task_vars=task_vars)

    def _keep(self, path, run):
        """Have a session to the host as long as the run lives."""
        session = os.fork()
        if not session:
            try:
                # What is shown goes through a pipe to a run that may be gone.
                Display().verbosity = 0
                self._apart()
                self._low_level_execute_command(f"set -- {shlex.quote(path)} {run['run_id']}\n{_TETHER}", executable="/bin/sh")
            finally:
                os._exit(0)
        while is_running(run["pid"], run["start_time"]):
            if os.waitpid(session, os.WNOHANG)[0]:
                return
            time.sleep(_POLL)
        # With the session itself, which ssh or a like program holds.
        os.killpg(0, signal.SIGKILL)

    def _apart(self):
        """Make the session one of its own, so that its end is the end of the far end's input, whatever else goes on between the hosts."""
        options = {terminal: False for terminal in ("use_tty", "pty")}
        if self._connection.has_option("ssh_args"):
            # ssh takes the first of two. One that shares its connection may tell of the end only when something else goes over that.
            # Without a word for an hour, a firewall may forget it.
            options["ssh_args"] = f"-o ControlPath=none -o ServerAliveInterval=30 {self._connection.get_option('ssh_args') or ''}"
        for name in filter(self._connection.has_option, options):
            self._connection.set_option(name, options[name])
