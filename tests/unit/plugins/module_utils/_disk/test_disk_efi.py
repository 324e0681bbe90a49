# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""UEFI boot records, against a firmware that is played by a function."""

from __future__ import annotations

import contextlib
import re

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import efi
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
    found = efi.parse_records(text.replace("{esp}", ESP.upper()).encode(coding))
    assert found["order"][:2] == ["0003", "0001"]
    entry = found["entries"]["0003"]
    assert (entry["label"], entry["active"], entry["partition"], entry["loader"]) == ("debian", True, ESP, LOADER)
    assert found["entries"]["0001"]["loader"] is None
    if "000A" in found["entries"]:
        assert found["entries"]["000A"]["active"] is False
        assert found["entries"]["000A"]["label"] == "EFI Internal Shell"


@pytest.mark.parametrize("data", [b"", b"BootOrder: \n", b"EFI variables are not supported on this system.\n"])
def test_a_firmware_without_records(data):
    assert efi.parse_records(data) == {"order": [], "entries": {}}


@given(st.binary() | st.from_regex(rb"(Boot[0-9a-f]{4}[* ] .*|BootOrder:.*|.*,.*)\n", fullmatch=True))
def test_any_bytes_can_be_parsed(data):
    found = efi.parse_records(data)
    assert all(re.fullmatch("[0-9A-F]{4}", number) and entry["number"] == number for number, entry in found["entries"].items())
    assert all(number == number.strip() != "" for number in found["order"])
    csv = efi.parse_csv(data)
    assert csv is None or (csv[0] and "," not in "".join(csv) and len(csv) == 2)


labels = st.text(st.characters(codec="ascii", categories=["L", "N", "Zs"]), min_size=1).map(str.strip).filter(bool)


@given(labels, st.sampled_from(["utf-8", "utf-16", "utf-16-le"]))
def test_labels_survive(label, coding):
    text = "BootOrder: 0001\nBoot0001* %s\tHD(1,GPT,%s,0x800,0x1)/\\EFI\\x.efi\n" % (label, ESP)
    assert efi.parse_records(text.encode(coding))["entries"]["0001"]["label"] == label


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-8"])
def test_csv(coding):
    text = "shimx64.efi,debian,,This is the boot entry for debian\n"
    assert efi.parse_csv(text.encode(coding)) == ("shimx64.efi", "debian")


@pytest.mark.parametrize("data", [b"", b"\n\n", b",debian\n", b"only\n"])
def test_csv_without_a_loader(data):
    assert efi.parse_csv(data) is None


@pytest.mark.parametrize(
    "files, csv, found",
    [
        (["EFI/debian/shimx64.efi", "EFI/BOOT/BOOTX64.EFI"], {"EFI/debian/BOOTX64.CSV": "shimx64.efi,debian,,\n"}, (LOADER, "debian")),
        (["EFI/BOOT/BOOTX64.EFI"], {}, ("\\EFI\\BOOT\\BOOTX64.EFI", None)),
        (["efi/boot/bootx64.efi"], {}, ("\\efi\\boot\\bootx64.efi", None)),
        # A CSV that names a loader which is not there is worth nothing.
        (["EFI/debian/x", "EFI/BOOT/BOOTX64.EFI"], {"EFI/debian/BOOTX64.CSV": "shimx64.efi,debian,,\n"}, ("\\EFI\\BOOT\\BOOTX64.EFI", None)),
        (["EFI/debian/SHIMX64.EFI"], {"EFI/debian/bootx64.csv": "shimx64.efi,debian,,\n"}, ("\\EFI\\debian\\SHIMX64.EFI", "debian")),
        (["EFI/BOOT/BOOTAA64.EFI", "EFI/debian/grubx64.efi"], {}, None),
    ],
)
def test_find_loader(machine, files, csv, found):
    root = machine(dict.fromkeys(files, "x"))
    for name, text in csv.items():
        (root / name).write_bytes(text.encode("utf-16"))
    assert efi.find_loader(str(root), machine="x86_64") == found


