# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ways to boot: which one is taken, GRUB's configuration, the medium of a node, its static network."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import boot_interface, grub, kernel_arguments, medium, static_network
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import schema
from hypothesis import given
from hypothesis import strategies as st

RAMDISK = {"architecture": "amd64", "kernel": "ramdisk/abc/vmlinuz", "initrd": "ramdisk/abc/initrd.img"}
MAC = "52-54-00-00-02-11"
KEY_LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9kFQMM0L2tAQ4Wc6LyPtLx1nLJ2p6G4q1JXbZ1Q7uR operator\n"

arguments = st.lists(st.tuples(
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}", fullmatch=True),
    st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"'), max_size=12)), max_size=6)


def test_a_hardware_file_may_name_each_of_them():
    assert [name for name in schema.SCHEMA["properties"]["boot_interface"]["enum"] if name] == list(boot_interface.INTERFACES)


@given(st.lists(st.sampled_from(boot_interface.INTERFACES), unique=True, min_size=1), st.sets(st.sampled_from(boot_interface.INTERFACES)))
def test_the_first_one_that_nothing_speaks_against_is_taken(wanted, broken):
    def problem(name):
        return f"{name} is broken" if name in broken else None

    if set(wanted) <= broken:
        with pytest.raises(BaremetalError) as refusal:
            boot_interface.settle(wanted, problem)
        assert all(f"{name} is broken" in str(refusal.value) for name in wanted)
        return
    left, passed = boot_interface.settle(wanted, problem)
    assert left[0] not in broken and [name for name, dummy in passed] + left == wanted
    assert {name for name, dummy in passed} <= broken


@pytest.mark.parametrize("wanted", [[], "ipxe", ["tftp"], ["ipxe", "ipxe"], [7]])
def test_what_is_no_list_of_them_is_refused(wanted):
    with pytest.raises(BaremetalError, match="no boot interfaces.*ipxe, http-ipxe, pxe, redfish-virtual-media, redfish-https"):
        boot_interface.check(wanted)


@pytest.mark.parametrize(("interface", "boot_mode", "fits"), [
    ("ipxe", "bios", True), ("pxe", "bios", False), ("http-ipxe", "bios", False), ("redfish-virtual-media", "bios", True), ("pxe", "uefi", True),
    ("http-ipxe", None, True), ("redfish-https", "bios", False), ("redfish-https", "uefi", True)])
def test_what_takes_uefi(interface, boot_mode, fits):
    assert (boot_interface.firmware_problem(interface, boot_mode) is None) is fits


def test_what_the_boot_server_must_have(tmp_path):
    (tmp_path / "http/ramdisk/abc").mkdir(parents=True)
    ramdisk = {**RAMDISK, "shim": "ramdisk/abc/shimx64.efi", "medium": {"path": "ramdisk/abc/boot.iso"}}
    for interface, name in (("pxe", "shimx64.efi"), ("redfish-virtual-media", "boot.iso"), ("redfish-https", "boot.iso")):
        (tmp_path / "http/ramdisk/abc" / name).unlink(missing_ok=True)
        assert "ramdisk.yml" in boot_interface.server_problem(interface, tmp_path, RAMDISK)
        assert name in boot_interface.server_problem(interface, tmp_path, ramdisk)
        (tmp_path / "http/ramdisk/abc" / name).touch()
        assert boot_interface.server_problem(interface, tmp_path, ramdisk) is None
        assert "only iPXE" in boot_interface.server_problem(interface, tmp_path, None, tenant=True)
    assert boot_interface.server_problem("ipxe", tmp_path, RAMDISK) is None


def test_arm64_takes_loaders_of_its_own(tmp_path):
    (tmp_path / "http/ramdisk/abc").mkdir(parents=True)
    (tmp_path / "http/ramdisk/abc/shimaa64.efi").touch()
    ramdisk = {**RAMDISK, "architecture": "arm64", "shim": "ramdisk/abc/shimaa64.efi"}
    assert boot_interface.server_problem("pxe", tmp_path, ramdisk) is None
    links = boot_interface.tftp_links("pxe", ramdisk)
    assert links["arm64.efi"] == "../ramdisk/current-arm64/shimaa64.efi" and links["grub"] == "../grub" and "snponly.efi" not in links
    assert not boot_interface.tftp_links("ipxe", ramdisk)
    for interface in ("ipxe", "http-ipxe"):
        assert "no iPXE for arm64; boot_server_arm64_loader" in boot_interface.server_problem(interface, tmp_path, ramdisk)
    (tmp_path / "tftp").mkdir()
    (tmp_path / "tftp/arm64.efi").touch()
    assert boot_interface.server_problem("ipxe", tmp_path, ramdisk) is None


def linux_words(line):
    """What GRUB's command linux gives the kernel (grub_create_loader_cmdline), and the kernel its parameters (next_arg)."""
    handed = []
    for word in shlex.split(line):
        escaped = "".join("\\" + letter if letter in "\\'\"" else letter for letter in word)
        handed.append(f'"{escaped}"' if " " in word else escaped)
    return [tuple(word.strip('"').split("=", 1)) for word in handed]


@given(arguments)
def test_grub_hands_the_arguments_on_unchanged_or_they_are_refused(given_arguments):
    try:
        line = grub.command_line(given_arguments)
    except BaremetalError as error:
        assert "unchanged" in str(error) and any(set(value or "") & set("'\\") for dummy, value in given_arguments)
        return
    assert linux_words(line) == [(key,) if value is None else (key, value) for key, value in given_arguments]


def test_grub_gets_no_more_than_a_kernel_takes():
    with pytest.raises(BaremetalError, match="the kernel takes 2047"):
        grub.command_line([("a", "b" * 1900)])


@pytest.mark.parametrize("value", ["$x", "a; reboot", "{", "$(x)", "`x`", "a #b", "a || b"])
def test_what_a_shell_would_take_for_its_own_comes_through(value):
    text = grub.network_config("node1", RAMDISK, [("x", value)])
    assert f"if linux '/ramdisk/abc/vmlinuz' 'x={value}'; then\n" in text and "if initrd '/ramdisk/abc/initrd.img'; then" in text


@pytest.mark.parametrize(("node", "ramdisk"), [("a'b", RAMDISK), ("node1", {**RAMDISK, "kernel": "ramdisk/../x"})])
def test_what_cannot_be_written_into_a_configuration_is_refused(node, ramdisk):
    with pytest.raises(BaremetalError, match="cannot be written into a boot script"):
        grub.network_config(node, ramdisk, [])


def test_each_interface_has_its_file():
    found = {name: boot_interface.place(name, MAC, "nonce-1") for name in boot_interface.INTERFACES}
    assert found == {
        "ipxe": f"http/node/{MAC}/boot.ipxe", "http-ipxe": f"http/node/{MAC}/boot.ipxe", "pxe": f"tftp/grub/{MAC}.cfg",
        "redfish-virtual-media": f"http/node/{MAC}/nonce-1/boot.iso", "redfish-https": f"http/node/{MAC}/nonce-1/boot.iso"}
    for name in boot_interface.INTERFACES:
        for place in ({}, {"keys_offset": 8000}):
            text = boot_interface.boot_file(name, "node1", "http://192.0.2.1:8080", MAC, {**RAMDISK, "medium": place}, [("quiet", None)])
            assert text.startswith("#!ipxe" if "ipxe" in name else "# Boots node node1") and "quiet" in text
            assert ("if initrd '/keys.img' '/initrd.img'; then" in text) is (name in boot_interface.MEDIA and bool(place))


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=90), st.integers(0, 5000), st.integers(0, 3))
def test_the_medium_of_a_node(tmp_path_factory, text, offset, keys):
    folder = tmp_path_factory.getbasetemp()
    # One of a ramdisk that was built before has no place for keys.
    place = {"config_offset": offset, "config_size": 100, **({"keys_offset": offset + 110, "keys_size": 1000} if keys else {})}
    source, own, lines = folder / "source.iso", folder / "own.iso", KEY_LINE * keys
    original = bytes(number % 251 for number in range(offset + 1300))
    source.write_bytes(original)
    written = medium.parts(text + "\n", lines, place)
    own.unlink(missing_ok=True)
    assert not medium.holds(own, written)
    medium.write(own, source, written)
    assert medium.holds(own, written) and medium.holds(own, medium.parts(text + "\n", lines + KEY_LINE, place)) is not bool(keys)
    data = own.read_bytes()
    assert data[:offset] == original[:offset] and data[offset + 100:offset + 110] == original[offset + 100:offset + 110] and len(data) == len(original)
    rest = offset + (1110 if keys else 100)
    assert data[rest:] == original[rest:]
    assert not keys or data[offset + 110:rest] == medium.archive("authorized_keys", lines.encode()).ljust(1000, b"\0")
    assert medium.read(own, place) == text.rstrip("\n") + "\n"
    assert source.read_bytes() == original and own.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(("text", "keys", "seen"), [
    ("x" * 101, "", "the boot configuration does not fit into the medium.*101 bytes, 100 are there"),
    ("x", KEY_LINE * 20, "the list of SSH keys does not fit into the medium.*are there.*fewer ssh_public_keys")])
