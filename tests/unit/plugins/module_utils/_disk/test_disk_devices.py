# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks as lsblk, udev and sysfs show them."""

from __future__ import annotations

import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import devices
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk.tools import run


def row(name, **values):
    base = {"name": name, "type": "disk", "size": 10 * devices.GIB, "rota": False, "ro": False, "rm": False}
    return dict(base, **{"log-sec": 512, "phy-sec": 4096}, **values)


def listing(machine, rows, files=None, udev=None, **options):
    root = machine(files or {"proc/self/mountinfo": ""})

    def runner(argv, **_options):
        if argv[0] == "lsblk":
            return json.dumps({"blockdevices": rows}).encode()
        name = argv[-1].rpartition("=")[2]
        if name not in (udev or {}):
            raise BaremetalError("unknown device")
        return "".join("%s=%s\n" % pair for pair in udev[name].items()).encode()

    return devices.list_disks(
        **options, sysfs=str(root / "sys"), dev=str(root / "dev"), proc=str(root / "proc"), runner=runner
    )


@pytest.fixture(autouse=True)
def udevadm(monkeypatch):
    monkeypatch.setattr(devices, "find_tool", lambda name: "/bin/" + name)


def test_virtio_serial_comes_from_sysfs(machine):
    (disk,) = listing(machine, [row("vda", serial=None)], {"sys/block/vda/serial": "S1D2\n"})
    assert disk["serial"] == "S1D2"
    assert disk["size"] == 10 * devices.GIB
    assert (disk["logical_sectors"], disk["physical_sectors"]) == (512, 4096)
    assert disk["in_use"] is False


def test_udev_fills_what_lsblk_leaves_empty(machine, tmp_path):
    name = str(tmp_path / "dev" / "sda")
    udev = {name: {"ID_SERIAL_SHORT": "Z1", "ID_WWN": "0x5", "ID_WWN_WITH_EXTENSION": "0x5a", "ID_WWN_VENDOR_EXTENSION": "0xa", "ID_VENDOR": "ACME"}}
    (disk,) = listing(machine, [row("sda", hctl="0:0:0:0", tran="sata", model=" Disk ")], udev=udev)
    assert disk["serial"] == "Z1"
    assert (disk["wwn"], disk["wwn_with_extension"], disk["wwn_vendor_extension"]) == ("0x5", "0x5a", "0xa")
    assert (disk["vendor"], disk["model"], disk["hctl"], disk["tran"]) == ("ACME", "Disk", "0:0:0:0", "sata")
    assert disk["serial_long"] is None


def test_the_long_serial_number_stands_beside_the_short_one(machine, tmp_path):
    udev = {str(tmp_path / "dev" / "sda"): {"ID_SERIAL": "ACME_Disk_Z1", "ID_SERIAL_SHORT": "Z1"}}
    (disk,) = listing(machine, [row("sda")], udev=udev)
    assert (disk["serial"], disk["serial_long"]) == ("Z1", "ACME_Disk_Z1")


@pytest.mark.parametrize("transport, tran", [("tcp", "nvme-tcp"), ("fc", "nvme-fc"), ("pcie", "nvme")])
def test_nvme_over_a_network_is_told_from_nvme_on_pci(machine, transport, tran):
    (disk,) = listing(machine, [row("nvme0n1", tran="nvme")], {"sys/block/nvme0n1/device/transport": transport + "\n"})
    assert disk["tran"] == tran
    # One with several paths stands below the subsystem of its controllers.
    (disk,) = listing(machine, [row("nvme1n1", tran="nvme")], {"sys/block/nvme1n1/device/nvme7/transport": transport + "\n"})
    assert disk["tran"] == tran


def test_a_disk_without_size_is_listed_by_itself(machine):
    rows = [row("sda"), row("sdb", size=0), row("sdc", size=None)]
    assert [disk["name"].rpartition("/")[2] for disk in listing(machine, rows)] == ["sda"]
    assert [disk["name"].rpartition("/")[2] for disk in listing(machine, rows, sizeless=True)] == ["sdb", "sdc"]


def test_old_lsblk_writes_booleans_as_text(machine):
    (disk,) = listing(machine, [row("sda", size="5", rota="1", ro="0", rm="1") | {"log-sec": "4096"}])
    assert (disk["size"], disk["rotational"], disk["read_only"], disk["removable"]) == (5, True, False, True)
    assert disk["logical_sectors"] == 4096


