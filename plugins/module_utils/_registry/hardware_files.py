# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hardware files in the forms that sites have them. Private to the collection; may change at any time.

Each form becomes the list of nodes that ``schema.normalise`` checks. Sources of the forms: Bifrost's inventory
(bifrost/inventory.py and the examples in playbooks/inventory) and python-ironicclient (v1/resource_fields.py).
"""

from __future__ import annotations

import csv
import io

from .._errors import BaremetalError
from .schema import SCHEMA

# How BMCs of a driver of Ironic are spoken to, by a part of the driver's name; with it begin the keys of driver_info.
_DRIVERS = {"ipmi": "ipmi", "redfish": "redfish", "idrac": "redfish", "drac": "redfish", "ilo": "redfish", "irmc": "redfish",
            "manual": "manual", "fake": "manual"}
_PREFIXES = ("redfish", "ipmi", "drac", "ilo", "irmc")

# What Ironic shows in the place of a secret.
_MASKED = "******"

# Older names of Bifrost's, and what Ironic calls them.
_PROPERTIES = {"ram": "memory_mb", "disk_size": "local_gb"}

# What a node of Ironic has under the same name here, and under another one.
_SAME = ("name", "resource_class", "traits", "description", "owner", "lessee", "network_data", "automated_clean", "disable_power_off",
         "maintenance", "maintenance_reason", "protected", "protected_reason", "retired", "retired_reason", "boot_mode")
# The client prints network_data under a heading of its own.
_OTHER = {"conductor_group": "site", "node_network_data": "network_data", "network_configuration": "network_data"}

_FLAGS = ("maintenance", "protected", "retired")

# What says in a file that it is an export of a registry.
EXPORTED = "exported"

# Columns of a CSV file that hold several values.
_LISTS = ("ports", "traits")


def read(data, *, ports=None, password=None):
    """The nodes of a hardware file, whichever form it has.

    :param data: what the file holds: text for CSV, else what YAML or JSON makes of it.
    :param ports: for Ironic's list of nodes: what ``openstack baremetal port list --long -f json`` printed.
    :param password: password of the BMCs, or the reference to it, for nodes that come without one.
    :returns: (nodes, left out): a list of dicts as a hardware file has them, and the names of keys for which there is no place.
    :raises BaremetalError: when the form is not known, or a node cannot be taken over.
    """
    left_out = set()
    if isinstance(data, str):
        nodes = _from_csv(data)
    elif is_own(data):
        nodes = data["nodes"]
    elif isinstance(data, dict) and data and all(isinstance(node, dict) and "driver" in node for node in data.values()):
        nodes = [_from_ironic({"name": str(name), **node}, node.get("nics"), left_out) for name, node in data.items()]
    elif isinstance(data, list) and data and all(isinstance(node, dict) and _plain(node).get("uuid") for node in data):
        nodes = _from_node_list(data, ports, left_out)
    else:
        raise BaremetalError("the hardware file has no list of nodes", stage="enrolment",
                             cure="write a key nodes with one entry for each node, as the module rackwright.baremetal.node documents it; or give a CSV "
                                  "file, an inventory of Bifrost, or what openstack baremetal node list --long -f json prints")
    if password is not None:
        nodes = [_with_password(node, password) for node in nodes]
    return nodes, sorted(left_out)


def is_own(data):
    """Whether a file has the form that this collection gives hardware files: a mapping with the key ``nodes``."""
    return isinstance(data, dict) and isinstance(data.get("nodes"), list)


def has_expressions(data):
    """Whether the expressions in a file are a person's who wrote them to be evaluated; in an export stands also what tenants, BMCs and machines said."""
    return is_own(data) and not data.get(EXPORTED) and "states" not in data


def _with_password(node, password):
    bmc = node.get("bmc") if isinstance(node, dict) else None
    if not isinstance(bmc, dict) or bmc.get("password") is not None:
        return node
    return {**node, "bmc": {**bmc, "password": password}}


def _from_csv(text):
    """One node a row; the first row names the keys, with a dot for each level: ``bmc.address``, ``root_device.serial``."""
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise BaremetalError("the CSV file cannot be read", stage="enrolment", seen=f"line {reader.line_num}: {error}",
                             cure="separate values with commas, and put quotes around what holds a comma") from error
    columns = reader.fieldnames or []
    if "name" not in columns or not rows or len(set(columns)) != len(columns):
        raise BaremetalError("the CSV file has no rows with names of nodes", stage="enrolment", seen=f"columns {', '.join(columns) or 'none'}",
                             cure="begin it with a row of different keys, name and driver among them, and write one row for each node")
    nodes = []
    for number, row in enumerate(rows, start=1):
        # DictReader has None for the key of values without a column, and for the value of columns without one.
        if None in row or None in row.values():
            raise BaremetalError("a row of the CSV file has more or fewer values than there are columns", stage="enrolment",
                                 seen=f"row {number}, {row['name'] or 'without a name'}", cure="put quotes around what holds a comma")
        node = {}
        for column, value in row.items():
            if value.strip():
                _put(node, column.strip().split("."), value.strip(), row["name"])
        if node:
            nodes.append(node)
    return nodes


