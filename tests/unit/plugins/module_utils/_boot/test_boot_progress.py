# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stages of a boot, read from lines that dnsmasq and nginx wrote."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import logs, progress, wait
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import example, given
from hypothesis import strategies as st

MAC = "52-54-00-00-02-11"
NONCE = "9a1f5c0b7d3e4a21"
START = datetime(2026, 11, 23, 11, 4, 50, 500000, tzinfo=timezone.utc).timestamp()
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0fZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTU+/"

# As dnsmasq 2.90 wrote them.
DHCP = [
    "Nov 23 11:04:49 dnsmasq-dhcp[4486]: DHCPACK(eth0) 192.0.2.11 52:54:00:00:02:11 node1",
    "Nov 23 11:04:51 dnsmasq-dhcp[4486]: DHCPDISCOVER(eth0) 52:54:00:00:02:11 ",
    "Nov 23 11:04:51 dnsmasq-dhcp[4486]: DHCPOFFER(eth0) 192.0.2.11 52:54:00:00:02:11 ",
    "Nov 23 11:04:51 dnsmasq-dhcp[4486]: DHCPREQUEST(eth0) 192.0.2.11 52:54:00:00:02:11 ",
    "Nov 23 11:04:51 dnsmasq-dhcp[4486]: 3125479385 DHCPACK(eth0) 192.0.2.11 52:54:00:00:02:11 node1",
    "Nov 23 11:04:52 dnsmasq-tftp[4486]: error 8 User aborted the transfer received from 192.0.2.11",
    "Nov 23 11:04:53 dnsmasq-tftp[4486]: sent /srv/rackwright/tftp/undionly.kpxe to 192.0.2.11",
    "Nov 23 11:04:54 dnsmasq-dhcp[4486]: DHCPDISCOVER(eth0) 52:54:00:00:02:99 ignored",
]


def request(seconds, uri, status=200, client="192.0.2.11", mac="", complete="OK"):
    return json.dumps({
        "time": "2026-11-23T11:04:50+00:00", "epoch": START + seconds, "client": client, "mac": mac, "method": "GET",
        "uri": uri, "status": status, "bytes": 1, "seconds": 0.1, "complete": complete})


def beacon(seconds, stage, query="", nonce=NONCE, mac=MAC, **more):
    return request(seconds, f"/beacon/{mac}/{nonce}/{stage}{query}", status=204, mac=mac, **more)


QUERY = "?hostkey=" + KEY.replace("+", "%2B").replace("/", "%2F").replace(" ", "%20")
HTTP = [
    request(4, "/boot.ipxe"),
    request(5, f"/node/{MAC}/boot.ipxe", mac=MAC),
    request(6, f"/ramdisk/0123456789abcdef/vmlinuz?mac={MAC}", mac=MAC),
    request(9, f"/ramdisk/0123456789abcdef/initrd.img?mac={MAC}", mac=MAC),
    beacon(30, "ramdisk"),
    beacon(32.25, "ssh", QUERY),
]


def follow(dhcp=(), http=(), **more):
    state = progress.Progress(mac=MAC, nonce=NONCE, since=START, **more)
    for line in dhcp:
        state.take(progress.dnsmasq_event(line, START))
    for line in http:
        state.take(progress.http_event(line))
    return state


def test_a_whole_boot():
    state = follow(DHCP, HTTP, address="192.0.2.11")
    assert [item["stage"] for item in state.stages()] == ["dhcp", "firmware", "ipxe", "kernel", "initrd", "ramdisk", "ssh"]
    assert [item["seconds"] for item in state.stages()] == [0.5, 2.5, 4, 6, 9, 30, 32.25]
    assert state.stages()[0]["time"] == "2026-11-23T11:04:51.000+00:00"
    assert state.host_key == KEY
    assert state.beacon_address == "192.0.2.11"
    assert not state.remarks


def test_a_boot_from_a_medium():
    state = follow((), [request(1, f"/node/{MAC}/{NONCE}/boot.iso", mac=MAC, client="198.51.100.11"), *HTTP[4:]], address="192.0.2.11")
    assert [item["stage"] for item in state.stages()] == ["medium", "ramdisk", "ssh"]
    by_firmware = follow(DHCP, [request(2, f"/node/{MAC}/{NONCE}/boot.iso", mac=MAC, client="192.0.2.11")])
    assert [item["stage"] for item in by_firmware.stages()][:2] == ["dhcp", "medium"]
    broken = follow((), [request(1, f"/node/{MAC}/{NONCE}/boot.iso", mac=MAC, client="198.51.100.11", status=404)])
    assert broken.last is None and "boot.iso" in broken.remarks["medium"]


