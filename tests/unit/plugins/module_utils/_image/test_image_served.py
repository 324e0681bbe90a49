# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a boot server serves what was published, as boot_server_info finds it."""

from __future__ import annotations

import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import boot_server_info
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.image_builders import sha256


@pytest.fixture
def folder(root):
    """A ramdisk, and the first boot script."""
    (root / "boot.ipxe").write_text("#!ipxe\n")
    place = root / "ramdisk/abc"
    place.mkdir(parents=True)
    for name in ("vmlinuz", "initrd.img"):
        (place / name).write_bytes(name.encode() * 1000)
    describe(root)
    return place


def describe(root, name="current", **more):
    digests = {part: sha256(root / "ramdisk/abc" / name).removeprefix("sha256:") for part, name in (("kernel", "vmlinuz"), ("initrd", "initrd.img"))}
    (root / f"ramdisk/{name}.json").write_text(json.dumps({
        "digest": "abc" * 20, "kernel": "ramdisk/abc/vmlinuz", "initrd": "ramdisk/abc/initrd.img", "sha256": digests, **more}))


@pytest.fixture
def look(root, server, folder, published, tmp_path):
    """``look()``: the checks by name, of an image that the registry knows."""
    registry = f"sqlite:///{tmp_path}/registry.db"
    images.record(open_registry(registry), published)

    def look(**more):
        call = Call(params={"root": str(tmp_path), "url": server.url, "further_urls": [], "image": None, "images": None, "cache": False,
                            "registry": registry, **more})
        call.params.update(boot_server_info.before(call))
        result = boot_server_info.run(call)
        assert not result["changed"] and all(item["cure"] for item in result["checks"] if item["status"] in ("warn", "fail"))
        return {item["check"]: item for item in result["checks"]}

    return look


def test_all_is_served(look):
    found = look()
    assert {name: item["status"] for name, item in found.items()} == {
        "daemons": "fail", "http": "ok", "ramdisk": "ok", "images": "ok", "tftp": "fail"}
    assert "no dnsmasq" in found["daemons"]["seen"] and found["images"]["seen"] == "some"


def test_each_url_at_which_nodes_find_it(look, server):
    assert look(further_urls=[f"{server.url}/"])["http"]["status"] == "ok"
    for wrong, said in (("http://127.0.0.1:9", "nothing answers by HTTP at http://127.0.0.1:9."), ("http://127.0.0.1:80800", "nothing answers by HTTP"),
                        ("https://192.0.2.1:8443", "https://192.0.2.1:8443")):
        found = look(further_urls=[server.url, wrong])["http"]
        assert found["status"] == "warn" and said in found["seen"], found
    assert look(further_urls=["http://127.0.0.1:9"])["images"]["seen"] == "some"


def test_a_cache_has_images_alone(look, root, published):
    found = look(cache=True)
    assert {name: item["status"] for name, item in found.items()} == {"daemons": "fail", "http": "ok", "images": "ok"}
    assert "no nginx" in found["daemons"]["seen"] and "dnsmasq" not in found["daemons"]["seen"]
    (root / published["path"] / "manifest.json").unlink()
    assert look(cache=True)["images"]["status"] == "fail"
    silent = look(cache=True, url="http://127.0.0.1:9")
    assert (silent["http"]["status"], silent["images"]["status"]) == ("fail", "skipped")


def test_images_that_are_looked_at(look):
    assert look(image="other")["images"]["status"] == "skipped"
    assert look(registry=None)["images"]["status"] == "skipped"


@pytest.mark.parametrize("name", ["manifest.json", "disk.bmap", "disk.raw.zst"])
def test_an_image_that_is_damaged(look, root, published, name):
    file = root / published["path"] / name
    data = bytearray(file.read_bytes())
    data[-20] ^= 1
    file.chmod(0o644)
    file.write_bytes(data)
    found = look()["images"]
    assert found["status"] == "fail" and found["seen"].startswith("some: ") and "published" in found["seen"]


def test_a_ramdisk_that_is_damaged_or_gone(look, root, folder):
    (folder / "initrd.img").write_bytes(b"half")
    found = look()["ramdisk"]
    assert found["status"] == "fail" and "initrd.img: sha256" in found["seen"] and "vmlinuz" not in found["seen"]
    (folder / "initrd.img").unlink()
    assert look()["ramdisk"]["status"] == "fail"


def test_a_boot_medium_or_loader_that_is_damaged(look, root, folder):
    names = {"medium": "boot.iso", "shim": "shimx64.efi", "grub": "grubx64.efi"}
    for name in names.values():
        (folder / name).write_bytes(name.encode())
    recorded = json.loads((root / "ramdisk/current.json").read_text())["sha256"]
    recorded.update({part: sha256(folder / name).removeprefix("sha256:") for part, name in names.items()})
    describe(root, sha256=recorded, shim="ramdisk/abc/shimx64.efi", grub="ramdisk/abc/grubx64.efi",
             medium={"path": "ramdisk/abc/boot.iso", "config_offset": 0, "config_size": 1})
    assert look()["ramdisk"]["status"] == "ok"
    for name in names.values():
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(b"half")
        found = look()["ramdisk"]
        assert found["status"] == "fail" and f"{name}: sha256" in found["seen"] and "initrd" not in found["seen"]
        (folder / name).write_bytes(kept)


def test_the_ramdisks_of_all_architectures(look, root):
    for architecture in ("amd64", "arm64"):
        describe(root, f"current-{architecture}", architecture=architecture, digest=architecture)
    assert look()["ramdisk"] == {"check": "ramdisk", "status": "ok", "seen": "amd64, arm64", "cure": None}
    describe(root, "current-arm64", architecture="arm64", kernel="ramdisk/def/vmlinuz")
    found = look()["ramdisk"]
    assert found["status"] == "fail" and "ramdisk/def/vmlinuz" in found["seen"]


def test_a_ramdisk_of_earlier_days(look, root):
    describe(root, sha256={})
    assert look()["ramdisk"]["status"] == "warn"


def test_another_web_server(look, root, server, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "boot.ipxe").write_text("something else")
    server.root = other
    found = look()
    assert found["http"]["status"] == "fail" and "not this boot server" in found["http"]["seen"]
    assert (found["ramdisk"]["status"], found["images"]["status"]) == ("skipped", "skipped")


def test_nobody_answers(look, server, root):
    assert "nothing answers by HTTP" in look(url="http://127.0.0.1:9")["http"]["seen"]
    (root / "boot.ipxe").unlink()
    assert "boot_server.yml" in look()["http"]["cure"]
