# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the collection's controller-side modules inside the worker that Ansible has forked.

One plugin for all of them, bound in meta/runtime.yml. It is imported in the parent process, and so is everything that the
doors import before a second worker is forked, so that it is paid for once per run.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
from collections.abc import Mapping

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.vars.hostvars import HostVarsVars

from ..module_utils._bmc.breaker import Breaker
from ..module_utils._bmc.run_facts import RunFacts
from ..module_utils._door import RUN_FACTS, TRACEBACK, Call, outcome, refuse_senseless, secret_values, unexpected
from ..module_utils._fleet import form
from ..plugin_utils import _doors
from ..plugin_utils._run_identity import controller_of_worker, end_with_run

display = Display()

# Objects that a worker makes before Python looks for garbage in it; a worker of ours makes fewer. Python's own number is 700.
_WORKER_OBJECTS = 50000


class _DisplayHandler(logging.Handler):
    """Sends what libraries log to the display; a worker must not print by itself."""

    def __init__(self, call):
        super().__init__()
        self._call = call

    def emit(self, record):
        (form.CURRENT_CALL.get() or self._call).log(self.format(record))


def _is_verbose():
    """Whether anybody sees what ``display.vvv`` is told: on the screen, or in the log file."""
    return max(display.verbosity, display.log_verbosity) > 2


def _given(params):
    """The options that have a value, at any depth: a module takes an explicit None for a value."""
    if isinstance(params, dict):
        return {name: _given(value) for name, value in params.items() if value is not None}
    if isinstance(params, list):
        return [_given(value) for value in params]
    return params


@contextlib.contextmanager
def _facts_kept_apart():
    """Inside, host variables are put together without the facts among them.

    ansible-core lists the directories of all connection plugins to clean the facts of each host, those of a host without any too,
    which makes up half of what a node's variables cost. For a worker, whose settings are its own.
    """
    before = constants.INJECT_FACTS_AS_VARS
    constants.INJECT_FACTS_AS_VARS = False
    try:
        yield
    finally:
        constants.INJECT_FACTS_AS_VARS = before


class _HostVariables(Mapping):
    """The host variables whose name starts with ``baremetal``, and ``ramdisk_boot_interfaces``, templated when they are asked for.

    Only then: another one may need what this host does not have.
    """

    def __init__(self, templar, task_vars):
        self._templar = templar
        self._raw = {name: value for name, value in task_vars.items() if name.startswith("baremetal") or name == "ramdisk_boot_interfaces"}

    def __getitem__(self, name):
        return self._templar.template(self._raw[name])

    def __iter__(self):
        return iter(self._raw)

    def __len__(self):
        return len(self._raw)


class _AskedInParent(type(ActionBase)):
    """Learns how many workers there will be, to import no more than pays.

    Ansible's strategies ask an action class for BYPASS_HOST_LOOP in the parent, before they fork a worker for a host. The first worker
    imports by itself what its door needs beyond what this file imports: a fleet's only one, and that of a single node, need next to
    nothing. Before a second one everything is imported here. A strategy that does not ask costs time and nothing else.
    """

    _asked = 0

    @property
    def BYPASS_HOST_LOOP(cls):
        """False, as for every action that runs for each host."""
        _AskedInParent._asked += 1
        if _AskedInParent._asked == 2:
            _doors.load_all()
            _share_with_workers()
        return False


def _share_with_workers():
    """Leave what is there by now to the workers as it is.

    A worker that looks for garbage goes over all that it shares with its parent, and so has the kernel copy it; it ends after its task anyway.
    """
    gc.freeze()
    os.register_at_fork(after_in_child=lambda: gc.set_threshold(_WORKER_OBJECTS, *gc.get_threshold()[1:]))


