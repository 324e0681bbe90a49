# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
import reproducible

PACKAGED, NEWEST, BUILT = 1600000000, 1700000000, 1750000000


def put(path, date, text="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (date, date))
    return path


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    put(root / "usr/bin/program", PACKAGED)
    put(root / "usr/share/data", NEWEST)
    put(root / "etc/rewritten", BUILT + 5)
    put(root / "etc/hostname", PACKAGED + 7)
    (root / "etc/link").symlink_to("hostname")
    put(root / "var/lib/dpkg/info/one.list", BUILT + 1, "/.\n/usr\n/usr/bin\n/usr/bin/program\n/gone\n")
    put(root / "var/lib/dpkg/info/two.list", BUILT + 1, "/usr/share/data\n/etc/rewritten\n/etc/link\n")
    return root


def dates(root):
    return {str(path.relative_to(root)): int(path.lstat().st_mtime) for path in root.rglob("*")}


def test_the_date_is_that_of_the_newest_file_of_a_package(root):
    assert reproducible.package_date(root, BUILT) == NEWEST


def test_a_root_without_packages_has_no_date(tmp_path):
    assert reproducible.package_date(tmp_path, BUILT) == 0


def test_what_the_build_wrote_gets_the_date_and_what_packages_brought_keeps_its_own(root):
    reproducible.settle(root, NEWEST)
    found = dates(root)
    assert (found["usr/bin/program"], found["usr/share/data"], found["etc/hostname"]) == (PACKAGED, NEWEST, PACKAGED + 7)
    assert found["etc/rewritten"] == found["etc/link"] == found["etc"] == NEWEST
    assert max(found.values()) == NEWEST and int(root.stat().st_mtime) == NEWEST


def test_two_builds_that_took_place_at_different_times_look_alike(root, tmp_path):
    other = tmp_path / "other"
    for path in sorted(root.rglob("*"), reverse=True):
        if path.is_symlink():
            (other / path.relative_to(root)).symlink_to(os.readlink(path))
        elif path.is_file():
            late = path.stat().st_mtime > NEWEST
            put(other / path.relative_to(root), int(path.stat().st_mtime) + 86400 * late, path.read_text())
    put(root / "var/log/dpkg.log", BUILT, "one day")
    put(other / "var/log/dpkg.log", BUILT + 9, "another day")
    for tree in (root, other):
        reproducible.settle(tree, NEWEST)
    assert dates(root) == dates(other)


def test_logs_and_spare_copies_of_the_build_go(root):
    for name in ("var/log/dpkg.log", "var/log/apt/history.log", "var/cache/ldconfig/aux-cache", "etc/shadow-", "var/lib/dpkg/status-old"):
        put(root / name, BUILT)
    put(root / "var/log/wtmp", PACKAGED)
    reproducible.settle(root, NEWEST)
    assert sorted(path.name for path in (root / "var").rglob("*") if path.is_file()) == ["one.list", "two.list", "wtmp"]
    assert not (root / "etc/shadow-").exists()


def test_passwords_were_set_on_the_day_of_the_packages(root):
    shadow = put(root / "etc/shadow", BUILT, "root:*:20290:0:99999:7:::\n_apt:!:20291::::::\nlocked:!*:::::::\n")
    shadow.chmod(0o640)
    reproducible.settle(root, NEWEST)
    assert shadow.read_text() == "root:*:19675:0:99999:7:::\n_apt:!:19675::::::\nlocked:!*:::::::\n"
    assert shadow.stat().st_mode & 0o7777 == 0o640


def test_programs_are_told_the_date_after_the_packages_are_installed(monkeypatch):
    monkeypatch.setattr(os, "environ", {"SOURCE_DATE_EPOCH": "1", "TZ": "Asia/Tokyo"})
    reproducible.prepare_environment()
    assert "SOURCE_DATE_EPOCH" not in os.environ and os.environ["TZ"] == "UTC"
    reproducible.use_date(NEWEST)
    assert os.environ["SOURCE_DATE_EPOCH"] == str(NEWEST)
