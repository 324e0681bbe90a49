# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a ramdisk on the boot server: whose it is, in which order it is read, and what is left out."""

from __future__ import annotations

import os

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import journal, wait
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError

MAC = "52-54-00-00-02-11"
NONCE = "nonce-0001"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "journal").mkdir()
    (tmp_path / "log").mkdir()
    journal.open_path(tmp_path, MAC, NONCE)
    return tmp_path


def put(root, name, data, second):
    path = root / "journal" / MAC / NONCE / name
    path.write_bytes(data)
    os.utime(path, (second, second))


def test_parts_are_read_in_the_order_of_writing(root):
    put(root, "00", b"first\n", 1)
    put(root, "fe", b"second\n", 2)
    put(root, "20", b"third\n", 3)
    put(root, "notes", b"not a part\n", 4)
    assert journal.read(root, MAC, NONCE) == journal.read(root, MAC) == "first\nsecond\nthird\n"


def test_nonce_and_control_characters_are_taken_out(root):
    put(root, "00", f"Command line: rackwright.nonce={NONCE} \x1b[31mred\x07\xff\n".encode("latin-1"), 1)
    text = journal.read(root, MAC, NONCE)
    assert NONCE not in text and "rackwright.nonce=********" in text and "\x1b" not in text and "\x07" not in text


def test_links_lead_nowhere(root, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (root / "journal" / MAC / NONCE / "00").symlink_to(tmp_path / "secret")
    assert journal.read(root, MAC, NONCE) == ""


def test_a_new_boot_forgets_the_one_before(root):
    put(root, "00", b"old\n", 1)
    journal.open_path(root, MAC, "nonce-0002")
    assert journal.read(root, MAC) == "" and os.listdir(root / "journal" / MAC) == ["nonce-0002"]


def test_a_closed_journal_stays_until_it_is_forgotten(root):
    put(root, "00", b"kept\n", 1)
    for dummy in range(2):
        journal.close_path(root, MAC)
        assert os.listdir(root / "journal" / MAC) == [f".{NONCE}"]
        assert journal.read(root, MAC) == journal.read(root, MAC, NONCE) == "kept\n"
    journal.open_path(root, MAC, NONCE)
    assert os.listdir(root / "journal" / MAC) == [NONCE] and journal.read(root, MAC) == "kept\n"
    journal.close_path(root, MAC, forget=True)
    journal.close_path(root, MAC, forget=True)
    assert not (root / "journal" / MAC).exists()


def test_boot_server_without_the_directory_takes_none(tmp_path):
    journal.open_path(tmp_path, MAC, NONCE)
    journal.close_path(tmp_path, MAC)
    assert os.listdir(tmp_path) == [] and journal.read(tmp_path, MAC) == ""


def test_error_shows_the_last_lines(root):
    put(root, "00", b"".join(b"[ %d.0] line %d\n" % (number, number) for number in range(20)) + b"[ 21.0] " + b"x" * 500 + b"\n", 1)
    with pytest.raises(BaremetalError) as caught:
        wait.wait_for_ramdisk(str(root), mac=MAC, nonce=NONCE, since=0, timeout=0)
    assert "the last lines of its journal: [ 16.0] line 16 | [ 17.0] line 17" in str(caught.value)
    assert "line 15" not in str(caught.value) and "x" * 201 not in str(caught.value)


def test_error_without_a_journal_does_not_speak_of_it(root):
    with pytest.raises(BaremetalError) as caught:
        wait.wait_for_ramdisk(str(root), mac=MAC, nonce=NONCE, since=0, timeout=0)
    assert "its journal" not in str(caught.value)
