# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The interlock: every difference refused and named, both byte orders of the UUID accepted."""

from __future__ import annotations

import uuid

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import interlock
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given
from hypothesis import strategies as st

UUID = "4c4c4544-0042-4810-8054-b4c04f4b3532"
SWAPPED = "44454c4c-4200-1048-8054-b4c04f4b3532"
MAC = "52:54:00:12:34:56"
RIGHT = {"nonce": "n1", "system_uuid": UUID, "serial": "SN1", "macs": [MAC]}


@pytest.fixture
def verify(machine):
    root = machine(
        {
            "sys/class/dmi/id/product_uuid": UUID + "\n",
            "sys/class/dmi/id/product_serial": "SN1\n",
            "sys/class/net/eth0/address": MAC + "\n",
            "sys/class/net/eth0/device/vendor": "",
            "sys/class/net/br0/address": "02:00:00:00:00:09\n",
            "cmdline": "quiet rackwright.nonce=n1 BOOTIF=01-52-54-00-12-34-56\n",
        }
    )
    return lambda data: interlock.verify(data, node="node1", sysfs=str(root / "sys"), cmdline=str(root / "cmdline"))


def test_the_right_machine_passes(verify):
    assert verify(RIGHT) == {"nonce": "n1", "system_uuid": UUID, "serial": "SN1", "macs": [MAC]}


@pytest.mark.parametrize(
    "change",
    [
        {"system_uuid": UUID.upper()},
        {"system_uuid": SWAPPED},
        {"system_uuid": None},
        {"serial": None},
        {"macs": ["52-54-00-12-34-56".upper(), "02:00:00:00:00:01"]},
    ],
)
def test_what_means_the_same_passes(verify, change):
    assert verify(dict(RIGHT, **change))


@pytest.mark.parametrize(
    "change, text",
    [
        ({"nonce": "n2"}, "nonce of this run expected in the kernel command line as rackwright.nonce=n2, seen n1"),
        ({"system_uuid": UUID[:-1] + "3"}, "SMBIOS UUID expected %s3, seen %s" % (UUID[:-1], UUID)),
        ({"system_uuid": "no"}, "SMBIOS UUID expected no, seen %s" % UUID),
        ({"serial": "SN2"}, "SMBIOS serial number expected SN2, seen SN1"),
        ({"serial": "sn1"}, "SMBIOS serial number expected sn1, seen SN1"),
        ({"macs": ["02:00:00:00:00:01"]}, "one of the MAC addresses 02:00:00:00:00:01 expected, seen 52:54:00:12:34:56"),
        ({"macs": ["02:00:00:00:00:09"]}, "expected, seen 52:54:00:12:34:56"),
    ],
)
def test_each_difference_is_named(verify, change, text):
    with pytest.raises(BaremetalError) as caught:
        verify(dict(RIGHT, **change))
    assert str(caught.value).startswith("node1: interlock: ")
    assert caught.value.seen == text or text in caught.value.seen
    assert caught.value.seen.count(";") == 0


def test_all_differences_are_in_one_paragraph(verify):
    with pytest.raises(BaremetalError) as caught:
        verify({"nonce": "x", "system_uuid": "x", "serial": "x", "macs": ["02:00:00:00:00:01"]})
    assert caught.value.seen.count(";") == 3


def test_a_machine_without_smbios_is_refused(machine):
    root = machine({"cmdline": "rackwright.nonce=n1"})
    with pytest.raises(BaremetalError, match="SMBIOS UUID expected .*, seen none.*MAC addresses .* seen none"):
        interlock.verify(RIGHT, sysfs=str(root / "sys"), cmdline=str(root / "cmdline"))


@pytest.mark.parametrize(
    "data, text",
    [
        (None, "no interlock"),
        ({}, "no interlock"),
        (dict(RIGHT, nonce=""), "no nonce"),
        (dict(RIGHT, system_uuid=None, serial=""), "neither system_uuid nor serial"),
        (dict(RIGHT, macs=[]), "no MAC address"),
        (dict(RIGHT, macs=["52:54"]), "not six pairs"),
        (dict(RIGHT, uuid="x"), "unknown keys in the interlock: uuid"),
    ],
)
def test_an_interlock_that_proves_nothing_is_refused(verify, data, text):
    with pytest.raises(BaremetalError, match=text):
        verify(data)


@given(st.uuids(), st.uuids())
def test_uuid_comparison(one, other):
    assert interlock.same_uuid(str(one).upper(), str(one))
    assert interlock.same_uuid(str(uuid.UUID(bytes=one.bytes_le)), str(one))
    if other not in (one, uuid.UUID(bytes=one.bytes_le)):
        assert not interlock.same_uuid(one, other)


@given(st.lists(st.sampled_from(["a=1", "a=2", "b", "rackwright.nonce=x", "rackwright.nonce=y"])))
def test_the_last_of_equal_kernel_arguments_counts(tmp_path_factory, words):
    path = tmp_path_factory.mktemp("cmdline") / "cmdline"
    path.write_text(" ".join(words) + "\n")
    expected = {word.split("=")[0]: (word.split("=") + [""])[1] for word in words}
    assert interlock.kernel_arguments(str(path)) == expected