def test_boots_with_other_loaders():
    def sent(second, path):
        return f"Nov 23 11:04:{second} dnsmasq-tftp[7]: sent /srv/rackwright/tftp/{path} to 192.0.2.11"

    state = follow([sent(52, "ramdisk/current/shimx64.efi"), sent(53, "ramdisk/current/grubx64.efi"), sent(54, f"grub/{MAC}.cfg"),
                    sent(55, "ramdisk/abc/vmlinuz"), sent(56, "ramdisk/abc/initrd.img")], address="192.0.2.11")
    assert [item["stage"] for item in state.stages()] == ["firmware", "grub", "kernel", "initrd"]
    for loader in ("snponly", "ipxe", "arm64"):
        assert follow((), [request(3, f"/{loader}.efi")], address="192.0.2.11").last == "firmware"


@pytest.mark.parametrize("count", range(len(HTTP) + 1))
def test_the_last_stage(count):
    assert follow((), HTTP[:count], address="192.0.2.11").last == [None, "ipxe", "ipxe", "kernel", "initrd", "ramdisk", "ssh"][count]


def test_the_order_of_lines_does_not_matter():
    assert follow(DHCP, HTTP[::-1], address="192.0.2.11").stages() == follow(DHCP, HTTP, address="192.0.2.11").stages()


def test_what_was_before_the_boot_does_not_count():
    early = [line.replace(str(START)[:6], str(START - 9e5)[:6]) for line in HTTP]
    assert follow(DHCP[:1], early, address="192.0.2.11").last is None


@pytest.mark.parametrize("line", [
    beacon(30, "ssh", QUERY, nonce="0000000000000000"),
    beacon(30, "ssh", QUERY, mac="52-54-00-00-02-12"),
    beacon(30, "ssh", QUERY, client="192.0.2.66"),
    beacon(30, "ssh", "?hostkey=ssh-ed25519%20AAAA%0Aevil"),
    beacon(30, "ssh", "?hostkey=ssh-rsa%20" + "A" * 40),
    beacon(30, "ssh"),
    request(30, f"/beacon/{MAC}/{NONCE}/ssh{QUERY}", status=404, mac=MAC),
    request(30, f"/beacon/{MAC}/{NONCE}/x/ssh{QUERY}", status=204, mac=MAC),
])
def test_a_beacon_that_is_not_this_boots(line):
    state = follow((), [line], address="192.0.2.11")
    assert state.host_key is None and state.last is None


def test_a_beacon_from_elsewhere_is_remarked():
    state = follow((), [beacon(30, "ssh", QUERY, client="192.0.2.66")], address="192.0.2.11")
    assert "from 192.0.2.66 and not from 192.0.2.11" in state.remarks["ssh"]


def test_the_latest_host_key_counts():
    newer = QUERY.replace("AAAAC3", "AAAAC4")
    state = follow((), [beacon(50, "ssh", newer), beacon(30, "ssh", QUERY)])
    assert state.host_key == KEY.replace("AAAAC3", "AAAAC4")


def test_downloads_that_were_cut_off_do_not_count():
    state = follow((), [request(5, "/ramdisk/0/vmlinuz", mac=MAC, complete=""), request(6, "/ramdisk/0/initrd.img", status=404, mac=MAC)])
    assert state.last is None
    assert set(state.remarks) == {"kernel", "initrd"}


def test_a_missing_boot_script_is_remarked():
    state = follow((), [request(5, f"/node/{MAC}/boot.ipxe", status=404, mac=MAC)])
    assert state.last == "ipxe" and "there was none" in state.remarks["ipxe"]


def test_an_ignored_machine_is_remarked():
    state = follow([DHCP[-1].replace("02:99", "02:11")])
    assert state.last is None and "turned down (ignored)" in state.remarks["dhcp"]


