# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.redfish_errors import message_list
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.redfish_messages import standard_text
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("name, arguments, text", [
    ("Base.1.8.PropertyUnknown", ["Colour"], "The property Colour is not in the list of valid properties for the resource."),
    ("Base.1.8.1.PropertyUnknown", [], "The property %1 is not in the list of valid properties for the resource."),
    ("#Base.1.8.PropertyUnknown", [], ""),
    ("Base.1.8.NoSuchMessage", [], ""),
    ("iLO.2.14.UnauthorizedLoginAttempt", [], ""),
    ("IDRAC.2.8.SYS518", [], ""),
    ("", [], ""),
])
def test_text_of_a_standard_message(name, arguments, text):
    assert standard_text(name, arguments) == text


@given(st.text(), st.lists(st.one_of(st.none(), st.integers(), st.text())))
def test_whatever_a_board_calls_a_message(name, arguments):
    assert isinstance(standard_text(name, arguments), str)
    assert isinstance(standard_text("Base.1.0.PropertyValueNotInList", arguments), str)


def test_message_without_text_gets_the_standard_one():
    body = {"error": {"@Message.ExtendedInfo": [{"MessageId": "Base.1.0.ActionNotSupported", "MessageArgs": ["Nmi"]}]}}
    assert message_list(body)[0]["text"] == "The action Nmi is not supported by the resource."


@pytest.mark.parametrize("name, resolution, advice", [
    ("IDRAC.2.8.SYS428", "Turn the server off and retry the operation.", "Turn the server off and retry the operation."),
    ("Base.1.8.PropertyUnknown", "Remove the unknown property from the request body.", ""),
    ("IDRAC.2.8.SYS413", "None.", ""),
])
def test_only_the_maker_s_advice_is_for_operators(name, resolution, advice):
    body = {"error": {"@Message.ExtendedInfo": [{"MessageId": name, "Message": "No.", "Resolution": resolution}]}}
    assert message_list(body)[0]["resolution"] == advice


def test_what_only_the_frame_says_is_told_besides_a_standard_text():
    body = {"error": {"message": "Cannot download the image", "@Message.ExtendedInfo": [{"MessageId": "Base.1.0.GeneralError"}]}}
    assert message_list(body)[1]["text"] == "Cannot download the image"
