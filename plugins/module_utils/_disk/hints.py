# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Root device hints in Ironic's grammar, as its documentation describes it.

Two deliberate differences: several matching disks are an error instead of "the first one", and
kernel names are refused unless force_name stands beside them.
"""

from __future__ import annotations

import json
import re

from .._errors import BaremetalError
from .devices import GIB, describe, describe_all

TEXT_HINTS = (
    "model",
    "vendor",
    "serial",
    "wwn",
    "wwn_with_extension",
    "wwn_vendor_extension",
    "hctl",
    "by_path",
    "tran",
)
# Hints that mean one disk.
_IDENTITY = frozenset(("serial", "wwn", "wwn_with_extension"))
# The name of an array of software RAID, which no other disk has; Ironic knows it in skip_block_devices.
VOLUME_NAME = "volume_name"
HINTS = ("size", "rotational", VOLUME_NAME) + TEXT_HINTS
# No hint itself: it says that the kernel name in the hint "name" is meant, whatever may have it in this boot.
FORCE = "force_name"
STAGE = "root device"

# What udev's scsi_id calls a disk with a WWN of the form NAA (SPC-4, 7.8.6.6).
_NAA = re.compile(r"3(?:[0-9a-f]{16}){1,2}\Z")

NUMBER_TESTS = {
    # "=" means "at least": the grammar's oldest oddity, kept because stored hints rely on it.
    "=": lambda seen, wanted: seen >= wanted,
    "==": lambda seen, wanted: seen == wanted,
    "!=": lambda seen, wanted: seen != wanted,
    ">=": lambda seen, wanted: seen >= wanted,
    "<=": lambda seen, wanted: seen <= wanted,
    ">": lambda seen, wanted: seen > wanted,
    "<": lambda seen, wanted: seen < wanted,
}
TEXT_TESTS = {
    "s==": lambda seen, wanted: seen == wanted,
    "s!=": lambda seen, wanted: seen != wanted,
    "s>=": lambda seen, wanted: seen >= wanted,
    "s<=": lambda seen, wanted: seen <= wanted,
    "s>": lambda seen, wanted: seen > wanted,
    "s<": lambda seen, wanted: seen < wanted,
    "<in>": lambda seen, wanted: wanted in seen,
}
# Those whose operand is what is asked for, or a part of it.
NAMING = (None, "s==", "<in>", "<or>", "<all-in>")
# Longer operators stand before those that they begin with; "<" alone is none of the "<word>" ones.
OPERATOR = re.compile(
    r"^(s==|s!=|s>=|s<=|s>|s<|==|!=|>=|<=|=|>|<in>|<all-in>|<or>|<range-in>|<(?![a-z-]+>))\s*"
)
RANGE = re.compile(r"^([\[(])\s*(\S+?)\s+(\S+?)\s*([\])])$")
TRUE = ("true", "yes", "on", "1")
FALSE = ("false", "no", "off", "0")


class NoMatch(BaremetalError):
    """No disk meets the hints."""


def select(disks, hints, skip=(), node=None):
    """Return the one disk of O(disks) that meets every hint, and is none of those to skip.

    disks: dicts of list_disks. hints: {field: value with or without an operator}; size counts in
    GiB, text is compared without regard to case, a disk that lacks a field never matches it, and a
    list-valued field matches when one of its elements does. skip: list of such hints, each of which
    may mean several disks.
    Raises BaremetalError for bad or empty hints and for zero (NoMatch) or several matches, with
    the candidates and, where none matches, what speaks against each.
    """
    tests = parse(hints, node=node)
    skipping = skip_list(skip, node=node)
    against = {disk["name"]: _against(disk, tests, skipping) for disk in disks}
    matching = [disk for disk in disks if not against[disk["name"]]]
    if len(matching) == 1:
        return matching[0]
    shown = ", ".join("%s: %s" % (field, hints[field]) for field in sorted(hints))
    if not matching:
        raise NoMatch(
            "no disk matches the root device hints {%s}" % shown,
            node=node,
            stage=STAGE,
            seen="; ".join("%s: %s" % (describe(disk), against[disk["name"]]) for disk in disks) or "no disk at all",
            cure="Correct root_device of the node, best with the serial or wwn of one of these disks.",
        )
    raise BaremetalError(
        "%d disks match the root device hints {%s}, one was expected" % (len(matching), shown),
        node=node,
        stage=STAGE,
        seen=describe_all(matching),
        cure="Make root_device of the node unambiguous, best with the serial or wwn of the disk meant.",
    )


def skip_list(skip, node=None):
    """Check the entries of skip_block_devices and return what parse makes of each; raises BaremetalError for one that is not understood."""
    if any(VOLUME_NAME in entry for entry in skip if isinstance(entry, dict)):
        raise _refused("%s in skip_block_devices is not understood: an array goes with its disks" % VOLUME_NAME, node,
                       "Give the disks that hold it, by serial or wwn.")
    return [parse(entry, node=node) for entry in skip]


def idle(disks, skip):
    """Return a warning for each entry of skip_block_devices that means one disk and finds none, as with a serial number that was mistyped.

    disks: dicts of list_disks, of those that tell no size too.
    """
    return ["skip_block_devices: no disk of this machine is %s, so that nothing is left alone for it" % json.dumps(entry, sort_keys=True)
            for entry, tests in zip(skip, skip_list(skip)) if _IDENTITY & set(entry) and not any(is_skipped(disk, [tests]) for disk in disks)]


def is_skipped(disk, skipping):
    """Return whether a disk is meant by an entry of what skip_list returned, in any form in which its identity may have been written down."""
    return any(all(_means(disk, field, test) for field, test in tests.items()) for tests in skipping)


def _means(disk, field, test):
    forms = _other_forms(disk, field)
    # A test that the empty text passes denies something, which one form or another would always do.
    return matches(disk, field, test) or bool(forms) and not test("") and any(map(test, forms))


def _other_forms(disk, field):
    """Return what Ironic's agent calls the serial or the wwn of a disk, where lsblk has another one.

    Ironic's are udev's ID_SERIAL_SHORT and ID_WWN. lsblk prefers the serial number of the SCSI inquiry and the WWN with its extension, of which the
    others are parts (udev's rules for persistent storage: ID_SERIAL is MODEL_SHORT, or 3 and the WWN, which is SHORT). The model is none of the forms:
    a disk that is skipped for too much is one that nobody erases.
    """
    if field == "wwn":
        long, extension = disk.get("wwn_with_extension") or "", (disk.get("wwn_vendor_extension") or "")[2:]
        forms = [long, long[:len(long) - len(extension)] if extension and long.endswith(extension) else ""]
    elif field == "serial":
        long = disk.get("serial_long") or ""
        forms = [long.rpartition("_")[2], long[1:] if _NAA.match(long) else ""]
    else:
        forms = []
    return [form for form in forms if form]


def _against(disk, tests, skipping):
    """What speaks against a disk, as a text; empty for one that is meant."""
    wrong = [field for field, test in tests.items() if not matches(disk, field, test)]
    words = ["another " + " and ".join(wrong)] if wrong else []
    return ", ".join(words + (["in skip_block_devices"] if is_skipped(disk, skipping) else []))


def parse(hints, node=None):
    """Check root device hints and return {field: predicate over one value of that field}.

    Raises BaremetalError naming the hint that is empty, unknown or not understood.
    """
    if not isinstance(hints, dict) or not hints:
        raise _refused(
            "no root device hints are given, and a disk is never chosen by chance",
            node,
            "Set root_device of the node, for instance to {serial: ...} or {wwn: ...}.",
        )
    tests = {}
    forced = hints.get(FORCE) is not None and _text(hints[FORCE]) in TRUE
    if set(hints) == {FORCE}:
        raise _refused("%s is no hint by itself" % FORCE, node, "Give the kernel name as the hint name, or better the serial or wwn of the disk.")
    for field in sorted(set(hints) - {FORCE}):
        value = hints[field]
        if field == "name" and not forced:
            raise _refused(
                "the hint name (%s) is refused: kernel names such as /dev/sda change between boots" % value,
                node,
                "Use serial or wwn (the hardware_info module shows them), or hctl or by_path, for software RAID volume_name; "
                "force_name: true beside it takes the risk.",
            )
        if field not in HINTS + ("name",):
            raise _refused(
                "unknown root device hint %s" % field, node, "The hints are: %s." % ", ".join(HINTS)
            )
        try:
            if field == "rotational":
                tests[field] = _boolean_test(value)
            elif field == "size":
                tests[field] = _number_test(value)
            else:
                tests[field] = _text_test(value)
        except ValueError as error:
            raise _refused(
                "the root device hint %s (%s) is not understood: %s" % (field, value, error),
                node,
                "Correct root_device of the node.",
            ) from None
    return tests


def matches(disk, field, test):
    """Return whether one field of a disk passes a predicate made by parse."""
    value = disk.get(field)
    values = value if isinstance(value, (list, tuple)) else [value]
    for one in values:
        if one is None or one == "":
            continue
        if field == "size":
            one = one / GIB
        if test(one):
            return True
    return False


def named(value):
    """Return the texts, in lower case, that a text hint asks for; none where it only denies, or tells what is before or behind.

    value: one that parse takes.
    """
    operator, operand = _split(value)
    return _words(operator, operand.lower()) if operator in NAMING else []


def _refused(what, node, cure):
    return BaremetalError(what, node=node, stage=STAGE, cure=cure)


def _split(value):
    """Return (operator or None, operand text) of a hint expression."""
    text = str(value).strip()
    found = OPERATOR.match(text)
    if not found:
        return None, text
    return found.group(1), text[found.end():].strip()


def _alternatives(operand):
    """Return the operands of "<or> a <or> b" (the leading operator is already taken off)."""
    words = [word.strip() for word in operand.split("<or>")]
    if not all(words):
        raise ValueError("<or> needs a value behind each operator")
    return words


def _words(operator, operand):
    """Return the texts of which the operand of a text hint consists."""
    if operator == "<or>":
        return _alternatives(operand)
    if operator == "<all-in>":
        return operand.replace("<all-in>", " ").split()
    return [operand]


def _number(text):
    try:
        number = float(text)
    except ValueError:
        raise ValueError("%r is not a number" % text) from None
    if not 0 < number < float("inf"):
        raise ValueError("the size must be a positive number of GiB")
    return number


def _number_test(value):
    if isinstance(value, bool):
        raise ValueError("a number of GiB is expected")
    operator, operand = _split(value)
    if operator in (None, "=="):
        wanted = _number(operand)
        return lambda seen: seen == wanted
    if operator in NUMBER_TESTS:
        wanted, compare = _number(operand), NUMBER_TESTS[operator]
        return lambda seen: compare(seen, wanted)
    if operator == "<or>":
        choices = [_number(word) for word in _alternatives(operand)]
        return lambda seen: seen in choices
    if operator == "<range-in>":
        found = RANGE.match(operand)
        if not found:
            raise ValueError("a range looks like <range-in> [ 100 200 ], with ( or ) for an open end")
        low, high = _number(found.group(2)), _number(found.group(3))
        above = NUMBER_TESTS[">=" if found.group(1) == "[" else ">"]
        below = NUMBER_TESTS["<=" if found.group(4) == "]" else "<"]
        return lambda seen: above(seen, low) and below(seen, high)
    raise ValueError("the operator %s does not compare numbers" % operator)


def _text_test(value):
    if isinstance(value, (bool, dict, list, tuple)) or value is None:
        raise ValueError("a text is expected")
    operator, operand = _split(value)
    wanted = operand.lower()
    if not wanted:
        raise ValueError("it is empty")
    if operator == "<or>":
        choices = _words(operator, wanted)
        return lambda seen: _text(seen) in choices
    if operator == "<all-in>":
        words = _words(operator, wanted)
        if not words:
            raise ValueError("<all-in> needs words behind it")
        return lambda seen: all(word in _text(seen) for word in words)
    if operator in NUMBER_TESTS or operator == "<range-in>":
        raise ValueError("the operator %s compares numbers; for text use s==, s!=, <in>, ..." % operator)
    compare = TEXT_TESTS[operator or "s=="]
    return lambda seen: compare(_text(seen), wanted)


def _text(value):
    return str(value).strip().lower()


def _boolean_test(value):
    word = _text(value)
    if word in TRUE:
        return lambda seen: seen is True
    if word in FALSE:
        return lambda seen: seen is False
    raise ValueError("true or false is expected")
