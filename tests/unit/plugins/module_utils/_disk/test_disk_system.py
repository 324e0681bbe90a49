# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts of a machine from a made-up /sys and /proc."""

from __future__ import annotations

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
    assert seen == {"current_boot_mode": "uefi", "secure_boot": None, "pxe_interface": "52:54:00:ab:34:56"}


@pytest.mark.parametrize("text, mac", [("quiet", None), ("BOOTIF=52:54:00:12:34:56", "52:54:00:12:34:56")])
def test_bios_and_other_forms_of_bootif(machine, text, mac):
    root = machine({"cmdline": text})
    assert system.boot(sysfs=str(root), cmdline=str(root / "cmdline")) == {"current_boot_mode": "bios", "secure_boot": None, "pxe_interface": mac}


@pytest.mark.parametrize("value, state", [(b"\6\0\0\0\1", True), (b"\6\0\0\0\0", False), (b"\6\0\0\0", None), (b"", None)])
def test_secure_boot(machine, value, state):
    root = machine({system.SECURE_BOOT: ""})
    (root / system.SECURE_BOOT).write_bytes(value)
    assert system.boot(sysfs=str(root), cmdline="/nonexistent")["secure_boot"] is state


def test_processors(machine):
    one = "processor\t: %d\nmodel name\t: ACME CPU\nphysical id\t: %d\nflags\t\t: fpu lm\n"
    root = machine({"cpuinfo": "\n".join(one % pair for pair in ((0, 0), (1, 0), (2, 1)))})
    seen = system.cpu(sysfs=str(root), proc=str(root))
    assert (seen["count"], seen["socket_count"], seen["model_name"], seen["flags"]) == (3, 2, "ACME CPU", ["fpu", "lm"])
    assert seen["frequency"] is None


def test_processors_of_arm_tell_their_sockets_in_sysfs(machine):
    block = "processor\t: %d\nCPU implementer\t: 0x41\nFeatures\t: fp asimd\n"
    files = {"cpuinfo": "\n".join(block % number for number in range(4)), "devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "3000000\n"}
    files.update({"devices/system/cpu/cpu%d/topology/physical_package_id" % number: "%d\n" % (36 * (number // 2)) for number in range(4)})
    root = machine(files)
    seen = system.cpu(sysfs=str(root), proc=str(root))
    assert (seen["count"], seen["socket_count"], seen["vendor"], seen["flags"], seen["frequency"]) == (4, 2, "0x41", ["fp", "asimd"], 3000)


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


def test_memory_modules_count_before_blocks(machine):
    modules = [{"size_mb": 16384, "type": "DDR4"}, {"size_mb": None, "type": None}, {"size_mb": 131072, "type": "Logical non-volatile device"}]
    root = machine({"devices/system/memory/block_size_bytes": "8000000\n", "devices/system/memory/memory0/online": "1\n"})
    assert system.memory(modules, sysfs=str(root), proc=str(root))["physical_mb"] == 16384
    assert system.memory(modules[1:2], sysfs=str(root), proc=str(root))["physical_mb"] == 128


def test_memory_without_blocks(machine):
    assert system.memory(sysfs=str(machine({})), proc="/nonexistent") == {"total": None, "physical_mb": None}
