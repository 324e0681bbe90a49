# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel command line and the iPXE script around it."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import ipxe, kernel_arguments
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given
from hypothesis import strategies as st

RAMDISK = {"kernel": "ramdisk/0123456789abcdef/vmlinuz", "initrd": "ramdisk/0123456789abcdef/initrd.img"}
MAC = "52-54-00-00-02-11"

keys = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
values = st.none() | st.from_regex(r"[ !#-~]{0,30}", fullmatch=True)
arguments = st.lists(st.tuples(keys, values), max_size=12)


def kernel_words(line):
    """What the kernel makes of a command line: a second, independent reading of lib/cmdline.c next_arg()."""
    words, current, quoted, open_word = [], "", False, False
    for char in line:
        if char == '"':
            quoted, open_word = not quoted, True
        elif char == " " and not quoted:
            if open_word:
                words.append(current)
            current, open_word = "", False
        else:
            current, open_word = current + char, True
    return [*words, current] if open_word else words


@given(arguments)
def test_what_is_rendered_is_parsed_to_the_same(parsed):
    assert kernel_arguments.parse(kernel_arguments.render(parsed)) == parsed


@given(arguments)
def test_the_kernel_reads_the_same_words(parsed):
    expected = [key if value is None else f"{key}={value}" for key, value in parsed]
    assert kernel_words(kernel_arguments.render(parsed)) == expected


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused_with_one_paragraph(text):
    try:
        parsed = kernel_arguments.parse(text)
    except BaremetalError as error:
        assert "\n" not in str(error) and "To do:" in str(error)
    else:
        assert kernel_arguments.parse(kernel_arguments.render(parsed)) == parsed


@pytest.mark.parametrize("text", [
    'a"b', "a=b\tc", "a\nb", "=x", 'a="b"c', 'a="b', "-x", "a=\u00e4", "a;b", "a=\x00", "\u00a0a", "a b\n",
])
def test_what_leaves_the_grammar_is_refused(text):
    with pytest.raises(BaremetalError, match="cannot be understood from character"):
        kernel_arguments.parse(text)


def test_lists_and_blanks():
    assert kernel_arguments.parse(["  quiet ", 'console=ttyS0,115200n8  dyndbg="file x +p"', "e="]) == [
        ("quiet", None), ("console", "ttyS0,115200n8"), ("dyndbg", "file x +p"), ("e", "")]


def test_questions_of_debians_installer():
    """As the README of the role install shows them."""
    assert kernel_arguments.parse("console=ttyS0,115200 netcfg/get_nameservers=192.0.2.53") == [
        ("console", "ttyS0,115200"), ("netcfg/get_nameservers", "192.0.2.53")]


def test_only_text_is_taken():
    with pytest.raises(BaremetalError, match="text, not dict"):
        kernel_arguments.parse({"a": "b"})


def test_a_line_the_kernel_would_cut_off_is_refused():
    assert len(kernel_arguments.render([("a", "b" * 2045)])) == 2047
    with pytest.raises(BaremetalError, match="2048 characters"):
        kernel_arguments.render([("a", "b" * 2046)])


def ipxe_words(line):
    """What iPXE makes of a line: split at blanks, up to an operator or a comment (core/exec.c)."""
    words = []
    for word in line.split():
        if word in ("||", "&&", ";") or word.startswith("#"):
            break
        words.append(word)
    return words


@given(arguments)
def test_ipxe_hands_the_command_line_on_unchanged_or_it_is_refused(parsed):
    try:
        script = ipxe.node_script("node1", "http://192.0.2.1:8080", MAC, RAMDISK, parsed)
    except BaremetalError as error:
        assert "unchanged" in str(error) or "characters" in str(error)
        return
    line = next(line for line in script.splitlines() if line.startswith("kernel "))
    command, option, name, url, initrd, *rest = ipxe_words(line)
    assert (command, option, name, initrd) == ("kernel", "--name", "vmlinuz", "initrd=initrd.img")
    assert url == f"http://192.0.2.1:8080/{RAMDISK['kernel']}?mac={MAC}&node=node1"
    assert " ".join(rest) == kernel_arguments.render(parsed)
    assert "${" not in line
    assert line.endswith(" || goto again")


@pytest.mark.parametrize("value", ["${net0/mac}", "a || shell", "a && b", "a ; b", "a #b", "a  b", "a ", " a"])
def test_what_ipxe_would_take_for_its_own_is_refused(value):
    with pytest.raises(BaremetalError, match="come through iPXE unchanged"):
        ipxe.command_line([("key", value)])


@pytest.mark.parametrize("url", [
    "https://192.0.2.1", "http://192.0.2.1 shell", "http://192.0.2.1/${x}", "http://", "ftp://192.0.2.1", "http://a\nshell",
])
def test_urls_that_do_not_belong_into_a_script(url):
    with pytest.raises(BaremetalError, match="URL of the boot server"):
        ipxe.base_url(url)


@pytest.mark.parametrize("name", ["", "a b", "a\nshell", "${x}", "#a"])
def test_names_that_do_not_belong_into_a_script(name):
    with pytest.raises(BaremetalError, match="name of the node"):
        ipxe.node_script(name, "http://192.0.2.1", MAC, RAMDISK, [])


def test_paths_cannot_leave_the_http_root():
    with pytest.raises(BaremetalError, match="path of the ramdisk"):
        ipxe.node_script("node1", "http://192.0.2.1", MAC, {**RAMDISK, "kernel": "ramdisk/../../etc/shadow"}, [])


def test_a_script_for_bracketed_ipv6():
    assert "kernel --name vmlinuz http://[2001:db8::1]:8080/ramdisk/" in ipxe.node_script(
        "node1", "http://[2001:db8::1]:8080/", MAC, RAMDISK, [])
