# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual media: an image in a slot of the BMC, or no image, and what the BMC tells of it afterwards.

Boards differ in where the slots are, in which payload they take and in what they show. So the slots are looked up,
payloads are tried from the fullest on, and only what is read back counts. Schema: DSP0268, VirtualMedia.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import re
import time
import urllib.parse

from .._errors import BaremetalError
from .connection import BmcBusy, BmcLost
from .redfish_service import RedfishRefusal, last_part
from .tolerant import flag, text, texts

STAGE = "virtual media"

# What the collection calls a medium, and Redfish's MediaTypes in order of preference. A slot for the one optical
# medium takes the other: some boards have DVD slots only.
_MEDIA = {"cd": ("CD", "DVD"), "dvd": ("DVD", "CD"), "floppy": ("Floppy",), "usb": ("USBStick",)}

_SETTLE = 30.0  # seconds until what was done must show
_POLL = 2.0  # seconds
_TASK_TIMEOUT = 120  # seconds
_RETRIES = 3  # of a request that was answered with a 5xx, which on some boards means that the last eject still runs
_RETRY_PAUSE = 3.0  # seconds

# The BMC could not fetch the image: no other payload changes that.
_IMAGE_FAULTS = ("RAC0904", "not accessible", "unreachable", "Cannot download", "Failed fetching", "ResourceAtUriUnauthorized",
                 "CouldNotEstablishConnection", "ResourceAtUriInUnknownFormat")


def view(resource):
    """A slot as the collection shows it.

    :param resource: JSON object of a VirtualMedia resource.
    :returns: dict with ``slot``, ``media_types``, ``inserted``, ``image``, ``image_name``, ``write_protected``.
    """
    return {
        "slot": text(resource.get("Id")) or last_part(str(resource.get("@odata.id"))),
        "media_types": texts(resource.get("MediaTypes")),
        "inserted": is_inserted(resource),
        # Some boards show the password of the share that they were given.
        "image": re.sub(r"//[^/@]*@", "//", text(resource.get("Image")) or "") or None,
        "image_name": text(resource.get("ImageName")),
        "write_protected": flag(resource.get("WriteProtected")),
    }


def is_inserted(resource):
    """Whether there is a medium in a slot.

    ConnectedVia speaks first, for boards leave ImageName, and even Inserted, as they were when they eject.
    """
    if resource.get("ConnectedVia") == "NotConnected":
        return False
    inserted = flag(resource.get("Inserted"))
    return inserted if inserted is not None else bool(text(resource.get("Image")) or text(resource.get("ImageName")))


def _plain_url(url):
    """A URL as it compares: without user name and password, percent-encoding and the case of the host."""
    try:
        parts = urllib.parse.urlsplit(url)
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port not in (None, 80, 443) else "")
    except ValueError:
        return url
    path = urllib.parse.unquote(parts.path) + (f"?{parts.query}" if parts.query else "")
    return f"{parts.scheme.lower()}://{host}{path}" if parts.scheme else path


def shows(slot, image):
    """Whether a slot holds an image, as far as the BMC tells what it holds.

    :param slot: what ``view`` returned.
    :param image: URL.
    """
    if not slot["inserted"]:
        return False
    wanted = _plain_url(image)
    if slot["image"]:
        told = _plain_url(slot["image"])
        # Some boards tell the path alone.
        return told == wanted or ("://" not in told and told.strip("/") != "" and wanted.endswith("/" + told.strip("/")))
    return bool(slot["image_name"]) and slot["image_name"] == last_part(wanted)


def _find_slots(service):
    """The slots of the system; those of its manager where the system itself has none.

    A manager may serve several systems, so that its slots are the second choice.

    :returns: list of JSON objects, the lowest number first; empty when there is none.
    """
    system = service.system()
    for owner in (lambda: system, lambda: service.manager(system)):
        collection = service.linked(owner(), "VirtualMedia")
        found = [{**resource, "@odata.id": path} for path in service.members(collection) if (resource := service.find(path))]
        if found:
            return sorted(found, key=lambda resource: _natural(view(resource)["slot"]))
    return []


