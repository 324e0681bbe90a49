# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask every BMC of the rack for the power state the way a client does. Runs inside the namespace."""

from __future__ import annotations

import base64
import http.client
import json
import ssl

from .ground import RackError, read_file, run

TIMEOUT_SECONDS = 30


def bmcs(rack, _check_mode):
    """Return the power state of each node in ``power``; nothing is changed.

    :raises RackError: a BMC does not answer, or a Redfish BMC answers without credentials.
    """
    power = {}
    for node in rack.nodes:
        ask = redfish_power if node["driver"] == "redfish" else ipmi_power
        try:
            power[node["name"]] = ask(rack, node)
        except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
            raise RackError(
                f"{node['name']}: the BMC at {node['bmc_address']} does not answer as it should. Seen: {error!r}. "
                f"To do: look into the logs in {rack.log}."
            ) from error
    return {"changed": False, "messages": [f"{name} is {state}" for name, state in power.items()], "power": power}


def redfish_power(rack, node):
    """Return ``on`` or ``off`` as the Redfish BMC says, its certificate checked."""
    path = f"/redfish/v1/Systems/{node['uuid']}"
    status, _body = redfish_get(rack, node, path, {})
    if status != 401:
        raise RackError(f"{node['name']}: its Redfish BMC answers {status} to a stranger. Expected was 401. To do: check {rack.dir}/bmc.")
    user = f"{rack.spec['username']}:{(read_file(rack.password_file(node)) or '').strip()}"
    status, body = redfish_get(rack, node, path, {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()})
    if status != 200:
        raise RackError(f"{node['name']}: its Redfish BMC answers {status} to GET {path}. To do: look into {rack.log}/redfish-{node['name']}.log.")
    return json.loads(body)["PowerState"].lower()


def redfish_get(rack, node, path, headers):
    """Return status and body of one request."""
    context = ssl.create_default_context(cafile=str(rack.ca))
    connection = http.client.HTTPSConnection(node["bmc_address"], timeout=TIMEOUT_SECONDS, context=context)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def ipmi_power(rack, node):
    """Return ``on`` or ``off`` as the IPMI BMC says."""
    answer = run(
        ["ipmitool", "-I", "lanplus", "-C", "3", "-H", node["bmc_address"], "-U", rack.spec["username"]]
        + ["-f", rack.password_file(node), "chassis", "power", "status"],
        timeout=TIMEOUT_SECONDS,
    )
    return answer.strip().rpartition(" ")[2]
