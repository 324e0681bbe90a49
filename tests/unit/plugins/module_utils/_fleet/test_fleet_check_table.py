# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of a preflight, as the operator sees it."""

from __future__ import annotations

from ansible_collections.rackwright.baremetal.plugins.module_utils._checks import check, of_error, tried, worst
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._fleet.check_table import WIDTH, render
from hypothesis import given, settings
from hypothesis import strategies as st

EXPECTED = """\
rack1: 2 nodes, 1 fail, 1 ready
node   bmc   clock
------------------
node1  ok    ok
node2  FAIL  -

no rack: 1 node, 1 with warnings
node   bmc  clock
-----------------
node3  ok   warn

boot server  http  dhcp
-----------------------
boot1        ok    FAIL

To do:
  FAIL dhcp: boot1: a DHCP server that is not ours.
    To do: switch it off.
  FAIL bmc: node2: the BMC does not answer.
    To do: check the cable.
  warn clock: node3: the clock is 3 s ahead."""


def node(*checks, rack="rack1"):
    return {"rack": rack, "checks": list(checks)}


def test_the_whole_of_it():
    dead = check("bmc", "fail", "the BMC does not answer", "check the cable")
    nodes = {
        "node1": node(check("bmc", "ok"), check("clock", "ok"), check("image", "skipped")),
        "node2": node(dead, check("clock", "skipped"), check("image", "skipped")),
        "node3": node(check("bmc", "ok"), check("clock", "warn", "the clock is 3 s ahead"), rack=None),
    }
    assert render(nodes, {"boot1": [check("http", "ok"), check("dhcp", "fail", "a DHCP server that is not ours", "switch it off")]}) == EXPECTED


def test_the_same_trouble_is_told_once():
    nodes = {f"node{number:02}": node({**check("bmc", "fail", f"the BMC at 192.0.2.{number} is silent", "look"), "cause": "the BMC is silent"})
             for number in range(30)}
    nodes["other"] = node(check("bmc", "fail", "it is another trouble"))
    told = render(nodes, {}).partition("To do:\n")[2]
    assert told.count("is silent") == 1 and "node19 and 10 more: the BMC is silent." in " ".join(told.split())
    # What concerns the most nodes comes first.
    assert told.index("silent") < told.index("another trouble")


def test_hosts_are_rows_of_one_table_and_the_worst_of_several_networks_is_shown():
    foreign = check("dhcp", "fail", "a DHCP server that is not ours on eth1", "switch it off")
    hosts = {"boot1": [check("tftp", "ok"), check("dhcp", "ok"), foreign, check("dhcp", "ok")], "cache3": [check("http", "ok")]}
    text = render({"node1": node(check("bmc", "ok"))}, hosts)
    assert """\
boot server  tftp  dhcp  http
-----------------------------
boot1        ok    FAIL  -
cache3       -     -     ok
""" in text and "FAIL dhcp: boot1: a DHCP server that is not ours on eth1." in text


def test_nothing_to_do():
    assert render({"node1": node(check("bmc", "ok"))}, {}).endswith("node1  ok")


NAMES = st.text("abcdefghijklmnop-.0123456789", min_size=1, max_size=70)
CHECKS = st.lists(st.builds(check, st.sampled_from(["bmc", "credentials", "privilege", "identity", "clock", "firmware", "pending", "sessions", "image"]),
                            st.sampled_from(["ok", "warn", "fail", "skipped"]), st.none() | st.text("ab cd.", max_size=300), st.none() | st.text("ab cd.")),
                  min_size=1, unique_by=lambda item: item["check"])


@settings(max_examples=20)
@given(st.dictionaries(
    NAMES, st.builds(lambda checks, rack: node(*checks, rack=rack), CHECKS, st.sampled_from(["rack1", "rack2", None])), min_size=1, max_size=6))
def test_it_fits_the_screen_and_leaves_nobody_out(nodes):
    lines = render(nodes, {}).splitlines()
    assert all(len(line) <= WIDTH or len(max(line.split(), key=len)) > 100 for line in lines)
    table = lines[:lines.index("To do:")] if "To do:" in lines else lines
    assert len([line for line in table if set(line) == {"-"}]) == len({item["rack"] for item in nodes.values()})
    assert sum(1 for line in table if line) == len(nodes) + 3 * len({item["rack"] for item in nodes.values()})


def test_worst_and_tried():
    assert worst([]) == "skipped" and worst([check("a", "ok"), check("b", "skipped")]) == "ok"
    assert worst([check("a", "ok"), check("b", "fail"), check("c", "warn")]) == "fail"
    error = BaremetalError("it broke", seen="smoke", cure="mend it")

    def broken():
        raise error

    assert tried("a", broken) == of_error("a", "fail", error) == check("a", "fail", "it broke. Seen: smoke.", "mend it")
    assert tried("a", lambda: "this") == check("a", "ok", "this")