def read_slots(service):
    """The slots as ``_find_slots`` has them.

    :raises BaremetalError: when there is none.
    """
    if found := _find_slots(service):
        return found
    raise BaremetalError("the BMC shows no slot for virtual media", stage=STAGE,
                         cure="see whether it needs a licence or newer firmware for it, and whether it is switched on")


def _natural(text):
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.findall(r"\d+|\D+", text)]


def _suitable(slots, slot, media_type, quirk=lambda name: None):
    """The slots that were asked for, the best first; where a slot is to be chosen, quirks have a say in it."""
    shown = ", ".join(f"{entry['slot']} ({', '.join(entry['media_types']) or 'any media'})" for entry in map(view, slots))
    if slot is not None:
        found = [resource for resource in slots if slot in (view(resource)["slot"], resource["@odata.id"])]
        if not found:
            raise BaremetalError(f"the BMC has no slot {slot} for virtual media", stage=STAGE, seen=f"slots: {shown}",
                                 cure="choose one of these")
        return found
    if media_type is None:
        return slots
    skipped = quirk("media_slots_skip")
    slots = [resource for resource in slots if not (skipped and re.search(skipped, view(resource)["slot"]))]
    ranked = []
    for kind in _MEDIA[media_type]:
        ranked += [resource for resource in slots if kind in view(resource)["media_types"] and resource not in ranked]
    ranked += [resource for resource in slots if not view(resource)["media_types"]]
    if not ranked:
        raise BaremetalError(f"the BMC has no slot for the medium {media_type}", stage=STAGE, seen=f"slots: {shown}",
                             cure="choose another media type, or name the slot")
    return sorted(ranked, key=lambda resource: view(resource)["slot"] != quirk("media_slot"))


class _Slot:
    """One slot that is being changed."""

    def __init__(self, service, resource, sleep):
        self.service = service
        self.resource = resource
        self.path = resource["@odata.id"]
        self.sleep = sleep

    def read(self):
        """The slot as it is now; as it was when the BMC does not tell."""
        self.resource = {**(self.service.find(self.path) or self.resource), "@odata.id": self.path}
        return view(self.resource)

    def settled(self, reached):
        """Read until ``reached(slot)``, or until it should have shown; gives the last that was read."""
        waited = 0.0
        while not reached(self.read()) and waited < _SETTLE:
            self.sleep(_POLL)
            waited += _POLL
        return view(self.resource)

    def has(self, action):
        """Whether the BMC offers the action for this slot."""
        return bool(self.service.target(self.resource, f"VirtualMedia.{action}"))

    def request(self, action, body, reached, *, by_patch, retries=_RETRIES):
        """Send a change, as the action or to the slot itself.

        :param reached: tells from a slot whether the change is there already; looked at before anything is sent again.
        :raises RedfishRefusal: when the BMC said no and the change is not there either.
        :raises BmcBusy: when the BMC says that it can do nothing now, and still does after a minute.
        """
        for attempt in range(retries + 1):
            try:
                if by_patch:
                    answer = self.service.patch(self.path, body)
                else:
                    answer = self.service.action(self.resource, f"VirtualMedia.{action}", body, stage=STAGE)
                break
            except RedfishRefusal as error:
                if reached(self.read()):
                    return
                if error.is_busy:
                    # It was asked for a minute already, and would say so to everything else.
                    raise BmcBusy("the BMC cannot change its virtual media now", stage=STAGE, seen=error.seen,
                                  cure="run the same command again in a minute; if it stays so, reset the BMC") from error
                if attempt == retries or not _may_pass(error):
                    raise
                self.sleep(self.service.quirk("media_eject_retry", _RETRY_PAUSE))
        self.service.wait_task(answer, timeout=_TASK_TIMEOUT, stage=STAGE, what=f"the work of {action}")

    def eject(self):
        """Take the medium out, and see that it is out."""
        by_patch = not self.has("EjectMedia")
        # Boards refuse the action without a body, so that the empty one goes along.
        body = {"Image": None, "Inserted": False} if by_patch else {}
        try:
            self.request("EjectMedia", body, lambda slot: not slot["inserted"], by_patch=by_patch)
        except RedfishRefusal as error:
            raise BaremetalError(f"the BMC refused to eject the medium in slot {view(self.resource)['slot']}", stage=STAGE, seen=error.seen,
                                 cure="see in the BMC's web interface who uses the medium; a reset of the BMC frees it") from error
        slot = self.settled(lambda slot: not slot["inserted"])
        if slot["inserted"]:
            raise BaremetalError(f"the BMC took the order to eject the medium in slot {slot['slot']} and still shows it", stage=STAGE,
                                 seen=f"image {slot['image'] or slot['image_name'] or 'unknown'}", cure="reset the BMC, then try again")

    def insert(self, payloads, image, *, by_patch):
        """Put an image in, with the first payload that the BMC takes.

        :returns: the slot as it settled.
        :raises RedfishRefusal: when the BMC took none; it tells what the BMC said to each.
        """
        refusals = []
        for payload in payloads:
            try:
                # A 5xx that stays is the board's way to dislike the payload; the other ones get one try each.
                retries = 0 if refusals else _RETRIES
                self.request("InsertMedia", payload, lambda slot: shows(slot, image), by_patch=by_patch, retries=retries)
                return self.settled(lambda slot: holds(slot, image))
            except RedfishRefusal as error:
                refusals.append(error)
                if is_final(error):
                    break
        refusals[-1].seen = "; ".join(dict.fromkeys(error.seen for error in refusals))
        raise refusals[-1]


