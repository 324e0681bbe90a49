# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The firmware's boot order: options found by what a person knows of them, and read back, now or as pending.

Schema: DSP0268, ComputerSystem (Boot) and BootOption. Private to the collection; may change at any time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from .._errors import BaremetalError
from .pending import patch_pending, settings_path, settled
from .redfish_service import RedfishRefusal, last_part, path_of
from .tolerant import dig, text, texts
from .waiting_tasks import open_tasks, waiting_bodies

STAGE = "boot order"

# Device classes: Redfish's Alias (BootSource), and parts of a UEFI device path for boards that give none. A stick has a
# disk in its path, and a network adapter with a URI boots over HTTP, so the order counts.
_CLASSES = {
    "http": ("UefiHttp", ("uri(",)),
    "pxe": ("Pxe", ("ipv4(", "ipv6(", "mac(")),
    "cdrom": ("Cd", ("cdrom(",)),
    "usb": ("Usb", ("usb(",)),
    "disk": ("Hdd", ("hd(", "nvme(", "sata(", "sas(", "scsi(")),
}


@dataclass
class BootOrder:
    """The boot order as the BMC tells it.

    ``document`` is the resource that has it and ``settings`` its Settings resource or {}; ``names`` are the properties from
    there down to the order. ``current`` and ``pending`` are lists of references; ``pending`` is the current one where nothing is pending.
    ``options`` are the dicts of ``view``, the ones in the order first.
    """

    document: dict
    settings: dict
    names: tuple
    current: list
    pending: list
    options: list


def view(resource, path=""):
    """A boot option as the collection shows it."""
    reference = text(resource.get("BootOptionReference")) or text(resource.get("Id")) or last_part(path)
    uefi_path = text(resource.get("UefiDevicePath"))
    return {"reference": reference, "name": text(resource.get("DisplayName")) or text(resource.get("Name")), "path": uefi_path,
            "device": _class_of(text(resource.get("Alias")), (uefi_path or "").lower())}


def _class_of(alias, path):
    for name, (known, _unused) in _CLASSES.items():
        if alias == known:
            return name
    return next((name for name, (_unused, parts) in _CLASSES.items() if any(part in path for part in parts)), None)


def read_boot_order(service):
    """The boot order and its options.

    :returns: a BootOrder.
    :raises BaremetalError: when the BMC tells no boot order.
    """
    # Read anew each time, and before the options: some boards serve these only then.
    system = service.system()
    names = ("Boot", "BootOrder")
    current = texts(dig(system, *names))
    if not current or not path_of(system):
        return _read_own(service, system)
    settings = service.find(settings_path(system)) or {}
    collection = service.linked(system, "Boot", "BootOptions")
    found = {}
    for path in service.members(collection):
        option = view(service.find(path) or {}, path)
        found[option["reference"]] = option
    options = [found.pop(reference, None) or {"reference": reference, "name": None, "path": None, "device": None} for reference in current]
    # Where nothing is pending, some boards show an empty list.
    return BootOrder(system, settings, names, current, texts(dig(settings, *names)) or current, [*options, *found.values()])


def _read_own(service, system):
    """The boot order of a board that has it in a resource of its maker's: a list of texts such as ``UEFI Network:PXE NIC 1``."""
    name = service.quirk("boot_order_oem")
    oem = dig(system, "Oem")
    paths = [path_of(dig(part, name)) for part in oem.values()] if name and isinstance(oem, dict) else []
    document = service.find(next(filter(None, paths), None)) or {}
    current = texts(document.get(name))
    if not current or not path_of(document):
        raise BaremetalError("the BMC tells no boot order", stage=STAGE,
                             cure="boot the machine once if it is new; otherwise set the order in the firmware setup, "
                                  "or with the module efi_boot in the ramdisk")
    options = [{"reference": title, "name": title.partition(":")[2] or title, "path": None, "device": _class_of_title(title)}
               for title in current]
    return BootOrder(document, {}, (name,), current, current, options)


def _class_of_title(title):
    kind = title.partition(":")[0]
    if "Network" in kind:
        return "http" if "HTTP" in title else "pxe"
    return next((name for name, part in (("cdrom", "CD/DVD"), ("usb", "USB"), ("disk", "Hard Disk")) if part in kind), None)


def check_order(order):
    """Refuse an order that says nothing, before anything is sent.

    :param order: list of names.
    :raises BaremetalError: when it has none, or an empty one, which would be part of every device path.
    """
    if not order or not all(str(name).strip() for name in order):
        raise BaremetalError("the boot order names nothing", stage=STAGE, seen=f"order: {list(order)}",
                             cure="name at least one boot option, each by reference, display name, device class or part of the UEFI device path")


