# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks that appear late are waited for; what waiting cannot mend is refused at once."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import late
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError

WANTED = {"name": "/dev/sdb", "size": 2 ** 40, "serial": "S2"}
OTHER = {"name": "/dev/sda", "size": 2 ** 40, "serial": "S1"}


@pytest.fixture
def looks(monkeypatch):
    """A function that lists other disks each time that it is asked, the last ones for ever."""
    monkeypatch.setattr(late, "INTERVAL", 0)
    monkeypatch.setattr(late, "settle", lambda node=None: None)

    def lister(*lists):
        left = list(lists)
        lister.count = 0

        def list_disks():
            lister.count += 1
            return left.pop(0) if len(left) > 1 else left[0]

        return list_disks

    return lister


def test_a_machine_that_does_not_end_to_look_for_its_disks_is_told(monkeypatch):
    def settle(patience):
        raise BaremetalError("udevadm settle --timeout=%d ended with code 1" % patience)

    monkeypatch.setattr(late, "settle", settle)
    with pytest.raises(BaremetalError, match="not all of its disks may be known yet.*Seen: udevadm settle --timeout=330 ended.*To do: Look at the kernel log"):
        late.wait_for_scans()


def test_a_disk_that_appears_late(looks):
    found = late.find_disk({"serial": "S2"}, list_disks=looks([], [OTHER], [OTHER, WANTED]))
    assert (found, looks.count) == (WANTED, 3)


def test_a_disk_that_never_appears(looks):
    with pytest.raises(BaremetalError, match="no disk matches.*S1.*for 0 s"):
        late.find_disk({"serial": "S2"}, list_disks=looks([OTHER]), patience=0)


@pytest.mark.parametrize("hints", [{"size": ">= 1"}, {"colour": "red"}, {}])
def test_what_waiting_does_not_mend(looks, hints):
    with pytest.raises(BaremetalError):
        late.find_disk(hints, list_disks=looks([OTHER, WANTED]))
    assert looks.count == 1