def holds(slot, image):
    """Whether a slot that was empty holds the image now; a BMC that tells of a medium but not of which is believed."""
    return slot["inserted"] and (shows(slot, image) or not (slot["image"] or slot["image_name"]))


def is_final(refusal):
    """Whether no other payload and no other slot will do better."""
    return refusal.status == 403 or refusal.says(*_IMAGE_FAULTS)


def _may_pass(error):
    return error.status >= 500 or error.says("in progress", "InProgress", "ResourceInUse")


def insert_payloads(image, write_protected, credentials, by_patch, omit=(), extra=None):
    """The payloads for an insert, in the order in which they are tried.

    From the full one down to the bare image, for some boards refuse read-only properties; then up again, for others
    insist on a protocol, a method, or credentials although the share has none.

    :param image: URL.
    :param credentials: ``{"UserName", "Password"}``, or {}.
    :param by_patch: for a slot without the action, where Inserted is what inserts.
    :param omit: names of properties that the board is known to refuse; payloads with them come last.
    :param extra: properties that the board is known to need, or None.
    """
    scheme = image.partition("://")[0].upper()
    protocol = {"HTTP": "HTTP", "HTTPS": "HTTPS", "NFS": "NFS", "CIFS": "CIFS", "SMB": "CIFS", "FTP": "FTP"}.get(scheme, "OEM")
    bare = {"Image": image, **credentials}
    inserted = {**bare, "Inserted": True}
    full = {**inserted, "WriteProtected": write_protected}
    if by_patch:
        return [full, inserted]
    with_protocol = {**bare, "TransferProtocolType": protocol}
    with_method = {**with_protocol, "TransferMethod": "Stream"}
    ladder = [full, inserted, bare, with_protocol, with_method]
    if not credentials:
        ladder.append({**with_method, "UserName": "none", "Password": "none"})
    ladder.sort(key=lambda payload: any(name in payload for name in omit))
    if extra:
        known = {**extra, **bare, **({"TransferProtocolType": protocol} if "TransferProtocolType" in extra else {})}
        ladder = [known, *(payload for payload in ladder if payload != known)]
    return ladder


def url_advice(image):
    """What some boards dislike in an image's URL, as a sentence, or None."""
    path = image.partition("://")[2]
    dislikes = []
    if "?" in path or "=" in path:
        dislikes.append("it has a ? or = in it")
    if not path.lower().partition("?")[0].endswith((".iso", ".img")):
        dislikes.append("it ends neither in .iso nor in .img")
    return f"some BMCs refuse such a URL: {' and '.join(dislikes)}" if dislikes else None


