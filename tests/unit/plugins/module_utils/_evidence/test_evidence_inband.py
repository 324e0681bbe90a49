# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a machine tells over a shell: here a shell of this one, with commands of the test's choice."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._evidence import inband

SHELL = ["sh", "-s"]


def test_each_command_has_its_text_and_its_status():
    texts, problem = inband.collect(SHELL, 20, {
        "good.txt": ("printf", "%s", "it's \"$HOME\""), "bad.txt": ("sh", "-c", "echo no >&2; exit 3"), "none.txt": ("no-such-program",)})
    assert problem is None and texts["good.txt"] == "it's \"$HOME\"\n[exit status 0]\n" and texts["bad.txt"] == "no\n\n[exit status 3]\n"
    assert texts["none.txt"].endswith("[exit status 127]\n")


def test_a_command_that_hangs_costs_its_time_and_the_next_comes(monkeypatch):
    monkeypatch.setattr(inband, "script", lambda commands, script=inband.script: script(commands, each=1))
    texts, problem = inband.collect(SHELL, 20, {"slow.txt": ("sh", "-c", "echo before; sleep 60"), "next.txt": ("echo", "next")})
    assert problem is None and texts == {"slow.txt": "before\n\n[exit status 124]\n", "next.txt": "next\n\n[exit status 0]\n"}


def test_only_the_end_of_a_long_text_is_kept():
    texts, problem = inband.collect(SHELL, 20, {"long.txt": ("seq", "1", "200000")})
    assert problem is None and texts["long.txt"].endswith("200000\n\n[exit status 0]\n") and len(texts["long.txt"]) == 256 * 1024


def test_what_came_before_the_time_was_over_is_kept():
    texts, problem = inband.collect(SHELL, 4, {"first.txt": ("echo", "first"), "slow.txt": ("sleep", "60")})
    assert texts == {"first.txt": "first\n\n[exit status 0]\n"} and problem == "not done within 4 s; missing: slow.txt"


def test_names_and_texts_that_were_not_asked_for_are_passed_over():
    told = base64.b64encode(b"mine").decode()
    lines = f"../evil {told}\ngood.txt {told}\ngood.txt {base64.b64encode(b'again').decode()}\nbroken.txt %%%\nbare\n"
    texts, problem = inband.collect(["sh", "-c", f"cat >/dev/null; printf '%s' '{lines}'"], 20, {"good.txt": (), "broken.txt": ()})
    assert texts == {"good.txt": "mine"} and problem == "the connection ended; missing: broken.txt"


def test_a_machine_that_tells_without_end_is_cut_off():
    texts, problem = inband.collect(["sh", "-c", "cat >/dev/null; yes"], 60, {"good.txt": ("true",)})
    assert texts == {} and problem == "it told too much; missing: good.txt"


@pytest.mark.parametrize(("shell", "said"), [
    (["sh", "-c", "echo 'Connection refused' >&2; exit 255"], "the connection ended: Connection refused; missing: a.txt"),
    (["no-such-ssh"], "no-such-ssh cannot be started: No such file or directory")])
def test_a_machine_that_is_not_reached(shell, said):
    assert inband.collect(shell, 20, {"a.txt": ("true",)}) == ({}, said)


def test_ssh_asks_nothing_of_a_person_and_takes_the_arguments_of_the_role():
    words = inband.ssh("192.0.2.11", "/keys/id", "-o StrictHostKeyChecking=yes -o 'KnownHostsCommand=/bin/echo * ssh-ed25519 AAAA'")
    assert words[-3:] == ["root@192.0.2.11", "sh", "-s"] and "BatchMode=yes" in words and words[words.index("-i") + 1] == "/keys/id"
    assert "KnownHostsCommand=/bin/echo * ssh-ed25519 AAAA" in words
