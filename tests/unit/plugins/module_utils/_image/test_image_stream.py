# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a request for an image says of the node that makes it."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._image import stream


@pytest.mark.parametrize(("arguments", "agent"), [
    ("quiet rackwright.node=node-1.example BOOTIF=01-52-54-00-00-02-11\n", "rackwright.baremetal node-1.example"),
    ("rackwright.node=old rackwright.node=node1", "rackwright.baremetal node1"),
    ("root=/dev/vda1 xrackwright.node=node1", "rackwright.baremetal"),
    ('rackwright.node="two words" quiet', "rackwright.baremetal"),
    ("", "rackwright.baremetal")])
def test_a_node_is_known_by_the_kernel_arguments_of_the_ramdisk(tmp_path, arguments, agent):
    (tmp_path / "cmdline").write_text(arguments)
    assert stream.agent(tmp_path / "cmdline") == agent


def test_a_host_without_kernel_arguments_is_no_node(tmp_path):
    assert stream.agent(tmp_path / "cmdline") == "rackwright.baremetal"
