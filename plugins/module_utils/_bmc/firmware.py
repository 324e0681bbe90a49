# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring a firmware component to a version, and believe it only when the BMC tells that version.

Redfish: UpdateService and SoftwareInventory (DSP0268), updates in DSP0266, 13.5.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import re
import time
import urllib.parse

from .._errors import BaremetalError
from . import upload
from .connection import BmcLost, NotLetIn, Patience
from .firmware_waiting import earlier_update
from .redfish_members import resources
from .redfish_service import Answer, RedfishRefusal, last_part, path_of
from .reset_watch import HostWatch, ResetWatch
from .tolerant import dig, number, objects, text

STAGE = "firmware"

# Components that every board has, wherever its inventory keeps them.
BMC, BIOS = "bmc", "bios"

# TransferProtocolType (DSP0268, UpdateService) by the scheme of the image's URI.
_PROTOCOLS = {name.lower(): name for name in ("HTTP", "HTTPS", "FTP", "SFTP", "TFTP", "SCP", "NFS", "CIFS")}

_POLL = 10.0  # seconds between two looks at the version
# Seconds that the version may take to change after the task has ended well, and where there is no task.
_SETTLE = {"completed": 60.0, "vanished": 300.0, "none": 300.0}
_REBOOTED = "rebooted"
# A machine that was reset takes so long to tell the version of its BIOS.
_SETTLE_RESET = 600.0

# An entry of the inventory that is there and does not run yet.
_STAGED = ("StandbyOffline", "Updating", "Deferring", "Starting")
# Apply times (DSP0268, Settings) that are those of a reset.
_AT_RESET = ("OnReset", "InMaintenanceWindowOnReset")

# Entries of images that lie in store and do not run; their name is that of the entry which runs (Dell).
_STORED = ("previous-", "available-")


def is_version(told, wanted):
    """Whether a version that a BMC tells is the wanted one.

    :param told: what the BMC tells, for example ``2.72 Sep 04 2022`` or ``iLO 5 v2.72``; may be None.
    :param wanted: the whole of it, or the one word of it with a dot that is the version, without a leading ``v``.
    """
    told, wanted = (text(told) or "").lower(), (text(wanted) or "").lower()
    if not wanted or told == wanted:
        return bool(wanted)
    return "." in wanted and wanted.removeprefix("v") in (word.removeprefix("v").strip("()[],;") for word in told.split())


def find_component(service, name):
    """Read a component anew.

    :param service: the RedfishService.
    :param name: ``bmc``, ``bios``, or Id or Name of an entry of the firmware inventory.
    :returns: dict with id, name, version (None when the BMC does not tell), path of the resource, updateable
        (False when the BMC says that it is not) and targets: the values of Targets to be tried one after the other.
    :raises BaremetalError: when there is no such component, or several have the name.
    """
    if name == BMC:
        found = _special(BMC, service.manager(), "FirmwareVersion")
    elif name == BIOS:
        found = _special(BIOS, service.system(), "BiosVersion")
    else:
        found = None
    return found or _inventory_component(service, name)


def _special(name, resource, key):
    version = text((resource or {}).get(key))
    if version is None:
        return None
    path = text(resource.get("@odata.id"))
    return {
        "id": name, "name": text(resource.get("Name")) or name, "version": version, "path": path, "updateable": True,
        # The image says what it is for. Boards differ in what they take for "no target in particular".
        "targets": (None, [], *([[path]] if path else [])),
    }


def update_service(service):
    """The UpdateService.

    :raises BaremetalError: when the BMC has none.
    """
    found = service.find(path_of(service.root().get("UpdateService")) or "/redfish/v1/UpdateService")
    if found is None:
        raise BaremetalError("the BMC has no UpdateService", stage=STAGE, cure="update the firmware through the BMC's web interface")
    return found


def _inventory_component(service, name):
    paths = service.members(path_of(update_service(service).get("FirmwareInventory")))
    direct = [path for path in paths if urllib.parse.unquote(last_part(path)).lower() == name.lower()]
    entries = [(path, entry) for path, entry in ((path, service.find(path)) for path in direct or paths) if entry is not None]
    return choose_entry(entries, name)


