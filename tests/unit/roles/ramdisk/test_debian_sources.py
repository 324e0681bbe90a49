# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess

import debian_sources
import pytest

INDEX = """\
Packages	Debian	bookworm	http://mirror.example.com/debian/	main
Packages	Debian	bookworm	http://mirror.example.com/debian/	contrib
Translations	Debian	bookworm	http://mirror.example.com/debian/	main
Packages	Debian	bookworm-security	http://mirror.example.com/debian-security/	main
Packages	Debian	bookworm-backports	http://mirror.example.com/debian/	main
Packages	Docker	bookworm	https://download.example.com/docker/	main
"""
SIGNED = f"[signed-by={debian_sources.KEYRING}]"


def test_own_release_with_updates_and_nothing_foreign():
    assert debian_sources.host_sources(INDEX, "bookworm", ["main"]) == [
        f"deb {SIGNED} http://mirror.example.com/debian/ bookworm main",
        f"deb {SIGNED} http://mirror.example.com/debian-security/ bookworm-security main",
    ]


def test_components_of_one_source_share_a_line():
    lines = debian_sources.host_sources(INDEX, "bookworm", ["main", "contrib", "non-free-firmware"])
    assert lines[0].endswith("bookworm main contrib")


def test_other_release_means_no_sources():
    assert debian_sources.host_sources(INDEX, "trixie", ["main"]) == []


def test_security_alone_is_no_base():
    index = "Packages\tDebian\tbookworm-security\thttp://mirror.example.com/s/\tmain\n"
    assert debian_sources.host_sources(index, "bookworm", ["main"]) == []


def test_mirror_lists_and_media_of_the_host_stay_there():
    index = "Packages\tDebian\tbookworm\tmirror+file:/etc/apt/mirrors/debian.list\tmain\n"
    assert debian_sources.host_sources(index, "bookworm", ["main"]) == []


def test_given_mirror_is_taken_without_asking_the_host(monkeypatch):
    monkeypatch.setattr(debian_sources.subprocess, "run", None)
    assert debian_sources.sources("bookworm", "http://m.example.com/debian", ["main"], []) == ["http://m.example.com/debian"]


def test_only_the_way_to_the_mirror_is_taken_from_the_host():
    dump = (
        'Acquire::http::Proxy "http://proxy.example.com:3128";\n'
        'Acquire::Check-Valid-Until "false";\n'
        'Acquire::AllowInsecureRepositories "true";\n'
        'APT::Get::AllowUnauthenticated "true";\n'
    )
    assert debian_sources.transport_settings(dump) == (
        'Acquire::http::Proxy "http://proxy.example.com:3128";\nAcquire::Check-Valid-Until "false";\n'
    )


BACKPORTS = "deb http://m.example.com/debian bookworm-backports main"


@pytest.mark.parametrize(("suite", "first"), [
    ("bookworm", f"deb {SIGNED} http://mirror.example.com/debian/ bookworm main"), ("trixie", debian_sources.DEFAULT_MIRROR)])
def test_further_sources_come_on_top(monkeypatch, suite, first):
    monkeypatch.setattr(debian_sources.subprocess, "run", lambda *dummy, **more: subprocess.CompletedProcess([], 0, INDEX))
    listed = debian_sources.sources(suite, "", ["main"], [BACKPORTS])
    assert (listed[0], listed[-1]) == (first, BACKPORTS)


def host(monkeypatch, tester, status=0):
    """A build host that is amd64, with arch-test or without it."""
    def run(command, **dummy):
        return subprocess.CompletedProcess(command, status if command[0] == "arch-test" else 0, "amd64\n")

    monkeypatch.setattr(debian_sources.subprocess, "run", run)
    monkeypatch.setattr(debian_sources.shutil, "which", lambda name: tester)


def test_own_programs_run_without_being_tried(monkeypatch):
    host(monkeypatch, None)
    debian_sources.check_architecture("amd64")


def test_those_of_another_architecture_run_where_there_is_an_emulator(monkeypatch):
    host(monkeypatch, "/usr/bin/arch-test")
    debian_sources.check_architecture("arm64")


@pytest.mark.parametrize(("tester", "said"), [(None, "arch-test.* is missing"), ("/usr/bin/arch-test", "cannot run programs of arm64")])
def test_without_one_it_is_said_before_anything_is_fetched(monkeypatch, tester, said):
    host(monkeypatch, tester, status=1)
    with pytest.raises(SystemExit, match=f"{said}.*qemu-user-static"):
        debian_sources.check_architecture("arm64")


def test_package_files_are_shown_to_the_new_root():
    one, hook = debian_sources.package_files(["nic-driver_1.0_amd64.deb"])
    assert one.startswith("--include=/") and one.endswith("/packages/nic-driver_1.0_amd64.deb")
    assert hook == f"--hook-dir={debian_sources.FILE_HOOKS}"
    assert debian_sources.package_files([]) == []
