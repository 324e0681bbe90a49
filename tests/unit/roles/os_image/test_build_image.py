# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import uuid

import build_image
import pytest
import yaml

DIGEST = "0123456789abcdef" * 4


@pytest.fixture
def config(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    return {
        "name": "debian-12",
        "format": "raw",
        "suite": "bookworm",
        "digest": DIGEST,
        "size": 128,
        "directory": str(tmp_path / "images"),
        "work": str(work),
        "kernel_arguments": "console=ttyS0",
    }


def fake_build(text):
    def build(given, work):
        files = {}
        for suffix in ("", ".sha256", ".packages.txt", ".json"):
            files[suffix] = work / f"file{suffix}"
            files[suffix].write_text(text + suffix)
        return files

    return build


def contents(config):
    directory = build_image.Path(config["directory"])
    return {path.name: path.read_text() for path in directory.iterdir() if not path.name.endswith(".lock")}


def test_all_files_appear_and_nothing_else(config, monkeypatch, tmp_path):
    monkeypatch.setattr(build_image, "build", fake_build("one"))
    build_image.publish(config)
    assert contents(config) == {
        "debian-12.raw": "one",
        "debian-12.raw.sha256": "one.sha256",
        "debian-12.raw.packages.txt": "one.packages.txt",
        "debian-12.raw.json": "one.json",
    }
    assert not list((tmp_path / "work").iterdir())


def test_a_failed_build_leaves_the_old_image_alone(config, monkeypatch, tmp_path):
    monkeypatch.setattr(build_image, "build", fake_build("one"))
    build_image.publish(config)
    before = contents(config)

    def broken(given, work):
        (work / "disk.raw").write_text("half")
        raise SystemExit("the mirror is gone")

    monkeypatch.setattr(build_image, "build", broken)
    with pytest.raises(SystemExit):
        build_image.publish(config)
    assert contents(config) == before
    assert not list((tmp_path / "work").iterdir())


def test_a_full_disk_leaves_no_half_written_files(config, monkeypatch):
    monkeypatch.setattr(build_image, "build", fake_build("one"))
    build_image.publish(config)
    before = contents(config)
    monkeypatch.setattr(build_image, "build", fake_build("two"))
    copy = build_image.run

    def no_room(*command, **options):
        copy(*command, **options)
        if command[-1].endswith(".packages.txt"):
            raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(build_image, "run", no_room)
    with pytest.raises(subprocess.CalledProcessError):
        build_image.publish(config)
    assert contents(config) == before


def test_identifiers_follow_from_the_digest():
    one, again, other = (build_image.names(digest) for digest in (DIGEST, DIGEST, "f" * 64))
    assert one == again
    assert not set(one.values()) & set(other.values())
    assert uuid.UUID(one["root_uuid"]) != uuid.UUID(one["disk_uuid"])
    assert re.fullmatch("[0-9A-F]{4}-[0-9A-F]{4}", one["esp_uuid"])


@pytest.mark.skipif(
    not all(shutil.which(name, path="/usr/bin:/usr/sbin:/sbin") for name in ("sfdisk", "mke2fs", "mkfs.vfat", "mcopy", "dumpe2fs")),
    reason="needs the programs that make file systems",
)
def test_the_disk_has_the_promised_layout(config, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
    root = tmp_path / "root"
    for name, size in (
        ("usr/lib/shim/shimx64.efi.signed", 1000),
        ("usr/lib/shim/mmx64.efi.signed", 1000),
        ("usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", 2000),
        ("usr/lib/grub/i386-pc/boot.img", 512),
        ("etc/hostname", 10),
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    monkeypatch.setattr(build_image, "core_image", lambda *unused: b"c" * 2048)
    disk, work, ids = tmp_path / "disk.raw", tmp_path / "work", build_image.names(DIGEST)
    build_image.make_disk(root, work, disk, config, ids)

    table = json.loads(subprocess.run(["sfdisk", "--json", str(disk)], check=True, capture_output=True).stdout)["partitiontable"]
    assert table["label"] == "gpt"
    assert table["id"].lower() == ids["disk_uuid"]
    assert [part["name"] for part in table["partitions"]] == ["bios", "esp", "root"]
    bios, esp, last = table["partitions"]
    # The second copy of the table takes the last 33 sectors, so the root ends the usable part.
    assert last["start"] + last["size"] <= 128 * 2048 - 33
    with open(disk, "rb") as file:
        assert struct.unpack_from("<Q", file.read(512), 0x5C) == (bios["start"],)
    label = subprocess.run(["dumpe2fs", "-h", f"{disk}?offset={last['start'] * 512}"], check=True, capture_output=True, text=True)
    assert ids["root_uuid"] in label.stdout
    assert "metadata_csum_seed" not in label.stdout and "orphan_file" not in label.stdout
    block_count = int(re.search(r"Block count: +(\d+)", label.stdout)[1])
    block_size = int(re.search(r"Block size: +(\d+)", label.stdout)[1])
    assert block_count * block_size == last["size"] * 512
    files = subprocess.run(["mdir", "-b", "-/", "-i", f"{disk}@@{esp['start'] * 512}", "::"], check=True, capture_output=True, text=True)
    assert {"::/EFI/BOOT/BOOTX64.EFI", "::/EFI/debian/grubx64.efi", "::/EFI/debian/BOOTX64.CSV"} <= set(files.stdout.split())
    csv = subprocess.run(["mtype", "-i", f"{disk}@@{esp['start'] * 512}", "::/EFI/debian/BOOTX64.CSV"], check=True, capture_output=True)
    assert csv.stdout.decode("utf-16").split(",")[:2] == ["shimx64.efi", "debian"]


def test_cloud_init_looks_only_where_a_machine_has_data():
    settings = yaml.safe_load((build_image.HERE / "cloud.cfg").read_text(encoding="utf-8"))
    assert settings["datasource_list"] == ["ConfigDrive", "NoCloud", "None"]
    assert {"growpart", "resizefs", "users-groups", "ssh"} <= set(settings["cloud_init_modules"])


def test_defaults_and_argument_spec_agree(defaults, specification):
    assert {name: option["default"] for name, option in specification.items()} == defaults
