# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel command line: parsed by a strict grammar, rendered from its parts, never pasted.

The kernel's own rules (``lib/cmdline.c`` and ``kernel/params.c`` of Linux): blanks separate the
arguments, double quotes protect blanks, there is no way to escape a double quote. Narrower here:
printable ASCII, the space as only blank, quotes around a whole value. Private to the collection;
may change at any time.
"""

from __future__ import annotations

import re

from .._errors import BaremetalError

# COMMAND_LINE_SIZE of x86 and arm64 is 2048 with the closing NUL.
MAX_LENGTH = 2047

# A slash is for the questions of Debian's installer, which have an owner.
_KEY = r"[A-Za-z0-9_][A-Za-z0-9_./-]*"
_ARGUMENT = re.compile(rf'({_KEY})(?:=(?:"([ !#-~]*)"|([!#-~]*)))?(?: +|\Z)')
_KEY_ONLY = re.compile(_KEY)
_VALUE_ONLY = re.compile(r"[ !#-~]*")


def parse(text):
    """Take a kernel command line apart.

    :param text: the command line, or a list of command lines that are taken one after the other.
    :returns: list of (key, value); value is None for an argument without an equals sign.
    :raises BaremetalError: naming the place where the text leaves the grammar.
    """
    if isinstance(text, (list, tuple)):
        return [argument for part in text for argument in parse(part)]
    if not isinstance(text, str):
        raise BaremetalError(
            f"kernel arguments are text, not {type(text).__name__}", stage="kernel arguments", seen=repr(text)[:80],
            cure="give a string, or a list of strings")
    arguments = []
    position = len(text) - len(text.lstrip(" "))
    while position < len(text):
        match = _ARGUMENT.match(text, position)
        if match is None:
            raise BaremetalError(
                f"cannot be understood from character {position + 1} on", stage="kernel arguments",
                seen=repr(text[position:position + 40]),
                cure="write key or key=value with printable ASCII, separated by spaces; a value with spaces in "
                     'double quotes: key="a b"; a double quote itself cannot be passed')
        key, quoted, bare = match.groups()
        arguments.append((key, bare if quoted is None else quoted))
        position = match.end()
    return arguments


def render(arguments):
    """Put a kernel command line together.

    :param arguments: list of (key, value) as :func:`parse` returns it.
    :returns: the command line; ``parse(render(arguments)) == arguments``.
    :raises BaremetalError: for a key or value that the grammar has no form for, or a line the kernel would cut off.
    """
    words = []
    for key, value in arguments:
        if not _KEY_ONLY.fullmatch(key) or not (value is None or _VALUE_ONLY.fullmatch(value)):
            raise BaremetalError(
                "this argument has no form on a kernel command line", stage="kernel arguments", seen=repr((key, value)),
                cure="use printable ASCII without double quotes; keys are letters, digits, underscore, dot, slash and hyphen")
        if value is None:
            words.append(key)
        else:
            words.append(f'{key}="{value}"' if " " in value else f"{key}={value}")
    line = " ".join(words)
    if len(line) > MAX_LENGTH:
        raise BaremetalError(
            f"the command line has {len(line)} characters and the kernel takes {MAX_LENGTH}", stage="kernel arguments",
            cure="shorten kernel_arguments")
    return line
