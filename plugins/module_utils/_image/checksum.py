# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checksums of image sources: written out, or found in a checksum file of any usual layout.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import posixpath
import re
import typing as t
from urllib.parse import unquote, urlsplit

from .._errors import BaremetalError

# Hex digits of a digest, strongest last. Weaker algorithms prove nothing and are refused.
_ALGORITHMS = {"sha256": 64, "sha512": 128}
_BY_LENGTH = {length: name for name, length in _ALGORITHMS.items()}

_STAGE = "read the checksum"
_GNU = re.compile(r"^\\?(?P<hex>[0-9A-Fa-f]{32,128})[ \t]+\*?(?P<name>\S.*)$")
_BSD = re.compile(r"^\\?(?P<algorithm>[A-Za-z0-9-]+)[ \t]*\((?P<name>.+)\)[ \t]*=[ \t]*(?P<hex>[0-9A-Fa-f]{32,128})$")
_BARE = re.compile(r"^[0-9A-Fa-f]{32,128}$")


class Checksum(t.NamedTuple):
    """An expected digest: ``algorithm`` is sha256 or sha512, ``hex`` is lower case."""

    algorithm: str
    hex: str

    def __str__(self):
        return f"{self.algorithm}:{self.hex}"


def base_name(source):
    """Name of the file that a path or URL points to, without directories and query."""
    path = unquote(urlsplit(source).path) if "://" in source else source
    return posixpath.basename(path.rstrip("/"))


def parse(text, source, read):
    """Find out the checksum that a source must have.

    :param text: ``sha256:HEX``, ``sha512:HEX``, bare hex digits, or the URL or absolute path of a
        checksum file.
    :param source: path or URL of the image; its base name is looked up in a checksum file.
    :param read: function that takes the URL or path of a checksum file and returns its text.
    :returns: a :class:`Checksum`.
    :raises BaremetalError: when there is no usable checksum for the source.
    """
    text = text.strip()
    if "://" in text or text.startswith("/"):
        return find(read(text), base_name(source), text)
    algorithm, separator, digits = text.rpartition(":")
    return _checksum(digits, algorithm if separator else None)


def _checksum(digits, algorithm):
    digits = digits.lower()
    named = algorithm.lower().replace("-", "") if algorithm is not None else _BY_LENGTH.get(len(digits))
    if named not in _ALGORITHMS:
        raise BaremetalError(
            "the checksum is of a kind that is not accepted", stage=_STAGE,
            seen=f"algorithm {algorithm!r}" if algorithm is not None else f"{len(digits)} characters",
            cure="give sha256:HEX, sha512:HEX, or the address of a checksum file that holds one of these")
    if len(digits) != _ALGORITHMS[named] or not _BARE.match(digits):
        raise BaremetalError(
            f"the checksum is no {named} digest", stage=_STAGE,
            seen=f"{len(digits)} characters where {_ALGORITHMS[named]} hexadecimal digits belong",
            cure="copy the checksum again from where the image is published")
    return Checksum(named, digits)


def find(content, name, origin):
    """Look up a file in a checksum file.

    GNU (``HEX  name``, ``HEX *name``) and BSD (``SHA256 (name) = HEX``) layouts are understood,
    also mixed, with directories before the name, and inside a clear-signed message; and a file
    that holds one bare digest and nothing else. The strongest digest wins.

    :param content: text of the checksum file.
    :param name: base name of the image.
    :param origin: where the checksum file came from, for messages.
    :returns: a :class:`Checksum`.
    :raises BaremetalError: when the file has no line, or contradicting lines, for the name.
    """
    lines = [line.strip() for line in content.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if len(lines) == 1 and _BARE.match(lines[0]):
        return _checksum(lines[0], None)
    found, weak = {}, False
    for line in lines:
        entry = _entry(line)
        if entry is None or posixpath.basename(entry[1]) != name:
            continue
        algorithm, dummy, digits = entry
        if algorithm in _ALGORITHMS and len(digits) == _ALGORITHMS[algorithm]:
            found.setdefault(algorithm, set()).add(digits)
        else:
            weak = True
    for algorithm in reversed(list(_ALGORITHMS)):
        if len(found.get(algorithm, ())) > 1:
            raise BaremetalError(
                f"the checksum file has contradicting lines for {name}", stage=_STAGE, seen=f"{len(found[algorithm])} {algorithm} digests in {origin}",
                cure="give the right one as sha256:HEX")
        if algorithm in found:
            return Checksum(algorithm, found[algorithm].pop())
    if weak:
        seen = f"only weaker digests in {origin}"
    else:
        seen = f"{len(lines)} lines in {origin}, the first of which is {lines[0][:60]!r}" if lines else f"{origin} is empty"
    raise BaremetalError(
        f"the checksum file has no sha256 or sha512 digest for {name}", stage=_STAGE,
        seen=seen,
        cure="give the address of the right checksum file, or the checksum itself as sha256:HEX")


def _entry(line):
    """Algorithm (None when too short to be accepted), file name and lower-case digits of a line, or None."""
    match = _BSD.match(line)
    if match:
        return match["algorithm"].lower().replace("-", ""), match["name"], match["hex"].lower()
    match = _GNU.match(line)
    if match:
        return _BY_LENGTH.get(len(match["hex"])), match["name"], match["hex"].lower()
    return None
