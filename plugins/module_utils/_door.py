# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two doors of a controller-side capability: a module, and an action inside the worker.

A capability is one function that knows nothing of Ansible. Its ``Door`` says which options it
takes; ``module_main`` serves it as a module, ``plugins/action/controller.py`` as an action.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import traceback
import typing as t
from dataclasses import dataclass, field

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import remove_values

from ._bmc.breaker import Breaker
from ._bmc.run_facts import HandedOver
from ._doors._options import FLEET
from ._errors import BaremetalError
from ._fleet.form import run_fleet, wanted


# What the action hands over to the module beside its options, and takes out of its result.
RUN_FACTS = "run_facts"
# What the module leaves to the action to log, beside its result.
TRACEBACK = "traceback"


@dataclass
class Call:
    """What a door hands to a capability.

    ``params`` are validated options. ``node`` is the node's name, or None for capabilities that
    concern no single node. ``controller`` identifies the ansible-playbook process that the call
    belongs to: run_id, host, pid, start_time, user. ``hostvars`` holds the host variables whose name starts
    with ``baremetal``, and ``ramdisk_boot_interfaces`` (empty in the module). ``vault_encrypt`` and ``vault_decrypt`` are None
    where no vault secret is at hand. ``holds`` says whether a condition holds, and ``evaluate`` what an expression gives, with the variables of the
    task; in a module they are None. ``shared`` is None, or in the fleet form a dict that the calls of all nodes
    have together: ``names`` of the nodes, and what was got for all of them at once, see ``once_for_all``. ``got`` is what ``once`` has
    got. ``breaker`` is what the run knows of its BMCs, and None in a module that was told nothing. ``show`` puts a text on the operator's screen;
    nothing comes of it in a module. ``tasks_problem`` takes the names of a role and of a tasks file of it, and tells why Ansible could not run
    that; None in the module.
    """

    params: dict
    check_mode: bool = False
    diff: bool = False
    node: t.Optional[str] = None
    controller: dict = field(default_factory=dict)
    hostvars: dict = field(default_factory=dict)
    warn: t.Callable[[str], None] = lambda text: None
    log: t.Callable[[str], None] = lambda text: None
    show: t.Callable[[str], None] = lambda text: None
    vault_encrypt: t.Optional[t.Callable[[str], str]] = None
    vault_decrypt: t.Optional[t.Callable[[str], str]] = None
    holds: t.Optional[t.Callable[[t.Any], bool]] = None
    evaluate: t.Optional[t.Callable[[str], t.Any]] = None
    secrets: set = field(default_factory=set)
    shared: t.Optional[dict] = None
    got: dict = field(default_factory=dict)
    breaker: t.Any = None
    tasks_problem: t.Optional[t.Callable[[str, str], t.Optional[str]]] = None

    def once(self, what, get):
        """What a task need get only once, however often it asks.

        :param what: a name for it.
        :param get: function without arguments.
        """
        if what not in self.got:
            self.got[what] = get()
        return self.got[what]

    def once_for_all(self, what, get):
        """What is cheaper to get for all nodes of a fleet at once; not for ``run``, which is in many threads.

        :param what: a name for it.
        :param get: function of a list of node names; what it returns is kept for the other nodes.
        :returns: what ``get`` returned, for all nodes of the fleet or for this one alone.
        """
        if self.shared is None:
            return self.got[what] if what in self.got else get([self.node])
        if what not in self.shared:
            self.shared[what] = get(self.shared["names"])
        return self.shared[what]

    def know(self, what, value):
        """Leave to ``once_for_all`` what was got beside something else."""
        (self.got if self.shared is None else self.shared)[what] = value

    @property
    def registry_url(self):
        """URL of the registry, or None where the call was given none."""
        return self.params.get("registry")

    def secret(self, value):
        """Remember a value that must not leave the call in results, errors or logs.

        :returns: the value itself.
        """
        if value:
            self.secrets.add(str(value))
        return value

    def scrub(self, data):
        """Replace every secret of this call in a text, or in any nesting of lists and dicts."""
        return remove_values(data, self.secrets) if _may_hold(data, self.secrets) else data


def _may_hold(data, secrets):
    """Whether there is a secret in what a result is made of; true also of what is no type of JSON.

    Replacing copies everything with Ansible's tags, and costs ten times as much as this look.
    """
    left = [data]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
        elif value is not None and not isinstance(value, (str, int, float)):
            return True
        elif any(secret in str(value) for secret in secrets):
            return True
    return False


