# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Discovery: what is written for machines that nobody knows, and who is taken for a caller."""

from __future__ import annotations

import json
import re
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import discovered, discovery
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot.progress import Event
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given
from hypothesis import strategies as st

URL = "http://192.0.2.1:8080"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0fZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTU+/ operator@example.com"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKdpZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTU+/"
NOTES = {"nonce": "9a1f5c0b7d3e4a21", "since": 1000.5, "range": "192.0.2.200-192.0.2.203"}
MAC, OTHER = "52-54-00-00-02-98", "52-54-00-00-02-99"


@pytest.fixture(name="root")
def _root(tmp_path):
    (tmp_path / "http/ramdisk/abc").mkdir(parents=True)
    for name in ("vmlinuz", "initrd.img"):
        (tmp_path / "http/ramdisk/abc" / name).write_text("x")
    (tmp_path / "http/ramdisk/current.json").write_text(
        json.dumps({"digest": "abc", "kernel": "ramdisk/abc/vmlinuz", "initrd": "ramdisk/abc/initrd.img"}))
    return tmp_path


def opened(root, **more):
    wanted = {"url": URL, "addresses": NOTES["range"], "network": "192.0.2.0/24", "keys": [KEY], **more}
    return discovery.opened(str(root), **wanted)


def test_on_and_off(root):
    assert discovery.read(root) is None and not discovery.closed(root)[0]
    assert opened(root, check_mode=True)[0] and not (root / "http/discover").exists()
    changed, before, after, notes = opened(root, extra="console=ttyS0,115200")
    assert changed and before == "" and KEY in after and discovery.read(root) == notes
    script = (root / "http/discover/boot.ipxe").read_text()
    assert script in after and "\n# Boots a machine that is not known into the ramdisk. Written by rackwright.baremetal.discovery.\n" in script
    assert (f"vmlinuz?mac=${{netX/mac:hexhyp}} initrd=initrd.img rackwright.url={URL}/discover/{notes['nonce']}/ "
            f"rackwright.beacon={URL}/beacon/${{netX/mac:hexhyp}}/{notes['nonce']}/ rackwright.nonce={notes['nonce']} "
            "BOOTIF=01-${netX/mac:hexhyp} console=ttyS0,115200 ||") in script
    assert (root / "http/discover" / notes["nonce"] / "authorized_keys").read_text() == KEY + "\n"
    # It stays what it is, also with another key; then a new one begins.
    assert not opened(root, extra="console=ttyS0,115200")[0]
    assert opened(root, keys=[KEY.replace("operator", "other")])[3] == notes
    assert not discovery.closed(root, check_mode=True)[2] and discovery.read(root) == notes
    assert discovery.closed(root)[0] and not (root / "http/discover").exists()
    assert opened(root)[3]["nonce"] != notes["nonce"]


@pytest.mark.parametrize("wrong, said", [
    ({"addresses": "192.0.2.200"}, "first and the last"),
    ({"addresses": "192.0.2.203-192.0.2.200"}, "the last address comes before the first"),
    ({"addresses": "192.0.2.200-192.0.2.255"}, "not all of it can be given away"),
    ({"addresses": "192.0.1.250-192.0.2.0"}, "not all of it can be given away"),
    ({"addresses": "192.0.2.1-192.0.2.9"}, "192.0.2.1 in it is the boot server"),
    ({"network": "192.0.2.0/33"}, "the network is not understood"),
    ({"keys": []}, "nobody could log in"),
    ({"url": "https://192.0.2.1"}, "URL of the boot server"),
    ({"extra": "BOOTIF=x"}, "set by the module itself"),
    ({"extra": 'note="a || b"'}, "come through iPXE unchanged"),
])
def test_what_cannot_work_is_refused(root, wrong, said):
    with pytest.raises(BaremetalError, match=re.escape(said)):
        opened(root, **wrong)
    assert discovery.read(root) is None


def test_nothing_without_a_ramdisk_or_a_boot_server(root, tmp_path):
    (root / "http/ramdisk/current.json").unlink()
    with pytest.raises(BaremetalError, match="has no ramdisk"):
        opened(root)
    with pytest.raises(BaremetalError, match="no boot server"):
        opened(tmp_path / "nowhere")


def lease(moment, address, mac=MAC):
    return Event("lease", moment, mac=mac, client=address)


def request(moment, path, address="192.0.2.200", mac=None, status=200, query=""):
    return Event("http", moment, mac=mac, client=address, path=path, query=query, status=status)


def beacon(moment, stage="ssh", address="192.0.2.200", mac=MAC, nonce=NOTES["nonce"], key=HOST_KEY):
    return request(moment, f"/beacon/{mac}/{nonce}/{stage}", address, mac, 204, "hostkey=" + key.replace("+", "%2B").replace(" ", "%20"))


def seen(*events):
    callers = discovered.Callers(NOTES)
    for event in events:
        callers.take(event)
    return callers.machines()


