# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last look before a write."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.protect import refuse_if_protected, refuse_to_write
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given
from hypothesis import strategies as st

FREE = {
    "name": "/dev/sda",
    "type": "disk",
    "size": 1000,
    "serial": "S1",
    "wwn": None,
    "model": "M",
    "read_only": False,
    "removable": False,
    "mountpoints": [],
    "holders": [],
}


def check(chosen, now, **options):
    return refuse_if_protected(chosen, node="node1", reader=lambda name, **_options: now, **options)


def test_a_free_disk_passes_and_is_returned_as_read_anew():
    now = dict(FREE, partitions=["/dev/sda1"])
    assert check(FREE, now, minimum_size=1000) is now


@pytest.mark.parametrize(
    "change, text",
    [
        ({"read_only": True}, "it is read-only"),
        ({"removable": True}, "it is removable"),
        ({"mountpoints": ["/boot", "[swap]"]}, "in use at /boot, [swap]"),
        ({"holders": ["md0"]}, "belongs to md0"),
    ],
)
def test_each_protection(change, text):
    with pytest.raises(BaremetalError) as caught:
        check(FREE, dict(FREE, **change))
    assert text in caught.value.seen
    assert str(caught.value).startswith("node1: disk protection: /dev/sda (0.0 GiB, serial S1, model M) is protected")


@pytest.mark.parametrize("tran", ["fc", "fcoe", "iscsi", "nvme-tcp", "nvme-rdma"])
def test_a_disk_in_a_network_is_written_only_where_the_hints_say_so(tran):
    disk = dict(FREE, tran=tran)
    for hints in (None, {"serial": "S1"}):
        with pytest.raises(BaremetalError) as caught:
            check(disk, disk, hints=hints)
        assert "it is reached over a network (%s)" % tran in caught.value.seen
    assert check(disk, disk, hints={"serial": "S1", "tran": tran}) is disk


@pytest.mark.parametrize("hint", ["s== fc", "FC", "<in> fc", "<or> fc <or> iscsi", "<or> sata <or> fc", "<all-in> fc"])
def test_a_hint_that_names_the_network_of_a_disk_means_it(hint):
    disk = dict(FREE, tran="fc")
    assert check(disk, disk, hints={"tran": hint}) is disk


@pytest.mark.parametrize("tran, hint", [
    ("fc", "s!= usb"), ("iscsi", "s!= fc"), ("fc", "s>= fc"), ("fc", "s< sata"), ("iscsi", "<in> s"), ("nvme-tcp", "<in> nvme"), ("iscsi", "fc"),
    ("iscsi", "<or> fc <or> sata"), ("fc", "")])
def test_a_hint_that_names_no_network_or_another_one_means_none(tran, hint):
    """What chose the disk may have been that no local one was left."""
    disk = dict(FREE, tran=tran)
    with pytest.raises(BaremetalError) as caught:
        check(disk, disk, hints={"size": ">= 400", "tran": hint})
    assert "the root device hint tran: %s would say that it is meant" % tran in caught.value.seen


def test_the_skip_list_is_looked_at_last():
    assert check(FREE, FREE, skip=[{"serial": "S2"}]) is FREE
    with pytest.raises(BaremetalError) as caught:
        check(FREE, FREE, skip=[{"serial": "S2"}, {"model": "<in> m"}])
    assert caught.value.seen == "it is in skip_block_devices"


def test_a_file_system_of_a_cluster_is_written_only_when_that_is_allowed():
    def write(interlock, parttype=b"", marks=({"type": "VMFS_volume_member"},)):
        return refuse_to_write(FREE, interlock, {"serial": "S1"}, reader=lambda name, **_options: FREE, marks=lambda device: list(marks),
                               runner=lambda argv, **_options: parttype)

    assert write({}, marks=[{"type": "ext4"}]) is FREE
    with pytest.raises(BaremetalError, match="a file system of a cluster.*Seen: VMFS_volume_member"):
        write({"wipe_special_filesystems": False})
    with pytest.raises(BaremetalError, match="Seen: GPFS"):
        write({}, parttype=b"37AFFC90-EF7D-4e96-91C3-2D7AE055B174\n", marks=[])
    assert write({"wipe_special_filesystems": True}) is FREE
    with pytest.raises(BaremetalError, match="is protected"):
        write({"wipe_special_filesystems": True, "skip_block_devices": [{"serial": "S1"}]})


def test_too_small():
    with pytest.raises(BaremetalError, match=r"1000 bytes\) and .*1001 bytes\) are needed"):
        check(FREE, FREE, minimum_size=1001)


@pytest.mark.parametrize("change", [{"serial": "S2"}, {"size": 999}, {"wwn": "0x5"}, {"serial": None}])
def test_another_disk_under_the_same_name_is_refused(change):
    with pytest.raises(BaremetalError, match="not the disk any more that was chosen"):
        check(FREE, dict(FREE, **change))


def test_a_disk_that_vanished():
    with pytest.raises(BaremetalError, match="is gone"):
        check(FREE, None)


@given(
    st.fixed_dictionaries(
        {
            "read_only": st.booleans(),
            "removable": st.booleans(),
            "mountpoints": st.lists(st.just("/x"), max_size=1),
            "holders": st.lists(st.just("dm-0"), max_size=1),
            "size": st.integers(0, 2000),
            "serial": st.sampled_from(["S1", "S2", None]),
        }
    ),
    st.integers(0, 2000),
)
def test_only_a_disk_without_any_objection_passes(now, minimum):
    now = dict(FREE, **now)
    chosen = dict(FREE, size=1000)
    objections = [now["read_only"], now["removable"], now["mountpoints"], now["holders"]]
    objections += [now["size"] != 1000, now["serial"] != "S1", now["size"] < minimum]
    try:
        check(chosen, now, minimum_size=minimum)
    except BaremetalError:
        assert any(objections)
    else:
        assert not any(objections)