@dataclass(frozen=True)
class Door:
    """A capability and the options that it takes.

    ``run`` does the work and may run on another host (``delegate_to``). ``before`` and ``after``
    always run on the controller, where the registry is at hand: ``before(call)`` may return options
    to fill in, ``after(call, result)`` may record what happened. ``names_node`` says that the
    option ``name`` is the node's name and defaults to the inventory host. ``controller_only`` is for
    work that goes on in the registry: it is done on the controller whatever the task is delegated to.
    ``fleet`` says that the capability also takes a list of nodes: the options of doc_fragments/fleet.py are added,
    and ``run``, called with a Call per node, must be fit for threads. ``before`` then fills in ``driver`` and ``bmc`` and nothing else.
    ``after_fleet([(call, result), ...])`` replaces ``after`` where recording many nodes at once is cheaper.
    """

    argument_spec: dict
    run: t.Callable[[Call], dict]
    before: t.Optional[t.Callable[[Call], t.Optional[dict]]] = None
    after: t.Optional[t.Callable[[Call, dict], None]] = None
    names_node: bool = True
    controller_only: bool = False
    constraints: dict = field(default_factory=dict)
    fleet: bool = False
    after_fleet: t.Optional[t.Callable[[list], None]] = None

    def __post_init__(self):
        if self.fleet:
            object.__setattr__(self, "argument_spec", {**self.argument_spec, **FLEET})


def secret_values(argument_spec, params):
    """Every value in ``params`` that ``argument_spec`` marks with no_log, at any depth.

    :returns: a set of strings.
    """
    found = set()
    for name, spec in argument_spec.items():
        value = params.get(name) if isinstance(params, dict) else None
        if value in (None, ""):
            continue
        if spec.get("no_log"):
            found.update(_texts(value))
        elif spec.get("options"):
            for item in value if isinstance(value, list) else [value]:
                found |= secret_values(spec["options"], item)
    return found


def _texts(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
    elif value not in (None, ""):
        yield str(value)


def refuse_senseless(argument_spec, params):
    """Refuse values that pass for ones and are none, before anything is done with them.

    An empty text is what a variable that nobody set has become: a firmware version that no BMC will ever tell, the user name that
    stands in the free places of a table of accounts.

    :param argument_spec: the Door's.
    :param params: validated options.
    :raises BaremetalError: for an empty text where an option is required, and for a time-out of less than a second.
    """
    for name, spec in argument_spec.items():
        value = params.get(name)
        if spec.get("required") and spec["type"] in ("str", "path") and not str(value).strip():
            raise BaremetalError(f"the option {name} is empty", stage="options", cure="give it a value, or correct the variable that it comes from")
        if name == "timeout" and value is not None and value < 1:
            raise BaremetalError("the option timeout is no time to wait", stage="options", seen=f"{value} s", cure="give whole seconds from 1 on")


def outcome(call, work):
    """Run ``work()`` and turn what comes out into a result that is fit to leave.

    :param call: the call that the work belongs to.
    :param work: a function without arguments that returns the result dict.
    :returns: the scrubbed result; a BaremetalError becomes ``failed`` with its paragraph as ``msg``.
    """
    try:
        result = dict(work())
    except BaremetalError as error:
        result = {"failed": True, "changed": False, "msg": str(error.at(node=call.node))}
    result.setdefault("changed", False)
    if not call.diff:
        result.pop("diff", None)
    return call.scrub(result)


def unexpected(call, name, error):
    """The result for a bug, or a fault of the machine.

    The chain of exceptions may hold secrets, so it is scrubbed and not raised on.

    :param call: the call that it belongs to.
    :param name: name of the module.
    :param error: the exception.
    :returns: the scrubbed result; TRACEBACK in it is to be taken out and logged.
    """
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return call.scrub({
        "failed": True,
        "msg": f"{call.node + ': ' if call.node else ''}{name}: unexpected error: {text}. "
               "To do: run again with -vvv to see where; if it is a fault of the collection, report it.",
        TRACEBACK: "".join(traceback.format_exception(error)),
    })


class _Module(AnsibleModule):
    """A module to which the action hands over what the run knows of the BMCs, beside the options."""

    run_facts = None

    def _load_params(self):
        super()._load_params()
        handed_over = self.params.pop(RUN_FACTS, None)
        self.run_facts = None if handed_over is None else HandedOver(handed_over)


def module_main(door):
    """Serve a capability as an Ansible module: the door for delegation to a gateway."""
    module = _Module(argument_spec=door.argument_spec, supports_check_mode=True, **door.constraints)
    call = Call(
        params=module.params,
        check_mode=module.check_mode,
        diff=module._diff,
        node=module.params.get("name") if door.names_node else None,
        warn=module.warn,
        log=module.debug,
        secrets=secret_values(door.argument_spec, module.params),
        breaker=Breaker(module.run_facts) if module.run_facts else None,
    )
    if door.controller_only:
        module.fail_json(msg="This module works in the registry and runs on the controller alone, through its action plugin.")

    def work():
        refuse_senseless(door.argument_spec, call.params)
        return run_fleet(door, call) if wanted(door, call) else door.run(call)

    try:
        result = outcome(call, work)
    except Exception as error:
        result = unexpected(call, module._name.rpartition(".")[2], error)
    if module.run_facts:
        result[RUN_FACTS] = call.scrub(module.run_facts.to_hand_back())
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