def choose_entry(entries, name):
    """The entry of a firmware inventory that has an Id or a Name.

    :param entries: list of ``(path, JSON object)``.
    :param name: Id, else Name; their case does not count.
    :returns: the component as ``find_component`` describes it.
    :raises BaremetalError: when none or several have it.
    """
    wanted = name.lower()
    found = [item for item in entries if _entry_id(item).lower() == wanted]
    found = found or [item for item in entries if (text(item[1].get("Name")) or "").lower() == wanted]
    if len(found) > 1:
        found = [item for item in found if not _entry_id(item).lower().startswith(_STORED)] or found
    if len(found) != 1:
        raise BaremetalError(
            f"the firmware inventory has {'several components' if found else 'no component'} {name}", stage=STAGE,
            seen=f"the inventory has {', '.join(_entry_id(item) for item in found or entries) or 'nothing'}",
            cure=f"give the Id of one of these as component, or {BMC} or {BIOS}")
    path, entry = found[0]
    return {
        "id": _entry_id(found[0]), "name": text(entry.get("Name")) or _entry_id(found[0]), "version": text(entry.get("Version")),
        "path": path, "updateable": entry.get("Updateable") is not False, "targets": ([path], None, []),
    }


def _entry_id(item):
    return text(item[1].get("Id")) or last_part(item[0])


def simple_update_body(update, image, apply_time, allowed):
    """The body of SimpleUpdate but for Targets.

    :param update: JSON object of the UpdateService.
    :param image: URI of the image, where the BMC fetches it.
    :param apply_time: OperationApplyTime, or None for the BMC's own.
    :param allowed: the transfer protocols that the BMC takes, None when it does not tell.
    :raises BaremetalError: when the BMC cannot fetch such a URI.
    """
    try:
        parts = urllib.parse.urlsplit(image)
        is_uri = bool(parts.scheme and (parts.netloc or parts.path))
    except ValueError:
        is_uri = False
    if not is_uri:
        raise BaremetalError("the image is no URI", stage=STAGE,
                             cure="give something like https://192.0.2.1/bmc.bin as image, or a file as src")
    if "@" in parts.netloc:
        raise BaremetalError("the image's URI carries credentials, which would stay in the logs of the BMC", stage=STAGE,
                             cure="serve the image without credentials, or give it as src")
    protocol = _PROTOCOLS.get(parts.scheme.lower())
    if allowed is not None and protocol not in allowed:
        raise BaremetalError(f"the BMC does not fetch images over {parts.scheme}", stage=STAGE,
                             seen=f"it offers {', '.join(allowed) or 'nothing'}",
                             cure="serve the image over one of these, or give it as src")
    body = {"ImageURI": image}
    if protocol:
        body["TransferProtocol"] = protocol
    _require_apply_time(dig(update, "Actions", "#UpdateService.SimpleUpdate"), apply_time)
    return {**body, "@Redfish.OperationApplyTime": apply_time} if apply_time else body


def _require_apply_time(resource, apply_time):
    offered = dig(resource, "@Redfish.OperationApplyTimeSupport", "SupportedValues")
    if apply_time and isinstance(offered, list) and apply_time not in offered:
        raise BaremetalError(f"the BMC does not take the apply time {apply_time}", stage=STAGE,
                             seen=f"it offers {', '.join(map(str, offered)) or 'none'}",
                             cure="choose one of these, or leave apply_time out")


def push_path(uri):
    """The path of a URI to which images are pushed, or None; whatever host a board names, the image goes to the BMC alone."""
    try:
        path = urllib.parse.urlsplit(text(uri) or "").path
    except ValueError:
        return None
    return path if path.startswith("/") else None


def push_apply_time(update):
    """When the BMC applies what is pushed to HttpPushUri, or None.

    :param update: JSON object of the UpdateService.
    """
    return text(dig(update, "HttpPushUriOptions", "HttpPushUriApplyTime", "ApplyTime"))


