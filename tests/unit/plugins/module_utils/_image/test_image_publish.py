# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import fcntl
import gzip
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import threading

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._image import publish, source, store
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.image_builders import MIB, make_raw, sha256

needs_qemu_img = pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-img (package qemu-utils) is not installed")


def tree(root):
    return sorted(str(path.relative_to(root)) for path in pathlib.Path(root).rglob("*"))


def do_not(*arguments, **options):
    raise AssertionError("this must not be done again")


def test_published_form(published, root, raw):
    digest = sha256(raw)
    place = f"images/some/{digest[7:23]}"
    assert published["path"] == place + "/"
    assert published["digest"] == digest
    assert published["virtual_size"] == raw.stat().st_size
    assert published["format"] == "raw"
    assert tree(root) == ["images", "images/some", place, *(f"{place}/{name}" for name in ("disk.bmap", "disk.raw.zst", "manifest.json")),
                          "images/some/sources.json"]
    folder = root / place
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest == published["manifest"]
    assert published["manifest_digest"] == sha256(folder / "manifest.json")
    assert manifest["bmap_digest"] == sha256(folder / "disk.bmap")
    assert manifest["compressed_digest"] == sha256(folder / "disk.raw.zst")
    assert manifest["compressed_size"] == (folder / "disk.raw.zst").stat().st_size
    assert manifest["source_digest"] == digest
    # A web server that runs as another user must be able to read it.
    assert {path.stat().st_mode & 0o777 for path in (folder, root / "images/some")} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}


@pytest.mark.parametrize("form", ["path", "url", "file"])
def test_same_again_is_quick_and_changes_nothing(published, root, raw, monkeypatch, form):
    monkeypatch.setattr(source, "obtain", do_not)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    (raw.parent / "SUMS").write_text(f"{sha256(raw)[7:]}  some.raw\n")
    src, checksum = {"path": (str(raw), sha256(raw)), "url": (f"file://{raw}", sha256(raw)), "file": (str(raw), f"file://{raw.parent}/SUMS")}[form]
    changed, record = publish.publish("some", src, checksum, str(root))
    assert not changed
    assert {key: record[key] for key in record if key != "source"} == {key: published[key] for key in record if key != "source"}
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


@needs_qemu_img
def test_qcow2_by_http(raw, root, server):
    served = root / "src"
    served.mkdir()
    subprocess.run(["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", raw, served / "some image.img"], check=True)
    digits = hashlib.sha512((served / "some image.img").read_bytes()).hexdigest()
    (served / "SHA512SUMS").write_text(f"{digits}  some image.img\n")
    url = f"{server.url}src/some%20image.img"
    with pytest.raises(BaremetalError, match="404"):
        publish.publish("some", url + ".missing", "0" * 64, str(root))
    changed, record = publish.publish("some", url + "?token=secret", f"{server.url}src/SHA512SUMS", str(root))
    assert changed
    assert (record["digest"], record["format"]) == (sha256(raw), "qcow2")
    assert "secret" not in json.dumps(record)
    assert publish.publish("some", url, "sha512:" + digits, str(root))[0] is False


@needs_qemu_img
@pytest.mark.parametrize("form, options, packer", [
    ("raw", [], "xz"), ("raw", [], "zstd"), ("qcow2", ["-c"], "gzip"), ("qcow2", [], "bzip2"),
    ("vmdk", [], None), ("vmdk", ["-o", "subformat=streamOptimized"], "gzip"), ("vpc", ["-o", "force_size=on"], None),
    ("vpc", ["-o", "subformat=fixed,force_size=on"], "xz"), ("vhdx", [], None),
])
def test_every_form_of_source(root, tmp_path, form, options, packer):
    # VHDX counts in MiB.
    raw = make_raw(tmp_path / "a.raw", 24 * MIB, [(MIB, 300_000), (13 * MIB + 100, 2 * MIB)])
    src = tmp_path / "a, b.img"
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", form, *options, raw, src], check=True)
    if packer:
        packed = tmp_path / "packed"
        packed.write_bytes(subprocess.run([packer, "-c", src], check=True, stdout=subprocess.PIPE).stdout)
        src = packed
    changed, record = publish.publish("some", str(src), sha256(src), str(root))
    assert changed
    assert record["digest"] == sha256(raw)
    name = {"xz": "xz", "zstd": "zst", "gzip": "gz", "bzip2": "bz2"}.get(packer)
    assert record["format"] == {"vpc": "vhd"}.get(form, form) + (f".{name}" if name else "")
    assert record["manifest"]["sector_size"] == 512
    assert publish.publish("some", str(src), sha256(src), str(root))[0] is False


