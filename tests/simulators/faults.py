# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong on purpose, by name.

A fault is switched on with ``true``, with a number (so many times) or with a dict of settings. These work for every fault: ``count`` (so many times,
then never again), ``skip`` (so many times it does not strike), ``methods`` (list of HTTP methods, as far as requests are concerned) and ``path`` (part of
the path).
"""

from __future__ import annotations

REDFISH = {
    # Entity tags and If-Match (DSP0266, 6.5).
    "etag_strong_only": "shows weak entity tags, and answers 412 to an If-Match that is not strong",
    "etag_weak_only": "answers 412 to an If-Match without W/",
    "etag_required": "answers 428 to a PATCH without If-Match",
    "etag_required_412": "answers 412 to a PATCH without If-Match",
    "etag_refused": "answers 412 to every request with If-Match",
    "etag_refused_on_actions": "answers 412 to an action with If-Match",
    "etag_refused_on_patch": "answers 412 to a PATCH with If-Match",
    "etag_star_only": "takes no other If-Match than *",
    "etag_empty": "sends an empty ETag header, and answers 412 when it comes back",
    "etag_unquoted": "shows entity tags without quotation marks, and takes no others",
    "etag_none": "sends no ETag header; the tag is in the body only",
    "etag_absent": "no entity tags at all",
    "etag_first_412": "the first PATCH with a tag is answered 412, the same one again is taken",
    # Sessions and logins.
    "session_table_full": "refuses new sessions with 503",
    "basic_auth_off": "takes sessions only",
    "lockout": "locks an account after `after` (3) wrong logins for `seconds` (600)",
    "session_lost": "forgets a session: 401 in the middle of the work (use count)",
    # States.
    "boot_override_dropped": "answers 200 to a boot override and keeps the old one",
    "boot_mode_reset": "a change of the boot device sets the boot mode to Legacy",
    "boot_override_ignored": "keeps the override and boots from disk nevertheless",
    "stale_inserted": "media stay Inserted after an eject",
    "insert_ignored": "answers 204 to InsertMedia and inserts nothing",
    "power_ignored": "answers 204 to a reset and does nothing",
    "power_state": "shows `value` (null, Reset, PoweringOn, Unknown) as the power state",
    "power_on_conflict": "answers 409 to On (use count)",
    "state_refused": "answers 400 InvalidOperationForSystemState to changes for `seconds` (5) after a power change",
    "post_refused": "answers 400 UnableToModifyDuringSystemPOST to boot changes (use count)",
    "bios_ignored": "takes BIOS settings and never applies them",
    "task_vanishes": "tasks answer 404 once they would be done",
    "task_fails": "tasks end in Exception",
    "task_stuck": "tasks never end",
    "task_404_first": "a new task answers 404 (use count)",
    "firmware_lie": "the firmware task completes and the version stays",
    "password_ignored": "answers 200 to a new password and keeps the old one",
    "other_machine": "serial number and UUID are those of another machine",
    "clock": "the clock is `seconds` (86400) off",
    # Refusals for the moment.
    "initialising": "answers 503 to everything (use count or seconds)",
    "sys518": "answers 503 SYS518 (use count)",
    "server_error": "answers `status` (500)",
    "delay": "waits `seconds` (5) before it answers",
    # HTTP and TLS.
    "html": "answers 200 with a web page",
    "truncated": "half of the JSON, then the end of the connection",
    "bad_json": "something that is no JSON, with the right length",
    "huge": "an answer of `megabytes` (200) that really come",
    "huge_length": "a Content-Length of `megabytes` (200), and nothing that comes",
    "drip_headers": "one byte each `pause` (0.5) seconds",
    "drip_body": "the body one byte each `pause` (0.5) seconds",
    "hang": "takes the request and never answers",
    "reset": "TCP reset instead of an answer",
    "reset_after": "does the work, then TCP reset instead of an answer",
    "reset_reused": "TCP reset instead of an answer to every further request of a connection",
    "close_after": "closes the connection after each answer without saying so",
    "redirect": "answers 308 with Location `to` (the same path with or without a slash)",
    "gzip": "compressed answers, and 406 to a request that wants none",
    "no_chunks": "answers 411 to a chunked body",
    "expired_certificate": "the certificate ended yesterday",
    "self_signed": "a certificate that no authority signed",
    "other_name": "a certificate for another address",
    "refuse_connections": "nobody listens",
    "blackhole": "connections are neither taken nor refused",
    # The form of what is sent.
    "info_object": "@Message.ExtendedInfo is an object where a list belongs",
    "info_missing": "errors are free text",
    "numbers_as_strings": "numbers are strings",
    "nulls": "the members named in `names` are null",
    "missing": "the members named in `names` are missing",
    "lists": "objects named in `names` are lists of one",
}

IPMI = {
    "session_table_full": "refuses new sessions for want of resources (status 01h)",
    "silent": "answers nothing",
    "drop": "loses the answers to packets (use count, or skip for a BMC that falls silent in the middle)",
    "garbage": "answers with `bytes` (64) of noise; 60000 make a huge datagram",
    "truncated": "answers with the first half of what it would answer",
    "wrong_session": "answers for another session",
    "replay": "answers with what it answered last before the fault struck",
    "other_answer": "answers another request than the one that came in",
    "lockout": "locks an account after `after` (3) wrong logins for `seconds` (600)",
    "node_busy": "answers commands with C0h, node busy (use count)",
    "out_of_space": "answers commands with C4h (use count)",
    "initialising": "answers commands with D2h (use count)",
    "no_privilege": "answers commands with D4h, insufficient privilege",
    "boot_dropped": "takes boot options and keeps the old ones",
    "boot_timer": "forgets the boot flags `seconds` (60) after they were set, unless their time-out is switched off",
    "power_ignored": "takes chassis control and does nothing",
    "power_off_error": "switching off what is off is an error (D5h)",
    "rakp_silent": "answers no RAKP message 1",
    "delay": "waits `seconds` before it answers",
    "no_channel_auth": "answers C1h to Get Channel Authentication Capabilities",
    "lost_session": "forgets a session in the middle of the work (use count)",
    "password_lost": "forgets the session over Set User Password, `applied` (true) or not; `kept` is stored in place of the password",
    "other_machine": "GUID and serial number are those of another machine",
}


class Faults:
    """The faults of one BMC.

    :param known: the dict of names that may be switched on.
    """

    def __init__(self, known, switched=()):
        self._known = known
        self.on = {}
        self.change(switched)

    def change(self, switched):
        """Switch faults on and off.

        :param switched: list of names, or dict of name to settings, true or false.
        :raises ValueError: for a name that nobody knows.
        """
        wanted = switched if isinstance(switched, dict) else dict.fromkeys(switched, True)
        unknown = sorted(set(wanted) - set(self._known))
        if unknown:
            raise ValueError(f"no such fault: {', '.join(unknown)}; known: {', '.join(self._known)}")
        for name, settings in wanted.items():
            self.on.pop(name, None)
            if settings not in (False, None):
                more = settings if isinstance(settings, dict) else {} if settings is True else {"count": settings}
                # Never an empty dict, so that what hit() returns can be asked for its truth.
                self.on[name] = {"on": True, **more}

    def clear(self):
        self.on = {}

    def hit(self, name, method=None, path=""):
        """The settings of a fault when it strikes now, else None. Each call counts as one time."""
        settings = self.on.get(name)
        if settings is None:
            return None
        if method and "methods" in settings and method not in settings["methods"]:
            return None
        if settings.get("path", "") not in path:
            return None
        if settings.get("skip", 0) > 0:
            settings["skip"] -= 1
            return None
        if "count" in settings:
            if settings["count"] <= 0:
                return None
            settings["count"] -= 1
        return settings
