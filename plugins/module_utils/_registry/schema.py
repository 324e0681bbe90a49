# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a hardware file may say of a node. Private to the collection; may change at any time."""

from __future__ import annotations

from .._errors import BaremetalError, missing_library

try:
    import jsonschema
    import netaddr
except ImportError as error:
    jsonschema = None
    SCHEMA_ERROR = error
else:
    SCHEMA_ERROR = None

_TEXT = {"type": ["string", "null"]}
_BOOLEAN = {"type": ["boolean", "null"]}

# JSON schema (draft 2020-12) of one node.
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "driver"],
    "properties": {
        "name": {"type": "string", "pattern": r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", "maxLength": 255},
        "rack": {"type": ["string", "null"], "pattern": r"^[A-Za-z_][A-Za-z0-9_]*$", "not": {"enum": ["all", "ungrouped", "baremetal"]}},
        "driver": {"enum": ["redfish", "ipmi", "manual"]},
        "bmc": {
            "type": ["object", "null"],
            "additionalProperties": False,
            "required": ["address"],
            "properties": {
                "address": {"type": "string", "minLength": 1},
                "port": {"type": ["integer", "null"], "minimum": 1, "maximum": 65535},
                "username": _TEXT,
                "password": {"type": ["string", "object", "null"]},
                "system_id": _TEXT,
                "ca_file": _TEXT,
                "verify": _BOOLEAN,
                "cipher_suite": {"enum": [3, 17, None]},
            },
        },
        "ports": {
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["address"],
                "properties": {"address": {"type": "string"}, "pxe_enabled": _BOOLEAN, "name": _TEXT},
            },
        },
        "address": _TEXT,
        "system_uuid": _TEXT,
        "serial": _TEXT,
        "boot_mode": {"enum": ["uefi", "bios", None]},
        "resource_class": {"type": ["string", "null"], "pattern": r"^[A-Za-z0-9_.-]+$"},
        "root_device": {"type": ["object", "null"]},
        "properties": {"type": ["object", "null"]},
        "traits": {"type": ["array", "null"], "items": {"type": "string"}},
        "automated_clean": _BOOLEAN,
        "maintenance": _BOOLEAN,
        "maintenance_reason": _TEXT,
        "protected": _BOOLEAN,
        "retired": _BOOLEAN,
        "description": _TEXT,
        "owner": _TEXT,
        "extra": {"type": ["object", "null"]},
    },
}


def normalise(record):
    """Check one node of a hardware file and bring it into the form that the registry keeps.

    :param record: dict as SCHEMA describes it.
    :returns: a new dict: no None values, MAC addresses in lower case with colons, UUID in lower case.
    :raises BaremetalError: naming every key that is wrong.
    """
    if jsonschema is None:
        raise missing_library("jsonschema netaddr", SCHEMA_ERROR)
    name = record.get("name") if isinstance(record, dict) else None
    problems = [
        f"{'.'.join(str(part) for part in problem.absolute_path) or 'the record'}: {_without_secret(problem)}"
        for problem in sorted(jsonschema.Draft202012Validator(SCHEMA).iter_errors(record), key=lambda problem: list(map(str, problem.absolute_path)))
    ]
    if problems:
        raise BaremetalError("the hardware record is not valid: " + "; ".join(problems), node=name, stage="enrolment",
                             cure="correct the hardware file; the module rackwright.baremetal.node documents every key")
    node = _without_none(record)
    node["ports"] = [
        {"address": _mac(port["address"], name), "pxe_enabled": port.get("pxe_enabled", True), "name": port.get("name")}
        for port in node.get("ports", [])
    ]
    if node.get("address"):
        try:
            node["address"] = str(netaddr.IPAddress(node["address"]))
        except (netaddr.AddrFormatError, ValueError) as error:
            raise BaremetalError(f"address {node['address']} is no IP address", node=name, stage="enrolment",
                                 cure="give the address without a prefix length") from error
    if node.get("system_uuid"):
        node["system_uuid"] = node["system_uuid"].lower()
    return node


def _without_secret(problem):
    if "password" in problem.absolute_path:
        return "must be a string or a reference"
    return problem.message


def _without_none(value):
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value


def _mac(text, name):
    try:
        return str(netaddr.EUI(text, dialect=netaddr.mac_unix_expanded))
    except (netaddr.AddrFormatError, ValueError, TypeError) as error:
        raise BaremetalError(f"port address {text} is no MAC address", node=name, stage="enrolment",
                             cure="write it as 52:54:00:00:00:01") from error
