# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Buses, NUMA and TPM from a made-up /sys."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import buses
from hypothesis import given
from hypothesis import strategies as st


def test_pci(machine):
    place = "bus/pci/devices/0000:3b:00.0/"
    root = machine({
        place + "vendor": "0x15B3\n", place + "device": "0x1017\n", place + "class": "0x020000\n", place + "subsystem_vendor": "0x15b3\n",
        place + "subsystem_device": "0x0020\n", place + "revision": "0x00\n", place + "numa_node": "1\n", "drivers/mlx5_core/bind": "",
        "bus/pci/devices/0000:00:00.0/vendor": "0x8086\n", "bus/pci/devices/0000:00:00.0/numa_node": "-1\n"})
    (root / place / "driver").symlink_to(root / "drivers/mlx5_core")
    bridge, card = buses.pci_devices(sysfs=str(root))
    assert card == {
        "bus": "0000:3b:00.0", "vendor_id": "15b3", "product_id": "1017", "class": "020000", "subsystem_vendor_id": "15b3",
        "subsystem_product_id": "0020", "revision": "00", "driver": "mlx5_core", "numa_node": 1}
    assert (bridge["vendor_id"], bridge["product_id"], bridge["driver"], bridge["numa_node"]) == ("8086", None, None, None)


def test_usb_without_root_hubs_and_interfaces(machine):
    root = machine({
        "bus/usb/devices/usb1/idVendor": "1d6b\n", "bus/usb/devices/1-1.4/idVendor": "0781\n", "bus/usb/devices/1-1.4/idProduct": "5581\n",
        "bus/usb/devices/1-1.4/product": "Ultra\n", "bus/usb/devices/1-1.4/serial": "U1\n", "bus/usb/devices/1-1.4:1.0/bInterfaceClass": "08\n"})
    assert buses.usb_devices(sysfs=str(root)) == [
        {"handle": "1-1.4", "vendor_id": "0781", "product_id": "5581", "class": None, "vendor": None, "product": "Ultra", "serial": "U1"}]


def test_numa(machine):
    cpus = "devices/system/cpu/cpu%d/topology/%s"
    files = {
        "devices/system/node/node0/meminfo": "Node 0 MemTotal:       1000 kB\nNode 0 MemFree: 1 kB\n", "devices/system/node/node0/cpulist": "0,2\n",
        "devices/system/node/node1/meminfo": "Node 1 MemTotal:       2000 kB\n", "devices/system/node/node1/cpulist": "1,3-4\n",
        "devices/system/node/power/x": "", "class/net/eth0/device/numa_node": "1\n", "class/net/eth1/device/numa_node": "-1\n"}
    # Both packages have a core 0; the second one has two threads. Processor 4 is offline.
    for cpu, package, core in ((0, 0, 0), (2, 0, 1), (1, 1, 0), (3, 1, 0)):
        files.update({cpus % (cpu, "physical_package_id"): "%d\n" % package, cpus % (cpu, "core_id"): "%d\n" % core})
    assert buses.numa_topology(["eth0", "eth1"], sysfs=str(machine(files))) == {
        "ram": [{"numa_node": 0, "size_kb": 1000}, {"numa_node": 1, "size_kb": 2000}],
        "cpus": [
            {"cpu": 0, "numa_node": 0, "thread_siblings": [0]}, {"cpu": 1, "numa_node": 0, "thread_siblings": [2]},
            {"cpu": 0, "numa_node": 1, "thread_siblings": [1, 3]}],
        "nics": [{"name": "eth0", "numa_node": 1}, {"name": "eth1", "numa_node": None}]}


@pytest.mark.parametrize("files, answer", [
    ({}, {"present": False, "version": None}),
    ({"class/tpm/tpm0/tpm_version_major": "2\n"}, {"present": True, "version": "2.0"}),
    ({"class/tpm/tpm0/device/caps": "Manufacturer: 0x1\nTCG version: 1.2\n"}, {"present": True, "version": "1.2"}),
    ({"class/tpm/tpm0/dev": "10:224\n"}, {"present": True, "version": None}),
])
def test_tpm(machine, files, answer):
    assert buses.tpm(sysfs=str(machine(files))) == answer


@pytest.mark.parametrize("text, answer", [(None, []), ("", []), ("0-3,8", [0, 1, 2, 3, 8]), ("5\n", [5]), ("x,1-y,2", [2])])
def test_lists_of_numbers(text, answer):
    assert buses.numbers(text) == answer


@given(st.sets(st.integers(0, 300)))
def test_a_list_of_single_numbers_comes_back(wanted):
    assert buses.numbers(",".join(map(str, sorted(wanted)))) == sorted(wanted)
