# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of one node out of the logs of all, the newest first to be kept."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import journal, node_log
from hypothesis import given
from hypothesis import strategies as st

MAC = "52-54-00-00-02-11"
NONCE = "nonce-0001"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "log").mkdir()
    return tmp_path


def log(root, name, lines):
    (root / "log" / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def about(root, most=10000, address="192.0.2.1"):
    return node_log.about(str(root), mac=MAC, address=address, most=most)


def test_lines_by_both_forms_of_the_mac_and_by_the_address_alone(root):
    mine = ["DHCPACK(eth0) 192.0.2.1 52:54:00:00:02:11 node1", "sent snponly.efi to 192.0.2.1", "DISCOVER 52-54-00-00-02-11", "to 192.0.2.1."]
    log(root, "dnsmasq.log", [mine[0], "sent snponly.efi to 192.0.2.11", mine[1], "DHCPACK(eth0) 192.0.2.10 52:54:00:00:02:12", mine[2],
                              "sent x to 1192.0.2.1", "10.192.0.2.1", "192.0.2.1.7", mine[3]])
    assert about(root)["dnsmasq"].splitlines() == mine
    assert about(root, address=None)["dnsmasq"].splitlines() == [mine[0], mine[2]]


def test_lines_of_all_addresses_that_a_node_has_by_dhcpv6(root):
    """Firmware, iPXE, ramdisk and system each get one of sixteen, and dnsmasq tells of them without the MAC address."""
    mine = ["DHCPREPLY(eth0) 2001:db8:1::110 00:04:6f:96", "sent snponly.efi to 2001:db8:1::11f", 'client: 2001:DB8:1::117, "[2001:db8:1::110]:22"']
    log(root, "dnsmasq.log", [mine[0], "sent x to 2001:db8:1::1", mine[1], "sent x to 2001:db8:1::120", "sent x to 2001:db8:1::1100", mine[2],
                              "sent x to 2001:db8:1::11:7", "sent x to fd00:2001:db8:1::117", "sent x to 2001:db8:1::117:1"])
    assert about(root, address="2001:db8:1::110")["dnsmasq"].splitlines() == mine
    # Of a machine that is no node.
    assert about(root, address="2001:db8:1::1")["dnsmasq"].splitlines() == ["sent x to 2001:db8:1::1"]


def test_nonces_are_taken_out(root):
    log(root, "http.log", [f'{{"uri":"/node/{MAC}/{NONCE}/authorized_keys"}}', f'{{"uri":"/beacon/{MAC}/{NONCE}/ssh"}}', f'{{"uri":"/node/{MAC}/boot.ipxe"}}'])
    assert about(root)["http"].splitlines() == [
        f'{{"uri":"/node/{MAC}/********/authorized_keys"}}', f'{{"uri":"/beacon/{MAC}/********/ssh"}}', f'{{"uri":"/node/{MAC}/boot.ipxe"}}']


def test_lines_that_were_rotated_away_last(root):
    log(root, "http.log.1", [f"{MAC} 1", "another", f"{MAC} 2"])
    log(root, "http.log", ["another", f"{MAC} 3"])
    assert about(root)["http"].splitlines() == [f"{MAC} 1", f"{MAC} 2", f"{MAC} 3"]
    assert about(root, most=2 * len(f"{MAC} 1\n"))["http"].splitlines() == [f"{MAC} 2", f"{MAC} 3"]
    assert about(root, most=len(f"{MAC} 1\n"))["http"].splitlines() == [f"{MAC} 3"]


def test_what_is_missing_is_told_and_the_rest_is_there(root):
    (root / "journal").mkdir()
    journal.open_path(root, MAC, NONCE)
    (root / "journal" / MAC / NONCE / "00").write_bytes(b"one\ntwo\nthree\n")
    found = about(root, most=10)
    assert found["journal"] == "three\n" and found["http"] is None
    assert sorted(found["unavailable"]) == ["dnsmasq", "http", "nginx_error"] and "No such file" in found["unavailable"]["http"]
    (root / "journal" / MAC / NONCE / "00").unlink()
    assert about(root)["journal"] is None and "nothing of it came in" in about(root)["unavailable"]["journal"]


@given(st.lists(st.text(st.characters(codec="ascii", exclude_characters="\n\r"), max_size=40), max_size=60), st.integers(1, 400), st.integers(7, 90))
def test_newest_lines_whatever_the_size_of_a_block(tmp_path_factory, lines, most, block):
    path = tmp_path_factory.mktemp("log") / "http.log"
    lines = [f"{MAC} {line}" if len(line) % 2 else line for line in lines]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    wanted, size = [], 0
    for line in reversed([line for line in lines if MAC in line]):
        size += len(line) + 1
        if size > most:
            break
        wanted.insert(0, line)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(node_log, "_BLOCK", block)
        assert node_log._newest(path, node_log._pattern(MAC, None), most).split("\n")[:-1] == wanted


def test_no_more_of_a_log_is_looked_at_than_its_end(root, monkeypatch):
    monkeypatch.setattr(node_log, "_FARTHEST", 100)
    log(root, "http.log", [f"{MAC} {number:20}" for number in range(50)])
    assert [line.split()[1] for line in about(root)["http"].splitlines()] == ["48", "49"]
