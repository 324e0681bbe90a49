# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import build_ramdisk
import pytest

DIGEST = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4


def config(tmp_path, digest=DIGEST, architecture="amd64"):
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    return {"digest": digest, "root": str(tmp_path / "http"), "work": str(work), "architecture": architecture}


def fake_build(given, work, target):
    (work / "root").mkdir()
    for name in ("vmlinuz", "initrd.img", "packages.txt"):
        (target / name).write_text(name)
    (target / "ramdisk.json").write_text(json.dumps({"digest": given["digest"], "architecture": given["architecture"]}))


def broken_build(given, work, target):
    (target / "vmlinuz").write_text("half")
    raise SystemExit("the mirror is gone")


def store_of(tmp_path):
    store = tmp_path / "http/ramdisk"
    assert json.loads((store / "current/ramdisk.json").read_text()) == json.loads((store / "current.json").read_text())
    return sorted(path.name for path in store.iterdir() if path.name != ".lock" and not path.is_symlink())


def current(tmp_path):
    return json.loads((tmp_path / "http/ramdisk/current.json").read_text())["digest"]


def test_a_build_is_complete_and_current(tmp_path, monkeypatch):
    monkeypatch.setattr(build_ramdisk, "build", fake_build)
    assert build_ramdisk.publish(config(tmp_path)) is True
    assert store_of(tmp_path) == [DIGEST[:16], "current-amd64.json", "current.json"]
    assert current(tmp_path) == DIGEST
    assert not list((tmp_path / "work").iterdir())


def test_a_failed_build_leaves_the_old_one_current(tmp_path, monkeypatch):
    monkeypatch.setattr(build_ramdisk, "build", fake_build)
    build_ramdisk.publish(config(tmp_path))
    monkeypatch.setattr(build_ramdisk, "build", broken_build)
    with pytest.raises(SystemExit, match="mirror is gone"):
        build_ramdisk.publish(config(tmp_path, OTHER))
    assert store_of(tmp_path) == [DIGEST[:16], "current-amd64.json", "current.json"]
    assert current(tmp_path) == DIGEST
    assert not list((tmp_path / "work").iterdir())


def test_what_a_killed_build_left_is_removed(tmp_path, monkeypatch):
    left = tmp_path / "http/ramdisk" / f".new-{OTHER[:16]}"
    left.mkdir(parents=True)
    (left / "initrd.img").write_text("half")
    (left.parent / ".new-current").symlink_to(left.name)
    monkeypatch.setattr(build_ramdisk, "build", fake_build)
    build_ramdisk.publish(config(tmp_path))
    assert store_of(tmp_path) == [DIGEST[:16], "current-amd64.json", "current.json"]


def test_going_back_to_an_earlier_build_builds_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(build_ramdisk, "build", fake_build)
    build_ramdisk.publish(config(tmp_path))
    build_ramdisk.publish(config(tmp_path, OTHER))
    assert current(tmp_path) == OTHER
    monkeypatch.setattr(build_ramdisk, "build", broken_build)
    assert build_ramdisk.publish(config(tmp_path)) is False
    assert current(tmp_path) == DIGEST


@pytest.mark.parametrize("first", ["amd64", "arm64"])
def test_two_architectures_stand_side_by_side(tmp_path, monkeypatch, first):
    monkeypatch.setattr(build_ramdisk, "build", fake_build)
    builds = [config(tmp_path), config(tmp_path, OTHER, "arm64")]
    for given in builds if first == "amd64" else builds[::-1]:
        build_ramdisk.publish(given)
    store = tmp_path / "http/ramdisk"
    assert current(tmp_path) == DIGEST, "nodes of whom nothing is known"
    for given in builds:
        name = f"current-{given['architecture']}"
        said = json.loads((store / f"{name}.json").read_text())
        assert said == json.loads((store / name / "ramdisk.json").read_text()) and said["digest"] == given["digest"]