def test_packed_twice(root, raw):
    src = raw.parent / "twice"
    src.write_bytes(gzip.compress(gzip.compress(b"data")))
    with pytest.raises(BaremetalError, match="packed twice.*gz inside gz"):
        publish.publish("some", str(src), sha256(src), str(root))


def test_another_algorithm_or_source_of_the_same_content(published, root, raw, monkeypatch):
    digits = hashlib.sha512(raw.read_bytes()).hexdigest()
    changed, record = publish.publish("some", str(raw), digits, str(root))
    assert not changed and record["manifest_digest"] == published["manifest_digest"]
    monkeypatch.setattr(source, "obtain", do_not)
    assert publish.publish("some", str(raw), digits, str(root))[0] is False
    assert publish.publish("some", str(raw), sha256(raw), str(root))[0] is False


def test_new_content_stands_beside_the_old(published, root, raw):
    other = make_raw(raw.parent / "other.raw", 8 * MIB, [(MIB, 5000)], seed=7)
    changed, record = publish.publish("some", str(other), sha256(other), str(root))
    assert changed and record["path"] != published["path"]
    assert (root / published["path"] / "manifest.json").exists() and (root / record["path"] / "manifest.json").exists()


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:50] + bytes([data[50] ^ 1]) + data[51:]], ids=["cut", "flipped"])
@pytest.mark.parametrize("name", ["disk.raw.zst", "disk.bmap", "manifest.json"])
def test_damaged_publication_is_replaced(published, root, raw, name, damage):
    path = root / published["path"] / name
    path.write_bytes(damage(path.read_bytes()))
    changed, record = publish.publish("some", str(raw), sha256(raw), str(root))
    assert changed
    assert record["manifest"]["compressed_digest"] == sha256(root / record["path"] / "disk.raw.zst")
    assert publish.publish("some", str(raw), sha256(raw), str(root))[0] is False
    assert not [name for name in tree(root) if "/." in name]


def test_check_mode(raw, root):
    assert publish.publish("some", str(raw), sha256(raw), str(root), check_mode=True) == (True, None)
    assert tree(root) == []
    with pytest.raises(BaremetalError, match="is no file"):
        publish.publish("some", "/nowhere/x", sha256(raw), str(root), check_mode=True)
    publish.publish("some", str(raw), sha256(raw), str(root))
    before = tree(root)
    assert publish.publish("some", str(raw), sha256(raw), str(root), check_mode=True)[0] is False
    assert publish.withdraw("some", str(root), check_mode=True) is True
    assert tree(root) == before


def test_withdraw(published, root):
    assert publish.withdraw("some", str(root)) is True
    assert tree(root) == ["images"]
    assert publish.withdraw("some", str(root)) is False


def test_a_raw_source_that_changes_after_its_proof_is_refused(raw, root, monkeypatch):
    os.utime(raw, (1, 1))
    real = source._prove

    def proved_and_changed(path, *arguments):
        real(path, *arguments)
        with open(path, "r+b") as file:
            file.seek(2 * MIB)
            file.write(b"other")

    monkeypatch.setattr(source, "_prove", proved_and_changed)
    with pytest.raises(BaremetalError, match="the source changed while it was published"):
        publish.publish("some", str(raw), "sha512:" + hashlib.sha512(raw.read_bytes()).hexdigest(), str(root))
    assert tree(root) == ["images"]


def page(raw):
    raw.write_text("<html>the image has moved</html>")
    return sha256(raw)


@pytest.mark.parametrize("checksum, what", [
    (lambda raw: "sha256:" + "1" * 64, "another checksum"),
    (lambda raw: "sha512:" + "1" * 128, "another checksum"),
    (lambda raw: f"{raw.parent}/nothing", "checksum file is no file"),
    (page, "web page"),
])
def test_a_refused_source_leaves_nothing(raw, root, checksum, what):
    with pytest.raises(BaremetalError, match=what):
        publish.publish("some", str(raw), checksum(raw), str(root))
    assert tree(root) in ([], ["images"])


