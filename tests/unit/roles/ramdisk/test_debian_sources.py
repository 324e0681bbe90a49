# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import debian_sources

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
    assert debian_sources.sources("bookworm", "http://m.example.com/debian", ["main"]) == ["http://m.example.com/debian"]


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
