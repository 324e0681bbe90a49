# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a BMC can tell of a machine that failed: its power state and boot device, what it prints on its serial console, and the event log.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import threading
import time

from . import event_log, serial_over_lan
from .._errors import BaremetalError
from .._session_guard import end_all, ended_by_signals
from .driver import refuse_unsupported

STAGE = "failure evidence"

PARTS = ("console", "machine", "event_log")

_ENTRIES = 50
_MOST = 256 * 1024  # bytes of the console
_SIGNALS_SEEN = 0.2  # seconds
_LOG_OFF = 2.0  # seconds kept for ending the session in the middle of the work; IPMI takes one of them


def gather(opened, seconds, log=lambda text: None):
    """Listen to the serial console for half of the time, then read power state, boot device and event log, in one session.

    Nothing is typed, nothing is changed.

    What a BMC does not give is no error. It is done in a thread, because a request to a slow BMC may take longer than there is time;
    when the time is over the session is ended under it.

    :param opened: function that returns a context manager with an open driver.
    :param seconds: how long all of it may take.
    :param log: called with lines for a person who looks closer, in the calling thread.
    :returns: ``{"console", "machine", "event_log", "unavailable"}``: what serial_over_lan.capture returned; ``{"power_state", "boot"}``;
        ``{"log", "entries"}``; and why there is none of them, by their names. Each may be None.
    """
    found, missing, lines, is_over = {}, {}, [], threading.Event()
    thread = threading.Thread(target=_gather, args=(opened, seconds / 2, found, missing, lines, is_over), daemon=True)
    with ended_by_signals():
        thread.start()
        deadline = time.monotonic() + seconds - _LOG_OFF
        while thread.is_alive() and time.monotonic() < deadline:
            # A signal that the kernel gives to the other thread does not wake this one, which alone runs Python's handlers.
            thread.join(_SIGNALS_SEEN)
        if thread.is_alive():
            is_over.set()
            end_all(_LOG_OFF / 2)
            thread.join(_LOG_OFF / 2)
    told = {part: found.get(part) for part in PARTS}
    for line in list(lines):
        log(line)
    why = missing.get("bmc") or f"the BMC was not done with it within {seconds} s"
    return {**told, "unavailable": {part: missing.get(part) or why for part, value in told.items() if value is None}}


def _gather(opened, listen, found, missing, lines, is_over):
    parts = {
        "console": (serial_over_lan.CAPABILITY, lambda driver: serial_over_lan.capture(driver, listen, _MOST)),
        "machine": (None, lambda driver: {"power_state": driver.get_power(), "boot": driver.get_boot()}),
        "event_log": (event_log.CAPABILITY, _newest_events),
    }
    with _noted("bmc", missing, lines), opened(lines.append) as driver:
        for part, (capability, get) in parts.items():
            # A driver whose session was ended under it would open another one.
            if is_over.is_set():
                return
            with _noted(part, missing, lines):
                refuse_unsupported(driver.NAME, capability=capability)
                found[part] = get(driver)


def _newest_events(driver):
    log = event_log.open_log(driver)
    return {"log": log.name, "entries": event_log.selected(log.entries(None, _ENTRIES), None, _ENTRIES)}


@contextlib.contextmanager
def _noted(part, missing, lines):
    """Note why a part is missing; whatever it is, it must not keep a failure from being recorded."""
    try:
        yield
    except Exception as error:
        missing[part] = str(error) if isinstance(error, BaremetalError) else f"unexpected error: {type(error).__name__}: {error}"
        lines.append(f"{part}: {missing[part]}")


def as_texts(gathered):
    """What was gathered as files.

    :param gathered: what ``gather`` returned.
    :returns: texts, or what becomes JSON, by file name; nothing for what is None.
    """
    texts, console, events = {}, gathered["console"], gathered["event_log"]
    if gathered["machine"] is not None:
        texts["machine.json"] = gathered["machine"]
    if console is not None:
        cut = ", the newest of them are here" if console["truncated"] else ""
        texts["console.txt"] = f"({console['bytes']} bytes were printed while it was listened to{cut})\n{console['text']}"
    if events is not None:
        lines = ["  ".join((entry["time"] or "time unknown", entry["severity"], entry["message"])) for entry in events["entries"]]
        texts["event_log.txt"] = "\n".join([f"{events['log']}, the newest entries, oldest first", *(lines or ["(empty)"])]) + "\n"
    return texts