def choose(order, options):
    """The references that a list of names means, in its order.

    :param order: list of names: a reference, a display name, a device class, or part of a UEFI device path. The first of
        these that fits counts, and all options that it fits, in their present order.
    :param options: list of what ``view`` returns.
    :raises BaremetalError: when a name fits none.
    """
    chosen, unknown = [], []
    for name in map(str, order):
        low = name.casefold()
        kinds = (
            lambda option: option["reference"] == name,
            lambda option: (option["name"] or "").casefold() == low,
            lambda option: option["device"] == low,
            lambda option: low in (option["path"] or "").casefold(),
        )
        found = next((fits for fits in ([option["reference"] for option in options if kind(option)] for kind in kinds) if fits), [])
        chosen += found
        if not found:
            unknown.append(name)
    if unknown:
        raise BaremetalError(f"no boot option is {' or '.join(unknown)}", stage=STAGE, seen=f"boot options: {', '.join(_titles(options))}",
                             cure="name them by reference, display name, device class or part of the UEFI device path")
    return list(dict.fromkeys(chosen))


def _titles(options):
    return [f"{option['reference']} ({option['name'] or option['device'] or 'no name'})" for option in options]


def _result(changed, before, after):
    by_reference = {option["reference"]: option for option in after.options}
    shown = [by_reference[reference] for reference in after.pending if reference in by_reference]
    return {"changed": changed, "boot_order": shown, "reboot_required": after.pending != after.current,
            "before": {"boot_order": _titles_of(before)}, "after": {"boot_order": _titles_of(after)}}


def _titles_of(order):
    by_reference = {option["reference"]: option for option in order.options}
    return _titles(by_reference[reference] for reference in order.pending if reference in by_reference)


def ensure_boot_order(service, order, *, check_mode=False, warn=lambda text: None, sleep=time.sleep):
    """Have these boot options first, in this order; the others follow as they are.

    :param service: RedfishService.
    :param order: see ``choose``.
    :returns: ``{"changed", "boot_order", "reboot_required", "before", "after"}``; ``boot_order`` is that of the next boot.
    :raises BaremetalError: when an option does not exist (nothing was sent), or the BMC does not keep the order.
    """
    before = read_boot_order(service)
    first = choose(order, before.options)

    def reached(seen):
        return seen.pending[:len(first)] == first

    if service.quirk("boot_order_lockdown"):
        warn("on boards of this kind the order that the BMC tells is not the firmware's while system lockdown is on")

    if reached(before):
        return _result(False, before, before)
    # A job of an earlier run, which shows nowhere else.
    waiting = [texts(dig(body, *before.names)) for body in waiting_bodies(open_tasks(service), path_of(before.document), settings_path(before.document))]
    if waiting and waiting[-1][:len(first)] == first:
        before = replace(before, pending=waiting[-1])
        return _result(False, before, before)
    wanted = [*first, *(reference for reference in before.pending if reference not in first)]
    # A maker's own resource shows what will be, and says nowhere what is.
    is_own = before.names[0] != "Boot"
    if check_mode:
        is_pending = bool(settings_path(before.document)) or is_own
        return _result(True, before, replace(before, current=before.current if is_pending else wanted, pending=wanted))
    if service.quirk("boot_order_one_writer"):
        warn("on boards of this kind the firmware stops at boot when the operating system changes the order as well before the next boot")
    body = {before.names[0]: wanted if is_own else {"BootOrder": wanted}}
    path = path_of(before.document)
    try:
        answer = patch_pending(service, path, before.document, before.settings, body)
        after = settled(lambda: read_boot_order(service), reached, sleep, is_job=bool(answer.task))
        if not reached(after) and not answer.task and settings_path(before.document):
            # Some boards take it at the Settings resource and heed only what is sent to the system.
            answer = service.patch(path, body)
            after = settled(lambda: read_boot_order(service), reached, sleep, is_job=bool(answer.task))
    except RedfishRefusal as error:
        raise BaremetalError("the BMC refused the boot order", stage=STAGE, seen=error.seen,
                             cure="where a job with other settings waits for a reboot, reboot first; "
                                  "some BMCs take it only while the machine is off") from error
    if is_own:
        after = replace(after, current=before.current)
    result = _result(True, before, after)
    if not reached(after):
        if not answer.task:
            raise BaremetalError("the BMC took the boot order and kept another", stage=STAGE,
                                 seen=f"boot order: {', '.join(_titles_of(after))}",
                                 cure="see whether the firmware's setup or a lockdown fixes the order; power the machine off first")
        warn(f"the BMC made a job ({answer.task}) of the boot order and does not show it yet; only after the reboot can it be judged")
        result["reboot_required"] = True
    return result
