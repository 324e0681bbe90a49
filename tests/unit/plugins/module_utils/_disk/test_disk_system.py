# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts of a machine from a made-up /sys and /proc."""

from __future__ import annotations

import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import system


def test_identity_firmware_and_boot(machine):
    root = machine(
        {
            "class/dmi/id/product_uuid": "4C4C4544-0042-4810-8054-B4C04F4B3532\n",
            "class/dmi/id/product_serial": "SN1\n",
            "class/dmi/id/sys_vendor": "ACME\n",
            "class/dmi/id/product_name": "\n",
            "class/dmi/id/bios_version": "1.2\n",
            "firmware/efi/runtime": "",
            "cmdline": "BOOTIF=01-52-54-00-AB-34-56 quiet\n",
        }
    )
    assert system.system(sysfs=str(root)) == {
        "uuid": "4c4c4544-0042-4810-8054-b4c04f4b3532",
        "serial": "SN1",
        "manufacturer": "ACME",
        "product": None,
    }
    assert system.bios(sysfs=str(root)) == {"vendor": None, "version": "1.2", "date": None}
    seen = system.boot(sysfs=str(root), cmdline=str(root / "cmdline"))
    assert seen == {"current_boot_mode": "uefi", "pxe_interface": "52:54:00:ab:34:56"}


@pytest.mark.parametrize("text, mac", [("quiet", None), ("BOOTIF=52:54:00:12:34:56", "52:54:00:12:34:56")])
def test_bios_and_other_forms_of_bootif(machine, text, mac):
    root = machine({"cmdline": text})
    assert system.boot(sysfs=str(root), cmdline=str(root / "cmdline")) == {"current_boot_mode": "bios", "pxe_interface": mac}


def test_processors(machine):
    one = "processor\t: %d\nmodel name\t: ACME CPU\nphysical id\t: %d\nflags\t\t: fpu lm\n"
    root = machine({"cpuinfo": "\n".join(one % pair for pair in ((0, 0), (1, 0), (2, 1)))})
    seen = system.cpu(proc=str(root))
    assert (seen["count"], seen["socket_count"], seen["model_name"], seen["flags"]) == (3, 2, "ACME CPU", ["fpu", "lm"])


def test_memory(machine):
    root = machine(
        {
            "meminfo": "MemTotal:        2000 kB\nMemFree: 1 kB\n",
            "devices/system/memory/block_size_bytes": "8000000\n",
            "devices/system/memory/memory0/online": "1\n",
            "devices/system/memory/memory1/online": "1\n",
            "devices/system/memory/memory2/online": "0\n",
            "devices/system/memory/power/x": "",
        }
    )
    assert system.memory(sysfs=str(root), proc=str(root)) == {"total": 2048000, "physical_mb": 256}


def test_memory_without_blocks(machine):
    assert system.memory(sysfs=str(machine({})), proc="/nonexistent") == {"total": None, "physical_mb": None}


def test_interfaces(machine, monkeypatch):
    monkeypatch.setattr(system, "find_tool", lambda name: "/bin/" + name)
    root = machine(
        {
            "class/net/eth0/address": "52:54:00:AB:34:56\n",
            "class/net/eth0/carrier": "1\n",
            "class/net/eth0/speed": "-1\n",
            "class/net/eth0/device/vendor": "0x1af4\n",
            "class/net/eth1/address": "52:54:00:ab:34:57\n",
            "class/net/eth1/device/vendor": "0x8086\n",
            "class/net/eth1/speed": "10000\n",
            "class/net/lo/address": "00:00:00:00:00:00\n",
        }
    )
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
    first, second = system.interfaces(sysfs=str(root), runner=lambda argv, **_options: json.dumps(answer).encode())
    assert first["name"] == "eth0" and first["mac_address"] == "52:54:00:ab:34:56"
    assert (first["has_carrier"], first["speed_mbps"], first["vendor"]) == (True, None, "0x1af4")
    assert (first["ipv4_address"], first["ipv6_address"]) == ("192.0.2.11", None)
    assert (second["has_carrier"], second["speed_mbps"], second["ipv4_address"]) == (False, 10000, None)
