# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What went wrong on many nodes, told once per cause. Private to the collection; may change at any time."""

from __future__ import annotations

import re

# Names of nodes that a message shows of each cause; ``failed_nodes`` holds them all.
_SHOWN = 20


def anonymous(text, call):
    """A text about one node without what differs from node to node, so that equal ones can be told together.

    :param text: the text.
    :param call: the Call of the node: the address of its BMC is taken out, and its name behind the words node and host.
    :returns: the text, ``of`` and ``at`` the BMC left out.
    """
    text = str(text)
    bmc = call.params.get("bmc")
    address = str((bmc if isinstance(bmc, dict) else {}).get("address") or "")
    host = re.sub(r"^[a-z]+://", "", address).partition("/")[0]
    host = host[1:].partition("]")[0] if host.startswith("[") else re.sub(r":\d+$", "", host) if host.count(":") == 1 else host
    if host:
        place = rf"(?:[a-z]+://)?\[?{re.escape(host)}\]?(?::\d+|/(?=\s|$)|\s+port \d+)*"
        text = re.sub(rf"\s+at {place}(?![\w.-])", "", text)
        if not host.isalpha():
            text = re.sub(rf"(?<![\w.-]){place}(?![\w-])", "the BMC's address", text)
    if call.node:
        # A node may be called like a stage, an option or any other word of the text; it is meant only where a name of a node stands.
        text = re.sub(rf"\b(the )?(node|host) {re.escape(call.node)}(?![\w-]|\.\w)", r"the \2", text)
    return text


def grouped(failures, total):
    """Failures of many nodes as one paragraph.

    :param failures: dict of the result dicts of nodes that failed, by the node's name; ``cause`` tells which belong together.
    :param total: how many nodes there were.
    :returns: text; the cause with the most nodes first.
    """
    causes = {}
    for name, result in failures.items():
        causes.setdefault(str(result.get("cause") or result.get("msg") or "no cause was told"), []).append(name)
    parts = [
        f"({len(names)}) {', '.join(names[:_SHOWN])}{f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''}: {cause}"
        for cause, names in sorted(causes.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    return f"{len(failures)} of {total} nodes failed. " + " ".join(parts)