def test_the_only_architecture_is_everybodys(tmp_path, monkeypatch):
    monkeypatch.setattr(build_ramdisk, "build", fake_build)
    for digest in (DIGEST, OTHER):
        build_ramdisk.publish(config(tmp_path, digest, "arm64"))
        assert current(tmp_path) == digest


def test_a_store_of_before_there_were_other_architectures_keeps_its_own(tmp_path, monkeypatch):
    store = tmp_path / "http/ramdisk"
    store.mkdir(parents=True)
    (store / "current.json").write_text(json.dumps({"digest": DIGEST}))
    monkeypatch.setattr(build_ramdisk, "build", fake_build)
    build_ramdisk.publish(config(tmp_path, OTHER, "arm64"))
    assert current(tmp_path) == DIGEST
    assert json.loads((store / "current-arm64.json").read_text())["digest"] == OTHER


@pytest.mark.parametrize("releases", [[], ["6.1.0-1-amd64", "6.12.0-1-amd64"]])
def test_any_number_of_kernels_but_one_is_refused(tmp_path, releases):
    for release in releases:
        (tmp_path / "usr/lib/modules" / release).mkdir(parents=True)
    with pytest.raises(SystemExit, match="exactly one kernel"):
        build_ramdisk.kernel_release(tmp_path)


def test_prune_follows_no_links_out_of_the_root(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    root = tmp_path / "root"
    (root / "usr/share/doc/package").mkdir(parents=True)
    (root / "usr/share/perl").symlink_to(outside)
    build_ramdisk.prune(root, ("usr/share/doc", "usr/share/perl*", "not/there/*"))
    assert list((root / "usr/share").iterdir()) == []
    assert (outside / "precious").exists()


def test_write_replaces_a_link_and_not_its_target(tmp_path):
    target = tmp_path / "target"
    target.write_text("host")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/resolv.conf").symlink_to(target)
    build_ramdisk.write(root, "etc/resolv.conf", "")
    assert target.read_text() == "host"
    assert not (root / "etc/resolv.conf").is_symlink()


def test_defaults_and_argument_spec_agree(defaults, specification):
    assert {name: option["default"] for name, option in specification.items()} == defaults


def test_the_health_of_disks_can_be_asked_for_and_no_daemon_asks_for_it(tmp_path, defaults):
    assert "smartmontools" in defaults["ramdisk_packages"]
    # As the package enables its daemon.
    units, programs = tmp_path / "etc/systemd/system", tmp_path / "usr/sbin"
    units.mkdir(parents=True)
    programs.mkdir(parents=True)
    (units / "smartd.service").symlink_to("/lib/systemd/system/smartmontools.service")
    for name in ("smartctl", "smartd"):
        (programs / name).touch()
    build_ramdisk.mask(tmp_path, "system", list(build_ramdisk.MASKED_UNITS))
    build_ramdisk.prune(tmp_path, build_ramdisk.PRUNE)
    assert [str((units / name).readlink()) for name in ("smartd.service", "smartmontools.service")] == ["/dev/null", "/dev/null"]
    assert [path.name for path in programs.iterdir()] == ["smartctl"]


def test_the_code_page_of_mtools_is_kept_and_no_other(tmp_path):
    conversions = tmp_path / "usr/lib/x86_64-linux-gnu/gconv"
    (conversions / "gconv-modules.d").mkdir(parents=True)
    kept = ["IBM850.so", "gconv-modules", "gconv-modules.cache", "gconv-modules.d"]
    for name in [*kept[:-1], "ANSI_X3.110.so", "IBM037.so", "IBM855.so", "IBM866.so", "ISO8859-1.so", "UTF-7.so", "libCNS.so"]:
        (conversions / name).touch()
    build_ramdisk.prune(tmp_path, build_ramdisk.PRUNE)
    assert sorted(path.name for path in conversions.iterdir()) == kept
