# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a door gets at a node's BMC: where the connection comes from, and where the power state goes.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import urllib.parse

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .._bmc.connection import BmcUnreachable
from .._bmc.driver import DRIVERS, open_driver
from .._bmc.find_driver import find_driver, forget_driver
from .._errors import BaremetalError
from ._options import BMC, NODE, REGISTRY
from ._registry_access import existing_registry, refuse_other_runs

STAGE = "BMC connection"
AUTO = "auto"
# What ``once_for_all`` keeps them by.
_BMCS = "BMCs"
_IS_TOLD = "BMC is told"

# What every door to a BMC takes.
OPTIONS = {**NODE, **BMC, **REGISTRY}

_KEYS = frozenset(BMC["bmc"]["options"])
_VALIDATOR = ArgumentSpecValidator(BMC["bmc"]["options"])
_SECRET_KEYS = frozenset(key for key, option in BMC["bmc"]["options"].items() if option.get("no_log"))


def fill_connection(call):
    """Find the node's driver and BMC; the first source that names a BMC is taken whole.

    The task's option ``bmc``, then the host variable ``baremetal_bmc`` (with the driver as key
    ``driver``), then the registry. The task's option ``driver`` has the last word on the driver.

    :param call: the Call; runs on the controller.
    :returns: ``{"driver", "bmc"}`` to be filled into the parameters, the password in clear.
    :raises BaremetalError: when there is no BMC, or what is there cannot be used.
    """
    told = _from_task(call) or _from_host_variable(call)
    call.got[_IS_TOLD] = told is not None
    driver, bmc = told or _from_registry(call)
    driver = call.params.get("driver") or driver
    if driver not in (*DRIVERS, AUTO):
        raise BaremetalError(
            f"there is no driver {driver}" if driver else "nothing says which driver talks to the BMC", stage=STAGE,
            cure=f"give one of {', '.join(sorted([*DRIVERS, AUTO]))} as option driver, as driver in baremetal_bmc, or in the hardware file",
        )
    bmc = {key: value for key, value in bmc.items() if value is not None}
    for key in _SECRET_KEYS & set(bmc):
        bmc[key] = call.secret(str(bmc[key]))
    if not 0 < bmc.get("port", 1) < 65536:
        raise BaremetalError("port of the BMC is no port", stage=STAGE, seen=bmc["port"],
                             cure="correct port of the BMC, or leave it out; ports go from 1 to 65535")
    return {"driver": driver, "bmc": bmc}


def is_told(call):
    """Whether the task or a host variable told the BMC that ``fill_connection`` has found, and not the registry."""
    return call.got[_IS_TOLD]


def fill_connection_for_change(call):
    """As ``fill_connection``, for doors that change the machine: not while another run works on it."""
    def bmcs(connection, names):
        from .._registry import nodes  # see _registry_access.py

        call.know(_BMCS, nodes.read_bmcs(connection, names))

    refuse_other_runs(call, also=bmcs)
    return fill_connection(call)


def fill_connection_for_power(call):
    """As ``fill_connection_for_change``, with the registry's word on whether the machine may be powered off."""
    filled = fill_connection_for_change(call)
    if not call.registry_url:
        return filled
    from .._registry.store import open_registry  # see _registry_access.py

    engine = open_registry(call.registry_url, create=False, migrate=not call.check_mode)
    known = _known(call, engine) if engine is not None else None
    if known and known["disable_power_off"]:
        filled["bmc"]["disable_power_off"] = True
    return filled


def _from_task(call):
    bmc = call.params.get("bmc")
    return (None, bmc) if bmc else None


def _from_host_variable(call):
    try:
        bmc = call.hostvars.get("baremetal_bmc")
    except Exception as error:
        # It is templated here: an undefined variable, a lookup that fails, a vault password that is missing.
        raise BaremetalError("the host variable baremetal_bmc cannot be made out", stage=STAGE, seen=" ".join(str(error).split()),
                             cure="correct the variables, lookups and vault passwords that it takes") from error
    if not bmc:
        return None
    if not isinstance(bmc, dict):
        raise BaremetalError("the host variable baremetal_bmc is no dictionary", stage=STAGE,
                             cure="give it the keys driver, address, username and password")
    for key in _SECRET_KEYS:
        call.secret(bmc.get(key))
    unknown = sorted(set(bmc) - _KEYS - {"driver"})
    if unknown:
        raise BaremetalError(f"the host variable baremetal_bmc has keys that mean nothing here: {', '.join(unknown)}",
                             stage=STAGE, cure=f"use only driver, {', '.join(sorted(_KEYS))}")
    # Text is what inventories in INI form and -e give; it must not pass for true. The validator copies what it is given, and a text with
    # Ansible's tags costs ten times a plain one.
    given = {key: str(value) if isinstance(value, str) else value for key, value in bmc.items() if key != "driver" and value is not None}
    checked = _VALIDATOR.validate(given)
    if checked.error_messages:
        raise BaremetalError("the host variable baremetal_bmc has values that cannot be", stage=STAGE, seen="; ".join(checked.error_messages),
                             cure="correct them; the option bmc of the module documents them")
    return bmc.get("driver"), checked.validated_parameters


