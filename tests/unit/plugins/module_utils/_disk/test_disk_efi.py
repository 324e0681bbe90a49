# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""UEFI boot records, against a firmware that is played by a function."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import efi, efi_loader, efi_records
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.partitions import reread
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk.tools import run
from hypothesis import given
from hypothesis import strategies as st

ESP = "7f2c1d1e-0a51-4d8a-9d3c-7c1f6a0c5b11"
OTHER = "11111111-2222-4333-8444-555555555555"
GONE = "99999999-2222-4333-8444-555555555555"
LOADER = "\\EFI\\debian\\shimx64.efi"

OLD_STYLE = r"""BootCurrent: 0001
Timeout: 0 seconds
BootOrder: 0003,0001,000A
Boot0001* UEFI PXEv4	PciRoot(0x0)/Pci(0x2,0x0)/MAC(525400123456,1)/IPv4(0.0.0.00.0.0.0,0,0)..BO
Boot0003* debian	HD(1,GPT,{esp},0x800,0x32000)/File(\EFI\debian\shimx64.efi)..BO
Boot000A  EFI Internal Shell	FvVol(7cb8bdc9)/FvFile(7c04a583)
MirroredPercentageAbove4G: 0.00
"""
NEW_STYLE = r"""BootCurrent: 0001
BootOrder: 0003,0001
Boot0001* UEFI Disk 1	PciRoot(0x0)/Pci(0x3,0x0)
      dp: 02 01 0c 00
Boot0003* debian	HD(1,GPT,{esp},0x800,0x32000)/\EFI\debian\shimx64.efi
      dp: 04 01 2a 00 / 7f ff 04 00
"""