def check_image(image):
    """Refuse what is no place of an image, before anything is sent and another medium is taken out for it.

    :param image: URL, or ``//host/path`` and ``host:/path`` as some BMCs want them for CIFS and NFS.
    :raises BaremetalError: for an empty text, or the path of a file.
    """
    if not re.fullmatch(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/\s].*|[^\s/:]+:/[^/\s].*", image):
        raise BaremetalError("the image is no URL", stage=STAGE, seen="credentials without a URL" if "@" in image else f"'{image}'",
                             cure="give something that the BMC can fetch, like https://192.0.2.1/boot.iso")


def ensure_inserted(service, image, *, media_type="cd", slot=None, write_protected=True, username=None, password=None,
                    replaces=None, check_mode=False, warn=lambda text: None, sleep=time.sleep):
    """Have an image in a slot.

    :param service: RedfishService.
    :param image: URL that the BMC can fetch.
    :param media_type: ``cd``, ``dvd``, ``floppy`` or ``usb``; chooses the slot where ``slot`` is None.
    :param slot: id of the slot; another medium in it is replaced. None takes a free one.
    :param username: for the share that the image is on, or None.
    :param replaces: function of the path in the URL of a medium: whether that may be replaced where no slot is named; or None. With it, a medium
        of which the BMC tells no more than the name of the file, which others have too, is replaced as well.
    :returns: ``{"changed", "slot", "before", "after"}``; the last two are lists of what ``view`` returns.
    :raises BaremetalError: when the BMC does not show the image in the end.
    """
    slots = read_slots(service)
    candidates = _suitable(slots, slot, media_type, service.quirk)
    before = [view(resource) for resource in slots]
    there = next((entry for entry in map(view, candidates) if shows(entry, image) and (replaces is None or _tells_place(entry))), None)
    if there:
        _compare_protection(there, write_protected, warn)
        return {"changed": False, "slot": there["slot"], "before": before, "after": before}
    if slot is None:
        taken, candidates = candidates, [resource for resource in candidates if not is_inserted(resource) or _is_replaced(view(resource), image, replaces)]
        if not candidates:
            held = [f"slot {entry['slot']} holds {entry['image'] or entry['image_name'] or 'something'}" for entry in map(view, taken)]
            raise BaremetalError(f"all slots for the medium {media_type} are taken", stage=STAGE, seen=", ".join(held),
                                 cure="eject first, or name the slot whose medium is to be replaced")
    if check_mode:
        return {"changed": True, "slot": view(candidates[0])["slot"], "before": before,
                "after": _foreseen(before, view(candidates[0])["slot"], image, write_protected)}
    if service.quirk("media_url_plain") and url_advice(image):
        warn(f"{url_advice(image)}; this is one of them")
    credentials = {"UserName": username, "Password": password or ""} if username else {}
    targets = [_Slot(service, resource, sleep) for resource in candidates]
    refusals, stuck = [], []
    # By PATCH where there is no action; at last also where the BMC refused the action.
    patches = service.quirk("media_insert") == "patch"
    for target, by_patch in [*((target, patches or not target.has("InsertMedia")) for target in targets),
                             *((target, not patches) for target in targets if target.has("InsertMedia"))]:
        if target in stuck:
            continue
        # Also where an eject has left Inserted behind: some boards refuse an insert then.
        if is_inserted(target.resource) or flag(target.resource.get("Inserted")):
            try:
                target.eject()
            except BmcLost:
                raise
            except BaremetalError as error:
                stuck.append(target)
                if len(stuck) == len(targets):
                    raise
                warn(f"{error.what}; another slot is tried")
                continue
        try:
            payloads = insert_payloads(image, write_protected, credentials, by_patch,
                                       omit=service.quirk("media_insert_omit", ()), extra=service.quirk("media_insert_extra"))
            found = target.insert(payloads, image, by_patch=by_patch)
        except RedfishRefusal as error:
            refusals.append(error)
            if is_final(error):
                break
            continue
        if holds(found, image):
            _compare_protection(found, write_protected, warn)
            return {"changed": True, "slot": found["slot"], "before": before, "after": [view(resource) for resource in read_slots(service)]}
        if by_patch and target.has("InsertMedia") and refusals:
            # It had refused the action, and merely ignored what it does not know in the PATCH.
            break
        raise BaremetalError(
            f"the BMC took the image for slot {found['slot']} and does not show it as inserted", stage=STAGE,
            seen=f"image {found['image'] or found['image_name']}" if found["inserted"] else "the slot is empty", cure=_insert_cure(image))
    raise BaremetalError("the BMC does not take the image", stage=STAGE,
                         seen="; ".join(dict.fromkeys(error.seen for error in refusals)), cure=_insert_cure(image))