def _from_registry(call):
    if not call.registry_url:
        raise BaremetalError(
            "nothing says where the node's BMC is", stage=STAGE,
            seen="no option bmc, no host variable baremetal_bmc, no registry",
            cure="enrol the node and give the registry, or set baremetal_bmc for the host",
        )
    from .._registry import credentials, nodes

    engine = existing_registry(call)
    node = _known(call, engine)
    if node is None:
        raise nodes.unknown(call.node)
    bmc = {key: value for key, value in (node["bmc"] or {}).items() if key in _KEYS}
    bmc.update(system_uuid=node["system_uuid"], serial=node["serial"])
    if node["credential"] is not None:
        bmc["password"] = credentials.resolve(node["credential"], call)
    if bmc.get("kg_key"):
        bmc["kg_key"] = credentials.resolve(bmc["kg_key"], call, "key K_g")
    return node["driver"], bmc


def _known(call, engine):
    """What the registry has of the node's BMC, or None."""
    from .._registry import nodes

    return call.once("BMC", lambda: call.once_for_all(_BMCS, lambda names: nodes.bmcs(engine, names)).get(call.node))


def settled_driver(call):
    """The driver's name, found out and put in the place of ``auto`` where that was asked for.

    :param call: the Call; may run on a host that the task was delegated to.
    """
    if call.params["driver"] == AUTO:
        with watched(call):
            call.params["driver"] = find_driver(call.params["bmc"], call.log, run_facts(call))
    return call.params["driver"]


@contextlib.contextmanager
def open_bmc(call, *, only_reads=False, password=None):
    """Open the BMC that ``fill_connection`` found.

    :param call: the Call; may run on a host that the task was delegated to.
    :param only_reads: see ``open_driver``.
    :param password: to log in with, where it is not the one of the connection.
    :returns: a context manager that gives the open driver.
    """
    bmc = call.params["bmc"] if password is None else {**call.params["bmc"], "password": password}
    with watched(call):
        try:
            with open_driver(call.params["driver"], bmc, call.log, run_facts(call), only_reads=only_reads) as driver:
                yield driver
        except BmcUnreachable:
            # A BMC that was still starting may have been taken for one that speaks less than it does. What the breaker tells is no new
            # reason to doubt, and does not come here.
            forget_driver(call.params["bmc"], run_facts(call))
            raise


def hide_password(call, url):
    """Have the password that a URL may carry not leave the call, whoever repeats it.

    :param call: the Call.
    :param url: URL, or None.
    """
    try:
        password = urllib.parse.urlsplit(url or "").password
    except ValueError:
        return
    if password:
        call.secret(password)
        call.secret(urllib.parse.unquote(password))


def run_facts(call):
    """The run's facts about the call's BMC, or None."""
    return call.breaker.facts.about(call.params["bmc"].get("address")) if call.breaker else None


def watched(call):
    """A context manager for all that talks to the call's BMC, see Breaker.watch."""
    return call.breaker.watch(call.params["driver"], call.params["bmc"]) if call.breaker else contextlib.nullcontext()


def record_power_state(call, result):
    """Tell the registry, where there is one that knows the node, the power state that the node has now."""
    record_power_states([(call, result)])


def record_power_states(done):
    """The same for many nodes, in one transaction.

    :param done: list of ``(call, result)``; the calls belong to one task.
    """
    call = done[0][0]
    if call.registry_url and not call.check_mode:
        from .._registry import nodes
        from .._registry.store import open_registry

        engine = open_registry(call.registry_url, create=False)
        if engine is not None:
            with engine.begin() as connection:
                nodes.set_power_states(connection, {call.node: result["power_state"] for call, result in done})
