# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings that take effect at the next boot: where a resource keeps them, and what a change to them must carry.

Specification: DSP0266, Settings resources. Private to the collection; may change at any time.
"""

from __future__ import annotations

from .redfish_service import path_of
from .tolerant import dig, texts


def settings_path(resource):
    """The path of the resource that holds the pending values of another one, or None."""
    return path_of(dig(resource, "@Redfish.Settings", "SettingsObject"))


def apply_on_reset(*resources):
    """What a change has to carry to be applied at the next reset, {} where the BMC offers no choice.

    Without it some BMCs keep a change as pending and apply it at no reset, for nobody made a job of it.

    :param resources: the resource and its Settings resource: boards tell the choice in one or the other.
    """
    offered = [value for resource in resources for value in texts(dig(resource, "@Redfish.Settings", "SupportedApplyTimes"))]
    return {"@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"}} if "OnReset" in offered else {}
