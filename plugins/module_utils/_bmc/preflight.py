# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be known of a BMC before a deploy, from one connection and without a change. Private to the collection; may change at any time."""

from __future__ import annotations

import time

from .._checks import FAIL, OK, SKIPPED, WARN, check, of_error
from .._errors import BaremetalError
from .bios_settings import read_bios
from .bmc_info import gather
from .connection import BmcLost, NotLetIn, NotPrivileged, PasswordChangeRequired, SessionsFull
from .identity import refuse_other_machine
from .ipmi_answers import ask
from .redfish_errors import RedfishRefusal
from .redfish_members import resources
from .redfish_service import path_of
from .reset_watch import is_paused
from .tolerant import dig, text, texts
from .waiting_tasks import NOT_BEGUN, open_tasks, shown

# In the order in which they are looked at. What comes after a BMC that was lost is skipped.
CHECKS = ("bmc", "credentials", "privilege", "identity", "clock", "firmware", "pending", "sessions")

# Privileges of the standard roles (DSP0266, "Privileges"), for a BMC that shows no roles.
_ROLES = {"Administrator": ("ConfigureComponents", "ConfigureManager"), "Operator": ("ConfigureComponents",), "ReadOnly": ()}
# Levels of Set Session Privilege Level (IPMI 2.0, 22.18).
_LEVELS = {1: "callback", 2: "user", 3: "operator", 4: "administrator", 5: "OEM"}
_NAMES_SHOWN = 5
_JOBS = "wait until it has ended; a machine that is switched off meanwhile may be left with half of it"
_PENDING = "reboot the machine so that it is applied before the deploy, or take it back with bios_settings and the state nothing_pending"


def examine(opened, machine=None, *, clock_skew=60, now=time.time):
    """Look at everything, as far as the BMC lets us.

    :param opened: context manager that gives the open driver, redfish or ipmi.
    :param machine: dict with system_uuid and serial that the BMC must tell, None for what is not known.
    :param clock_skew: seconds by which the BMC's clock may be wrong.
    :param now: function for the controller's time in seconds since 1970.
    :returns: ``(checks, told)``: a check (see _checks.py) for each of CHECKS in their order, and what the BMC told of the machine: system_uuid, serial,
        macs, model, firmware_version, and privileges: those of the account, by Redfish, or None where they are not told.
    """
    found, told, at = {}, {}, CHECKS[0]
    try:
        with opened as driver:
            driver.get_power()
            found.update({name: check(name, OK) for name in CHECKS[:2]})
            # Costs the same requests as its parts one by one, and is read once for all.
            parts = ["identity", "bmc", "clock", "sessions", *(["nics"] if driver.NAME == "redfish" else [])]
            gathered = gather(driver, parts, now)
            told = _told(gathered["info"])
            for at, look in (
                ("privilege", lambda: _privilege(driver, told)),
                ("identity", lambda: _identity(driver, machine or {}, told)),
                ("clock", lambda: _clock(gathered, clock_skew)),
                ("firmware", lambda: _firmware(driver, told)),
                ("pending", lambda: _pending(driver)),
                ("sessions", lambda: _sessions(driver, gathered)),
            ):
                found[at] = _looked(at, look)
    except BaremetalError as error:
        passed, at = _blame(error, at)
        found.update({name: check(name, OK) for name in passed}, **{at: of_error(at, FAIL, error)})
    return [found.get(name) or check(name, SKIPPED) for name in CHECKS], told


def _looked(name, look):
    """A check that a BMC does not answer, for want of a right or a licence, is skipped and costs no other."""
    try:
        return look()
    except BmcLost:
        raise
    except BaremetalError as error:
        return of_error(name, SKIPPED, error)


def _blame(error, at):
    """Which checks an error proves to be passed, and which one it fails."""
    if isinstance(error, (NotLetIn, PasswordChangeRequired)):
        return CHECKS[:1], "credentials"
    if isinstance(error, NotPrivileged) or (isinstance(error, RedfishRefusal) and error.status == 403):
        return CHECKS[:2], "privilege"
    if isinstance(error, SessionsFull):
        return CHECKS[:1], "sessions"
    return (), at


def _told(info):
    identity, bmc = info["identity"] or {}, info["bmc"] or {}
    return {
        "system_uuid": identity.get("system_uuid"),
        "serial": identity.get("service_tag") or identity.get("serial"),
        "model": identity.get("model"),
        "firmware_version": bmc.get("firmware_version"),
        "macs": sorted({nic["mac"] for nic in info.get("nics") or []}),
        "privileges": None,
    }