def _put(node, path, text, name):
    place = node
    for part in path[:-1]:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise BaremetalError(f"the columns {path[0]} and {'.'.join(path)} contradict each other", node=name, stage="enrolment", cure="keep one of them")
    if path[-1] in place:
        raise BaremetalError(f"the column {'.'.join(path)} contradicts one that goes deeper", node=name, stage="enrolment", cure="keep one of them")
    if path in [[key] for key in _LISTS]:
        place[path[-1]] = [{"address": value} if path[-1] == "ports" else value for value in text.replace(";", " ").split()]
    else:
        place[path[-1]] = _typed(text, path)


def _typed(text, path):
    """A text as what the schema wants at this place; what it cannot be made stays text, and the schema tells so."""
    wanted = SCHEMA
    for part in path:
        wanted = wanted.get("properties", {}).get(part, {})
    values = wanted.get("enum", [])
    if "boolean" in wanted.get("type", ()):
        return {"true": True, "yes": True, "false": False, "no": False}.get(text.lower(), text)
    if ("integer" in wanted.get("type", ()) or any(isinstance(value, int) for value in values)) and text.isascii() and text.isdigit():
        return int(text)
    return text


def _from_node_list(listed, ports, left_out):
    if ports is not None and not (isinstance(ports, list) and all(isinstance(port, dict) for port in ports)):
        raise BaremetalError("the file of ports is no list of ports", stage="enrolment",
                             cure="give what openstack baremetal port list --long -f json prints")
    found = {}
    for port in map(_plain, ports or []):
        found.setdefault(str(port.get("node_uuid")), []).append(
            {"mac": port.get("address"), "pxe_enabled": port.get("pxe_enabled", port.get("pxe_boot_enabled")), "name": port.get("name"),
             "local_link_connection": port.get("local_link_connection")})
    nodes = []
    for node in map(_plain, listed):
        # A list has every flag of every node; nobody has said with it that one is to be lifted here. A fault is Ironic's maintenance, and no operator's.
        passed_over = {key for key in _FLAGS if node.get(key) is False} | ({"maintenance", "maintenance_reason"} if node.get("fault") else set())
        own = {key: value for key, value in node.items() if key not in _STATE | passed_over and value not in (None, {}, [], "")}
        nodes.append(_from_ironic({**own, "name": node.get("name") or node["uuid"]}, found.get(str(node["uuid"])), left_out))
    return nodes


# What Ironic knows of a node by having worked with it: here the verbs find that out.
_STATE = frozenset((
    "chassis_uuid", "created_at", "updated_at", "console_enabled", "driver_internal_info", "instance_uuid", "last_error", "power_state",
    "target_power_state", "provisioning_state", "provision_state", "target_provision_state", "provision_updated_at", "provisioning_updated_at",
    "current_raid_configuration", "target_raid_configuration", "raid_config", "target_raid_config", "reservation", "secure_boot", "fault",
    "inspection_started_at", "inspection_finished_at", "clean_step", "deploy_step", "service_step", "conductor", "allocation_uuid", "links", "ports",
))


def _plain(record):
    """A record with the keys of Ironic's API, whose client prints them as headings: "PXE boot enabled"."""
    return {str(key).strip().lower().replace(" ", "_"): value for key, value in record.items()}


