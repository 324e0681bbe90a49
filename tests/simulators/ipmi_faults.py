# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the faults of a simulated IPMI BMC do to its answers and its accounts; faults.py says what they are."""

from __future__ import annotations

import os
import time

from .ipmi_protocol import RMCP_PLUS


def spoiled(board, answer):
    """What is sent in the place of an answer."""
    if found := board.faults.hit("garbage"):
        return os.urandom(found.get("bytes", 64))
    if board.faults.hit("truncated"):
        return answer[:len(answer) // 2]
    if answer[4] == RMCP_PLUS and board.faults.hit("wrong_session"):
        # In the login the console's number stands in the payload, afterwards in the header.
        place = 20 if answer[6:10] == bytes(4) else 6
        return answer[:place] + os.urandom(4) + answer[place + 4:]
    if board.last_answer and board.faults.hit("replay"):
        return board.last_answer
    board.last_answer = answer
    return answer


def count_wrong_login(board, user):
    """Lock an account that somebody gave wrong passwords for."""
    board.wrong_logins[user.name] += 1
    lockout = board.faults.on.get("lockout")
    if lockout and board.wrong_logins[user.name] >= lockout.get("after", 3):
        board.locked_until[user.name] = time.monotonic() + lockout.get("seconds", 600)


def is_locked(board, user):
    """Whether an account is locked now."""
    return user is not None and time.monotonic() < board.locked_until.get(user.name, 0)