@pytest.mark.parametrize(("line", "reference", "expected"), [
    ("Dec 31 23:59:59", "2027-01-01T00:00:05", "2026-12-31T23:59:59"),
    ("Jan  1 00:00:01", "2026-12-31T23:59:58", "2027-01-01T00:00:01"),
    ("Feb 29 12:00:00", "2028-02-29T12:00:00", "2028-02-29T12:00:00"),
    ("Feb 29 12:00:00", "2026-06-01T12:00:00", None),
    ("Feb 30 12:00:00", "2028-03-01T12:00:00", None),
    ("Foo 01 12:00:00", "2028-03-01T12:00:00", None),
    ("Jan  1 25:00:01", "2028-03-01T12:00:00", None),
])
def test_the_year_is_the_nearest(line, reference, expected):
    def seconds(text):
        return datetime.fromisoformat(text + "+00:00").timestamp()

    event = progress.dnsmasq_event(f"{line} dnsmasq-dhcp[1]: DHCPACK(eth0) 192.0.2.11 52:54:00:00:02:11", seconds(reference))
    assert (event and event.time) == (expected and seconds(expected))


@given(st.text() | st.from_regex(r'[A-Z][a-z]{2} [ 0-9]{2} \d\d:\d\d:\d\d dnsmasq-(dhcp|tftp)\[\d+\]: .*', fullmatch=True))
def test_garbage_in_the_dnsmasq_log(line):
    state = follow([line])
    assert (state.stages(), state.host_key, state.remarks) == ([], None, {})


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=6)


@given(st.text() | st.dictionaries(
    st.sampled_from(["epoch", "client", "mac", "uri", "status", "complete"]),
    json_values | st.sampled_from([MAC, START + 1, 200, f"/beacon/{MAC}/{NONCE}/ssh{QUERY}", f"/node/{MAC}/boot.ipxe"])).map(json.dumps))
@example("[" * 100000)
@example('{"epoch": 1e400, "client": "x", "uri": "/", "status": 200}')
@example('{"epoch": ' + "9" * 5000 + ', "client": "x", "uri": "/", "status": 200}')
@example('{"epoch": 1795431890, "client": "x", "uri": "http://[/", "status": 200}')
def test_garbage_in_the_http_log(line):
    state = follow((), [line])
    # A line may by chance be a request of this boot; then it is one stage, and no more is made of it.
    assert [stage["stage"] for stage in state.stages()] in ([], ["ipxe"], ["ssh"])
    assert all(stage["seconds"] >= 0 for stage in state.stages())
    assert state.host_key in (None, KEY)


OTHERS = [line.replace(MAC, "52-54-00-00-02-12").replace(MAC.replace("-", ":"), "52:54:00:00:02:12").replace("192.0.2.11", "192.0.2.12")
          for line in DHCP + HTTP]


@pytest.mark.parametrize("address", [None, "192.0.2.11"])
def test_lines_of_other_nodes_need_not_be_understood(address):
    state = progress.Progress(mac=MAC, nonce=NONCE, since=START, address=address)
    for line in filter(state.concerns, DHCP + OTHERS):
        state.take(progress.dnsmasq_event(line, START))
    for line in filter(state.concerns, [line for pair in zip(OTHERS[len(DHCP):], HTTP) for line in pair]):
        state.take(progress.http_event(line))
    assert state.stages() == follow(DHCP, HTTP, address=address).stages()
    assert not list(filter(state.concerns, OTHERS))


@given(st.permutations(HTTP), st.lists(st.text(alphabet=st.characters(codec="ascii"), max_size=40), max_size=5))
def test_garbage_between_the_lines_changes_nothing(lines, garbage):
    mixed = [text for pair in zip(lines, [*garbage, *[""] * len(lines)]) for text in pair]
    assert follow(DHCP, mixed, address="192.0.2.11").stages() == follow(DHCP, HTTP, address="192.0.2.11").stages()


# Reading incrementally

def tail_of(path, since=0):
    return logs.Tail(path, lambda line: float(line) if line.replace(".", "").isdigit() else None, since)


def test_only_whole_new_lines_are_read(tmp_path):
    path = tmp_path / "log"
    tail = tail_of(path)
    assert list(tail.lines()) == []
    path.write_text("one\ntw")
    assert list(tail.lines()) == ["one"]
    with path.open("a") as file:
        file.write("o\nthree\n")
    assert list(tail.lines()) == ["two", "three"]
    assert list(tail.lines()) == []