def test_what_is_no_disk_is_left_out(machine):
    rows = [row("zram0"), row("sr0", type="rom"), row("fd0"), row("nbd0", size=0), row("sdb", size=0), row("loop0", type="loop"), row("md0", type="raid1")]
    assert listing(machine, rows) == []
    assert [disk["type"] for disk in listing(machine, rows, loop=True)] == ["loop"]


def test_order_puts_sdb_before_sdaa(machine):
    names = [disk["name"].rpartition("/")[2] for disk in listing(machine, [row("sdaa"), row("sdb"), row("sda")])]
    assert names == ["sda", "sdb", "sdaa"]


def test_mounts_swap_and_holders_of_partitions_count(machine, tmp_path):
    files = {
        "sys/block/sda/sda1/partition": "1",
        "sys/block/sda/sda1/dev": "8:1",
        "sys/block/sda/sda2/partition": "2",
        "sys/block/sda/sda2/holders/md0/x": "",
        "sys/block/sdb/dev": "8:16",
        "proc/self/mountinfo": "22 1 8:1 / /boot rw - ext4 /dev/root rw\n23 1 0:20 / /btr rw - btrfs %s/dev/sdb rw\nbroken\n" % tmp_path,
        "proc/swaps": "Filename Type\n%s/dev/sdc partition 1 0 -2\n" % tmp_path,
    }
    found = {disk["name"][-3:]: disk for disk in listing(machine, [row("sda"), row("sdb"), row("sdc"), row("sdd")], files)}
    assert found["sda"]["mountpoints"] == ["/boot"]
    assert found["sda"]["holders"] == ["md0"]
    assert [path[-4:] for path in found["sda"]["partitions"]] == ["sda1", "sda2"]
    assert found["sdb"]["mountpoints"] == ["/btr"]
    assert found["sdc"]["mountpoints"] == ["[swap]"]
    assert [name for name in sorted(found) if found[name]["in_use"]] == ["sda", "sdb", "sdc"]


def test_by_path_link(machine, tmp_path):
    files = {"dev/sda": "", "dev/disk/by-path/x": "", "proc/self/mountinfo": ""}
    machine(files)
    (tmp_path / "dev/disk/by-path/pci-0000:00:01.0").symlink_to("../../sda")
    (disk,) = listing(machine, [row("sda")])
    assert disk["by_path"].endswith("pci-0000:00:01.0")


def test_arrays_are_listed_when_asked_for_and_by_their_names(machine):
    root = machine({"proc/self/mountinfo": "", "sys/block/md7/md/level": "raid1\n", "sys/block/sda/size": "1\n"})
    array = str(root / "dev/md7")

    def runner(argv, **_options):
        # lsblk leaves out what stands on other devices, unless it is named.
        return json.dumps({"blockdevices": [row("md7", type="raid1")] if argv[-1] == array else [row("sda")]}).encode()

    places = {"sysfs": str(root / "sys"), "dev": str(root / "dev"), "proc": str(root / "proc"), "runner": runner}
    assert [disk["name"] for disk in devices.list_disks(**places)] == [str(root / "dev/sda")]
    assert [(disk["name"], disk["type"]) for disk in devices.list_disks(raid=True, **places)] == [(array, "raid1"), (str(root / "dev/sda"), "disk")]
    assert devices.read_disk(array, raid=True, **places)["type"] == "raid1"


def test_unreadable_lsblk_is_one_paragraph():
    with pytest.raises(BaremetalError, match="no readable list of disks"):
        devices.list_disks(runner=lambda argv, **_options: b"lsblk: boo")


def test_partition_names():
    assert devices.partition_name("/dev/vda", 3) == "/dev/vda3"
    assert devices.partition_name("/dev/nvme0n1", 3) == "/dev/nvme0n1p3"


def test_a_loop_device_is_only_listed_when_asked_for(loops):
    device = loops(8)
    assert devices.read_disk(device) is None
    disk = devices.read_disk(device, loop=True)
    assert (disk["size"], disk["type"], disk["in_use"]) == (8 * 1024 ** 2, "loop", False)


def test_a_mounted_partition_makes_the_disk_used(loops, tmp_path):
    device = loops(32)
    run("sfdisk", "--no-reread", "--no-tell-kernel", device, input="label: gpt\nsize=+\n")
    run("partx", "--update", device)
    run("mkfs.ext4", "-q", device + "p1")
    run("mount", device + "p1", tmp_path)
    try:
        disk = devices.read_disk(device, loop=True)
    finally:
        run("umount", tmp_path)
    assert disk["mountpoints"] == [str(tmp_path)]
    assert disk["partitions"] == [device + "p1"]
    assert disk["in_use"] is True
