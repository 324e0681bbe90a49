# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
import subprocess

import build_image
import debian_image
import dib_image
import pytest
import yaml
from bill_of_materials import Package

DIGEST = "0123456789abcdef" * 4


@pytest.fixture
def config(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    return {
        "name": "debian-12",
        "builder": "mmdebstrap",
        "architecture": "amd64",
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
        for suffix in ("", ".sha256", ".packages.txt", ".cdx.json", ".json"):
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
        "debian-12.raw.cdx.json": "one.cdx.json",
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


@pytest.mark.parametrize("builder", ["mmdebstrap", "diskimage-builder"])
def test_what_the_image_is_made_of_is_told_beside_it(config, monkeypatch, builder):
    def made(given, work):
        (work / "disk.raw").write_bytes(b"disk" * 1024)
        return {"disk": work / "disk.raw", "packages": [Package("zlib1g", "1:1.2", "amd64", "zlib", "1:1.2")], "distribution": "debian", "date": 1700000000,
                "about": {"kernel_release": "6.1.0-37-amd64"}}

    monkeypatch.setitem(build_image.BUILDERS, builder, made)
    build_image.publish({**config, "builder": builder})
    files = contents(config)
    digest = hashlib.sha256(b"disk" * 1024).hexdigest()
    assert files["debian-12.raw.sha256"] == f"{digest}  debian-12.raw\n"
    assert files["debian-12.raw.packages.txt"] == "zlib1g\t1:1.2\tamd64\tzlib\t1:1.2\n"
    about = json.loads(files["debian-12.raw.json"])
    assert (about["builder"], about["virtual_size"], about["kernel_release"]) == (builder, 4096, "6.1.0-37-amd64")
    bill = json.loads(files["debian-12.raw.cdx.json"])
    assert bill["metadata"]["component"]["components"][0]["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert [component["name"] for component in bill["components"]] == ["zlib1g"]


def test_both_builders_are_those_of_the_role(specification):
    assert {"mmdebstrap": debian_image.build, "diskimage-builder": dib_image.build} == build_image.BUILDERS
    assert sorted(build_image.BUILDERS) == sorted(specification["os_image_builder"]["choices"])


def test_cloud_init_looks_only_where_a_machine_has_data():
    settings = yaml.safe_load((debian_image.HERE / "cloud.cfg").read_text(encoding="utf-8"))
    assert settings["datasource_list"] == ["ConfigDrive", "NoCloud", "None"]
    assert {"growpart", "resizefs", "users-groups", "ssh"} <= set(settings["cloud_init_modules"])


def test_defaults_and_argument_spec_agree(defaults, specification):
    assert {name: option["default"] for name, option in specification.items()} == defaults
