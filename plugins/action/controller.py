# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the collection's controller-side modules inside the worker that Ansible has forked.

One plugin for all of them, bound in meta/runtime.yml. It is imported in the parent process, so
everything that the doors import is paid for once per run.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._bmc.breaker import Breaker
from ..module_utils._door import Call, outcome, secret_values
from ..module_utils._fleet import form
from ..plugin_utils._doors import DOORS
from ..plugin_utils._run_identity import controller_of_worker

display = Display()


class _DisplayHandler(logging.Handler):
    """Sends what libraries log to the display; a worker must not print by itself."""

    def __init__(self, call):
        super().__init__()
        self._call = call

    def emit(self, record):
        (form.CURRENT_CALL.get() or self._call).log(self.format(record))


def _given(params):
    """The options that have a value, at any depth: a module takes an explicit None for a value."""
    if isinstance(params, dict):
        return {name: _given(value) for name, value in params.items() if value is not None}
    if isinstance(params, list):
        return [_given(value) for value in params]
    return params


class _HostVariables(Mapping):
    """The host variables whose name starts with ``baremetal``, templated when they are asked for.

    Only then: another one may need what this host does not have.
    """

    def __init__(self, templar, task_vars):
        self._templar = templar
        self._raw = {name: value for name, value in task_vars.items() if name.startswith("baremetal")}

    def __getitem__(self, name):
        return self._templar.template(self._raw[name])

    def __iter__(self):
        return iter(self._raw)

    def __len__(self):
        return len(self._raw)


class ActionModule(ActionBase):
    """The action door of every capability in plugin_utils/_doors.py."""

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        """Validate the task's arguments, do the work, hand back a result without secrets."""
        task_vars = task_vars or {}
        super().run(tmp, task_vars)
        self._name = self._task.action.rpartition(".")[2]
        door = DOORS[self._name]
        call = self._call(door, task_vars)
        handler = _DisplayHandler(call)
        loggers = [logging.getLogger(library) for library in ("pyghmi", "alembic")]
        for logger in loggers:
            logger.handlers[:] = [handler]
            logger.propagate = False
        try:
            perform = self._perform_fleet if form.wanted(door, call) else self._perform
            return outcome(call, lambda: perform(door, call, task_vars))
        except AnsibleActionFail:
            raise
        except AnsibleConnectionFailure as error:
            # Not raised on: a node must not be lost to the play, and to its rescue, because a gateway is.
            return {
                "failed": True,
                "msg": call.scrub(f"{call.node + ': ' if call.node else ''}{self._name}: no connection to {self._task.delegate_to}, which should do "
                                  f"the work. Seen: {' '.join(str(error).split())} To do: check that host and the way to it, then run the same command again."),
            }
        except Exception as error:
            # A bug, or a fault of the machine. The chain of exceptions may hold secrets, so it is
            # scrubbed and not raised on.
            call.log("".join(traceback.format_exception(error)))
            text = " ".join(f"{type(error).__name__}: {error}".split())
            return {
                "failed": True,
                "msg": call.scrub(f"{call.node + ': ' if call.node else ''}{self._name}: unexpected error: {text}. "
                                  "To do: run again with -vvv to see where; if it is a fault of the collection, report it."),
            }

    def _perform(self, door, call, task_vars):
        if door.before:
            call.params.update(door.before(call) or {})
        if self._runs_elsewhere() and not door.controller_only:
            result = self._run_module(call.params, task_vars)
        else:
            result = dict(door.run(call))
        if door.after and not result.get("failed"):
            door.after(call, result)
        return result

    def _perform_fleet(self, door, call, task_vars):
        calls = form.node_calls(call, lambda name: self._hostvars_of(name, task_vars))
        results = {}
        form.prepare(door, calls, results)
        if self._runs_elsewhere():
            arguments = form.module_arguments(call, calls, results)
            answer = self._run_module(arguments, task_vars) if arguments["nodes"] else {"nodes": {}}
            if set(answer.get("nodes") or {}) != set(arguments["nodes"]):
                return answer
            form.take_in(answer, results)
        else:
            form.work(door, calls, results, call.warn, call.log)
        form.record(door, calls, results)
        return form.summary(call, calls, results)

    def _run_module(self, params, task_vars):
        result = self._execute_module(
            module_name=f"rackwright.baremetal.{self._name}", module_args=_given(params), task_vars=task_vars)
        self._remove_tmp_path(self._connection._shell.tmpdir)
        result.pop("invocation", None)
        return result

    def _hostvars_of(self, name, task_vars):
        """Host variables of a node of the inventory, templated when they are asked for; none for another node."""
        hostvars = task_vars["hostvars"]
        return hostvars[name] if name in hostvars else {}

    def _runs_elsewhere(self):
        """Whether the task was delegated to a place that only a module reaches."""
        if not self._task.delegate_to:
            return False
        return self._connection.transport != "local" or bool(self._connection.become)

    def _call(self, door, task_vars):
        arguments = dict(self._task.args)
        if door.names_node and not arguments.get("name") and not (door.fleet and arguments.get("nodes") is not None):
            arguments["name"] = task_vars.get("inventory_hostname")
        if "registry" in door.argument_spec and not arguments.get("registry") and task_vars.get("baremetal_registry"):
            arguments["registry"] = self._templar.template(task_vars["baremetal_registry"])
        validation = ArgumentSpecValidator(door.argument_spec, **door.constraints).validate(arguments)
        if validation.error_messages:
            secrets = secret_values(door.argument_spec, arguments)
            call = Call(params={}, secrets=secrets)
            node = f"{arguments['name']}: " if door.names_node and arguments.get("name") else ""
            raise AnsibleActionFail(call.scrub(f"{node}{self._name}: {'; '.join(validation.error_messages)}"))
        params = validation.validated_parameters
        call = Call(
            params=params,
            check_mode=bool(self._task.check_mode),
            diff=bool(self._task.diff),
            node=str(params["name"]) if door.names_node and params.get("name") else None,
            controller=controller_of_worker(),
            hostvars=_HostVariables(self._templar, task_vars),
            secrets=secret_values(door.argument_spec, params),
            breaker=Breaker(constants.DEFAULT_LOCAL_TMP),
        )
        call.warn = lambda text: display.warning(call.scrub(f"{call.node}: {text}" if call.node else text))
        call.log = lambda text: display.vvv(call.scrub(f"{self._name}: {text}"), host=call.node)
        vault = getattr(self._loader, "_vault", None)
        if vault is not None and vault.secrets:
            call.vault_encrypt = lambda text: vault.encrypt(text).decode()
            call.vault_decrypt = lambda text: vault.decrypt(text.encode()).decode()
        return call
