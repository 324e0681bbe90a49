# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random JSON, for the parsers of what boards send."""

from __future__ import annotations

from hypothesis import strategies as st

_scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from([
    "OK", "Warning", "On", "12", "1e400", "2026-01-31T12:00:00Z", "/redfish/v1/Systems/1", "\ud800", "\x1b[0m"]))

# Any JSON value.
anything = st.recursive(_scalars, lambda inner: st.one_of(
    st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)), max_leaves=12)


def trees(*names):
    """JSON objects in which these property names occur at every depth, with any value below them.

    :param names: the names that the parser looks for.
    """
    keys = st.sampled_from([*names, "@odata.id", "Members", "Status", "Health", "Name", "Id"])
    values = st.recursive(_scalars, lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=6)), max_leaves=25)
    return st.dictionaries(keys, values, max_size=8)
