# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess

import pytest
import site_content

RELEASE = "6.1.0-37-amd64"


@pytest.fixture
def trees(tmp_path):
    tree, root = tmp_path / "tree", tmp_path / "root"
    for folder in ("usr/lib/firmware", "etc", "run"):
        (root / folder).mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    (root / "var").mkdir()
    (root / "var/run").symlink_to("/run")
    tree.mkdir()
    return tree, root


def put(path, text="site", mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def test_files_take_the_place_of_what_is_there(trees):
    tree, root = trees
    put(root / "etc/motd", "debian")
    put(tree / "etc/motd")
    put(tree / "opt/tool/run", mode=0o775)
    put(tree / "etc/secret", mode=0o600)
    (tree / "opt/latest").symlink_to("tool")
    site_content.overlay(tree, root)
    assert (root / "etc/motd").read_text() == "site"
    modes = {name: (root / name).stat().st_mode & 0o7777 for name in ("opt/tool", "opt/tool/run", "etc/secret", "etc/motd")}
    assert modes == {"opt/tool": 0o755, "opt/tool/run": 0o755, "etc/secret": 0o600, "etc/motd": 0o644}
    assert os.readlink(root / "opt/latest") == "tool"


def test_links_in_the_image_are_followed_as_the_image_would(trees):
    tree, root = trees
    put(tree / "lib/firmware/vendor/nic.bin")
    put(tree / "var/run/marker")
    site_content.overlay(tree, root)
    assert (root / "usr/lib/firmware/vendor/nic.bin").exists() and (root / "lib").is_symlink()
    assert (root / "run/marker").exists()


@pytest.mark.parametrize("target", ["../../..", "loop"])
def test_a_link_that_leads_nowhere_is_refused(trees, target):
    tree, root = trees
    (root / "loop").symlink_to(target)
    put(tree / "loop/file")
    with pytest.raises(SystemExit, match="loop/file leads through a link out of"):
        site_content.overlay(tree, root)


def test_a_file_does_not_replace_a_directory(trees):
    tree, root = trees
    put(tree / "etc")
    with pytest.raises(SystemExit, match="etc is a directory in the image"):
        site_content.overlay(tree, root)


def test_a_link_of_the_image_is_replaced_and_not_its_target(trees, tmp_path):
    tree, root = trees
    put(tmp_path / "host", "host")
    (root / "etc/resolv.conf").symlink_to(tmp_path / "host")
    put(tree / "etc/resolv.conf")
    site_content.overlay(tree, root)
    assert (tmp_path / "host").read_text() == "host" and (root / "etc/resolv.conf").read_text() == "site"


@pytest.fixture
def modinfo(monkeypatch):
    """Answers for modinfo, by the name of the module."""
    answers = {}

    def run(command, **dummy):
        status, text = answers[os.path.basename(command[-1])]
        return subprocess.CompletedProcess(command, status, "" if status else text, text if status else "")

    monkeypatch.setattr(site_content.subprocess, "run", run)
    return answers


def test_a_driver_for_the_kernel_is_installed_where_it_comes_first(trees, modinfo):
    tree, root = trees
    (root / "usr/lib/modules" / RELEASE).mkdir(parents=True)
    put(tree / "nic.ko", mode=0o600)
    modinfo["nic.ko"] = 0, f"{RELEASE} SMP preempt mod_unload modversions \n"
    site_content.install_drivers([tree / "nic.ko"], root, RELEASE)
    installed = root / "usr/lib/modules" / RELEASE / "updates/nic.ko"
    assert installed.read_text() == "site" and installed.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(("answer", "said"), [
    ((0, "6.1.0-36-amd64 SMP"), "for the kernel 6.1.0-36-amd64, the image has 6.1.0-37-amd64"),
    ((0, ""), "no kernel module"), ((1, "modinfo: ERROR: bad header"), "no kernel module: modinfo: ERROR: bad header")])
def test_a_driver_that_could_not_be_loaded_is_refused(trees, modinfo, answer, said):
    tree, root = trees
    put(tree / "nic.ko")
    modinfo["nic.ko"] = answer
    with pytest.raises(SystemExit, match=said):
        site_content.install_drivers([tree / "nic.ko"], root, RELEASE)
