# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resources of a collection with as few requests as the board allows.

Private to the collection; may change at any time.
"""

from __future__ import annotations

from .._errors import BaremetalError
from .redfish_service import RedfishRefusal, path_of

# A collection with fewer members is read member by member: asking for all at once would save nothing.
_WORTH_EXPANDING = 3


def is_whole(member):
    """Whether a member of a collection is the resource itself, and not a mere link to it."""
    return isinstance(member, dict) and any(not name.startswith("@") for name in member)


def resources(service, collection):
    """The resources of a collection.

    ``$expand`` (DSP0266, 7.3) is tried and not trusted: what comes back must hold every member as a whole, or
    each is read by itself. A member that vanished in between, or that is refused, is left out; one that is not there is asked for twice,
    for a job that was just made is listed before it is shown (Dell).

    :param service: a RedfishService.
    :param collection: path, or None.
    :returns: list of JSON objects.
    :raises BaremetalError: when the collection cannot be read although it is there.
    """
    found, paths = _at_once(service, collection)
    if found is None:
        found = [item for item in (readable(service, path) for path in paths) if item is not None]
    return found


def resources_at_once(service, collection):
    """The resources of a collection where two requests bring them all, else None; otherwise as ``resources``."""
    return _at_once(service, collection)[0]


def _at_once(service, collection):
    """The resources, or None; and their paths."""
    page = service.find(collection)
    if page is None:
        return [], []
    if all(map(is_whole, _members(page))) and not page.get("Members@odata.nextLink"):
        return _members(page), []
    paths = service.members(page)
    if len(paths) >= _WORTH_EXPANDING:
        found = _expanded(service, collection)
        if {path_of(item) for item in found} >= set(paths):
            return found, paths
    return None, paths


def _members(page):
    found = page.get("Members") if isinstance(page, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _expanded(service, collection):
    try:
        found = _members(service.find(f"{collection}?$expand=.($levels=1)"))
    except BaremetalError as error:
        # Boards answer 400, 500 and worse; one that is really gone says so at the next request.
        service.log(f"{collection} is not expanded: {error}")
        return []
    return found if all(map(is_whole, found)) else []


def readable(service, path):
    """A resource, or None where it has vanished or is refused.

    :param service: a RedfishService.
    :param path: its path.
    """
    try:
        found = service.find(path)
        return service.find(path) if found is None else found
    except RedfishRefusal as error:
        service.log(f"{path} is left out: {error}")
        return None