class _Source:
    """How the image gets to the BMC; what cannot work is refused when the object is made."""

    def __init__(self, service, update, image, src, apply_time):
        self._service = service
        self._update = update
        self._src = src
        self._apply_time = apply_time
        self.push = None
        if update.get("ServiceEnabled") is False:
            raise BaremetalError("the UpdateService of the BMC is switched off", stage=STAGE,
                                 cure="switch it on in the BMC's web interface")
        if image is not None:
            if service.target(update, "UpdateService.SimpleUpdate") is None:
                raise BaremetalError("the BMC does not fetch images (no SimpleUpdate)", stage=STAGE, cure="give the image as src")
            self._body = simple_update_body(update, image, apply_time,
                                            service.allowed(update, "UpdateService.SimpleUpdate", "TransferProtocol"))
            return
        self._body = {"@Redfish.OperationApplyTime": apply_time} if apply_time else {}
        self.push = push_path(update.get("MultipartHttpPushUri"))
        self._is_form = self.push is not None
        self.push = self.push or push_path(update.get("HttpPushUri"))
        if self.push is None:
            raise BaremetalError("the BMC takes no image that is pushed", stage=STAGE, seen="neither MultipartHttpPushUri nor HttpPushUri",
                                 cure="serve the image by HTTP and give its URI as image")
        if apply_time and not self._is_form and not isinstance(update.get("HttpPushUriOptions"), dict):
            raise BaremetalError("the BMC does not let the time of a pushed update be chosen", stage=STAGE,
                                 seen="HttpPushUri without HttpPushUriOptions", cure="leave apply_time out, or give the image as a URI")
        largest, size = number(update.get("MaxImageSizeBytes")), upload.file_size(src, STAGE)
        if largest and size > largest:
            raise BaremetalError(f"the file {src} is larger than the BMC takes", stage=STAGE,
                                 seen=f"{size} bytes, MaxImageSizeBytes is {largest}",
                                 cure="serve the image by HTTP and give its URI as image")

    def send(self, component, timeout):
        """Send the image, with what this BMC wants to be told along with it.

        :returns: an Answer.
        :raises BaremetalError: when the BMC does not take it, or is lost over it.
        """
        try:
            return self._send(component, timeout)
        except BmcLost as error:
            raise BmcLost("the BMC was lost over the firmware image, and whether it took it is not known", stage=STAGE, seen=error.seen or error.what,
                          cure="wait until an update would be over, which the BMC's list of tasks may show, and run the same command again") from error

    def _send(self, component, timeout):
        ladder = list(component["targets"]) if self.push is None or self._is_form else [None]
        extra = {}
        while True:
            targets = ladder[0]
            try:
                return self._once({**self._body, **({} if targets is None else {"Targets": targets})}, extra, timeout)
            except RedfishRefusal as error:
                said = " ".join(f"{message['id']} {message['text']}" for message in error.messages)
                wants_type = re.search("OemParameters|ImageType", said) and component["id"] in (BMC, BIOS)
                if error.status in (400, 422) and wants_type and not extra:
                    # AMI wants to be told in a part of its own.
                    extra = {"OemParameters": {"ImageType": component["id"].upper()}}
                elif error.status in (400, 422) and "target" in said.lower() and len(ladder) > 1:
                    ladder.pop(0)
                else:
                    raise BaremetalError("the BMC refused the firmware image", stage=STAGE, seen=error.seen,
                                         cure="check that the image is for this machine and that no other update is running") from error

    def at_reset(self):
        """Why the BMC applies the image at a reset and not before, as far as that was settled beforehand; or None."""
        if self._apply_time in _AT_RESET:
            return f"the BMC took the apply time {self._apply_time}"
        if self._apply_time:
            return None
        if self.push is not None and not self._is_form:
            told = push_apply_time(self._update)
            return f"HttpPushUriApplyTime is {told}" if told in _AT_RESET else None
        where = self._update if self.push is not None else dig(self._update, "Actions", "#UpdateService.SimpleUpdate")
        offered = dig(where, "@Redfish.OperationApplyTimeSupport", "SupportedValues")
        if isinstance(offered, list) and offered and all(value in _AT_RESET for value in offered):
            return f"the BMC offers no other apply time than {', '.join(offered)}"
        return None

    @contextlib.contextmanager
    def push_time(self, warn):
        """Have the BMC apply what is pushed at the wanted time, and as it did before again in the end.

        HttpPushUri has no place for the time but a property that holds for all updates. It is put back when the update has
        ended, for boards look at it when they have unpacked the image.

        :raises BaremetalError: when the BMC does not keep the time; nothing was pushed.
        """
        before = push_apply_time(self._update)
        if self.push is None or self._is_form or not self._apply_time or before == self._apply_time:
            yield
            return
        refusal = None
        try:
            seen = self._set_push_time(self._apply_time)
            if seen != self._apply_time:
                raise BaremetalError("the BMC does not keep the apply time of a pushed update", stage=STAGE,
                                     seen=f"HttpPushUriApplyTime is {seen} after it was set to {self._apply_time}; nothing was pushed",
                                     cure="leave apply_time out, or give the image as a URI")
            yield
        except NotLetIn as error:
            refusal = error.seen or error.what
            raise
        finally:
            try:
                # Another login could lock the account.
                seen = refusal or self._set_push_time(before)
            except BaremetalError as error:
                seen = error.seen or error.what
            if seen != before:
                warn(f"HttpPushUriApplyTime of the BMC's UpdateService was {before} and could not be put back ({seen}); "
                     "set it by hand, for it holds for every image that is pushed")

    def _set_push_time(self, value):
        """:returns: what the BMC tells afterwards."""
        path = self._update["@odata.id"]
        self._service.patch(path, {"HttpPushUriOptions": {"HttpPushUriApplyTime": {"ApplyTime": value}}})
        return push_apply_time(self._service.get(path))

    def _once(self, body, extra, timeout):
        if self.push is None:
            return self._service.action(self._update, "UpdateService.SimpleUpdate", body, stage=STAGE)
        if self._is_form:
            with upload.form(self._src, {"UpdateParameters": body, **extra}) as content:
                return self._service.upload(self.push, content, timeout=timeout)
        with upload.plain(self._src) as content:
            return self._service.upload(self.push, content, timeout=timeout)


