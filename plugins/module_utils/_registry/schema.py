# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a hardware file may say of a node. Private to the collection; may change at any time."""

from __future__ import annotations

import datetime
import json
import uuid

from .. import _network_data, _node_addresses
from .._errors import BaremetalError, missing_library
from . import clear_secrets, credentials, duplicates

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

# A rack becomes a group of the inventory, a name a host: these words have a meaning there already.
_RESERVED = {
    "anyOf": [
        {"enum": ["all", "ungrouped", "baremetal", "boot_servers", "localhost"]},
        {"type": "string", "pattern": "^(provision_state|resource_class|driver|site|trait)_"},
    ],
}

# What becomes the rest of a group's name. Ironic's rule for a conductor group and a resource class.
_WORD = {"type": ["string", "null"], "pattern": r"^[A-Za-z0-9_.-]+$", "maxLength": 255}

# JSON schema (draft 2020-12) of one node.
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "driver"],
    "properties": {
        "name": {"type": "string", "pattern": r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", "maxLength": 255,
                 "not": _RESERVED},
        "rack": {"type": ["string", "null"], "pattern": r"^[A-Za-z_][A-Za-z0-9_]*$", "maxLength": 255, "not": _RESERVED},
        "driver": {"enum": ["auto", "redfish", "ipmi", "manual"]},
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
                "fingerprint": _TEXT,
                "tls_min_version": {"enum": ["1.0", "1.1", "1.2", "1.3", None]},
                "cipher_suite": {"enum": [3, 17, None]},
                "kg_key": {"type": ["object", "null"]},
                "privilege_level": {"enum": ["administrator", "operator", "user", None]},
                "bridge_channel": {"type": ["integer", "null"], "minimum": 0, "maximum": 15},
                "bridge_address": {"type": ["string", "null"], "pattern": "^(0x[0-9a-fA-F]{1,2}|[0-9]{1,3})$"},
            },
        },
        "ports": {
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["address"],
                "properties": {
                    "address": {"type": "string"}, "pxe_enabled": _BOOLEAN, "name": _TEXT,
                    # Ironic's words (doc/source/admin/multitenancy.rst); either key tells the switch.
                    "local_link_connection": {
                        "type": ["object", "null"],
                        "additionalProperties": False,
                        "required": ["port_id"],
                        "anyOf": [{"required": ["switch_info"]}, {"required": ["switch_id"]}],
                        "properties": {key: {"type": "string", "minLength": 1} for key in ("switch_id", "switch_info", "port_id")},
                    },
                },
            },
        },
        "address": _TEXT,
        "system_uuid": _TEXT,
        "serial": {"type": ["string", "null"], "maxLength": 255},
        "boot_mode": {"enum": ["uefi", "bios", None]},
        # The same names as in _boot/boot_interface.py.
        "boot_interface": {"enum": ["ipxe", "http-ipxe", "pxe", "redfish-virtual-media", "redfish-https", None]},
        "resource_class": _WORD,
        "root_device": {"type": ["object", "null"]},
        "properties": {
            "type": ["object", "null"],
            "properties": {
                "local_gb": {"type": ["integer", "string"], "pattern": "^[0-9]+$"},
                "capabilities": {"type": ["string", "object"]},
                "skip_block_devices": {"type": "array", "items": {"type": "object"}},
                "wipe_special_filesystems": {"type": "boolean"},
            },
        },
        # https://docs.openstack.org/os-traits/latest/contributor/: capital letters, digits and underscores.
        "traits": {"type": ["array", "null"], "items": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]*$", "maxLength": 255}, "uniqueItems": True},
        "automated_clean": _BOOLEAN,
        "maintenance": _BOOLEAN,
        "maintenance_reason": _TEXT,
        "protected": _BOOLEAN,
        "protected_reason": _TEXT,
        "retired": _BOOLEAN,
        "retired_reason": _TEXT,
        "disable_power_off": _BOOLEAN,
        "description": _TEXT,
        "owner": _TEXT,
        "lessee": _TEXT,
        "site": _WORD,
        "location": _TEXT,
        "network_data": _network_data.SCHEMA,
        "extra": {"type": ["object", "null"]},
    },
}