def test_find_loader_of_another_architecture(machine):
    root = machine({"EFI/BOOT/BOOTAA64.EFI": "x"})
    assert efi.find_loader(str(root), machine="aarch64") == ("\\EFI\\BOOT\\BOOTAA64.EFI", None)
    assert efi.find_loader(str(root), machine="vax") is None


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
            lines = ["BootOrder: " + ",".join(self.order)]
            lines += ["Boot%s* %s\t%s" % (number, label, path) for number, (label, path) in sorted(self.records.items())]
            return "\n".join(lines).encode()
        self.calls.append(argv[1:])
        if argv[1] == "-b":
            del self.records[options["-b"]]
            self.order = [number for number in self.order if number != options["-b"]]
        elif argv[1] == "-c":
            number = next("%04X" % n for n in range(65536) if "%04X" % n not in self.records)
            words = dict(zip(argv[2::2], argv[3::2]))
            self.records[number] = (words["-L"], "HD(%s,GPT,%s,0x800,0x1)/File(%s)" % (words["-p"], ESP, words["-l"]))
            self.order.insert(0, number)
        elif argv[1] == "-o" and not self.stubborn:
            self.order = options["-o"].split(",")
        return b""


def record(label, partition=ESP, loader=LOADER):
    return label, "HD(1,GPT,%s,0x800,0x1)/File(%s)" % (partition, loader)


PXE = ("UEFI PXEv4", "PciRoot(0x0)/Pci(0x2,0x0)/MAC(525400123456,1)")


@pytest.fixture
def make(machine):
    root = machine({"EFI/debian/shimx64.efi": "x"})
    (root / "EFI/debian/BOOTX64.CSV").write_bytes("shimx64.efi,debian,,\n".encode("utf-16"))

    @contextlib.contextmanager
    def mounter(device, **_options):
        assert device == "/dev/vda1"
        yield str(root)

    def call(firmware, **options):
        return efi.present(
            "/dev/vda",
            "rackwright",
            runner=firmware,
            esp_finder=lambda device, **_options: (1, device + "1", ESP),
            mounter=mounter,
            **options,
        )

    return call


@pytest.fixture(autouse=True)
def x86(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


def test_created_first_and_idempotent(make):
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


def test_brought_to_the_front_without_being_made_anew(make):
    firmware = Firmware({"0000": PXE, "0001": record("rackwright")}, ["0000", "0001"])
    assert make(firmware)["boot_order"] == ["0001", "0000"]
    assert firmware.calls == [["-o", "0001,0000"]]


def test_duplicates_and_dead_records_go_others_stay(make):
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


def test_a_firmware_that_does_not_keep_it(make):
    firmware = Firmware({"0000": PXE, "0001": record("rackwright")}, ["0000", "0001"], stubborn=True)
    with pytest.raises(BaremetalError, match="did not keep the boot record rackwright as the first") as caught:
        make(firmware, node="node1")
    assert "boot order 0000,0001" in caught.value.seen


def test_an_esp_without_loader(make, machine, tmp_path):
    (tmp_path / "EFI/debian/shimx64.efi").unlink()
    with pytest.raises(BaremetalError, match="/dev/vda1 holds no loader for x86_64"):
        make(Firmware({}, []))


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
    assert efi.partition_key(seen) == "0x0a1b2c3d"


def test_find_esp_in_an_mbr(loops):
    device = loops(32)
    run("sfdisk", "--no-reread", "--no-tell-kernel", device, input="label: dos\nlabel-id: 0x0a1b2c3d\nsize=8M, type=ef\n")
    reread(device)
    assert efi.find_esp(device) == (1, device + "p1", "0x0a1b2c3d")


def test_find_esp_and_its_absence(loops):
    device = loops(32)
    run("sfdisk", "--no-reread", "--no-tell-kernel", device, input="label: gpt\nsize=4M\nsize=8M, type=U, uuid=%s\n" % ESP)
    reread(device)
    assert efi.find_esp(device) == (2, device + "p2", ESP)
    run("sfdisk", "--no-reread", "--no-tell-kernel", device, input="label: gpt\nsize=4M\n")
    reread(device)
    with pytest.raises(BaremetalError, match="has no EFI system partition"):
        efi.find_esp(device)
