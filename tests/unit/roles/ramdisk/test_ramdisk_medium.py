# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The medium of the ramdisk, made by the real xorriso and mtools from loaders of the test."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
import ramdisk_medium

LOADERS = {
    "usr/lib/shim/shimx64.efi.signed": b"shim" * 3000,
    "usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed": b"grub for a CD" * 1000,
    "usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed": b"grub for a network",
}
DATE = 1700000000
AMD64, ARM64 = ramdisk_medium.PLATFORMS["amd64"], ramdisk_medium.PLATFORMS["arm64"]
DIGEST = "0123456789abcdef" * 4


@pytest.fixture
def made(tmp_path):
    for name, content in LOADERS.items():
        (tmp_path / "unpacked" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "unpacked" / name).write_bytes(content)
    (tmp_path / "target").mkdir()
    (tmp_path / "target/vmlinuz").write_bytes(b"kernel" * 1000)
    (tmp_path / "target/initrd.img").write_bytes(b"initrd" * 100000)
    place = ramdisk_medium.medium(AMD64, tmp_path / "unpacked", b"grub for a BIOS" * 200, tmp_path, tmp_path / "target", DIGEST, DATE)
    return tmp_path, place


def extract(iso, path, folder):
    subprocess.run(["xorriso", "-osirrox", "on", "-indev", str(iso), "-extract", path, f"{folder}/extracted"], check=True, capture_output=True)
    return (folder / "extracted").read_bytes()


def test_what_is_written_over_is_where_it_is_said_to_be(made):
    folder, place = made
    iso = folder / "target/boot.iso"
    with open(iso, "r+b") as stream:
        for part, filler in (("config", b"x"), ("keys", b"y")):
            stream.seek(place[f"{part}_offset"])
            stream.write(filler * place[f"{part}_size"])
    assert extract(iso, "/boot/grub/grub.cfg", folder) == b"x" * place["config_size"]
    assert extract(iso, "/keys.img", folder) == b"y" * place["keys_size"]
    assert extract(iso, "/initrd.img", folder) == b"initrd" * 100000
    assert extract(iso, f"/{ramdisk_medium.MARK}", folder).endswith(f"{DIGEST}\n".encode())


def test_both_kinds_of_firmware_find_their_loader(made):
    folder, dummy = made
    report = subprocess.run(["xorriso", "-indev", f"{folder}/target/boot.iso", "-report_el_torito", "plain"], check=True, capture_output=True, text=True).stdout
    assert "BIOS" in report and "/boot/grub/bios.img" in report and "UEFI" in report and "/boot/grub/efi.img" in report
    for name, content in (("BOOTX64.EFI", "usr/lib/shim/shimx64.efi.signed"), ("grubx64.efi", "usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed")):
        read = subprocess.run(["mtype", "-i", f"{folder}/medium/boot/grub/efi.img", f"::/EFI/BOOT/{name}"], check=True, capture_output=True).stdout
        assert read == LOADERS[content]


def test_shim_has_grub_beside_itself(made):
    folder, dummy = made
    assert ramdisk_medium.loaders(AMD64, folder / "unpacked", folder / "target") == ("shimx64.efi", "grubx64.efi")
    assert (folder / "target/shimx64.efi").read_bytes() == LOADERS["usr/lib/shim/shimx64.efi.signed"]
    assert (folder / "target/grubx64.efi").read_bytes() == LOADERS["usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed"]


def test_a_release_without_a_loader_is_told(tmp_path):
    with pytest.raises(SystemExit, match="have no usr/lib/shim/shimx64"):
        ramdisk_medium.loaders(AMD64, tmp_path, tmp_path)


@pytest.mark.parametrize("content", [b"nothing", b"here" + bytes(2044) + b"mark" + bytes(2044) + b"mark", b" mark"])
def test_a_configuration_that_is_nowhere_or_twice_is_an_error(tmp_path, content):
    (tmp_path / "boot.iso").write_bytes(content)
    with pytest.raises(SystemExit, match="not found"):
        ramdisk_medium.place_of(tmp_path / "boot.iso", b"mark")


def test_arm64_boots_with_uefi_alone(made):
    folder, dummy = made
    for name, content in LOADERS.items():
        path = folder / "unpacked" / name.replace("x86_64-efi", "arm64-efi").replace("x64.efi", "aa64.efi")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "arm").mkdir()
    ramdisk_medium.medium(ARM64, folder / "unpacked", b"", folder / "arm", folder / "target", DIGEST, DATE)
    iso = f"{folder}/target/boot.iso"
    report = subprocess.run(["xorriso", "-indev", iso, "-report_el_torito", "plain"], check=True, capture_output=True, text=True).stdout
    assert "UEFI" in report and "BIOS" not in report
    listed = subprocess.run(["mdir", "-b", "-/", "-i", f"{folder}/arm/medium/boot/grub/efi.img", "::"], check=True, capture_output=True, text=True).stdout
    assert {"::/EFI/BOOT/BOOTAA64.EFI", "::/EFI/BOOT/grubaa64.efi"} <= set(listed.split())
    assert ramdisk_medium.loaders(ARM64, folder / "unpacked", folder / "target") == ("shimaa64.efi", "grubaa64.efi")


def test_the_same_files_make_the_same_medium(made, monkeypatch):
    folder, dummy = made
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(DATE))
    media = []
    for name, begun in (("one", 1710000000), ("two", 1720000000)):
        (folder / name / "target").mkdir(parents=True)
        for file in ("vmlinuz", "initrd.img"):
            (folder / name / "target" / file).write_bytes((folder / "target" / file).read_bytes())
            os.utime(folder / name / "target" / file, (begun, begun))
        ramdisk_medium.medium(AMD64, folder / "unpacked", b"grub for a BIOS" * 200, folder / name, folder / name / "target", DIGEST, DATE)
        media.append((folder / name / "target/boot.iso").read_bytes())
        # What FAT can tell apart.
        time.sleep(2 if len(media) == 1 else 0)
    assert media[0] == media[1]