def _privilege(driver, told):
    """Whether the account may switch the machine and choose what it boots: ConfigureComponents, or the level operator.

    :param told: what the BMC told, which takes the privileges.
    """
    rights = _redfish_rights(driver, told) if driver.NAME == "redfish" else _ipmi_rights(driver)
    if rights is None:
        return check("privilege", SKIPPED, "the BMC does not tell what the account may do")
    suffices, name = rights
    if suffices:
        return check("privilege", OK, name)
    return check("privilege", FAIL, f"the account is {name} on the BMC, and may neither switch the machine nor choose what it boots",
                 "give the account the role Operator or Administrator, with the module bmc_account and another administrator's account")


def _redfish_rights(driver, told):
    service = driver.service
    collection = path_of(dig(service.linked(service.root(), "AccountService"), "Accounts"))
    # An account that is no administrator's may read itself alone; what is refused is left out.
    own = next((item for item in resources(service, collection) if text(item.get("UserName")) == service.username), None)
    if own is None:
        return None
    name = text(own.get("RoleId"))
    role = service.find(path_of(dig(own, "Links", "Role")))
    rights = texts(dig(role, "AssignedPrivileges") or []) or _ROLES.get(name)
    if rights is None:
        return None
    told["privileges"] = sorted({*rights, *texts(dig(role, "OemPrivileges") or [])})
    return "ConfigureComponents" in rights, name or "of some role"


def _ipmi_rights(driver):
    with driver.command() as command:
        # Set Session Privilege Level (22.18) with 0 changes nothing and tells the level.
        told = ask(command, 0x06, 0x3B, (0,), shortest=1)
    level = told[0] & 0x0F if told else 0
    return None if level not in _LEVELS else (level >= 3, _LEVELS[level])


def _identity(driver, machine, told):
    try:
        refuse_other_machine(driver.evidence, machine.get("system_uuid"), machine.get("serial"))
    except BmcLost:
        raise
    except BaremetalError as error:
        return of_error("identity", FAIL, error)
    return check("identity", OK, told["serial"])


def _clock(gathered, limit):
    skew = (gathered["info"]["clock"] or {}).get("skew")
    if skew is None:
        return check("clock", SKIPPED, gathered["unavailable"].get("clock") or "the BMC tells no time")
    if abs(skew) <= limit:
        return check("clock", OK, f"{skew:+d} s")
    return check("clock", WARN, f"the clock of the BMC is {abs(skew)} s {'ahead' if skew > 0 else 'behind'}",
                 "have the BMC set its clock by NTP; with a wrong one its log lies, and it takes good certificates for expired or not yet valid")


def _firmware(driver, told):
    version = told["firmware_version"]
    if driver.quirk("firmware_known_bad") is None:
        return check("firmware", OK if version else SKIPPED, version)
    # Several may hold, and none of them takes the place of another.
    bad = [rule for rule in driver.quirk_report()["matching"] if "firmware_known_bad" in rule["behaviours"]]
    words = [rule["behaviours"]["firmware_known_bad"] for rule in bad]
    status = FAIL if any(word["status"] == FAIL for word in words) else WARN
    seen = "; ".join(f"firmware {version}: {word['problem']} ({rule['name']}, {rule['source']})" for word, rule in zip(words, bad))
    return check("firmware", status, seen, "; ".join(dict.fromkeys(word["cure"] for word in words)))


def _pending(driver):
    """What the BMC works on, and what the next reboot would do beside booting."""
    if driver.NAME != "redfish":
        return check("pending", SKIPPED, f"the driver {driver.NAME} does not have it")
    tasks = open_tasks(driver.service)
    running = [shown(*task) for task in tasks if task[1] not in NOT_BEGUN and not is_paused(task[2])]
    if running:
        return check("pending", FAIL, "; ".join(running), _JOBS)
    waiting, unread = [shown(*task) for task in tasks], None
    try:
        names = sorted(name for name in read_bios(driver.service).pending if "password" not in name.lower())
    except BmcLost:
        raise
    except BaremetalError as error:
        names, unread = [], error
    if names:
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        waiting.append(f"BIOS settings that the next boot changes: {', '.join(names[:_NAMES_SHOWN])}{more}")
    if waiting:
        return check("pending", WARN, "; ".join(waiting), _PENDING)
    return check("pending", OK) if unread is None else of_error("pending", SKIPPED, unread)


def _sessions(driver, gathered):
    told = gathered["info"]["sessions"] or {}
    count, limit = told.get("open"), told.get("limit") or driver.quirk("session_limit")
    if count is None:
        return check("sessions", SKIPPED, gathered["unavailable"].get("sessions") or "the BMC tells of no sessions")
    seen = f"{count} of {limit} open" if limit else f"{count} open"
    if not limit or count < limit:
        return check("sessions", OK, seen)
    return check("sessions", WARN, f"the table of sessions of the BMC is full, {seen}",
                 "end forgotten sessions in the BMC's web interface, or wait until they time out; find out which program leaves them open")
