# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No disk but the one that is meant is ever written, whatever hints, skip lists and machines there are.

What is meant is told here by the words of the documentation, without the code that is tested.
"""

from __future__ import annotations

import operator

from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.devices import GIB
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.erase import choose_disks
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.hints import select
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.protect import refuse_if_protected, refuse_special_filesystems, refuse_to_write
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import event, given, settings
from hypothesis import strategies as st

TEXTS = {"serial": ("S1", "S2", "S3", None), "wwn": ("0x1", "0x2", None), "model": ("Fast", "Slow"),
         "tran": ("sata", "sata", "nvme", "nvme", "iscsi", "fc", "nvme-tcp", None)}
NETWORKS = ("iscsi", "fc", "nvme-tcp")
SIZES = (100, 200)
# What a hint says: its text, and whether a value is meant by it.
WORDS = {"s== %s": lambda seen, wanted: seen == wanted, "%s": lambda seen, wanted: seen == wanted, "s!= %s": lambda seen, wanted: seen != wanted,
         "<in> %s": lambda seen, wanted: wanted in seen, "<or> %s <or> zz": lambda seen, wanted: seen == wanted}
NUMBERS = {"%d": lambda seen, wanted: seen == wanted, "= %d": lambda seen, wanted: seen >= wanted, ">= %d": lambda seen, wanted: seen >= wanted,
           "!= %d": lambda seen, wanted: seen != wanted, "< %d": lambda seen, wanted: seen < wanted}


@st.composite
def disks(draw, name):
    free = draw(st.integers(0, 5)) > 0
    found = {key: draw(st.sampled_from(values)) for key, values in TEXTS.items()}
    return {
        "name": name, "type": "disk", "size": draw(st.sampled_from(SIZES)) * GIB, "rotational": draw(st.booleans()), **found,
        "read_only": not free and draw(st.booleans()), "removable": not free and draw(st.booleans()),
        "mountpoints": [] if free else draw(st.lists(st.just("/x"), max_size=1)), "holders": [] if free else draw(st.lists(st.just("md0"), max_size=1)),
        "marks": draw(st.sampled_from(([], [], [], ["ext4"], ["ext4"], ["VMFS_volume_member"], ["gfs2"]))),
    }


@st.composite
def hint_sets(draw, disk=None):
    """A hint set, made with the values of a disk or any, and the same as a list of (field, compare, wanted)."""
    given_hints, meant = {}, []

    def value(field, values):
        own = disk[field] // GIB if disk and field == "size" else disk[field] if disk else None
        # A disk in a network may also be what is left by a hint that names another transport.
        own = None if field == "tran" and draw(st.booleans()) else own
        return own if own is not None else draw(st.sampled_from([one for one in values if one is not None]))

    for field in draw(st.lists(st.sampled_from([*TEXTS, "size", "rotational"]), min_size=1, max_size=3, unique=True)):
        if field == "rotational":
            wanted = value(field, (True, False))
            given_hints[field], compare = wanted, operator.is_
        elif field == "size":
            wanted, form = value(field, SIZES), draw(st.sampled_from(sorted(NUMBERS)))
            given_hints[field], compare = form % wanted, NUMBERS[form]
        else:
            wanted, form = value(field, TEXTS[field]), draw(st.sampled_from(sorted(WORDS)))
            given_hints[field], compare, wanted = form % wanted, WORDS[form], wanted.lower()
        meant.append((field, compare, wanted))
    return given_hints, meant


def means(meant, disk):
    """Whether hints mean a disk: each of them, and none about what the disk does not have."""
    def one(field, compare, wanted):
        seen = disk[field]
        seen = seen / GIB if field == "size" else seen.lower() if isinstance(seen, str) else seen
        return seen is not None and compare(seen, wanted)

    return bool(meant) and all(one(*hint) for hint in meant)


def is_asked_for(hints, meant, disk):
    """Whether a disk is no network's, or the hints name the transport by which it is reached."""
    return disk["tran"] not in NETWORKS or any(
        wanted in NETWORKS and not hints["tran"].startswith("s!=") and compare(disk["tran"], wanted) for field, compare, wanted in meant if field == "tran")


def is_free(disk):
    return not (disk["read_only"] or disk["removable"] or disk["mountpoints"] or disk["holders"])


