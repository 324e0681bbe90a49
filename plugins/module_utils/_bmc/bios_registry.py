# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the BIOS attribute registry says about settings: which there are, and which values they take.

Schema: DSP0268, AttributeRegistry. Private to the collection; may change at any time.
"""

from __future__ import annotations

import difflib

from .._errors import BaremetalError
from .redfish_service import RedfishRefusal, last_part, path_of
from .tolerant import dig, flag, number, objects, text

STAGE = "BIOS settings"


def same(one, other):
    """Whether two values are the same for a board; some send numbers and booleans as text."""
    if isinstance(one, bool) or isinstance(other, bool):
        return flag(one) is not None and flag(one) == flag(other)
    if isinstance(one, (int, float)) or isinstance(other, (int, float)):
        return number(one) is not None and number(one) == number(other)
    return one == other


def read_registry(service, bios, current):
    """The registry's entries for the attributes of a BIOS.

    :param service: RedfishService.
    :param bios: JSON object of the Bios resource, which names the registry.
    :param current: its attributes, by which the right registry is known: names disagree on some boards.
    :returns: dict of the entries by attribute name; {} where the BMC serves none.
    """
    wanted = (text(bios.get("AttributeRegistry")) or "").lower()
    files = service.members(service.linked(service.root(), "Registries"))
    for path in sorted(files, key=lambda path: _distance(last_part(path).lower(), wanted)):
        if _distance(last_part(path).lower(), wanted) > 3:
            break
        try:
            registry = service.find(_location(service.find(path)))
        except RedfishRefusal:
            continue
        entries = {text(entry.get("AttributeName")): entry for entry in objects(dig(registry, "RegistryEntries", "Attributes"))}
        if any(name in current for name in entries):
            return entries
    return {}


def _distance(name, wanted):
    """How far the name of a registry file is from the one wanted; more than 3 is something else."""
    if wanted and name == wanted:
        return 0
    if wanted and name.partition(".")[0] == wanted.partition(".")[0]:
        return 1
    if "attributeregistry" in name:
        return 2 if "bios" in name else 3
    return 4


def _location(file):
    """The path of the registry that a MessageRegistryFile points to, in English where there is a choice."""
    locations = sorted(objects(dig(file, "Location")), key=lambda item: not str(item.get("Language")).lower().startswith("en"))
    for location in locations:
        uri = location.get("Uri")
        # Some boards wrap it.
        path = text(uri.get("extref")) or path_of(uri) if isinstance(uri, dict) else text(uri)
        if path and path.startswith("/"):
            return path
    return None


def unalterable(entry):
    """Whether the registry says that an attribute cannot be set; one maker spells it in its own way."""
    return any(flag(entry.get(name)) for name in ("ReadOnly", "Readonly", "Immutable"))


def check(settings, registry, current, effective):
    """Check settings, all of them before anything is sent.

    :param settings: values by attribute name.
    :param registry: what ``read_registry`` returned.
    :param current: the attributes in effect.
    :param effective: function of a name that gives the value after the next boot.
    :returns: the values in the types that the BIOS has.
    :raises BaremetalError: naming every setting that cannot be and why.
    """
    wanted, problems = {}, []
    for name, value in settings.items():
        try:
            wanted[name] = _checked(name, value, registry, current)
            if unalterable(registry.get(name, {})) and not same(effective(name), wanted[name]):
                raise ValueError(f"it cannot be set; it is {effective(name)}")
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise BaremetalError(
            f"{len(problems)} of {len(settings)} BIOS settings cannot be; nothing was sent", stage=STAGE, seen="; ".join(problems),
            cure="correct these settings; names and values are those of the BMC's attribute registry")
    return wanted


def _checked(name, value, registry, current):
    if name not in registry and name not in current:
        close = difflib.get_close_matches(str(name), [*map(str, registry), *current], n=3)
        raise ValueError("there is no such attribute" + (f", but {' and '.join(dict.fromkeys(close))}" if close else ""))
    entry = registry.get(name, {})
    kind = text(entry.get("Type")) or _kind_of(current.get(name))
    if kind == "Password" or "password" in name.lower():
        raise ValueError("passwords of the BIOS are not set here")
    if value is None or isinstance(value, (dict, list)):
        raise ValueError("a single value is needed")
    return {"Enumeration": _enumeration, "Integer": _integer, "Boolean": _boolean, "String": _string}.get(kind, _string)(value, entry)


def _kind_of(value):
    return "Boolean" if isinstance(value, bool) else "Integer" if isinstance(value, (int, float)) else "String"


def _enumeration(value, entry):
    names = {text(item.get("ValueName")): item.get("ValueName") for item in objects(entry.get("Value")) if text(item.get("ValueName"))}
    if not names:
        return _string(value, entry)
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is none of {', '.join(names)}; yes, no, on and off need quotes in YAML")
    if str(value) not in names:
        raise ValueError(f"{value} is none of {', '.join(names)}")
    return names[str(value)]


def _integer(value, entry):
    found = number(value)
    if not isinstance(found, int):
        raise ValueError(f"{value} is no integer")
    low, high = number(entry.get("LowerBound")), number(entry.get("UpperBound"))
    # Bounds that exclude everything are an overflow of the board's own.
    if None not in (low, high) and low > high:
        return found
    if (low is not None and found < low) or (high is not None and found > high):
        raise ValueError(f"{found} is not between {'-' if low is None else low} and {'-' if high is None else high}")
    return found


def _boolean(value, entry):
    if flag(value) is None:
        raise ValueError(f"{value} is neither true nor false")
    return flag(value)


def _string(value, entry):
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is no text; yes, no, on and off need quotes in YAML")
    found = str(value)
    low, high = number(entry.get("MinLength")), number(entry.get("MaxLength"))
    # A maximum of zero is what boards send that know none.
    if (low and len(found) < low) or (high and len(found) > high):
        raise ValueError(f"{len(found)} characters, where {low or 0} to {high or 'any number'} are taken")
    return found