def _from_ironic(source, nics, left_out):
    """A node in Ironic's words, as Bifrost's inventories and the lists of Ironic's client have them."""
    name = source["name"] if isinstance(source.get("name"), str) else None
    taken = {"uuid", "driver", "driver_info", "properties", "nics", "extra", "host_groups", "ipv4_address", "provisioning_ipv4_address", *_SAME, *_OTHER}
    left_out.update(str(key) for key, value in source.items() if key not in taken and value not in (None, ""))
    node = {key: source[key] for key in _SAME if source.get(key) is not None}
    node.update({here: source[there] for there, here in _OTHER.items() if source.get(there)})
    node["driver"] = _driver(source.get("driver"), name)
    bmc = _bmc(_mapping(source, "driver_info", name), name, left_out)
    if bmc and node["driver"] != "manual":
        node["bmc"] = bmc
    properties = {_PROPERTIES.get(key, key): value for key, value in _mapping(source, "properties", name).items() if value not in (None, "")}
    if properties.get("root_device"):
        node["root_device"] = properties["root_device"]
    properties.pop("root_device", None)
    node["properties"] = properties
    node["ports"] = [
        {**{key: nic[other] for key, other in (("address", "mac"), ("pxe_enabled", "pxe_enabled"), ("name", "name")) if nic.get(other) is not None},
         **_wired(nic, left_out)}
        for nic in (nics if isinstance(nics, list) else []) if isinstance(nic, dict)
    ]
    address = source.get("provisioning_ipv4_address") or source.get("ipv4_address")
    if address:
        node["address"] = address
    extra = {**_mapping(source, "extra", name), **({"ironic_uuid": source["uuid"]} if source.get("uuid") else {})}
    groups = source.get("host_groups")
    groups = [group for group in groups if group != "baremetal"] if isinstance(groups, list) else groups
    if groups:
        extra["host_groups"] = groups
    if extra:
        node["extra"] = extra
    return node


def _wired(nic, left_out):
    """What a port of Ironic's says of the switch, as far as a port here can: Ironic also takes ports whose switch nobody knows."""
    link = nic.get("local_link_connection")
    link = {key: value for key, value in link.items() if value not in (None, "")} if isinstance(link, dict) else {}
    left_out.update(f"local_link_connection.{key}" for key in link if key not in ("switch_id", "switch_info", "port_id"))
    kept = {key: link[key] for key in ("switch_id", "switch_info", "port_id") if key in link}
    return {"local_link_connection": kept} if "port_id" in kept and len(kept) > 1 else {}


def _mapping(source, key, name):
    found = source.get(key)
    if found is None or found == "":
        return {}
    if not isinstance(found, dict):
        raise BaremetalError(f"{key} is no mapping", node=name, stage="enrolment", cure="correct the file, or print it again with -f json")
    return found


def _driver(driver, name):
    for part, ours in _DRIVERS.items():
        if isinstance(driver, str) and part in driver:
            return ours
    raise BaremetalError(f"there is no counterpart to the driver {driver}", node=name, stage="enrolment",
                         cure="enrol the node from a hardware file, with driver redfish, ipmi or manual")


def _bmc(info, name, left_out):
    """What driver_info says of the BMC; Bifrost's older form nests it in power, management and so on."""
    flat = {}
    for key, value in info.items():
        flat.update(value if isinstance(value, dict) else {key: value})
    prefix = next((prefix for prefix in _PREFIXES if flat.get(f"{prefix}_address")), None)
    if prefix is None:
        return None
    given = {key[len(prefix) + 1:]: value for key, value in flat.items() if str(key).startswith(f"{prefix}_") and value not in (None, "")}
    left_out.update(f"driver_info.{key}" for key in flat if not str(key).startswith(f"{prefix}_"))
    if given.get("bridging") == "dual":
        raise BaremetalError("its BMC stands behind two others (ipmi_bridging: dual), which is not supported", node=name, stage="enrolment",
                             cure="leave the node out, or reach its BMC through one bridge")
    bmc = {"address": given.pop("address")}
    bmc.update({key: given.pop(key) for key in ("username", "system_id", "password") if given.get(key) not in (None, _MASKED)})
    given.pop("password", None)
    if prefix == "ipmi":
        # Ironic logs in as the user without a name when it is given none.
        bmc.setdefault("username", "")
    if isinstance(bmc.get("system_id"), str):
        bmc["system_id"] = bmc["system_id"].rstrip("/").rpartition("/")[2]
    for key, ours in (("port", "port"), ("cipher_suite", "cipher_suite"), ("target_channel", "bridge_channel")):
        if key in given and (key != "target_channel" or given.get("bridging") == "single"):
            value = given.pop(key)
            bmc[ours] = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if "target_address" in given and given.get("bridging") == "single":
        bmc["bridge_address"] = str(given.pop("target_address"))
    if "priv_level" in given:
        bmc["privilege_level"] = str(given.pop("priv_level")).lower()
    verify = given.pop("verify_ca", None)
    if verify is not None:
        bmc.update(_verification(verify))
    left_out.update(f"driver_info.{prefix}_{key}" for key in given if key != "bridging")
    return bmc


def _verification(verify):
    """redfish_verify_ca: whether certificates are verified, or by which file."""
    if str(verify).lower() in ("true", "yes", "1", "false", "no", "0"):
        return {"verify": str(verify).lower() in ("true", "yes", "1")}
    return {"ca_file": verify}