def test_a_call():
    boot = [lease(1000, "192.0.2.200"), Event("tftp", 1001, client="192.0.2.200", path="snponly.efi"), request(1002, "/discover.ipxe"),
            request(1003, "/discover/boot.ipxe", mac=MAC), request(1004, "/ramdisk/abc/vmlinuz", mac=MAC), request(1005, "/ramdisk/abc/initrd.img", mac=MAC)]
    machine, = seen(*boot)
    assert (machine["stage"], machine["host_key"], machine["called_at"], machine["address"]) == ("initrd", None, None, "192.0.2.200")
    # The ramdisk has another address than its firmware.
    machine, = seen(*boot, lease(1010, "192.0.2.201"), beacon(1012.25, address="192.0.2.201"))
    assert [stage["stage"] for stage in machine["stages"]] == ["dhcp", "firmware", "ipxe", "kernel", "initrd", "ssh"]
    assert {key: machine[key] for key in ("mac", "address", "host_key", "called_at", "stage")} == {
        "mac": "52:54:00:00:02:98", "address": "192.0.2.201", "host_key": HOST_KEY, "called_at": "1970-01-01T00:16:52.250+00:00", "stage": "ssh"}


@pytest.mark.parametrize("event", [
    beacon(1002, nonce="0000000000000000"),
    beacon(1002, mac=OTHER),
    beacon(1002, address="192.0.2.201"),
    beacon(1002, address="192.0.2.11"),
    beacon(1002, address="evil"),
    beacon(999),
    beacon(1002, key="ssh-rsa AAAA"),
    beacon(1002, stage="x/ssh"),
])
def test_what_is_no_call(event):
    machine, = seen(lease(1001, "192.0.2.200"), lease(1001, "192.0.2.11", OTHER), event)
    assert (machine["mac"], machine["host_key"], machine["stage"]) == ("52:54:00:00:02:98", None, "dhcp")


def test_machines_come_by_their_calls_and_go():
    events = [lease(1001, "192.0.2.200"), lease(1001, "192.0.2.201", OTHER), lease(1001, "192.0.2.202", "52-54-00-00-02-97"),
              beacon(1020), beacon(1010, address="192.0.2.201", mac=OTHER)]
    assert [machine["mac"][-2:] for machine in seen(*events)] == ["99", "98", "97"]
    events.append(beacon(1030, discovered.GONE, address="192.0.2.201", mac=OTHER))
    assert [machine["mac"][-2:] for machine in seen(*events)] == ["98", "97"]
    # It boots once more, and what counts is the order of the log, also in one and the same millisecond.
    for moment in (1030, 1040):
        again = [*events, beacon(moment, address="192.0.2.201", mac=OTHER)]
        assert [machine["mac"][-2:] for machine in seen(*again)] == ["98", "99", "97"]


EVENTS = st.builds(
    Event, kind=st.sampled_from(["lease", "refused", "tftp", "http"]), time=st.floats(900, 2000),
    mac=st.sampled_from([None, MAC, OTHER, "x"]), client=st.sampled_from([None, "", "192.0.2.200", "192.0.2.203", "192.0.2.204", "2001:db8::1"]),
    path=st.sampled_from(["", "/discover.ipxe", f"/beacon/{MAC}/{NOTES['nonce']}/ssh", f"/beacon/{MAC}/{NOTES['nonce']}/{discovered.GONE}"]),
    query=st.sampled_from(["", "hostkey=" + HOST_KEY.replace(" ", "%20")]), status=st.sampled_from([200, 204, 404]))


@given(st.lists(EVENTS, max_size=12))
def test_anything_in_the_logs_makes_no_more_callers_than_addresses(events):
    machines = seen(*events)
    assert sum(machine["host_key"] is not None for machine in machines) <= 2
    assert all(machine["address"] in ("192.0.2.200", "192.0.2.203") for machine in machines if machine["host_key"])


def test_callers_of_the_logs(root):
    with pytest.raises(BaremetalError, match="discovery is off.*boot_server_discovery_range"):
        discovered.callers(root)
    notes = opened(root)[3]
    (root / "log").mkdir()
    assert discovered.callers(root) == (notes, [])
    moment = time.gmtime(notes["since"] + 1)
    (root / "log/dnsmasq.log").write_text(
        f"nonsense\n{time.strftime('%b %e %H:%M:%S', moment)} dnsmasq-dhcp[7]: DHCPACK(eth0) 192.0.2.200 {MAC.replace('-', ':')}\n")
    (root / "log/http.log").write_text("nonsense\n" + json.dumps({
        "epoch": notes["since"] + 2, "client": "192.0.2.200", "mac": MAC, "status": 204,
        "uri": f"/beacon/{MAC}/{notes['nonce']}/ssh?hostkey={HOST_KEY.replace(' ', '%20').replace('+', '%2B')}"}) + "\n")
    machine, = discovered.callers(root, wait=60, count=1)[1]
    assert machine["host_key"] == HOST_KEY