@pytest.mark.parametrize("text", [OLD_STYLE, NEW_STYLE])
@pytest.mark.parametrize("coding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_efibootmgr_output_of_both_ages_in_each_coding(text, coding):
    found = efi_records.parse_records(text.replace("{esp}", ESP.upper()).encode(coding))
    assert found["order"][:2] == ["0003", "0001"]
    entry = found["entries"]["0003"]
    assert (entry["label"], entry["active"], entry["partition"], entry["loader"]) == ("debian", True, ESP, LOADER)
    assert found["entries"]["0001"]["loader"] is None
    assert (found["current"], found["next"]) == ("0001", None)
    if "000A" in found["entries"]:
        assert found["entries"]["000A"]["active"] is False
        assert found["entries"]["000A"]["label"] == "EFI Internal Shell"


@pytest.mark.parametrize("data", [b"", b"BootOrder: \n", b"EFI variables are not supported on this system.\n"])
def test_a_firmware_without_records(data):
    assert efi_records.parse_records(data) == {"current": None, "next": None, "order": [], "entries": {}}


@given(st.binary() | st.from_regex(rb"(Boot[0-9a-f]{4}[* ] .*|BootOrder:.*|.*,.*)\n", fullmatch=True))
def test_any_bytes_can_be_parsed(data):
    found = efi_records.parse_records(data)
    assert all(re.fullmatch("[0-9A-F]{4}", number) and entry["number"] == number for number, entry in found["entries"].items())
    assert all(number == number.strip() != "" for number in found["order"])
    assert all(file and "," not in file + label for file, label in efi_loader.parse_csv(data))


labels = st.text(st.characters(codec="ascii", categories=["L", "N", "Zs"]), min_size=1).map(str.strip).filter(bool)


@given(labels, st.sampled_from(["utf-8", "utf-16", "utf-16-le"]))
def test_labels_survive(label, coding):
    text = "BootOrder: 0001\nBoot0001* %s\tHD(1,GPT,%s,0x800,0x1)/\\EFI\\x.efi\n" % (label, ESP)
    assert efi_records.parse_records(text.encode(coding))["entries"]["0001"]["label"] == label


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8"])
def test_csv(coding):
    text = "shimx64.efi,debian,,This is the boot entry for debian\r\n\r\nother.efi , Other\n"
    assert efi_loader.parse_csv(text.encode(coding)) == [("shimx64.efi", "debian"), ("other.efi", "Other")]


@pytest.mark.parametrize("data, found", [(b"", []), (b"\n\n", []), (b",debian\n", []), (b"only\n", []), (b"only.efi\n", [("only.efi", "")])])
def test_csv_without_a_loader_or_a_label(data, found):
    assert efi_loader.parse_csv(data) == found


names = st.text(st.characters(codec="ascii", categories=["L", "N"], include_characters="-_ ."), min_size=1, max_size=30).map(str.strip).filter(bool)


@given(st.lists(st.tuples(names, names), max_size=4), st.sampled_from(["utf-16", "utf-16-le", "utf-8"]))
def test_every_line_of_a_csv_comes_back(lines, coding):
    text = "".join("%s,%s,,comment\n" % line for line in lines)
    assert efi_loader.parse_csv(text.encode(coding)) == lines


CSV = "shimx64.efi,debian,,\n"


@pytest.mark.parametrize(
    "files, csv, found",
    [
        (["EFI/debian/shimx64.efi", "EFI/BOOT/BOOTX64.EFI"], {"EFI/debian/BOOTX64.CSV": CSV}, (LOADER, "debian")),
        (["EFI/BOOT/BOOTX64.EFI"], {}, ("\\EFI\\BOOT\\BOOTX64.EFI", None)),
        (["efi/boot/bootx64.efi"], {}, ("\\efi\\boot\\bootx64.efi", None)),
        # A CSV that names a loader which is not there is worth nothing, and so is such a line.
        (["EFI/debian/x", "EFI/BOOT/BOOTX64.EFI"], {"EFI/debian/BOOTX64.CSV": CSV}, ("\\EFI\\BOOT\\BOOTX64.EFI", None)),
        (["EFI/debian/shimx64.efi"], {"EFI/debian/BOOTX64.CSV": "gone.efi,gone\n" + CSV}, (LOADER, "debian")),
        (["EFI/debian/SHIMX64.EFI"], {"EFI/debian/bootx64.csv": CSV}, ("\\EFI\\debian\\SHIMX64.EFI", "debian")),
        (["EFI/old/shimx64.efi"], {"EFI/old/BOOT.CSV": "shimx64.efi"}, ("\\EFI\\old\\shimx64.efi", None)),
        (["EFI/BOOT/BOOTAA64.EFI", "EFI/debian/grubx64.efi"], {}, None),
    ],
)
def test_find_loader(files, csv, found):
    data = {name: text.encode("utf-16") for name, text in csv.items()}
    assert efi_loader.find_loader([*files, *csv], data.__getitem__, machine="x86_64") == found


def test_find_loader_of_another_architecture():
    assert efi_loader.find_loader(["EFI/BOOT/BOOTAA64.EFI"], None, machine="aarch64") == ("\\EFI\\BOOT\\BOOTAA64.EFI", None)
    assert efi_loader.find_loader(["EFI/BOOT/BOOTAA64.EFI"], None, machine="vax") is None


DISKS = {"/dev/vda": ESP, "/dev/vdb": OTHER}


class Firmware:
    """What efibootmgr does to a firmware's records, and lsblk's answer."""

    def __init__(self, records, order, stubborn=False):
        self.records = dict(records)
        self.order = list(order)
        self.stubborn = stubborn
        self.calls = []

    def __call__(self, argv, **_options):
        if argv[0] == "lsblk":
            return ("%s\n\n%s\n" % (ESP.upper(), OTHER)).encode()
        options = dict(zip(argv[1::2], argv[2::2]))
        if argv[1] == "-v":
            lines = ["BootCurrent: 0000", "BootNext: 000a", "BootOrder: " + ",".join(self.order)]
            lines += ["Boot%s* %s\t%s" % (number, label, path) for number, (label, path) in sorted(self.records.items())]
            return "\n".join(lines).encode()
        self.calls.append(argv[1:])
        if argv[1] == "-b":
            del self.records[options["-b"]]
            self.order = [number for number in self.order if number != options["-b"]]
        elif argv[1] == "-c":
            number = next("%04X" % n for n in range(65536) if "%04X" % n not in self.records)
            words = dict(zip(argv[2::2], argv[3::2]))
            self.records[number] = (words["-L"], "HD(%s,GPT,%s,0x800,0x1)/File(%s)" % (words["-p"], DISKS[words["-d"]], words["-l"]))
            self.order.insert(0, number)
        elif argv[1] == "-o" and not self.stubborn:
            order = options["-o"].split(",")
            if not set(order) <= set(self.records):
                raise BaremetalError("efibootmgr -o ended with code 8")
            self.order = order
        return b""


def record(label, partition=ESP, loader=LOADER):
    return label, "HD(1,GPT,%s,0x800,0x1)/File(%s)" % (partition, loader)


PXE = ("UEFI PXEv4", "PciRoot(0x0)/Pci(0x2,0x0)/MAC(525400123456,1)")


def make(firmware, disks=("/dev/vda",), **options):
    esps = [{"disk": disk, "number": 1, "partition": disk + "1", "identity": DISKS[disk]} for disk in disks]
    return efi.present(
        "/dev/vda",
        "rackwright",
        runner=firmware,
        esp_finder=lambda device, **_options: esps,
        loader_finder=lambda partition, **_options: (LOADER, "debian"),
        **options,
    )


@pytest.fixture(autouse=True)
def x86(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


def test_created_first_and_idempotent():
    firmware = Firmware({"0000": PXE}, ["0000"])
    predicted = make(firmware, check_mode=True)
    assert predicted["changed"] is True and firmware.calls == []
    assert predicted["entry"]["number"] is None and predicted["entry"]["loader"] == LOADER
    assert predicted["diff"]["before"] == {"records": ["UEFI PXEv4 " + PXE[1]]}
    assert predicted["diff"]["after"]["records"][0] == "rackwright " + LOADER
    done = make(firmware)
    assert done["changed"] is True and done["entry"]["number"] == "0001"
    assert done["boot_order"] == firmware.order == ["0001", "0000"]
    count = len(firmware.calls)
    again = make(firmware)
    assert again["changed"] is False and len(firmware.calls) == count
    assert again["diff"]["before"] == again["diff"]["after"]


def test_brought_to_the_front_without_being_made_anew():
    firmware = Firmware({"0000": PXE, "0001": record("rackwright")}, ["0000", "0001"])
    assert make(firmware)["boot_order"] == ["0001", "0000"]
    assert firmware.calls == [["-o", "0001,0000"]]


def test_duplicates_and_dead_records_go_others_stay():
    firmware = Firmware(
        {
            "0000": PXE,
            "0001": record("rackwright", GONE),
            "0002": record("rackwright"),
            "0003": record("rackwright"),
            "0004": record("debian", GONE),
            "0005": record("debian", OTHER),
            "0006": record("debian"),
            "0007": record("windows", GONE),
        },
        ["0001", "0000", "0004", "0005", "0006", "0007", "0002"],
    )
    done = make(firmware)
    assert done["removed"] == ["0001", "0003", "0004"]
    assert done["boot_order"] == ["0002", "0000", "0005", "0006", "0007"]
    assert set(firmware.records) == {"0000", "0002", "0005", "0006", "0007"}


def test_records_that_the_order_names_and_that_do_not_exist_are_left_out():
    firmware = Firmware({"0000": PXE, "0001": record("rackwright")}, ["2004", "0000", "0001"])
    assert make(firmware)["boot_order"] == firmware.order == ["0001", "0000"]
    firmware.order.append("2004")
    again = make(firmware)
    assert (again["changed"], again["boot_order"]) == (False, ["0001", "0000", "2004"])
    # A new record may get such a number.
    firmware = Firmware({"0000": PXE}, ["0001", "0000"])
    assert make(firmware)["boot_order"] == firmware.order == ["0001", "0000"]


def test_a_firmware_that_does_not_keep_it():
    firmware = Firmware({"0000": PXE, "0001": record("rackwright")}, ["0000", "0001"], stubborn=True)
    with pytest.raises(BaremetalError, match="did not keep the boot record rackwright as the first") as caught:
        make(firmware, node="node1")
    assert "boot order 0000,0001" in caught.value.seen


def test_each_disk_of_a_raid_has_a_record():
    firmware = Firmware({"0000": PXE, "0001": record("rackwright"), "0002": record("rackwright (RAID, part7)", GONE)}, ["0000", "0001", "0002"])
    done = make(firmware, ["/dev/vda", "/dev/vdb"])
    assert done["removed"] == ["0001", "0002"]
    assert [(entry["label"], entry["partition"]) for entry in done["entries"]] == [("rackwright (RAID, part0)", ESP), ("rackwright (RAID, part1)", OTHER)]
    assert firmware.order == [entry["number"] for entry in done["entries"]] + ["0000"]
    assert make(firmware, ["/dev/vda", "/dev/vdb"])["changed"] is False
    # One disk of them left: one record, without a suffix.
    assert [entry["label"] for entry in make(firmware)["entries"]] == ["rackwright"]
    assert sorted(label for label, _path in firmware.records.values()) == ["UEFI PXEv4", "rackwright"]


def test_an_inactive_record_is_made_anew():
    class Inactive(Firmware):
        def __call__(self, argv, **options):
            return super().__call__(argv, **options).replace(b"Boot0001*", b"Boot0001 ") if not self.calls else super().__call__(argv, **options)

    assert make(Inactive({"0001": record("rackwright")}, ["0001"]))["removed"] == ["0001"]


def test_info():
    firmware = Firmware({"0000": PXE, "0001": record("debian"), "0002": record("rackwright")}, ["0002", "0009", "0000"])
    found = efi.info(runner=firmware)
    assert (found["boot_current"], found["boot_next"], found["boot_order"]) == ("0000", "000A", ["0002", "0009", "0000"])
    assert [entry["number"] for entry in found["records"]] == ["0002", "0000", "0001"] and firmware.calls == []


def test_absent():
    firmware = Firmware({"0000": PXE, "0001": record("rackwright", GONE), "0002": record("rackwright")}, ["0002", "0000", "0001"])
    predicted = efi.absent("rackwright", check_mode=True, runner=firmware)
    assert predicted["removed"] == ["0001", "0002"] and firmware.calls == []
    done = efi.absent("rackwright", runner=firmware)
    assert done == predicted
    assert firmware.order == ["0000"]
    assert efi.absent("rackwright", runner=firmware)["changed"] is False


@pytest.mark.parametrize("seen", ["0A1B2C3D-01\n", "0xa1b2c3d", "0x0A1B2C3D"])
def test_the_two_names_of_a_partition_in_an_mbr(seen):
    assert efi_records.partition_key(seen) == "0x0a1b2c3d"


def esp(device, files, kind="gpt", size="40M"):
    """Make a disk with a real EFI system partition, the second one, and return the partition."""
    line = {"gpt": "size=%s, type=U, uuid=%s" % (size, ESP), "dos": "size=%s, type=ef" % size}[kind]
    run("sfdisk", "--no-reread", "--no-tell-kernel", device, input="label: %s\n%ssize=4M\n%s\n" % (kind, "label-id: 0x0a1b2c3d\n" * (kind == "dos"), line))
    reread(device)
    partition = device + "p2"
    run("mkfs.vfat", partition)
    for path, content in files.items():
        for depth in range(1, path.count("/") + 1):
            subprocess.run(["mmd", "-D", "s", "-i", partition, "::/" + "/".join(path.split("/")[:depth])], check=False, capture_output=True)
        run("mcopy", "-i", partition, "-", "::/" + path, input=content)
    return partition


needs_fat = pytest.mark.skipif(not shutil.which("mcopy") or not shutil.which("mkfs.vfat", path="/usr/sbin:/sbin"), reason="mtools or dosfstools is missing")


@needs_fat
@pytest.mark.parametrize("kind, identity", [("gpt", ESP), ("dos", "0x0a1b2c3d")])
def test_a_real_esp(loops, kind, identity):
    device = loops(64)
    partition = esp(device, {"EFI/BOOT/BOOTX64.EFI": "x", "EFI/debian/shimx64.efi": "x", "EFI/debian/BOOTX64.CSV": "shimx64.efi,debian,,Debian\n"}, kind)
    assert efi_loader.find_esps(device) == [{"disk": device, "number": 2, "partition": partition, "identity": identity}]
    assert sorted(efi_loader.list_files(partition)) == ["EFI/BOOT/BOOTX64.EFI", "EFI/debian/BOOTX64.CSV", "EFI/debian/shimx64.efi"]
    assert efi_loader.loader_on(partition) == (LOADER, "debian")


@needs_fat
def test_an_esp_that_offers_nothing_and_one_that_is_none(loops):
    device = loops(64)
    partition = esp(device, {"EFI/BOOT/BOOTAA64.EFI": "x"})
    with pytest.raises(BaremetalError, match="holds no loader for x86_64. Seen: EFI/BOOT/BOOTAA64.EFI"):
        efi_loader.loader_on(partition, node=None)
    run("mkfs.ext4", "-q", "-F", partition)
    with pytest.raises(BaremetalError, match="p2 cannot be read as FAT"):
        efi_loader.loader_on(partition)


def test_a_disk_without_an_esp(loops):
    device = loops(32)
    for table in ("label: gpt\nsize=4M\n", None):
        if table:
            run("sfdisk", "--no-reread", "--no-tell-kernel", device, input=table)
        else:
            run("wipefs", "--all", "--force", device)
        with pytest.raises(BaremetalError, match="has no EFI system partition"):
            efi_loader.find_esps(device)


@pytest.mark.parametrize("device", ["/dev/sda", "/dev/md1"])
def test_esps_of_a_raid(machine, device):
    """Two disks, with mirrored EFI system partitions in md0 and the system in md1."""
    root = machine({"devices/%s/%s%d/partition" % (disk, disk, number): "%d" % number for disk in ("sda", "sdb", "sdc") for number in (1, 2)})
    (root / "class/block").mkdir(parents=True)
    for disk in ("sda", "sdb", "sdc"):
        (root / "class/block" / disk).symlink_to(root / "devices" / disk)
        for number in (1, 2):
            place = root / "devices" / disk / ("%s%d" % (disk, number))
            (root / "class/block" / place.name).symlink_to(place)
            if disk != "sdc":
                (place / "holders" / ("md%d" % (number - 1))).mkdir(parents=True)
    for number, slaves in ((0, ("sda1", "sdb1")), (1, ("sda2", "sdb2"))):
        for name in slaves:
            (root / "class/block" / ("md%d" % number) / "slaves" / name).mkdir(parents=True)
        (root / "class/block" / ("md%d" % number) / "md").mkdir()

    def reader(disk, node):
        return [{"number": 1, "partition": disk + "1", "identity": "id of " + disk}]

    assert [(one["disk"], one["identity"]) for one in efi_loader.find_esps(device, sysfs=str(root), reader=reader)] == [
        ("/dev/sda", "id of /dev/sda"), ("/dev/sdb", "id of /dev/sdb")]
    assert [one["disk"] for one in efi_loader.find_esps("/dev/sdc", sysfs=str(root), reader=reader)] == ["/dev/sdc"]