def normalise(record):
    """Check one node of a hardware file and bring it into the form that the registry keeps.

    :param record: dict as SCHEMA describes it.
    :returns: a new dict: no None values, dates as texts, MAC addresses in lower case with colons, UUID in lower case, capabilities a dict of texts.
    :raises BaremetalError: naming every key that is wrong.
    """
    if jsonschema is None:
        raise missing_library("jsonschema netaddr", SCHEMA_ERROR)
    name = record.get("name") if isinstance(record, dict) else None
    problems = [
        f"{'.'.join(str(part) for part in problem.absolute_path) or 'the record'}: {_told(problem)}"
        for problem in sorted(jsonschema.Draft202012Validator(SCHEMA).iter_errors(record), key=lambda problem: list(map(str, problem.absolute_path)))
    ]
    if problems:
        raise BaremetalError("the hardware record is not valid: " + "; ".join(problems), node=name, stage="enrolment",
                             cure="correct the hardware file; the module rackwright.baremetal.node documents every key")
    node = _kept(record)
    for key, value in node.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise BaremetalError(f"{key} holds what the registry cannot keep", node=name, stage="enrolment", seen=str(error),
                                 cure="give texts, numbers, lists and mappings only; put quotes around what is to be a text") from error
    node["ports"] = [
        {"address": _mac(port["address"], name), "pxe_enabled": port.get("pxe_enabled", True), "name": port.get("name"),
         # Where there is none, records are as short as they were.
         **({"local_link_connection": port["local_link_connection"]} if port.get("local_link_connection") else {})}
        for port in node.get("ports", [])
    ]
    addresses = [port["address"] for port in node["ports"]]
    twice = sorted({address for address in addresses if addresses.count(address) > 1})
    if twice:
        raise BaremetalError(f"the MAC address {', '.join(twice)} stands at more than one port", node=name, stage="enrolment",
                             cure="give every port its own")
    if node.get("address"):
        node["address"] = _checked(
            node["address"], lambda text: _node_addresses.addresses(text)[0], name, "address {} is none that a node can boot with",
            "give the address that the node gets while it boots, without a prefix length; one of IPv6 ends in 0, because the fifteen that follow are its too")
    if node.get("system_uuid"):
        node["system_uuid"] = _checked(
            node["system_uuid"], lambda text: str(uuid.UUID(text)), name, "system_uuid {} is no UUID",
            "copy it from the firmware setup or from dmidecode -s system-uuid")
    if "capabilities" in node.get("properties", {}):
        node["properties"]["capabilities"] = _capabilities(node["properties"]["capabilities"], name)
    # The password of the BMC is kept apart from the record.
    secrets = clear_secrets.find({key: value for key, value in node.items() if key != "bmc"})
    if secrets:
        raise BaremetalError(f"{', '.join(secrets)} looks like a secret in clear, and everyone who reads the inventory would see it", node=name,
                             stage="enrolment", cure="leave it out; keep it in a variable that ansible-vault encrypts, for example in host_vars, "
                                                     "or write where it is: {env: VARIABLE}, {file: /path} or {vault: ciphertext}")
    if node.get("network_data"):
        _network_data.check_references(node["network_data"], name)
    if node.get("bmc"):
        if "@" in node["bmc"]["address"]:
            # The record is shown to everyone who reads the inventory; so this does not show it either.
            raise BaremetalError("bmc.address holds a user name or a password", node=name, stage="enrolment",
                                 cure="leave out what stands before the @, and give it as bmc.username and bmc.password")
        try:
            credentials.reference(node["bmc"].get("kg_key"), what="key K_g")
        except BaremetalError as error:
            raise error.at(node=name, stage="enrolment")
        _checked(node["bmc"]["address"], lambda text: duplicates.split(text).port, name,
                 "bmc.address makes no address", "give a host name, an IP address or https://host:port")
    return node


def _checked(text, parse, name, problem, cure):
    """What ``parse`` makes of a text, or the error that it is none."""
    try:
        return parse(text)
    except (netaddr.AddrFormatError, ValueError, TypeError) as error:
        raise BaremetalError(problem.format(text), node=name, stage="enrolment", cure=cure) from error


def _capabilities(given, name):
    """Capabilities as a dict of texts; Ironic keeps them as one text, key:value pairs with commas between them."""
    pairs = given.items() if isinstance(given, dict) else [pair.partition(":")[::2] for pair in given.split(",") if pair.strip()]
    found = {}
    for key, value in pairs:
        key = str(key).strip()
        if not key or isinstance(value, (dict, list)) or not str(value).strip():
            raise BaremetalError("properties.capabilities is not understood", node=name, stage="enrolment", seen=f"{key}: {value}",
                                 cure="write it as key:value,key:value, or as a dictionary of texts")
        # YAML's true is Ironic's text true.
        found[key] = str(value).lower() if isinstance(value, bool) else str(value).strip()
    return found


def _told(problem):
    """What is wrong, without the value where that may be or hold a password."""
    if problem.validator == "type":
        wanted = [problem.validator_value] if isinstance(problem.validator_value, str) else problem.validator_value
        hint = "; put quotes around it" if "string" in wanted and isinstance(problem.instance, (int, float, datetime.date)) else ""
        return f"must be of type {' or '.join(wanted)}{hint}"
    if "bmc" in list(problem.absolute_path)[:1] and problem.validator not in ("required", "additionalProperties"):
        return f"breaks the rule {problem.validator} {problem.validator_value}"
    if problem.validator == "not":
        return f"{problem.instance} has a meaning of its own in an inventory"
    return problem.message


def _kept(value):
    """A value as the registry keeps it: nothing that is None, keys that are texts, and in ISO 8601 what YAML takes for a date."""
    if isinstance(value, dict):
        return {str(key): _kept(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_kept(item) for item in value]
    return value.isoformat() if isinstance(value, datetime.date) else value


def _mac(text, name):
    return _checked(text, lambda text: str(netaddr.EUI(text, version=48, dialect=netaddr.mac_unix_expanded)), name,
                    "port address {} is no MAC address", "write it as 52:54:00:00:00:01")
