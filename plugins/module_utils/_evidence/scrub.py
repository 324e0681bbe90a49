# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets that are known by their form, in texts that nobody has looked through. Private to the collection; may change at any time."""

from __future__ import annotations

import re

_STARS = "********"
_NAME = r"(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key)"
_NAMED = re.compile(_NAME + "$", re.IGNORECASE)
_FORMS = (
    # What proves that a ramdisk is this run's, in arguments, addresses and logs.
    (re.compile(r"(rackwright\.nonce=)[^\s\"']+"), rf"\1{_STARS}"),
    (re.compile(r"(/(?:node|beacon|journal)/[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}/)[A-Za-z0-9_-]{8,64}(?=/)"), rf"\1{_STARS}"),
    (re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL), _STARS),
    # The password of an address, and the hash of one (crypt(5)).
    (re.compile(r"(?<=://)[^\s/:@]*:[^\s/@]+(?=@)"), _STARS),
    (re.compile(r"\$(?:[156]|2[abxy]|y|gy|7)\$[./A-Za-z0-9$=,+-]{20,}"), _STARS),
    (re.compile(rf"({_NAME}[\"']?\s*[=:]\s*)(?!\*{{8}})(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;\"']+)", re.IGNORECASE), rf"\1{_STARS}"),
)


def scrub(data, hide=lambda text: text):
    """Data with stars in the place of whatever looks like a secret.

    :param data: a text, or any nesting of dicts and lists. Each text in it is looked at by itself: JSON writes quotes and line ends in another way,
        and what is taken out of JSON may take its own quotes along.
    :param hide: function that takes the secrets that are known out of a text.
    """
    if isinstance(data, dict):
        return {key: _STARS if _NAMED.search(str(key)) else scrub(value, hide) for key, value in data.items()}
    if isinstance(data, list):
        return [scrub(value, hide) for value in data]
    if not isinstance(data, str):
        return data
    text = hide(data)
    for form, replacement in _FORMS:
        text = form.sub(replacement, text)
    return text