def _is_replaced(slot, image, replaces):
    """Whether what is in a slot may give way to an image; see ensure_inserted."""
    return replaces is not None and (replaces(_path_of_image(slot)) or shows(slot, image))


def _tells_place(slot):
    """Whether the BMC tells more of a medium than the name of its file."""
    told = slot["image"] or ""
    return "://" in told or "/" in told.strip("/")


def _path_of_image(slot):
    """The path in the URL of what is in a slot; empty where the BMC tells none that can be read."""
    try:
        told = urllib.parse.urlsplit(_plain_url(slot["image"] or "")).path
    except ValueError:
        return ""
    return told and "/" + told.lstrip("/")


def _insert_cure(image):
    advice = ["see that the BMC's network reaches the image, and that the BMC is licensed for virtual media", url_advice(image)]
    return "; ".join(filter(None, advice))


def _compare_protection(slot, write_protected, warn):
    if slot["write_protected"] not in (None, write_protected):
        told = "is" if slot["write_protected"] else "is not"
        warn(f"the BMC tells that the medium in slot {slot['slot']} {told} write-protected, although the contrary was asked for")


def _foreseen(before, slot, image, write_protected):
    return [{**entry, "inserted": True, "image": image, "image_name": last_part(image), "write_protected": write_protected}
            if entry["slot"] == slot else entry for entry in before]


def ensure_ejected(service, *, image=None, media_type=None, slot=None, check_mode=False, warn=lambda text: None, sleep=time.sleep):
    """Have no medium in a slot, or in none.

    :param image: only where this image is in; None for whatever is.
    :param media_type: only slots for this medium; None for all.
    :param slot: id of the only slot concerned; None for all.
    :returns: as ``ensure_inserted``; ``slot`` is None.
    :raises BaremetalError: when a slot still shows its medium.
    """
    slots = read_slots(service)
    before = [view(resource) for resource in slots]
    chosen = [resource for resource in _suitable(slots, slot, media_type) if is_inserted(resource)]
    if image is not None:
        chosen = [resource for resource in chosen if shows(view(resource), image)]
    if chosen and service.quirk("media_eject_needs_off") and service.system().get("PowerState") == "On":
        warn("the machine is on, and this BMC takes the medium away from an operating system that runs from it")
    after = list(before)
    for resource in chosen:
        target = _Slot(service, resource, sleep)
        # Two slots may be one medium, and the first eject may have emptied both.
        if not check_mode and target.read()["inserted"]:
            target.eject()
        number = slots.index(resource)
        empty = {**before[number], "inserted": False, "image": None, "image_name": None}
        after[number] = empty if check_mode else view(target.resource)
    return {"changed": bool(chosen), "slot": None, "before": before, "after": after}


def eject_paths(service, paths, *, warn=lambda text: None, sleep=time.sleep):
    """Take out the media that have one of these paths in their URL, whichever slot they are in.

    A BMC without slots has none of them: the medium may be one whose URL the firmware was told.

    :param paths: list of paths.
    :raises BaremetalError: when a slot still shows its medium.
    """
    names = [last_part(path) for path in paths]
    for slot in [entry for entry in map(view, _find_slots(service)) if entry["inserted"]]:
        # Some boards tell the name alone.
        if _path_of_image(slot) in paths if _tells_place(slot) else (slot["image"] or slot["image_name"] or "").strip("/") in names:
            ensure_ejected(service, slot=slot["slot"], warn=warn, sleep=sleep)