def test_a_log_that_is_rotated_or_truncated(tmp_path):
    path = tmp_path / "log"
    path.write_text("one\n")
    tail = tail_of(path)
    assert list(tail.lines()) == ["one"]
    with path.open("a") as file:
        file.write("two\n")
    path.rename(tmp_path / "log.1")
    path.write_text("three\n")
    assert list(tail.lines()) == ["two", "three"]
    path.write_text("4\n")
    assert list(tail.lines()) == ["4"]


def test_what_was_rotated_away_before_the_first_look(tmp_path):
    path, rotated = tmp_path / "log", tmp_path / "log.1"
    rotated.write_text("1\n2\n")
    path.write_text("3\n")
    tail = tail_of(path)
    assert list(tail.lines()) == ["1", "2", "3"]
    assert list(tail.lines()) == []
    # Nothing was written to it since the start.
    os.utime(rotated, (10, 10))
    assert list(tail_of(path, since=11).lines()) == ["3"]


def test_a_long_log_is_read_from_near_the_start_only(tmp_path):
    path = tmp_path / "log"
    path.write_text("".join(f"{second}.{'0' * 90}\n" for second in range(100000)))
    lines = list(tail_of(path, since=99000).lines())
    assert float(lines[0]) < 99000 - 60 and float(lines[-1]) == 99999
    assert len(lines) < 25000


# Waiting

@pytest.fixture
def root(tmp_path):
    (tmp_path / "log").mkdir()
    (tmp_path / "log/dnsmasq.log").write_text("".join(line + "\n" for line in DHCP))
    (tmp_path / "log/http.log").write_text("".join(line + "\n" for line in HTTP))
    return tmp_path


def test_waiting_ends_with_the_call(root):
    result = wait.wait_for_ramdisk(str(root), mac="52:54:00:00:02:11", nonce=NONCE, address="192.0.2.11", since=START)
    assert result["host_key"] == KEY and result["address"] == "192.0.2.11"
    assert result["stages"][-1] == {"stage": "ssh", "time": "2026-11-23T11:05:22.750+00:00", "seconds": 32.25}


@pytest.mark.parametrize(("dhcp", "http", "seen", "cure"), [
    (0, 0, "nothing at all of this machine", "cable, VLAN"),
    (5, 0, "last stage dhcp at 2026-11-23T11:04:51", "TFTP"),
    (7, 0, "last stage firmware", "snponly.efi"),
    (8, 2, "last stage ipxe", "the kernel was not"),
    (8, 3, "last stage kernel", "memory enough"),
    (8, 4, "last stage initrd", "console for a kernel message"),
    (8, 5, "last stage ramdisk at 2026-11-23T11:05:20.500+00:00, after dhcp, firmware, ipxe", "public key"),
])
def test_time_is_up(root, dhcp, http, seen, cure):
    (root / "log/dnsmasq.log").write_text("".join(line + "\n" for line in DHCP[:dhcp]))
    (root / "log/http.log").write_text("".join(line + "\n" for line in HTTP[:http]))
    with pytest.raises(BaremetalError) as caught:
        wait.wait_for_ramdisk(
            str(root), mac="52:54:00:00:02:11", nonce=NONCE, address="192.0.2.11", since=START, timeout=0)
    assert seen in caught.value.seen and cure in caught.value.cure
    assert "52:54:00:00:02:11" in str(caught.value) and "\n" not in str(caught.value)


def test_check_mode_takes_one_look(root):
    (root / "log/http.log").write_text("")
    result = wait.wait_for_ramdisk(str(root), mac="52:54:00:00:02:11", nonce=NONCE, since=START, once=True)
    assert result["host_key"] is None and [item["stage"] for item in result["stages"]] == ["dhcp", "firmware"]


def test_without_a_boot_script_there_is_nothing_to_wait_for(root):
    with pytest.raises(BaremetalError, match="no boot script"):
        wait.wait_for_ramdisk(str(root), mac="52:54:00:00:02:11", nonce=NONCE)


@pytest.mark.parametrize(("text", "seconds"), [
    ("1970-01-01T00:01:00Z", 60), ("1970-01-01T00:01:00", 60), ("1970-01-01T01:01:00+01:00", 60)])
def test_since(text, seconds):
    assert wait.parse_since(text) == seconds


def test_since_must_be_a_time():
    with pytest.raises(BaremetalError, match="since is not a time"):
        wait.parse_since("yesterday")