@settings(max_examples=500)
@given(st.data())
def test_only_the_disk_that_is_meant_is_written(data):
    names = ["/dev/sda", "/dev/sdb", "/dev/sdc"]
    before = [data.draw(disks(name)) for name in names[:data.draw(st.integers(1, 3))]]
    hints, meant = data.draw(hint_sets(data.draw(st.sampled_from([None, *before, *before]))))
    skips = data.draw(st.lists(hint_sets(data.draw(st.sampled_from([None, *before]))), max_size=2))
    allowed = data.draw(st.booleans())
    # Between the choice and the write the machine may change: names move, disks vanish, something is mounted.
    now = {disk["name"]: disk for disk in before}
    for name in data.draw(st.one_of(st.just([]), st.lists(st.sampled_from(names), max_size=2))):
        other = data.draw(st.one_of(st.none(), disks(name)))
        # Much may change of a disk that still tells the same serial number, WWN and size.
        same = now.get(name) if other and data.draw(st.booleans()) else None
        now[name] = dict(other, **{key: same[key] for key in ("serial", "wwn", "size")}) if same else other
    interlock = {"skip_block_devices": [skip for skip, _meant in skips], "wipe_special_filesystems": allowed}
    try:
        chosen = select(before, hints, interlock["skip_block_devices"])
        written = refuse_to_write(
            chosen, interlock, hints, reader=lambda name, **_options: now.get(name),
            marks=lambda device: [{"type": mark} for mark in now[device]["marks"]], runner=lambda argv, **_options: b"")
    except BaremetalError:
        event("refused")
        # Where one disk is meant, free and unchanged, nothing is in the way of it.
        candidates = [disk for disk in before if means(meant, disk) and not any(means(skip, disk) for _text, skip in skips)]
        ready = [disk for disk in candidates if now[disk["name"]] is disk and is_free(disk) and not set(disk["marks"]) - {"ext4"}
                 and is_asked_for(hints, meant, disk)]
        assert len(candidates) != 1 or not ready
        return
    event("written")
    there = now[written["name"]]
    assert written is there and is_free(there)
    # The one disk that the hints mean, by what it was when it was chosen, and still the same one.
    assert [disk["name"] for disk in before if means(meant, disk) and not any(means(skip, disk) for _text, skip in skips)] == [written["name"]]
    assert [there[key] for key in ("serial", "wwn", "size")] == [chosen[key] for key in ("serial", "wwn", "size")]
    assert not any(means(skip, there) for _text, skip in skips)
    assert allowed or not set(there["marks"]) - {"ext4"}
    assert is_asked_for(hints, meant, there)


@settings(max_examples=200)
@given(st.data())
def test_of_all_disks_none_is_written_that_must_not_be(data):
    """What erases and burns in all disks of a machine: each is chosen, looked at, and looked at again directly before it is written."""
    before = [data.draw(disks(name)) for name in ["/dev/sda", "/dev/sdb", "/dev/sdc"][:data.draw(st.integers(1, 3))]]
    skips = data.draw(st.lists(hint_sets(data.draw(st.sampled_from([None, *before]))), max_size=2))
    allowed = data.draw(st.booleans())
    now = {disk["name"]: data.draw(st.one_of(st.just(disk), disks(disk["name"]), st.none())) for disk in before}
    options = {"disks": "all", "root_device": None, "skip_block_devices": [skip for skip, _meant in skips]}
    try:
        chosen, left = choose_disks(before, options)
    except BaremetalError:
        chosen, left = [], before
    assert len(chosen) + len(left) == len(before)
    for disk in chosen:
        try:
            there = now[disk["name"]]
            refuse_special_filesystems(disk, [{"type": mark} for mark in there["marks"]] if there else [], allowed, runner=lambda argv, **_options: b"")
            written = refuse_if_protected(disk, skip=options["skip_block_devices"], reader=lambda name, **_options: now[name])
        except BaremetalError:
            event("refused")
            assert there is not disk or not is_free(disk) or set(disk["marks"]) - {"ext4"}
            continue
        event("written")
        assert written is there and is_free(there)
        assert [there[key] for key in ("serial", "wwn", "size")] == [disk[key] for key in ("serial", "wwn", "size")]
        assert not any(means(skip, one) for _text, skip in skips for one in (disk, there))
        assert allowed or not set(there["marks"]) - {"ext4"}
        assert disk["tran"] in ("sata", "nvme", None) and there["tran"] in ("sata", "nvme", None)