def ensure_firmware(service, name, version, *, image=None, src=None, apply_time=None, timeout=1800, reboot=None, check_mode=False,
                    warn=lambda text: None, clock=time.monotonic, sleep=time.sleep):
    """Bring a component to a version.

    While an earlier request for it is not done, as a rule because it waits for a reboot, nothing is sent: its task is followed.

    :param service: the RedfishService.
    :param name: ``bmc``, ``bios``, or Id or Name in the firmware inventory.
    :param version: as the BMC tells it, see ``is_version``.
    :param image: URI from which the BMC fetches the image; or
    :param src: path of the image on this host.
    :param apply_time: OperationApplyTime (``Immediate``, ``OnReset``); None leaves it to the BMC.
    :param timeout: seconds from the beginning until the version must be there, and as many again after a reboot.
    :param reboot: function that reboots the machine, called when the update waits for that or nothing tells whether it does;
        None where the machine must go on.
    :param warn: called when something of the BMC stays changed that was to be put back.
    :returns: dict with changed, before and after (components without path and targets), reboot_required, and pending:
        None, or the version that waits for the reset and what says so.
    :raises BaremetalError: also when the BMC tells another version in the end, and nothing says that the new one waits for a reset.
    """
    before = find_component(service, name)
    if is_version(before["version"], version):
        return _result(False, before, before)
    if not before["updateable"]:
        raise BaremetalError(f"the BMC cannot update {name}", stage=STAGE, seen=f"version {before['version']}, Updateable is false",
                             cure="update it with its maker's tool in the running system")
    update = update_service(service)
    source = _Source(service, update, image, src, apply_time)
    earlier = earlier_update(service, service.target(update, "UpdateService.SimpleUpdate"), source.push, before, image)
    if check_mode:
        if earlier and earlier.is_waiting and not reboot:
            return _pending(False, before, before, version, earlier.shown)
        return _result(True, before, {**before, "version": version})
    if earlier and not earlier.is_same:
        warn(f"an update of {name} that waits does not tell the version that it brings, and nothing is sent beside it: {earlier.shown}")
    start = clock()
    watch = ResetWatch(expected=earlier.is_waiting if earlier else apply_time == "OnReset", is_bmc=name == BMC)
    judge = _Judge(service, name, version, watch, clock, sleep)
    with contextlib.nullcontext() if earlier else source.push_time(warn):
        answer = Answer(202, earlier.task, earlier.path) if earlier else source.send(before, timeout)
        watch(answer.body)
        outcome = "stopped" if watch.because else service.wait_task(
            answer, timeout=max(timeout - (clock() - start), 0), stage=STAGE, what=f"the update of {name}", until=watch)
        after, waits = judge.settled(watch.because or source.at_reset(), outcome, start + timeout, reboot is not None)
    if not is_version(after["version"], version) and reboot:
        start = clock()
        reboot()
        if outcome == "stopped":
            # Its end tells a failure sooner than the version.
            service.wait_task(answer, timeout=timeout, stage=STAGE, what=f"the update of {name}", until=lambda task: judge.is_there())
        after, waits = judge.settled(None, _REBOOTED, start + timeout, False)
    if is_version(after["version"], version):
        return _result(True, before, after)
    return _pending(earlier is None, before, after, version, waits)