class ActionModule(ActionBase, metaclass=_AskedInParent):
    """The action door of every capability in plugin_utils/_doors.py."""

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        """Validate the task's arguments, do the work, hand back a result without secrets."""
        task_vars = task_vars or {}
        super().run(tmp, task_vars)
        end_with_run()
        self._name = self._task.action.rpartition(".")[2]
        door = _doors.door(self._name)
        call = self._call(door, task_vars)
        handler = _DisplayHandler(call)
        loggers = [logging.getLogger(library) for library in ("pyghmi", "alembic")]
        for logger in loggers:
            logger.handlers[:] = [handler]
            logger.propagate = False
        try:
            return outcome(call, lambda: self._perform(door, call, task_vars))
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
            result = unexpected(call, self._name, error)
            call.log(result.pop(TRACEBACK))
            return result

    def _perform(self, door, call, task_vars):
        refuse_senseless(door.argument_spec, call.params)
        if form.wanted(door, call):
            return self._perform_fleet(door, call, task_vars)
        if door.before:
            call.params.update(door.before(call) or {})
        if self._runs_elsewhere() and not door.controller_only:
            result = self._run_module(call, call.params, task_vars)
        else:
            result = dict(door.run(call))
        if door.after and not result.get("failed"):
            door.after(call, result)
        return result

    def _perform_fleet(self, door, call, task_vars):
        calls = form.node_calls(call, lambda name: self._hostvars_of(name, task_vars))
        results = {}
        form.prepare(door, calls, results)
        if self._runs_elsewhere() and not door.controller_only:
            arguments = form.module_arguments(call, calls, results)
            answer = self._run_module(call, arguments, task_vars) if arguments["nodes"] else {"nodes": {}}
            if set(answer.get("nodes") or {}) != set(arguments["nodes"]):
                return answer
            form.take_in(answer, results)
        else:
            form.work(door, calls, results, call.warn, call.log if _is_verbose() else None)
        form.record(door, calls, results, call.warn)
        return form.summary(call, calls, results)

    def _run_module(self, call, params, task_vars):
        facts = call.breaker.facts
        known = facts.to_hand_over({str(bmc["address"]) for bmc in params.get("bmcs") or [params.get("bmc") or {}] if bmc.get("address")})
        result = self._execute_module(
            module_name=f"rackwright.baremetal.{self._name}", module_args={**_given(params), RUN_FACTS: known}, task_vars=task_vars)
        self._remove_tmp_path(self._connection._shell.tmpdir)
        result.pop("invocation", None)
        if TRACEBACK in result:
            call.log(result.pop(TRACEBACK))
        learned = result.pop(RUN_FACTS, None)
        if learned is not None:
            facts.take_back(known, learned)
        return result

    def _hostvars_of(self, name, task_vars):
        """Host variables of a node of the inventory, templated when they are asked for; none for another node."""
        hostvars = task_vars["hostvars"]
        if name not in hostvars:
            return {}
        with _facts_kept_apart():
            variables = hostvars.raw_get(name)
        # A host with facts gets them as everywhere.
        return hostvars[name] if variables.get("ansible_facts") else HostVarsVars(variables, loader=self._loader, host=name)

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
            # ansible-core leaves it to the caller to say what the bare names are.
            problems = [f"unsupported parameters: {error.msg}" if isinstance(error, UnsupportedError) else error.msg
                        for error in validation.errors]
            raise AnsibleActionFail(call.scrub(f"{node}{self._name}: {'; '.join(problems)}"))
        params = validation.validated_parameters
        call = Call(
            params=params,
            check_mode=bool(self._task.check_mode),
            diff=bool(self._task.diff),
            node=str(params["name"]) if door.names_node and params.get("name") else None,
            controller=controller_of_worker(),
            hostvars=_HostVariables(self._templar, task_vars),
            secrets=secret_values(door.argument_spec, params),
            breaker=Breaker(RunFacts(constants.DEFAULT_LOCAL_TMP, self._task.delegate_to if self._runs_elsewhere() else None)),
        )
        call.holds, call.evaluate = self._templar.evaluate_conditional, self._templar.evaluate_expression
        call.warn = lambda text: display.warning(call.scrub(f"{call.node}: {text}" if call.node else text))
        call.show = lambda text: display.display(call.scrub(text))
        if _is_verbose():
            call.log = lambda text: display.vvv(call.scrub(f"{self._name}: {text}"), host=call.node)
        call.tasks_problem = self._tasks_problem
        vault = getattr(self._loader, "_vault", None)
        if vault is not None and vault.secrets:
            call.vault_encrypt = lambda text: vault.encrypt(text).decode()
            call.vault_decrypt = lambda text: vault.decrypt(text.encode()).decode()
        return call

    def _tasks_problem(self, role, tasks_from):
        # Imported where it is asked for: only steps of a site are looked at.
        from ..plugin_utils import _role_tasks

        return _role_tasks.problem(role, tasks_from, self._task)
