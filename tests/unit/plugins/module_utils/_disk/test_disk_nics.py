# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""NICs from a made-up /sys, and what the kernel of this machine says of real interfaces."""

from __future__ import annotations

import json
import os
import struct

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import nics
from hypothesis import given
from hypothesis import strategies as st


def silent(name):
    return {"permanent_mac": None, "firmware_version": None}


def test_interfaces(machine, monkeypatch):
    monkeypatch.setattr(nics, "find_tool", lambda name: "/bin/" + name)
    root = machine(
        {
            "class/net/eth0/address": "52:54:00:AB:34:56\n",
            "class/net/eth0/carrier": "1\n",
            "class/net/eth0/speed": "-1\n",
            "devices/pci0000:00/0000:00:03.0/virtio1/vendor": "0x1af4\n",
            "class/net/eth1/address": "52:54:00:ab:34:57\n",
            "class/net/eth1/device/vendor": "0x8086\n",
            "class/net/eth1/speed": "10000\n",
            "class/net/lo/address": "00:00:00:00:00:00\n",
        }
    )
    (root / "class/net/eth0/device").symlink_to(root / "devices/pci0000:00/0000:00:03.0/virtio1")
    answer = [
        {"ifname": "lo", "addr_info": [{"family": "inet", "local": "127.0.0.1", "scope": "host"}]},
        {
            "ifname": "eth0",
            "addr_info": [
                {"family": "inet", "local": "192.0.2.11", "scope": "global"},
                {"family": "inet", "local": "192.0.2.12", "scope": "global"},
                {"family": "inet6", "local": "fe80::1", "scope": "link"},
            ],
        },
    ]
    first, second = nics.interfaces(sysfs=str(root), runner=lambda argv, **_options: json.dumps(answer).encode(), ethtool=silent)
    assert first["name"] == "eth0" and first["mac_address"] == "52:54:00:ab:34:56"
    assert (first["has_carrier"], first["speed_mbps"], first["vendor"]) == (True, None, "0x1af4")
    assert (first["ipv4_address"], first["ipv6_address"]) == ("192.0.2.11", None)
    # The PCI device that a virtio device sits on.
    assert (first["pci_address"], second["pci_address"]) == ("0000:00:03.0", None)
    assert (second["has_carrier"], second["speed_mbps"], second["ipv4_address"]) == (False, 10000, None)


@pytest.mark.parametrize("answer, mac", [
    (None, None),
    (struct.pack("II32s", 0x20, 6, b"\x52\x54\0\xab\x34\x56"), "52:54:00:ab:34:56"),
    (struct.pack("II32s", 0x20, 6, b""), None),
    (struct.pack("II32s", 0x20, 20, b"\1" * 20), None),
])
def test_permanent_mac(answer, mac):
    assert nics.permanent_mac(answer) == mac


def test_every_interface_of_this_machine_is_asked_without_an_error():
    for name in os.listdir("/sys/class/net") + ["nosuchnic"]:
        answer = nics.ask_ethtool(name)
        assert set(answer) == {"permanent_mac", "firmware_version"}
    assert nics.ask_ethtool("nosuchnic") == silent("nosuchnic")


@given(st.binary(min_size=40, max_size=40))
def test_any_answer_makes_a_mac_or_none(answer):
    mac = nics.permanent_mac(answer)
    assert mac is None or len(bytes.fromhex(mac.replace(":", ""))) == 6