def test_what_does_not_fit_is_refused(tmp_path, text, keys, seen):
    place = {"config_offset": 0, "config_size": 100, "keys_offset": 100, "keys_size": 1000}
    with pytest.raises(BaremetalError, match=seen):
        medium.parts(text, keys, place)
    assert medium.read(tmp_path / "own.iso", place) is None


@given(st.binary(max_size=300))
def test_an_initrd_of_one_file_is_what_cpio_reads(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("cpio")
    archive = medium.archive("authorized_keys", content)
    assert not len(archive) % 4
    subprocess.run(["cpio", "--extract", "--quiet", "--no-absolute-filenames"], cwd=folder, input=archive, check=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"authorized_keys": content}


def test_a_static_network():
    found = static_network.arguments("node1", "192.0.2.11", "192.0.2.0/24", "192.0.2.1", ["192.0.2.2", "192.0.2.3"])
    assert kernel_arguments.render(found) == (
        "rackwright.address=192.0.2.11/24 rackwright.gateway=192.0.2.1 rackwright.dns=192.0.2.2,192.0.2.3 rackwright.hostname=node1")
    assert kernel_arguments.render(static_network.arguments("node1", "2001:db8:1::10", "2001:db8:1::/64", "2001:db8:1::fe", ["2001:db8::53"])) == (
        "rackwright.address=2001:db8:1::10/64 rackwright.gateway=2001:db8:1::fe rackwright.dns=2001:db8::53 rackwright.hostname=node1")
    assert ("rackwright.gateway", "fe80::1") in static_network.arguments("node1", "2001:db8:1::10", "2001:db8:1::/64", "fe80::1")
    assert static_network.arguments("Node_1", "192.0.2.11", "192.0.2.0/28") == [("rackwright.address", "192.0.2.11/28")]


@pytest.mark.parametrize(("change", "told"), [
    ({"network": ""}, "nothing says which network.*ramdisk_boot_network"),
    ({"network": "192.0.2.0/33"}, "network of the node is not valid"),
    ({"network": "192.0.2.7/24"}, "has host bits set"),
    ({"address": "192.0.2.x"}, "not valid"),
    ({"gateway": "203.0.113.1"}, "203.0.113.1 not in the node's network"),
    ({"network": "2001:db8:1::/64"}, "192.0.2.11 not in the node's network"),
    ({"gateway": "fe80::1"}, "fe80::1 not in the node's network"),
    ({"address": "fe80::10", "network": "2001:db8:1::/64"}, "fe80::10 not in the node's network"),
    ({"network": "198.51.100.0/24"}, "192.0.2.11 not in the node's network"),
    ({"dns": ["resolver.example.com"]}, "resolver.example.com"),
])
def test_a_static_network_that_cannot_be(change, told):
    with pytest.raises(BaremetalError, match=told):
        static_network.arguments(**{"node": "node1", "address": "192.0.2.11", "network": "192.0.2.0/24", "gateway": None, "dns": [], **change})


@pytest.mark.parametrize(("path", "is_earlier"), [
    ("/node/52-54-00-00-02-11/0123456789abcdef/boot.iso", True), ("/node/52-54-00-00-02-11/9a1f5c0b7d3e4a21/boot.iso", False),
    ("/node/52-54-00-00-02-12/0123456789abcdef/boot.iso", False), ("/images/rescue.iso", False), ("", False)])
def test_medium_of_an_earlier_run(path, is_earlier):
    assert boot_interface.is_earlier_medium(path, "http://192.0.2.1:8080/node/52-54-00-00-02-11/9a1f5c0b7d3e4a21/boot.iso") is is_earlier
    assert not boot_interface.is_earlier_medium(path, "http://192.0.2.1") and not boot_interface.is_earlier_medium(path, "https://[/boot.iso")
