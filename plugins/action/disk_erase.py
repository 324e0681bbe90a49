# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs disk_erase on the node, and keeps the certificates that it returns on the controller, where they outlive the ramdisk."""

from __future__ import annotations

import datetime
import json
import pathlib
import re

from ..module_utils._private_file import write_private
from .inband import ActionModule as InbandActionModule


class ActionModule(InbandActionModule):
    """The action of disk_erase."""

    # What failed where the certificates cannot be kept.
    _STAGE = "erase"

    def _certificates(self, result):
        """The certificates in a result."""
        return result.get("erased")

    def run(self, tmp=None, task_vars=None):
        """Run the module and keep the certificates, also those of an erase that failed."""
        result = super().run(tmp, task_vars)
        directory = self._task.args.get("certificates")
        certificates = self._certificates(result)
        if directory and certificates and not self._task.check_mode:
            node = (task_vars or {}).get("inventory_hostname", "node")
            try:
                result["certificates_file"] = str(keep(directory, node, certificates))
            except OSError as error:
                result.update(failed=True, msg=f"{node}: {self._STAGE}: the certificates cannot be written to {directory}. Seen: {error.strerror}. "
                              "To do: see to the directory and the room there. They are in this result, and unless something failed, the "
                              f"same command again in the same boot of the ramdisk returns them again. {result.get('msg', '')}".rstrip())
        return result


def keep(directory, node, certificates):
    """Write certificates to a new file.

    :param directory: where, made if need be.
    :param node: name of the node.
    :param certificates: list of dicts, of what disk_erase or burnin returns.
    :returns: its pathlib.Path.
    :raises OSError: when that is not possible.
    """
    directory = pathlib.Path(directory).expanduser()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    moment = datetime.datetime.now(datetime.timezone.utc)
    path = directory / f"{re.sub(r'[^A-Za-z0-9._-]', '_', node)}-{moment:%Y%m%dT%H%M%S.%fZ}.json"
    content = {"node": node, "written": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "certificates": certificates}
    write_private(path, json.dumps(content, indent=2, sort_keys=True) + "\n")
    return path
