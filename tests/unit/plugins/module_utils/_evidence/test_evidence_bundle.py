# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tarball of a failure: what is in it, what never is, and how many there are."""

from __future__ import annotations

import datetime
import json
import stat
import tarfile

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._evidence.bundle import Bundle
from ansible_collections.rackwright.baremetal.plugins.module_utils._evidence.scrub import scrub
from hypothesis import given
from hypothesis import strategies as st

CANARY = "c4nary-4nd-m1ne"
MOMENT = datetime.datetime(2026, 1, 31, 12, 0, 0, tzinfo=datetime.timezone.utc)


def contents(path):
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read().decode() for member in tar.getmembers()}


def test_tarball_with_its_index(tmp_path):
    bundle = Bundle({"node": "node1", "error": "It broke."})
    bundle.add("bmc/console.txt", "Kernel panic\n")
    bundle.add("bmc/machine.json", {"power_state": "on"})
    bundle.miss("ramdisk", "no route")
    path = bundle.write(tmp_path / "new" / "evidence", "node1", MOMENT, keep=3)
    assert path.name == "node1-20260131T120000Z.tar.gz" and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700 and [item.name for item in path.parent.iterdir()] == [path.name]
    found = contents(path)
    index = json.loads(found["node1-20260131T120000Z/index.json"])
    assert index == {"node": "node1", "error": "It broke.", "missing": {"ramdisk": "no route"},
                     "files": [{"path": "bmc/console.txt", "bytes": 13}, {"path": "bmc/machine.json", "bytes": 26}]}
    assert found["node1-20260131T120000Z/bmc/console.txt"] == "Kernel panic\n"
    assert json.loads(found["node1-20260131T120000Z/bmc/machine.json"]) == {"power_state": "on"}


def test_no_part_shows_a_secret_that_is_known(tmp_path):
    bundle = Bundle({"error": f"refused {CANARY}"}, lambda text: text.replace(CANARY, "****"))
    bundle.add("a.txt", f"tried {CANARY}")
    bundle.add("b.json", {"value": [CANARY]})
    bundle.miss("c", f"no answer to {CANARY}")
    assert CANARY not in str(contents(bundle.write(tmp_path, "node1", MOMENT, keep=1)))


@pytest.mark.parametrize("line", [
    f"Command line: BOOT rackwright.nonce={CANARY} quiet", f'"uri":"/beacon/52-54-00-00-02-11/{CANARY}/ssh?hostkey=a"',
    f"rackwright.journal=http://192.0.2.1/journal/52-54-00-00-02-11/{CANARY}/", f"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb\n{CANARY}\n",
    f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----", f"http://operator:{CANARY}@192.0.2.9/image",
    f"root:$6$saltsalt${CANARY}aaaaaaaaaaaaaaaaaaaaaaaaaaa:1", f"password: {CANARY}", f'"Passwd" : "{CANARY} with blanks"', f"api_key={CANARY}&x=1",
    f"PASSPHRASE='{CANARY}'"])
def test_what_looks_like_a_secret_is_taken_out(line):
    text = scrub(f"before\n{line}\nafter\n")
    assert CANARY not in text and text.startswith("before\n") and "********" in text


@pytest.mark.parametrize("line", [
    "GET /node/52-54-00-00-02-11/boot.ipxe", "http://192.0.2.1:8080/ramdisk/vmlinuz", "eth0: link up at 1000 Mb/s", "secrets are kept elsewhere",
    "systemd-ask-password-wall.path: skipped"])
def test_what_is_none_stays(line):
    assert scrub(line) == line


@pytest.mark.parametrize("error", [
    f'mount failed with password="{CANARY}" and more', f'it sent {{"Password": "{CANARY}"}} to it', f"it has -----BEGIN RSA PRIVATE KEY-----\n{CANARY}",
    f"token: '{CANARY}'"])
def test_a_secret_in_an_error_goes_and_the_tarball_stays(tmp_path, error):
    """In JSON, the quotes and line ends around it are written in another way."""
    bundle = Bundle({"node": "node1", "error": error})
    bundle.add("machine.json", {"told": [error], "AdminPassword": CANARY})
    found = {name.rpartition("/")[2]: json.loads(text) for name, text in contents(bundle.write(tmp_path, "node1", MOMENT, keep=1)).items()}
    assert CANARY not in str(found)
    assert found["index.json"]["error"] == found["machine.json"]["told"][0] == scrub(error) and found["machine.json"]["AdminPassword"] == "********"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda more: st.lists(more) | st.dictionaries(st.text(), more), max_leaves=5),
       st.lists(st.sampled_from(['password="', "'token': ", "secret=", '"', "'", "\\", "\n", "-----BEGIN PRIVATE KEY-----", "http://a:b@c"])).map("".join))
def test_whatever_an_error_says_there_is_an_index(data, error):
    bundle = Bundle({"node": "node1", "error": error, "more": data})
    bundle.add("machine.json", [error, data])
    index = json.loads(json.dumps(bundle.index()))
    assert (index["node"], index["error"], [file["path"] for file in index["files"]]) == ("node1", scrub(error), ["machine.json"])


def test_only_the_newest_of_a_node_are_kept(tmp_path):
    others = ["node1-20250101T000000Z.txt", "node1-b-20250101T000000Z.tar.gz", "node10-20250101T000000Z.tar.gz", "node1-notes.tar.gz"]
    for name in others:
        (tmp_path / name).touch()
    for minute in range(5):
        Bundle({}).write(tmp_path, "node1", MOMENT.replace(minute=minute), keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "node1-20260131T120300Z.tar.gz", "node1-20260131T120400Z.tar.gz"])


def test_a_name_that_is_no_file_name_leads_nowhere_else(tmp_path):
    assert Bundle({}).write(tmp_path / "here", "../up", MOMENT, keep=1).parent == tmp_path / "here"
