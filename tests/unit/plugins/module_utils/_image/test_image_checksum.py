# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._image import checksum
from hypothesis import given
from hypothesis import strategies as st

HEX = "0123456789abcdef"
ONE, TWO = HEX * 4, HEX[::-1] * 4
LONG = HEX * 8

digests = st.sampled_from([64, 128]).flatmap(lambda length: st.text("0123456789abcdefABCDEF", min_size=length, max_size=length))
letters = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/\\#*()")
names = st.text(letters, min_size=1, max_size=30).filter(lambda name: name not in (".", ".."))
folders = st.sampled_from(["", "./", "images/12/", "/srv/"])


def no_reading(location):
    raise AssertionError(f"{location} is not to be read")


@given(digests, st.booleans(), st.sampled_from(["", " ", "\n"]))
def test_written_out(digits, named, space):
    algorithm = {64: "sha256", 128: "sha512"}[len(digits)]
    found = checksum.parse((f"{algorithm}:" if named else "") + digits + space, "disk.raw", no_reading)
    assert found == (algorithm, digits.lower())
    assert str(found) == f"{algorithm}:{digits.lower()}"


@pytest.mark.parametrize("text", [
    "", "md5:" + "0" * 32, "0" * 32, "0" * 40, "sha1:" + "0" * 40, "sha256:" + LONG, "sha512:" + ONE,
    "sha256:" + ONE[:-1] + "g", "sha999:" + ONE, ":" + ONE, "latest",
])
def test_refused(text):
    with pytest.raises(BaremetalError, match="checksum"):
        checksum.parse(text, "disk.raw", no_reading)


def layouts(name, digits):
    algorithm = {64: "SHA256", 128: "SHA512"}[len(digits)]
    return st.sampled_from([
        f"{digits}  {name}", f"{digits} *{name}", f"{digits}\t{name}", f"\\{digits}  {name}",
        f"{algorithm} ({name}) = {digits}", f"{algorithm.replace('SHA', 'SHA-')} ({name}) = {digits}", f"{algorithm}({name})= {digits}",
    ])


@st.composite
def checksum_files(draw):
    entries = draw(st.dictionaries(names, digests, min_size=2, max_size=6))
    lines = [draw(layouts(draw(folders) + name, digits)) for name, digits in entries.items()]
    noise = draw(st.lists(st.sampled_from(["", "# a comment", "-----BEGIN PGP SIGNED MESSAGE-----", "Hash: SHA512", "0" * 32 + "  old.raw"]), max_size=4))
    return entries, draw(st.permutations(lines + noise))


@given(checksum_files(), st.sampled_from(["\n", "\r\n"]))
def test_every_layout_is_found_by_base_name(made, end):
    entries, lines = made
    for name, digits in entries.items():
        found = checksum.find(end.join(lines), name, "SUMS")
        assert found.hex == digits.lower()


def test_by_address():
    read = {"https://example.com/12/SHA256SUMS": f"{ONE}  other.raw\n{TWO}  disk image.raw\n"}.__getitem__
    found = checksum.parse("https://example.com/12/SHA256SUMS", "https://example.com/12/disk%20image.raw?token=1", read)
    assert found == ("sha256", TWO)


def test_single_digest_needs_no_name():
    assert checksum.find(f"# made today\n{LONG.upper()}\n", "any", "SUMS") == ("sha512", LONG)


def test_strongest_wins():
    assert checksum.find(f"SHA256 (a) = {ONE}\nSHA512 (a) = {LONG}\nMD5 (a) = {'0' * 32}\n", "a", "SUMS").algorithm == "sha512"


@pytest.mark.parametrize("content, seen", [
    (f"{ONE}  b\n{TWO}  c\n", "no sha256 or sha512 digest for a.*2 lines"),
    ("", "is empty"),
    ("<html><body>404</body></html>", "no sha256 or sha512 digest for a.*<html>"),
    (f"{'0' * 32}  a\n", "only weaker digests"),
    (f"SHA512/256 (a) = {ONE}\n", "only weaker|no sha256"),
    (f"{ONE}  x/a\n{TWO}  y/a\n", "contradicting"),
])
def test_no_usable_line(content, seen):
    with pytest.raises(BaremetalError) as raised:
        checksum.find(content, "a", "SUMS")
    assert __import__("re").search(seen, str(raised.value))


@given(st.text(max_size=300))
def test_anything_else_is_a_clear_error(text):
    try:
        found = checksum.find(text, "a", "SUMS")
    except BaremetalError:
        return
    assert len(found.hex) in (64, 128)
