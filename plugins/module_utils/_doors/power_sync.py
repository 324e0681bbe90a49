# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the power_sync module."""

from __future__ import annotations

from .._bmc.power import ensure_power
from .._door import Door
from .._errors import BaremetalError, sentence
from .._fleet.causes import anonymous
from .._lifecycle import heartbeat, power_sync
from .._registry import nodes
from ._bmc_access import OPTIONS, fill_connection, open_bmc, settled_driver
from ._registry_access import existing_registry

_OVERTAKEN = "a run began to work on it, or its record changed meanwhile"

# Keys of the record that a diff shows.
_SHOWN = ("power_state", "maintenance", "maintenance_reason", "fault")


def before(call):
    """Find the record, and the BMC of a node that is not left alone."""
    engine = existing_registry(call)
    found = call.once_for_all("power sync", lambda names: power_sync.read(engine, names, call.controller)).get(call.node)
    if found is None:
        raise nodes.unknown(call.node)
    record, reason = found
    if reason is not None:
        return {"record": record, "reason": reason}
    filled = fill_connection(call)
    if filled["driver"] == "manual":
        return {"record": record, "reason": "driver manual"}
    if call.params["force_power_state"] and not call.check_mode:
        # Here, and not in a thread: it forks.
        call.once_for_all("heartbeat", lambda names: heartbeat.start(call.registry_url, call.controller))
    return {**filled, "record": record, "reason": None}


def run(call):
    """Read the power state, and correct the machine where that is wanted. Nothing is written into the registry."""
    record, reason = call.params["record"], call.params["reason"]
    if reason is not None:
        return _skipped(record, reason)
    seen, corrected, error = None, False, None
    try:
        settled_driver(call)
        with open_bmc(call, only_reads=True) as bmc:
            seen = bmc.get_power()
        if _wants_correction(call, record, seen):
            corrected = _correct(call, record)
            if corrected is None:
                return _skipped(record, _OVERTAKEN)
            real, seen = seen, record["power_state"]
            call.warn(f"{'would be' if call.check_mode else 'was'} powered {seen}, as recorded; the BMC told {real}")
    except BaremetalError as failure:
        error = failure.at(node=call.node)
    return _result(call, record, seen, corrected, error)


def _skipped(record, reason):
    return {"changed": False, "outcome": "skipped", "reason": reason, "power_state": record["power_state"]}


def _wants_correction(call, record, seen):
    recorded = record["power_state"]
    return (call.params["force_power_state"] and recorded in ("on", "off") and seen in ("on", "off") and seen != recorded
            and not (recorded == "off" and record["disable_power_off"]) and record["fault"] is None)


def _correct(call, record):
    """Bring the machine into the recorded state under the node's lock; None when the node is not free any more."""
    if call.check_mode:
        return True
    engine = existing_registry(call)
    if not power_sync.hold(engine, record, call.controller):
        return None
    try:
        with open_bmc(call) as bmc:
            ensure_power(bmc, record["power_state"], timeout=call.params["timeout"], stays_on=record["disable_power_off"], warn=call.warn)
    finally:
        power_sync.let_go(engine, record["name"], call.controller)
    return True


def _result(call, record, seen, corrected, error):
    most = call.params["max_retries"]
    known = record["fault"] == power_sync.FAULT
    if error is not None:
        error = power_sync.unreachable(error, record["power_sync_failures"] + 1, most)
    found = power_sync.verdict(record, seen, corrected=corrected, error=call.scrub(str(error)) if error else None, max_retries=most)
    flags = found["flags"]
    if found["outcome"] == "recorded" and record["power_state"] is not None:
        call.warn(f"the power state {record['power_state']} was recorded, and the BMC tells {seen}")
    if known and error is not None:
        call.warn(f"still has the fault {power_sync.FAULT}: {error.what}")
    elif known:
        call.warn(f"the BMC answers again; the fault {power_sync.FAULT} and the maintenance end")
    shown = {key: flags[key] for key in _SHOWN if key in flags}
    result = {
        "changed": bool(shown) or corrected, "outcome": found["outcome"], "reason": None, "flags": flags,
        "power_state": flags.get("power_state", record["power_state"]),
        "diff": {"before": {key: record[key] for key in shown}, "after": shown},
    }
    if corrected:
        result["diff"] = {"before": {"machine": "off" if seen == "on" else "on"}, "after": {"machine": seen}}
    if error is not None and not known:
        cause = f"{error.stage}: {sentence(error.what)} To do: {sentence(error.cure)}"
        result["error"] = {"msg": str(error), "cause": anonymous(cause, call)}
    return result


def after_fleet(done):
    """Write down what changed, and fail the nodes whose power state could not be read or corrected."""
    call = done[0][0]
    stale = set()
    if not call.check_mode:
        findings = [(node_call.params["record"], result["flags"], _told(node_call, result)) for node_call, result in done
                    if result.get("flags") or result["outcome"] == "corrected"]
        stale = power_sync.write(existing_registry(call), findings, call.controller)
    for node_call, result in done:
        result.pop("flags", None)
        error = result.pop("error", None)
        if node_call.node in stale:
            # What was sent to correct a machine was sent under the lock.
            corrected = result["outcome"] == "corrected"
            result.clear()
            result.update(_skipped(node_call.params["record"], _OVERTAKEN), changed=corrected)
        elif error is not None:
            result.update(error, failed=True)


def after(call, result):
    """The same for one node."""
    after_fleet([(call, result)])


def _told(call, result):
    """What the history is to say, or None when the BMC agreed or merely failed to answer."""
    record, flags = call.params["record"], result["flags"]
    parts = []
    if result["outcome"] == "corrected":
        parts.append(f"the machine was powered {record['power_state']}, as recorded")
    elif flags.get("power_state") is not None and record["power_state"] is not None:
        parts.append(f"the power state {record['power_state']} was recorded, and the BMC tells {flags['power_state']}")
    if "maintenance" in flags or "fault" in flags:
        parts.append(flags["maintenance_reason"] if flags.get("fault") else f"the fault {power_sync.FAULT} is over")
    return "; ".join(parts) or None


DOOR = Door(
    argument_spec={
        "force_power_state": {"type": "bool", "default": False},
        "max_retries": {"type": "int", "default": 3},
        "timeout": {"type": "int", "default": 120},
        **OPTIONS,
    },
    run=run,
    before=before,
    after=after,
    controller_only=True,
    fleet=True,
    after_fleet=after_fleet,
)
