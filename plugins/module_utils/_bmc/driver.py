# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drivers, and the one way to open a BMC.

A driver is a class with these attributes and methods; the instance is one open connection:

``NAME``
    name of the driver.
``CAN``
    frozenset of what it can do beyond power and boot device, in the words of ``refuse_unsupported``.
``POWER``
    frozenset of the targets that ``set_power`` takes: ``on``, ``off``, ``reset``, ``soft off``.
``BOOT_DEVICES``
    frozenset of the devices that ``set_boot`` takes: ``pxe``, ``http``, ``disk``, ``cdrom``, ``usb``, ``bios``, ``none``.
``MODE_IS_FIRM``
    whether the boot mode that the driver reads is the machine's setting, and not a mere request.
``__init__(connection, log, facts=None)``
    logs on. ``connection`` is the ``bmc`` dict with a clear password, ``facts`` are the run's facts about this BMC or None.
``close()``
    logs off; never raises.
``get_power()``
    ``on``, ``off``, or ``unknown`` for everything between them.
``last_system``
    the System (Redfish) as it was read last, which costs nothing; None where the driver reads none.
``reset_hangs``
    whether a reset is known to leave the machine hanging, so that it has to go through off.
``forgets_boot``
    whether the BMC is known to forget the boot device over a power cycle, although it tells it.
``set_power(target)``
    asks for a change and returns at once; raises NotNow for what may work later.
``get_boot()``
    ``{"device", "persistent", "mode"}``, and ``uri`` for the device http; mode is ``uefi``, ``bios`` or None; device
    may be one that ``set_boot`` does not take, as the BMC calls it.
``boot_offer(device, persistent)``
    whether an override, after ``get_boot`` and before ``set_boot``, would be for all boots, as far as the BMC tells what it takes;
    raises BaremetalError for a device that it does not offer. Nothing is sent that changes it.
``set_boot(device, persistent, mode, uri=None)``
    sets the override of the next boot, or of all boots; mode None leaves the mode alone. What it brought about, ``get_boot`` tells.
``identity()``
    ``{"system_uuid", "serial", "sku", "manufacturer", "model"}``, None for what the BMC does not tell.
``evidence(names)``
    what tells whose BMC it is, as ``refuse_other_machine`` takes it; the first of it is at hand and costs nothing.
``quirk(name, default=None)``
    what is known about the board's behaviour, by a name of quirks.BEHAVIOURS.
``quirk_report()``
    which rules hold for the board, see quirks.Quirks.report.

Every method raises BaremetalError; a BMC that may answer later raises its subclass BmcLost.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib

from .._errors import BaremetalError
from .identity import refuse_other_machine
from .ipmi import IpmiDriver
from .manual import ManualDriver
from .redfish import RedfishDriver

DRIVERS = {"redfish": RedfishDriver, "ipmi": IpmiDriver, "manual": ManualDriver}


def refuse_unsupported(driver, *, power=(), device=None, capability=None):
    """Refuse what a driver cannot do, before anything is sent to the BMC.

    :param driver: name of the driver.
    :param capability: what else the work needs, for example ``virtual media``, or None.
    :param power: targets of ``set_power`` that the work will need.
    :param device: boot device that the work will set, or None.
    :raises BaremetalError: naming what is refused and what the driver offers.
    """
    if driver not in DRIVERS:
        raise BaremetalError(f"there is no driver {driver}", stage="BMC connection", cure=_offer(DRIVERS))
    offers = DRIVERS[driver]
    cure = ("switch the machine by hand and record its state, or give the node a BMC with the driver redfish or ipmi"
            if offers is ManualDriver else None)
    for target in power:
        if target not in offers.POWER:
            raise BaremetalError(f"the driver {driver} cannot do power {target}", stage="power", cure=cure or _offer(offers.POWER))
    if capability is not None and capability not in offers.CAN:
        able = [name for name, other in sorted(DRIVERS.items()) if capability in other.CAN]
        raise BaremetalError(f"the driver {driver} has no {capability}", stage=capability,
                             cure=f"use a BMC with the driver {' or '.join(able)}" if able else "do it by hand")
    if device is not None and device not in offers.BOOT_DEVICES:
        raise BaremetalError(f"the driver {driver} cannot set the boot device {device}", stage="boot device",
                             cure=cure or _offer(offers.BOOT_DEVICES))


def _offer(values):
    return "choose one of " + ", ".join(sorted(values))


@contextlib.contextmanager
def open_driver(driver, connection, log=lambda text: None, facts=None, *, only_reads=False):
    """Open a BMC and close it again, whatever happens in between.

    Before anything may be changed it is made sure that this is the machine that is meant, see ``refuse_other_machine``.

    :param driver: name of the driver.
    :param connection: dict with ``address``, ``port``, ``username``, ``password`` (clear) and the
        driver's own keys: ``system_id``, ``ca_file``, ``verify`` (redfish), ``cipher_suite``, ``privilege_level``,
        ``kg_key``, ``bridge_channel``, ``bridge_address`` (ipmi); and ``system_uuid`` and ``serial`` of the machine, where known.
    :param log: called with lines for a person who looks closer.
    :param facts: the run's facts about this BMC, or None.
    :param only_reads: that nothing will be changed; then the BMC is asked whose it is only where the login raised a doubt.
    :returns: a context manager that gives the driver's instance.
    :raises BaremetalError: when the driver does not exist, the BMC cannot be opened, or it is another machine's.
    """
    if driver not in DRIVERS:
        raise BaremetalError(f"there is no driver {driver}", stage="BMC connection", cure=_offer(DRIVERS))
    opened = DRIVERS[driver](connection, log, facts)
    try:
        refuse_other_machine(opened.evidence, connection.get("system_uuid"), connection.get("serial"), only_in_doubt=only_reads)
        yield opened
    finally:
        opened.close()
