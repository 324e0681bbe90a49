# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds secrets in clear where a node's record has room for anything. Private; may change at any time.

All of a record but the password of its BMC is shown to whoever reads the inventory, and lies in backups and exports.
"""

from __future__ import annotations

import re

# Words that make a key that of a secret, wherever they stand in it.
_SECRET = re.compile(r"password|passwd|passphrase|apikey|private_?key|(^|_)(pwd|secrets?|tokens?|credentials?|(api|access|secret|encryption|luks)_keys?)(_|$)")

# Ends of keys that tell where or what a secret is, and not the secret.
_ABOUT = re.compile(r"_(age|env|expires|file|id|length|name|path|policy|ref|required|set|uuid|variable)$")

# A secret by itself, whatever it is called: key material, and a password in a URL.
_MATERIAL = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|[a-z][a-z0-9+.-]*://[^\s/@:]*:[^\s/@]+@")

_REFERENCES = {"env", "file", "vault"}
_CIPHERTEXT = "$ANSIBLE_VAULT;"


def find(value, path="", *, below_secret=False):
    """Where in a value secrets stand in clear.

    :param value: any nesting of dicts and lists.
    :param path: the keys that lead to it.
    :param below_secret: whether one of them is that of a secret.
    :returns: list of paths such as ``extra.ipmi_password``; a reference as the password of a BMC has it, and ciphertext, are none.
    """
    if isinstance(value, dict):
        if below_secret and len(value) == 1 and set(value) <= _REFERENCES:
            return []
        return [found for key, item in value.items()
                for found in find(item, f"{path}.{key}".lstrip("."), below_secret=below_secret or _is_secret(str(key)))]
    if isinstance(value, list):
        return [found for number, item in enumerate(value) for found in find(item, f"{path}.{number}", below_secret=below_secret)]
    if isinstance(value, bool) or value in (None, "") or str(value).startswith(_CIPHERTEXT):
        return []
    return [path] if below_secret or _MATERIAL.search(str(value)) else []


def _is_secret(key):
    words = re.sub(r"[^a-z0-9]+", "_", re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", key).lower())
    return bool(_SECRET.search(words)) and not _ABOUT.search(words)
