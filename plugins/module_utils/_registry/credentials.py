# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets of BMCs: what the registry keeps in their place. Private; may change at any time."""

from __future__ import annotations

import os
import pathlib
import re

from .._errors import BaremetalError

_KINDS = ("env", "file", "vault")
_CIPHERTEXT = "$ANSIBLE_VAULT;"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STAGE = "BMC credentials"
_ADVICE = "give it as {env: VARIABLE}, {file: /path}, {vault: ciphertext of ansible-vault encrypt_string}, or run with a vault password"


def reference(password, vault_encrypt=None, what="BMC password"):
    """What is stored for a password: a reference, or ciphertext. Never clear text.

    :param password: a string in clear, or a dict with one of the keys env, file and vault.
    :param vault_encrypt: encrypts a string with the run's vault secret; None where there is none.
    :param what: what it is, for messages.
    :returns: dict with one of the keys env, file, vault; None for no password.
    :raises BaremetalError: for clear text without a vault secret, and for an unknown kind of reference.
    """
    if password is None:
        return None
    if isinstance(password, dict):
        if len(password) != 1 or next(iter(password)) not in _KINDS or not isinstance(next(iter(password.values())), str):
            raise BaremetalError(f"the reference to a {what} has to have exactly one of the keys env, file and vault", cure=_ADVICE)
        (kind, value), = password.items()
        # Whoever writes the password itself in the place of a reference must not find it in a message.
        if kind == "env" and not _VARIABLE.fullmatch(value):
            raise BaremetalError(f"the reference env to a {what} is no name of an environment variable", cure=_ADVICE)
        if kind == "vault" and not value.startswith(_CIPHERTEXT):
            raise BaremetalError(f"the reference vault to a {what} does not begin with {_CIPHERTEXT}", cure=_ADVICE)
        return {str(kind): str(value)}
    if password.startswith(_CIPHERTEXT):
        return {"vault": str(password)}
    if vault_encrypt is None:
        raise BaremetalError(f"a {what} is given in clear and there is no vault secret to encrypt it with", cure=_ADVICE)
    return {"vault": vault_encrypt(str(password))}


def resolve(stored, call, what="BMC password"):
    """The password that a reference stands for. Called only where the password is used.

    :param stored: dict as ``reference`` makes it.
    :param call: the Call: it decrypts, and remembers the secret so that it is scrubbed.
    :param what: what it is, for messages.
    :returns: the password.
    :raises BaremetalError: when the variable, file or vault secret is missing, or the variable or file is empty.
    """
    kind, value = next(iter(stored.items()))
    if kind == "env":
        if not os.environ.get(value):
            raise BaremetalError(f"the environment variable {value}, which should hold the {what}, is not set or is empty", stage=_STAGE,
                                 cure=f"set {value} where Ansible runs, or enrol the node with another reference")
        return call.secret(os.environ[value])
    if kind == "file":
        try:
            password = pathlib.Path(value).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            # The text of a UnicodeDecodeError holds what was read.
            seen = str(error) if isinstance(error, OSError) else f"{value} is not UTF-8 text"
            raise BaremetalError(f"the file that should hold the {what} cannot be read", stage=_STAGE, seen=seen,
                                 cure="make it readable for the user who runs Ansible") from error
        if not password:
            # More likely cut short than meant, and a board may lock an account that is tried with it.
            raise BaremetalError(f"the file {value}, which should hold the {what}, is empty", stage=_STAGE,
                                 cure="write it there; for an account without a password enrol the node with an empty one")
        return call.secret(password)
    if call.vault_decrypt is None:
        raise BaremetalError(f"the {what} is encrypted and there is no vault secret", stage=_STAGE,
                             cure="run with --vault-password-file or --ask-vault-pass")
    try:
        return call.secret(call.vault_decrypt(value))
    except Exception as error:
        # Ansible's vault has several exceptions, and this room knows nothing of Ansible.
        raise BaremetalError(f"the {what} cannot be decrypted", stage=_STAGE, seen=str(error),
                             cure="run with the vault secret that it was encrypted with, or enrol the node again with its password") from error