class _Judge:
    """Reads the version until it can be told what became of the update."""

    def __init__(self, service, name, version, watch, clock, sleep):
        self._service = service
        self._name = name
        self._version = version
        self._watch = watch
        self._clock = clock
        self._sleep = sleep
        self._host = HostWatch(service.system())

    def is_there(self):
        """Whether the BMC tells the version now."""
        with contextlib.suppress(BaremetalError):
            return is_version(find_component(self._service, self._name)["version"], self._version)
        return False

    def settled(self, waits, outcome, deadline, may_be_open):
        """The component when it has the version, or waits for a reset; the BMC may go away and come back in between.

        :param waits: what says that the update waits for a reset of the machine, or None.
        :param outcome: of the task, as ``wait_task`` tells it; or _REBOOTED, after which only the version counts.
        :param deadline: on the clock.
        :param may_be_open: return what is there also when nothing tells whether the update waits.
        :returns: ``(component, what says that it waits or None)``.
        """
        settle = self._clock() + _SETTLE.get(outcome, 0)
        if outcome == "completed":
            # Its end was seen, so that nothing is cut off when there is less time than that.
            settle = min(settle, deadline)
        patience, is_strange, was_away, is_reset = Patience(), False, False, False
        while True:
            pause = _POLL
            try:
                found = find_component(self._service, self._name)
                patience, is_strange, seen = Patience(), False, f"the BMC tells version {found['version'] or 'unknown'}"
                if is_version(found["version"], self._version) or waits:
                    return found, waits
                system = self._service.system()
                self._host.look(system)
                if self._host.is_reset and self._name != BMC:
                    seen += ", and the machine has been reset since"
                    if not is_reset or HostWatch.is_starting(system):
                        is_reset, settle = True, self._clock() + _SETTLE_RESET
                if self._clock() >= settle and not is_reset and outcome != _REBOOTED:
                    # What the BMC said of some reset was not its own, if it is here with the old version.
                    waits = self._watch.open or self._staged(found)
                    if waits or (may_be_open and self._name != BMC):
                        return found, waits
                    if outcome == "none":
                        settle += _SETTLE["completed"]
            except BmcLost as error:
                seen, was_away = error.what, True
                # The time to settle begins when it is back.
                settle = max(settle, self._clock() + _SETTLE["completed"])
            except BaremetalError as error:
                seen, is_strange, pause = error.what, True, patience.bear(error)
            if self._clock() >= deadline or (self._clock() >= settle and not is_strange and outcome not in ("none", _REBOOTED)):
                raise self._failure(seen, was_away, is_reset, may_be_open)
            self._sleep(min(pause, max(deadline - self._clock(), 0)))

    def _staged(self, component):
        """What the inventory says of the version that lies ready for this component and does not run, or None."""
        update = update_service(self._service)
        for entry in resources(self._service, path_of(update.get("FirmwareInventory"))):
            state = text(dig(entry, "Status", "State"))
            if state not in _STAGED or not is_version(entry.get("Version"), self._version):
                continue
            names = " ".join(filter(None, (text(entry.get(key)) for key in ("Id", "Name", "SoftwareId")))).lower()
            if component["path"] in map(path_of, objects(entry.get("RelatedItem"))) or component["name"].lower() in names or self._name.lower() in names:
                return f"the firmware inventory has it as {_entry_id((path_of(entry) or '', entry))}, state {state}"
        return None

    def _failure(self, seen, was_away, is_reset, may_be_open):
        if self._watch.of_bmc:
            seen = f"{seen}{', and the BMC was away since' if was_away else ''}; it said: {self._watch.of_bmc}"
        what = f"{self._name} has not become version {self._version}"
        cure = ("look at the event log of the BMC; check that the image holds that version, written as the BMC tells versions; where a "
                "reboot applies it, reboot the machine and run the same command again")
        if self._watch.of_bmc and not was_away:
            cure = "restart the BMC with the module bmc_reset and run the same command again"
        elif may_be_open and self._name != BMC and not is_reset:
            what = f"the timeout is over before it could be told whether {self._name} becomes version {self._version}; nothing was rebooted"
            cure = ("wait until the update is over, reboot the machine and run the same command again; next time give a longer timeout: "
                    f"{_SETTLE['none']:.0f} s are waited before a reboot where the BMC shows no end of the update")
        elif self._name == BIOS and not is_reset:
            what = f"it cannot be told whether {self._name} becomes version {self._version}"
            seen = (f"{seen}; a BIOS tells its version when it starts, and nothing says that the update waits for that "
                    f"(the machine is {(self._host.power or 'in an unknown power state').lower()})")
            cure = ("set reboot to true so that the machine is rebooted and the update judged, or reboot it and run the same command again; "
                    "look at the event log of the BMC as well")
        return BaremetalError(what, stage=STAGE, seen=seen, cure=cure)


def _pending(changed, before, after, version, waits):
    return {**_result(changed, before, after), "reboot_required": True, "pending": {"version": version, "seen": waits}}


def _result(changed, before, after):
    def shown(component):
        return {key: component[key] for key in ("id", "name", "version")}

    return {"changed": changed, "before": shown(before), "after": shown(after), "reboot_required": False, "pending": None}
