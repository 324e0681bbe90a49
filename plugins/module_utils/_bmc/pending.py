# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings that take effect at the next boot: where a resource keeps them, and what a change to them must carry.

Specification: DSP0266, Settings resources. Private to the collection; may change at any time.
"""

from __future__ import annotations

import time

from .redfish_service import RedfishRefusal, path_of
from .tolerant import dig, texts

_SETTLE = 20.0  # seconds until a change must show
_SETTLE_JOB = 4.0  # seconds until it shows, if ever, before the job that the BMC made of it has run
_POLL = 2.0  # seconds

# What the place of a change, or the time at which it is to be applied, may be to blame for.
_MISPLACED = (404, 405, 501)
_MISPLACED_MESSAGES = ("ApplyTime", "NotWritable", "PropertyUnknown")


def settings_path(resource):
    """The path of the resource that holds the pending values of another one, or None."""
    return path_of(dig(resource, "@Redfish.Settings", "SettingsObject"))


def apply_on_reset(*resources):
    """What a change has to carry to be applied at the next reset, {} where the BMC offers no choice.

    Without it some BMCs keep a change as pending and apply it at no reset, for nobody made a job of it.

    :param resources: the resource and its Settings resource: boards tell the choice in one or the other.
    """
    offered = [value for resource in resources for value in texts(dig(resource, "@Redfish.Settings", "SupportedApplyTimes"))]
    return {"@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"}} if "OnReset" in offered else {}


def patch_pending(service, path, resource, settings, body, apply_time=None):
    """Change a resource where its changes belong.

    At the Settings resource where there is one, for the next reset where the BMC offers a choice: that alone makes the job
    which some boards need, and a second request for one would be refused. Else, and where the BMC says that this is not the
    place, at the resource itself.

    :param service: RedfishService.
    :param path: path of the resource.
    :param settings: its Settings resource, or {}.
    :param apply_time: what the board is known to need although it does not tell, or None.
    :returns: an Answer.
    :raises RedfishRefusal: when the BMC takes it in no way; ``seen`` tells what it said to each.
    """
    where = settings_path(resource)
    when = apply_on_reset(resource, settings) or ({"@Redfish.SettingsApplyTime": {"ApplyTime": apply_time}} if apply_time else {})
    tries = [(where, when), (where, {})] if where and when else [(where, {})] if where else [(path, when)] if when else []
    refusals = []
    for target, extra in [*tries, (path, {})]:
        try:
            return service.patch(target, {**body, **extra})
        except RedfishRefusal as error:
            refusals.append(error)
            if error.status not in _MISPLACED and not error.says(*_MISPLACED_MESSAGES):
                break
    refusals[0].seen = "; ".join(dict.fromkeys(error.seen for error in refusals))
    raise refusals[0]


def settled(read, reached, sleep=time.sleep, is_job=False):
    """Read until a change shows, or until it should have shown.

    :param read: function that reads.
    :param reached: tells from what was read whether the change shows.
    :param is_job: whether the BMC made a job of the change.
    :returns: the last that was read.
    """
    waited = 0.0
    seen = read()
    while not reached(seen) and waited < (_SETTLE_JOB if is_job else _SETTLE):
        sleep(_POLL)
        waited += _POLL
        seen = read()
    return seen
