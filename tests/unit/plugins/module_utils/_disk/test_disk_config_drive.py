# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Config drives on loop devices with sectors of 512 and of 4096 bytes."""

from __future__ import annotations

import io
import json
import shutil

import pycdlib
import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import iso9660
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot.config_drive import build, contents
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import config_drive, iso_files, partitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk.tools import gpt, mbr, run
from hypothesis import given, settings
from hypothesis import strategies as st

MIB = 1024 ** 2
DATA = {"hostname": "node1", "uuid": "7f1f2d0a-1f53-4d1b-9c3b-2f0f3d1f6a10", "user_data": "x" * 10000, "meta": {"rack": "rack3"}}
LAYOUTS = {"config-2": DATA, "cidata": dict(DATA, layout="nocloud")}
needs_fat = pytest.mark.skipif(not shutil.which("mcopy") or not shutil.which("mkfs.vfat", path="/usr/sbin:/sbin"), reason="mtools or dosfstools is missing")


@pytest.fixture(scope="module")
def iso():
    return build(DATA)


def assert_config_drive(partition, iso):
    """The partition holds the drive, and what it says can be read with a reader of our own."""
    content = partitions.read(partition, 0, len(iso))
    assert content == iso
    image = pycdlib.PyCdlib()
    image.open_fp(io.BytesIO(content))
    out = io.BytesIO()
    image.get_file_from_iso_fp(out, rr_path="/openstack/latest/meta_data.json")
    image.close()
    assert json.loads(out.getvalue())["hostname"] == "node1"


def test_config_drive_on_gpt(loops, iso):
    device = loops(128)
    gpt(device, "4M", "30M")
    partition = config_drive.add_config_drive(device, iso)
    assert partition == device + "p3"
    assert_config_drive(partition, iso)
    start = int(run("partx", "--noheadings", "--output", "START", partition)) * 512
    assert 128 * MIB - start <= 66 * MIB
    assert "No problems found" in run("sgdisk", "--verify", device)


def test_config_drive_takes_the_free_number(loops, iso):
    device = loops(128)
    gpt(device, "4M", "4M", "4M")
    run("sfdisk", "--no-reread", "--no-tell-kernel", "--delete", device, "2")
    partitions.reread(device)
    assert config_drive.add_config_drive(device, iso) == device + "p2"


def test_config_drive_on_mbr(loops, iso):
    device = loops(128)
    mbr(device, "size=30M, bootable")
    partition = config_drive.add_config_drive(device, iso)
    assert partition == device + "p2"
    assert_config_drive(partition, iso)
    assert "bootable" in run("sfdisk", "--dump", device)


def test_config_drive_is_used_again(loops, iso):
    device = loops(128)
    gpt(device, "4M")
    first = config_drive.add_config_drive(device, iso)
    other = build(dict(DATA, hostname="node2"))
    assert config_drive.add_config_drive(device, other) == first
    assert len(partitions.partitions(device)) == 2
    assert partitions.read(first, 0, len(other)) == other


def test_config_drive_is_found_and_read(loops, iso):
    device = loops(128)
    gpt(device, "4M")
    partition = config_drive.add_config_drive(device, iso)
    # cloud-init looks for a file system with this label.
    assert run("blkid", "-p", "-s", "LABEL", "-o", "value", partition).strip().lower() == "config-2"
    image, found = pycdlib.PyCdlib(), io.BytesIO()
    image.open(partition)
    try:
        image.get_file_from_iso_fp(found, rr_path="/openstack/latest/meta_data.json")
    finally:
        image.close()
    assert json.loads(found.getvalue())["meta"] == {"rack": "rack3"}


@pytest.mark.parametrize(
    "prepare, text",
    [
        (lambda device: None, "neither a GPT nor an MBR"),
        (lambda device: gpt(device, "+"), "no room for a config drive"),
        (lambda device: mbr(device, "size=90M"), "no room for a config drive"),
        (lambda device: mbr(device, *["size=4M"] * 4), "four primary partitions"),
    ],
)
def test_config_drive_refused(loops, iso, prepare, text):
    device = loops(100)
    prepare(device)
    before = partitions.read(device, 0, 100 * MIB)
    with pytest.raises(BaremetalError, match=text) as caught:
        config_drive.add_config_drive(device, iso, node="node1")
    assert str(caught.value).startswith("node1: config drive: ")
    assert partitions.read(device, 0, 100 * MIB) == before