@needs_qemu_img
def test_a_qcow2_that_does_not_match_is_not_converted(raw, root, monkeypatch):
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, raw.parent / "x"], check=True)
    monkeypatch.setattr(source, "_convert", do_not)
    with pytest.raises(BaremetalError, match="another checksum"):
        publish.publish("some", f"{raw.parent}/x", "1" * 64, str(root))


@needs_qemu_img
def test_a_qcow2_of_no_disk_is_refused_after_conversion(root, tmp_path):
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", tmp_path / "x", "4M"], check=True)
    with pytest.raises(BaremetalError, match="no partition table"):
        publish.publish("some", f"{tmp_path}/x", sha256(tmp_path / "x"), str(root))
    assert tree(root) == ["images"]


def full(*arguments, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("place", [
    (store.os, "fsync"), (publish, "_write"), (publish.os, "rename"), (publish, "_sync_directory"), (store.seekable, "compress"),
])
def test_a_full_disk_leaves_nothing(raw, root, monkeypatch, place):
    with monkeypatch.context() as patch:
        patch.setattr(*place, full)
        with pytest.raises(BaremetalError, match="not enough space.*nothing was left behind.*bytes free"):
            publish.publish("some", str(raw), sha256(raw), str(root))
    assert tree(root) in ([], ["images"])
    assert publish.publish("some", str(raw), sha256(raw), str(root))[0] is True


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
@pytest.mark.parametrize("form", ["raw", "gz", pytest.param("qcow2", marks=needs_qemu_img)])
def test_a_really_full_disk_leaves_nothing(raw, tmp_path, form):
    """Full while compressing, while unpacking, and while converting."""
    src = tmp_path / "src"
    if form == "qcow2":
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, src], check=True)
    else:
        src.write_bytes(gzip.compress(raw.read_bytes()) if form == "gz" else raw.read_bytes())
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small], check=True)
    try:
        with pytest.raises(BaremetalError, match="not enough space.*nothing was left behind"):
            publish.publish("some", str(src), sha256(src), str(small))
        assert tree(small) == ["images"]
        subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
        assert publish.publish("some", str(src), sha256(src), str(small))[1]["digest"] == sha256(raw)
    finally:
        subprocess.run(["umount", small], check=True)


def test_leftovers_of_a_killed_publisher_are_removed(raw, root):
    (root / "images/.some.tmp-dead/made").mkdir(parents=True)
    (root / "images/.other.tmp-alive").mkdir()
    (root / "images/.some.lock").touch()
    publish.publish("some", str(raw), sha256(raw), str(root))
    assert [name for name in tree(root) if "/." in name] == ["images/.other.tmp-alive"]


def test_two_publishers_publish_once(raw, root, monkeypatch):
    monkeypatch.setattr(publish, "_LOCK_INTERVAL", 0.01)
    stored = []
    real = publish.store
    monkeypatch.setattr(publish, "store", lambda *arguments: stored.append(1) or real(*arguments))
    results = []
    threads = [threading.Thread(target=lambda: results.append(publish.publish("some", str(raw), sha256(raw), str(root))[0])) for dummy in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, False, False, True]
    assert len(stored) == 1


def test_a_publisher_that_never_ends_is_named(raw, root, monkeypatch):
    monkeypatch.setattr(publish, "_LOCK_TIMEOUT", 0)
    monkeypatch.setattr(publish, "_LOCK_INTERVAL", 0)
    (root / "images").mkdir()
    with open(root / "images/.some.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BaremetalError, match="another publisher of some"):
            publish.publish("some", str(raw), sha256(raw), str(root))


@pytest.mark.parametrize("name", ["", "../etc", "a/b", ".hidden", "a b", "x" * 65, "ä"])
def test_names_that_are_no_part_of_an_address(name, root):
    for action in (lambda: publish.publish(name, "/x", "0" * 64, str(root)), lambda: publish.withdraw(name, str(root))):
        with pytest.raises(BaremetalError, match="name of the image"):
            action()


@pytest.mark.parametrize("src", ["relative/path", "ftp://example.com/x", "json:{}", "nbd://192.0.2.1/x", "http://user:password@192.0.2.1/x"])
def test_sources_that_are_not_accepted(src, root):
    with pytest.raises(BaremetalError) as raised:
        publish.publish("some", src, "0" * 64, str(root))
    assert "password" not in str(raised.value)
