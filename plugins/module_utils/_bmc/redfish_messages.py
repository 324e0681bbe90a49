# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the standard messages of Redfish mean, for boards that send no more than their names.

The texts are those of the message registries that sushy carries (DSP2065). They are read when a board refuses
something, and not before: importing sushy takes longer than asking a board for its power state.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
import re

# For example Base.1.8.PropertyUnknown: the registry, its version, and the message.
_ID = re.compile(r"(?:[A-Za-z]+\.)*?(?P<registry>[A-Z][A-Za-z]+)\.\d+(?:\.\d+)*\.(?P<message>[A-Za-z]+)")


@functools.lru_cache(maxsize=None)
def _messages(registry):
    """Messages of the newest registry of that name, or {} where there is none."""
    try:
        folder = importlib.resources.files("sushy.standard_registries")
    except ImportError:
        return {}
    found = {}
    for entry in folder.iterdir():
        if entry.name.startswith(f"{registry}.") and entry.name.endswith(".json"):
            version = tuple(int(part) for part in re.findall(r"\d+", entry.name))
            found[version] = entry
    return json.loads(found[max(found)].read_text(encoding="utf-8"))["Messages"] if found else {}


def standard_text(message_id, arguments=()):
    """The text of a standard message.

    :param message_id: what a board calls MessageId.
    :param arguments: what belongs into the text, in order.
    :returns: the text; empty for what no registry knows.
    """
    match = _ID.fullmatch(message_id)
    message = _messages(match["registry"]).get(match["message"]) if match else None
    text = message["Message"] if message else ""
    return re.sub(r"%(\d+)", lambda place: str(arguments[int(place[1]) - 1]) if 0 < int(place[1]) <= len(arguments) else place[0], text)
