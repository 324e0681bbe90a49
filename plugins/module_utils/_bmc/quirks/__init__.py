# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quirks: known deviations of BMCs, as data: the YAML files beside this one, in bundled.py as Python.

Code asks for a behaviour by its name and never names a vendor: ``service.quirk("boot_cd_target", "Cd")``. docs/bmc-quirks.md
is the guide. Private to the collection; may change at any time.
"""

from __future__ import annotations

import functools
import os
import re

try:
    import yaml
except ImportError as error:
    yaml = None
    IMPORT_ERROR = error
else:
    IMPORT_ERROR = None

from ..._errors import BaremetalError, missing_library
from .bundled import RULES

STAGE = "quirks"
# A site's own rules: a YAML file on the host that talks to the BMC, in the form of the files beside this one.
SITE_FILE = "RACKWRIGHT_QUIRKS"

_BOOL = {"type": "boolean"}
_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_SECONDS = {"type": "number", "minimum": 0}

# Every behaviour that code asks for: what it may be set to, and what it means.
BEHAVIOURS = {
    "account_roles": (
        {"type": "object", "properties": {"Administrator": _TEXT, "Operator": _TEXT, "ReadOnly": _TEXT}, "additionalProperties": False, "minProperties": 1},
        "what the BMC calls roles of Redfish that it does not offer under their own names"),
    "bios_apply_time": ({"enum": ["OnReset", "Immediate", None]},
                        "@Redfish.SettingsApplyTime to send with BIOS settings; the job follows from it"),
    "bios_job_holds": (_BOOL, "a job applies BIOS settings, and while it waits for a reboot no others are taken, nor taken back"),
    "bios_pending_clear": (_BOOL, "whether pending BIOS settings can be taken back"),
    "boot_cd_attributes": (
        {"type": "object", "properties": {"paths": _TEXTS, "device": _TEXT, "cdrom": _TEXT, "other": _TEXT, "once": _TEXT},
         "required": ["paths", "device", "cdrom", "other", "once"], "additionalProperties": False},
        "attributes of the manager that boot virtual media: where they are, and what is set to what"),
    "boot_cd_target": ({"enum": ["Cd", "UsbCd"]}, "BootSourceOverrideTarget that boots virtual media"),
    "boot_disable_keeps_target": (_BOOL, "an override is disabled without touching its target"),
    "boot_enabled": ({"enum": ["always", "on_change"]}, "when BootSourceOverrideEnabled is sent"),
    "boot_full_request": (_BOOL, "target, enabled and mode go into every request"),
    "boot_mode_omit": (_BOOL, "BootSourceOverrideMode is never sent"),
    "boot_mode_resync": (_BOOL, "the boot mode is looked at, and set again, after a change of the device"),
    "boot_order_lockdown": (_BOOL, "the boot order is not to be believed while system lockdown is on"),
    "boot_order_oem": ({"enum": ["FixedBootOrder"]}, "resource of the maker that holds the boot order where BootOrder is missing"),
    "boot_order_one_writer": (_BOOL, "the boot order is changed over Redfish or in the operating system, never both"),
    "boot_settings": (_BOOL, "boot properties are changed at the resource behind @Redfish.Settings when the System keeps the old ones"),
    "connection_close": (_BOOL, "every request gets a connection of its own"),
    "firmware_known_bad": (
        {"type": "object", "properties": {"problem": _TEXT, "cure": _TEXT, "status": {"enum": ["warn", "fail"]}},
         "required": ["problem", "cure", "status"], "additionalProperties": False},
        "what goes wrong with this firmware, what to do, and whether a preflight warns of it or fails"),
    "ipmi_boot_resend": (_BOOL, "the boot device is set again before each power on, although the BMC tells it"),
    "ipmi_boot_timer_kept": (_BOOL, "the 60 s timer that clears the boot flags is left on"),
    "ipmi_guid_unrelated": (_BOOL, "the system GUID is the BMC's own, and not the UUID of the machine"),
    "ipmi_uefi_disk_selector": ({"type": "integer", "minimum": 0, "maximum": 255}, "boot device selector of a UEFI disk"),
    "media_eject_needs_off": (_BOOL, "a medium is taken away only while the machine is off"),
    "media_eject_retry": (_SECONDS, "seconds after which an eject that seems to have failed is looked at, or sent, again"),
    "media_insert": ({"enum": ["action", "patch"]}, "how a medium is inserted"),
    "media_insert_extra": ({"type": "object"}, "properties that InsertMedia needs"),
    "media_insert_omit": (_TEXTS, "properties that InsertMedia does not take"),
    "media_slot": (_TEXT, "id of the slot to use"),
    "media_slots_skip": (_TEXT, "regular expression of slot ids that are never used"),
    "media_url_plain": (_BOOL, "an image's address has no query and ends in .iso"),
    "reset_method": ({"enum": ["reset", "off_on"]}, "how a running machine is restarted"),
    "serial_property": ({"enum": ["SerialNumber", "SKU"]}, "property of the System that holds the serial number on the label"),
    "session_limit": ({"type": "integer", "minimum": 1}, "how many sessions the BMC takes at a time"),
    "transient_pause": (_SECONDS, "seconds before a request that was refused for the moment is sent again"),
}

# What a rule can look at; each is a regular expression but driver and firmware.
MATCHES = {
    "driver": {"enum": ["redfish", "ipmi"]},
    "vendor": _TEXT,  # Manufacturer of the System; with IPMI the name of the manufacturer's number
    "model": _TEXT,  # Model of the System; with IPMI the product's name
    "system_type": _TEXT,  # @odata.type of the System
    "manager": _TEXT,  # Model of the manager
    # FirmwareVersion of the manager
    "firmware": {"type": "string", "pattern": r"^(<|<=|>|>=|==)\d+(\.\d+)*(,(<|<=|>|>=|==)\d+(\.\d+)*)*$"},
}

SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "pattern": "^[a-z0-9-]+$"},
            "match": {"type": "object", "properties": MATCHES, "required": ["driver"], "additionalProperties": False},
            "behaviours": {"type": "object", "properties": {name: schema for name, (schema, meaning) in BEHAVIOURS.items()},
                           "additionalProperties": False, "minProperties": 1},
            "why": _TEXT,
            "source": _TEXT,
        },
        "required": ["name", "match", "behaviours", "why", "source"],
        "additionalProperties": False,
    },
}

# Manufacturer ids of Get Device ID (IANA private enterprise numbers) under the names that the rules use.
VENDOR_NUMBERS = {
    2: "IBM", 11: "HPE", 42: "Sun", 343: "Intel", 674: "Dell", 2011: "Huawei", 5703: "NVIDIA", 5771: "Cisco", 7244: "Quanta",
    10368: "Fujitsu", 10876: "Supermicro", 15370: "Gigabyte", 19046: "Lenovo", 37945: "Inspur", 47488: "Supermicro", 49622: "ASRock Rack",
    94: "Nokia",
}


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            found = yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BaremetalError(f"the quirks file {path} cannot be read", stage=STAGE, seen=error,
                             cure=f"correct the file or the environment variable {SITE_FILE}") from error
    return found


def check(found, path):
    """Check a file's rules against SCHEMA.

    :raises BaremetalError: naming the first thing that is wrong.
    """
    try:
        import jsonschema  # Not above: it takes 30 ms, and few have a file of their own.
    except ImportError as error:
        raise missing_library("jsonschema", error) from error
    problem = next(jsonschema.Draft202012Validator(SCHEMA).iter_errors(found), None)
    message = problem and f"{'.'.join(map(str, problem.absolute_path))}: {problem.message}"
    for rule in [] if problem else found:
        for key in {"vendor", "model", "system_type", "manager"} & set(rule["match"]):
            try:
                re.compile(rule["match"][key])
            except re.error as error:
                message = message or f"{rule['name']}: match.{key}: no regular expression: {error}"
    if message:
        raise BaremetalError(f"the quirks file {path} is not in order", stage=STAGE, seen=message,
                             cure="see docs/bmc-quirks.md for the form of a rule")


@functools.lru_cache(maxsize=None)
def _site(path):
    if yaml is None:
        raise missing_library("PyYAML", IMPORT_ERROR)
    found = _read(path)
    check(found, path)
    return tuple({**rule, "file": path} for rule in found)


def rules():
    """The collection's rules, then those of the site, whose file is read once per process.

    :returns: list of dicts like SCHEMA's items, with ``file``; a later one has precedence.
    :raises BaremetalError: when the site's file cannot be used.
    """
    path = os.environ.get(SITE_FILE)
    return [*RULES, *(_site(path) if path else ())]


def _numbers(version):
    """A version as a tuple of numbers: the first thing with dots in it, else the first number; None without one."""
    found = re.search(r"\d+(?:\.\d+)+", version) or re.search(r"\d+", version)
    return tuple(int(part) for part in found[0].split(".")) if found else None


_COMPARE = {
    "<": lambda left, right: left < right, "<=": lambda left, right: left <= right, "==": lambda left, right: left == right,
    ">": lambda left, right: left > right, ">=": lambda left, right: left >= right,
}


def in_range(version, wanted):
    """Whether a firmware version is in a range.

    :param version: what the BMC says, for example ``iLO 5 v2.44``; None is in no range.
    :param wanted: comparisons with commas between them, for example ``>=5.00,<6.00``. 5.0 equals 5.00.00.
    """
    seen = _numbers(version or "")
    if seen is None:
        return False
    for term in wanted.split(","):
        sign, text = re.fullmatch(r"([<>=]+)([\d.]+)", term.strip()).groups()
        limit = _numbers(text)
        width = max(len(seen), len(limit))
        left, right = (number + (0,) * (width - len(number)) for number in (seen, limit))
        if not _COMPARE[sign](left, right):
            return False
    return True


class Quirks:
    """Which rules hold for one node. What they look at is asked for only when a rule needs it.

    :param driver: name of the driver.
    :param fact: function of a key of MATCHES that gives the text or None.
    :param given: the rules, or None for ``rules()``.
    """

    def __init__(self, driver, fact, given=None):
        self._fact = fact
        self._known = {}
        self._rules = [rule for rule in (rules() if given is None else given) if rule["match"]["driver"] == driver]

    def _look(self, key):
        if key not in self._known:
            value = self._fact(key)
            self._known[key] = None if value is None else str(value)
        return self._known[key]

    def _misses(self, rule):
        """The first key of a rule's match that does not hold, or None. The cheap ones are looked at first."""
        match = rule["match"]
        for key in MATCHES:
            if key == "driver" or key not in match:
                continue
            seen = self._look(key)
            holds = in_range(seen, match[key]) if key == "firmware" else seen is not None and re.search(match[key], seen, re.IGNORECASE)
            if not holds:
                return key
        return None

    def get(self, name, default=None):
        """What the rules say about a behaviour; the last rule that holds wins.

        :param name: key of BEHAVIOURS.
        :param default: for boards without a rule.
        """
        if name not in BEHAVIOURS:
            raise KeyError(name)
        for rule in reversed(self._rules):
            if name in rule["behaviours"] and self._misses(rule) is None:
                return rule["behaviours"][name]
        return default

    def report(self):
        """What holds for this node and what does not.

        :returns: ``{"facts", "matching", "near"}``: what was looked at, the rules that hold, and those that would if
            the BMC's firmware were in their range.
        """
        missed = [(rule, self._misses(rule)) for rule in self._rules]
        return {
            "facts": {key: self._look(key) for key in MATCHES if key != "driver"},
            "matching": [rule for rule, key in missed if key is None],
            "near": [rule for rule, key in missed if key == "firmware"],
        }
