# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import struct
import subprocess

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.formats import recognise
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.image_builders import MIB, gpt, make_raw, mbr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

needs_qemu_img = pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-img (package qemu-utils) is not installed")


def qemu_img(*arguments):
    subprocess.run(["qemu-img", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("sector", [512, 4096])
def test_gpt(tmp_path, sector):
    path = make_raw(tmp_path / "x.html", 8 * MIB, head=gpt(8 * MIB, sector, first=256, last=1000))
    assert recognise(path) == ("raw", 8 * MIB, "gpt", sector, None)


def test_mbr(tmp_path):
    assert recognise(make_raw(tmp_path / "x.qcow2", 8 * MIB, head=mbr(8 * MIB))) == ("raw", 8 * MIB, "mbr", 512, None)


@needs_qemu_img
@pytest.mark.parametrize("options", [[], ["-o", "compat=0.10"], ["-o", "compression_type=zstd"], ["-o", "extended_l2=on"]])
def test_qcow2(tmp_path, options):
    qemu_img("create", "-f", "qcow2", *options, tmp_path / "named.raw", "3M")
    assert recognise(tmp_path / "named.raw") == ("qcow2", 3 * MIB, None, None, None)


@needs_qemu_img
def test_qcow2_with_backing_file(tmp_path):
    make_raw(tmp_path / "base.raw", 3 * MIB)
    qemu_img("create", "-f", "qcow2", "-b", tmp_path / "base.raw", "-F", "raw", tmp_path / "x.qcow2")
    with pytest.raises(BaremetalError, match="names a backing file"):
        recognise(tmp_path / "x.qcow2")


@needs_qemu_img
def test_qcow2_with_data_file(tmp_path):
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={tmp_path}/data,data_file_raw=on", tmp_path / "x.qcow2", "3M")
    with pytest.raises(BaremetalError, match="keeps its data in another file"):
        recognise(tmp_path / "x.qcow2")
    # The name alone, without its feature bit, is refused as well.
    data = bytearray((tmp_path / "x.qcow2").read_bytes())
    data[72:80] = bytes(8)
    (tmp_path / "x.qcow2").write_bytes(data)
    with pytest.raises(BaremetalError, match="keeps its data in another file"):
        recognise(tmp_path / "x.qcow2")


def qcow2_header(version=3, backing=0, cluster_bits=16, size=MIB, encryption=0, features=0):
    common = b"QFI\xfb" + struct.pack(">IQIIQI", version, backing, 0, cluster_bits, size, encryption)
    return common.ljust(72, b"\0") + struct.pack(">QQQII", features, 0, 0, 4, 104) + bytes(400)


@pytest.mark.parametrize("header, what", [
    (qcow2_header(version=4), "unknown version"),
    (qcow2_header(encryption=2), "encrypted"),
    (qcow2_header(features=2), "corrupt"),
    (qcow2_header(features=4), "another file"),
    (qcow2_header(features=32), "features that are not known"),
    (qcow2_header(features=1 << 63), "features that are not known"),
    (qcow2_header(size=0), "virtual size"),
    (qcow2_header(size=1000), "virtual size"),
    (qcow2_header(cluster_bits=40), "cluster size"),
    (qcow2_header()[:60], "cut off"),
    (qcow2_header()[:80], "cut off"),
])
def test_bad_qcow2(tmp_path, header, what):
    (tmp_path / "x").write_bytes(header)
    with pytest.raises(BaremetalError, match=what):
        recognise(tmp_path / "x")


def damaged(offset):
    data = bytearray(gpt(8 * MIB))
    data[offset] ^= 1
    return bytes(data)


@pytest.mark.parametrize("head, what", [
    (b"", "the image is empty"),
    (b"<!DOCTYPE html><html><body>Not found</body></html>", "web page"),
    (b"\n  <html>", "web page"),
    (b"file not found\n", "text file"),
    (b"KDMV" + bytes(100), "VMDK image is cut off"),
    (b"KDMV" + bytes(2000), "VMDK image is of an unknown kind"),
    (b"# Disk DescriptorFile\nversion=1\n", "VMDK descriptor without its data"),
    (b"vhdxfile" + bytes(300_000), "VHDX image is damaged.*no region"),
    (b"conectix" + bytes(3000), "VHD image is cut off"),
    (bytes(3072) + b"conectix" + bytes(504), "VHD image is damaged"),
    (qcow2_header(size=2 ** 41), "larger than any"),
    (b"PK\x03\x04" + bytes(1000), "zip archive"),
    (bytes(MIB), "no partition table"),
    (bytes(0x8001) + b"CD001" + bytes(10 * 512 - 6), "no partition table"),
    (b"\xeb\x3c\x90MSDOS5.0".ljust(510, b"\x41") + b"\x55\xaa" + bytes(MIB), "boot signature but no partition table"),
    (bytes(510) + b"\x55\xaa" + bytes(MIB), "boot signature but no partition table"),
    (mbr(8 * MIB) + bytes(MIB), "cut off"),
    (gpt(8 * MIB) + bytes(MIB - 17 * 1024), "cut off"),
    (gpt(8 * MIB) + bytes(8 * MIB - 1), "does not end at a sector"),
    (damaged(512 + 60) + bytes(8 * MIB), "wrong checksum of its header"),
    (damaged(1024 + 33) + bytes(8 * MIB), "wrong checksum of its entries"),
])
def test_refused(tmp_path, head, what):
    (tmp_path / "disk.raw").write_bytes(head)
    with pytest.raises(BaremetalError, match=what):
        recognise(tmp_path / "disk.raw")


@needs_qemu_img
@pytest.mark.parametrize("form, options", [
    ("vmdk", []), ("vmdk", ["-o", "subformat=streamOptimized"]), ("vpc", []), ("vpc", ["-o", "subformat=fixed"]), ("vpc", ["-o", "force_size=on"]),
    ("vhdx", []),
])
def test_formats_of_others(tmp_path, form, options):
    make_raw(tmp_path / "x.raw", 24 * MIB, [(2 * MIB, 300_000)])
    qemu_img("convert", "-f", "raw", "-O", form, *options, tmp_path / "x.raw", tmp_path / "x")
    found = recognise(tmp_path / "x")
    assert found.format == {"vpc": "vhd"}.get(form, form)
    # Without force_size, qemu-img fills a VHD up to a whole number of cylinders.
    assert 24 * MIB <= found.virtual_size < 25 * MIB
    assert found.table is None


@needs_qemu_img
@pytest.mark.parametrize("subformat", ["monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"])
def test_vmdk_of_several_files(tmp_path, subformat):
    qemu_img("create", "-f", "vmdk", "-o", f"subformat={subformat}", tmp_path / "x.vmdk", "24M")
    with pytest.raises(BaremetalError, match="VMDK descriptor without its data"):
        recognise(tmp_path / "x.vmdk")


@needs_qemu_img
def test_vmdk_that_leads_elsewhere(tmp_path):
    qemu_img("create", "-f", "vmdk", tmp_path / "base.vmdk", "24M")
    qemu_img("create", "-f", "vmdk", "-b", tmp_path / "base.vmdk", "-F", "vmdk", tmp_path / "x.vmdk")
    with pytest.raises(BaremetalError, match="VMDK image names a parent"):
        recognise(tmp_path / "x.vmdk")
    data = (tmp_path / "base.vmdk").read_bytes()
    (tmp_path / "x.vmdk").write_bytes(data.replace(b'createType="monolithicSparse"', b'createType="monolithicFlat  "').replace(b"Flat  ", b"Flats_"))
    with pytest.raises(BaremetalError, match="keeps its data in other files"):
        recognise(tmp_path / "x.vmdk")
    # No capacity in the header: qemu would go by the descriptor.
    (tmp_path / "x.vmdk").write_bytes(data[:12] + bytes(8) + data[20:])
    with pytest.raises(BaremetalError, match="unknown kind"):
        recognise(tmp_path / "x.vmdk")


@needs_qemu_img
def test_differencing_vhd(tmp_path):
    qemu_img("create", "-f", "vpc", tmp_path / "x", "24M")
    data = bytearray((tmp_path / "x").read_bytes())
    data[-512 + 63] = 4
    struct.pack_into(">I", data, len(data) - 512 + 64, 0)
    struct.pack_into(">I", data, len(data) - 512 + 64, ~sum(data[-512:]) & 0xFFFFFFFF)
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(BaremetalError, match="VHD image names a parent"):
        recognise(tmp_path / "x")


@needs_qemu_img
def test_vhdx_with_a_parent(tmp_path):
    qemu_img("create", "-f", "vhdx", tmp_path / "x", "24M")
    data = bytearray((tmp_path / "x").read_bytes())
    table = data.index(b"metadata")
    entry = data.index(bytes.fromhex("3767a1ca36fa434db3b633f0aa44e76b"), table)
    offset, = struct.unpack_from("<I", data, entry + 16)
    data[table + offset + 4] |= 2
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(BaremetalError, match="VHDX image names a parent"):
        recognise(tmp_path / "x")


@pytest.mark.parametrize("pack, form", [(gzip.compress, "gz"), (bz2.compress, "bz2"), (lzma.compress, "xz")])
def test_packed(tmp_path, pack, form):
    (tmp_path / "x").write_bytes(pack(b"anything"))
    assert recognise(tmp_path / "x") == (form, None, None, None, None)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=2048), st.binary(max_size=600).map(lambda tail: b"QFI\xfb\0\0\0\3" + tail),
                 st.binary(max_size=2000).map(lambda tail: b"KDMV\1\0\0\0" + tail)))
def test_any_bytes_are_recognised_or_refused(tmp_path, data):
    (tmp_path / "any").write_bytes(data)
    try:
        recognise(tmp_path / "any")
    except BaremetalError:
        pass