def test_config_drive_must_be_an_iso_of_the_right_size(loops, iso):
    device = loops(128)
    gpt(device, "4M")
    for bad, text in ((b"<html>", "not an ISO 9660"), (iso + b"\0" * 65 * MIB, "may have"), (iso9660.write({"a": b""}, "cdrom"), "label cdrom")):
        with pytest.raises(BaremetalError, match=text):
            config_drive.add_config_drive(device, bad)


@needs_fat
@pytest.mark.parametrize("label", LAYOUTS)
def test_on_large_sectors_it_is_fat_with_the_same_files(loops, tmp_path, label):
    device = loops(128, 4096)
    gpt(device, "4M")
    partition = config_drive.add_config_drive(device, build(LAYOUTS[label]))
    assert run("blkid", "-p", "-s", "TYPE", "-o", "value", partition) == "vfat"
    assert run("blkid", "-p", "-s", "LABEL", "-o", "value", partition).lower() == label
    assert run("fsck.vfat", "-n", partition)
    for path, content in contents(LAYOUTS[label]).items():
        run("mcopy", "-n", "-i", partition, "::/" + path, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == content
    # The partition is used again, with other content.
    other = dict(LAYOUTS[label], hostname="node2", user_data=None)
    assert config_drive.add_config_drive(device, build(other)) == partition
    assert config_drive.keep_config_drive(device) == {"label": label, "files": contents(other)}


@needs_fat
def test_what_does_not_fit_into_fat_is_told(loops):
    device = loops(128, 4096)
    gpt(device, "4M")
    with pytest.raises(BaremetalError, match="mcopy.*ended with code|mcopy"):
        config_drive.add_config_drive(device, {"label": "config-2", "files": {"a": b"x" * 66 * MIB}})


@pytest.mark.parametrize("sector", [512, pytest.param(4096, marks=needs_fat)])
@pytest.mark.parametrize("label", LAYOUTS)
def test_what_is_kept_can_be_put_back(loops, label, sector):
    device = loops(128, sector)
    gpt(device, "4M")
    config_drive.add_config_drive(device, build(LAYOUTS[label]))
    kept = config_drive.keep_config_drive(device)
    partitions.wipe_metadata(device)
    with pytest.raises(BaremetalError, match="has no config drive that could be preserved"):
        config_drive.keep_config_drive(device)
    gpt(device, "20M")
    partition = config_drive.add_config_drive(device, kept)
    assert config_drive.keep_config_drive(device) == kept
    assert run("blkid", "-p", "-s", "LABEL", "-o", "value", partition).lower() == label


@pytest.mark.parametrize("label", LAYOUTS)
def test_files_of_an_image_without_a_library(label):
    image = build(LAYOUTS[label])
    assert (iso_files.label(image), iso_files.size(image)) == (label, len(image))
    assert iso_files.read(image) == contents(LAYOUTS[label])


def test_an_image_with_many_files_in_many_folders():
    files = {"%s/%03d-\u00e4.txt" % (folder, number): b"%d" % number for folder in ("a", "a/b", "a/b/c") for number in range(60)}
    assert iso_files.read(iso9660.write({path.replace("\u00e4", "x"): data for path, data in files.items()}, "config-2")) == {
        path.replace("\u00e4", "x"): data for path, data in files.items()}


def test_an_image_without_joliet_names():
    image = pycdlib.PyCdlib()
    image.new(vol_ident="config-2")
    out = io.BytesIO()
    image.write_fp(out)
    with pytest.raises(BaremetalError, match="has no Joliet names. Seen: volume label config-2"):
        iso_files.read(out.getvalue())


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_image_gives_files_or_an_error_and_ends(data):
    image = bytearray(IMAGE)
    for _number in range(data.draw(st.integers(1, 4))):
        image[data.draw(st.integers(32768, len(image) - 1))] = data.draw(st.integers(0, 255))
    image = bytes(image[:data.draw(st.integers(32768, len(image)))])
    try:
        found = iso_files.read(image)
    except BaremetalError as error:
        assert error.stage == "config drive"
    else:
        assert all(not path.startswith("/") and ".." not in path.split("/") for path in found)


IMAGE = build({key: value for key, value in DATA.items() if key != "user_data"})
