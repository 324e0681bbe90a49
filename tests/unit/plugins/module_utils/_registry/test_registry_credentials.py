# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Passwords: what is stored, what is refused, and that nothing of a clear one is ever told."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import credentials
from hypothesis import given, strategies

SECRET = "canary-s3cret"
CIPHERTEXT = "$ANSIBLE_VAULT;1.1;AES256\n6162\n"


def call(decrypt=None):
    return Call(params={}, vault_decrypt=decrypt)


@pytest.mark.parametrize(("password", "stored"), [
    (None, None),
    ({"env": "BMC_PASSWORD"}, {"env": "BMC_PASSWORD"}),
    ({"file": "~/bmc"}, {"file": "~/bmc"}),
    ({"vault": CIPHERTEXT}, {"vault": CIPHERTEXT}),
    (CIPHERTEXT, {"vault": CIPHERTEXT}),
])
def test_references_are_stored_as_they_are(password, stored):
    assert credentials.reference(password) == stored


def test_clear_text_is_encrypted_or_refused():
    assert credentials.reference(SECRET, lambda text: CIPHERTEXT + text[::-1])["vault"].startswith(CIPHERTEXT)
    with pytest.raises(BaremetalError, match="no vault secret.*{env: ") as refusal:
        credentials.reference(SECRET)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("reference", [
    {}, {"env": SECRET}, {"vault": SECRET}, {"env": 1}, {"lookup": SECRET}, {"env": "A", "file": SECRET}, {SECRET: "x"}])
def test_bad_references_do_not_tell_what_was_in_them(reference):
    with pytest.raises(BaremetalError) as refusal:
        credentials.reference(reference)
    assert SECRET not in str(refusal.value)


def test_env(monkeypatch):
    monkeypatch.setenv("BMC_PASSWORD", SECRET)
    resolving = call()
    assert credentials.resolve({"env": "BMC_PASSWORD"}, resolving) == SECRET
    assert SECRET not in str(resolving.scrub({"msg": f"said {SECRET}"}))
    monkeypatch.delenv("BMC_PASSWORD")
    with pytest.raises(BaremetalError, match="BMC_PASSWORD.*is not set"):
        credentials.resolve({"env": "BMC_PASSWORD"}, call())


def test_file(tmp_path):
    path = tmp_path / "password"
    path.write_text(SECRET + "\n")
    assert credentials.resolve({"file": str(path)}, call()) == SECRET
    path.write_bytes(SECRET.encode() + b"\xff")
    with pytest.raises(BaremetalError, match="not UTF-8") as refusal:
        credentials.resolve({"file": str(path)}, call())
    assert SECRET not in str(refusal.value)
    with pytest.raises(BaremetalError, match="cannot be read.*No such file"):
        credentials.resolve({"file": str(tmp_path / "absent")}, call())
    path.write_text("\n")
    with pytest.raises(BaremetalError, match="password, is empty.*write it there"):
        credentials.resolve({"file": str(path)}, call())


def test_vault():
    assert credentials.resolve({"vault": CIPHERTEXT}, call(lambda text: SECRET)) == SECRET
    with pytest.raises(BaremetalError, match="no vault secret.*--vault-password-file"):
        credentials.resolve({"vault": CIPHERTEXT}, call())

    def wrong(text):
        raise ValueError("Decryption failed")
    with pytest.raises(BaremetalError, match="cannot be decrypted. Seen: Decryption failed"):
        credentials.resolve({"vault": CIPHERTEXT}, call(wrong))


@given(strategies.text(min_size=12, max_size=40))
def test_nothing_of_a_clear_password_is_stored(password):
    stored = credentials.reference(password, lambda text: CIPHERTEXT) if not password.startswith("$ANSIBLE_VAULT;") else None
    assert stored in (None, {"vault": CIPHERTEXT})
