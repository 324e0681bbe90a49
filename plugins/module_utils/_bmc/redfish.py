# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The driver redfish, through sushy.

Private to the collection; may change at any time.
"""

from __future__ import annotations

try:
    import sushy
    from sushy.auth import BasicAuth
except ImportError as error:
    sushy = None
    IMPORT_ERROR = error
    _REFUSALS = ()
else:
    IMPORT_ERROR = None
    # The BMC, or sushy for it, says that these settings in this form are not for it. Which status a
    # BMC chooses for that is its own affair: 400, 409, 412, 500 and 501 are all in use.
    _REFUSALS = (sushy.exceptions.HTTPError, sushy.exceptions.InvalidParameterValueError)

from .._errors import BaremetalError, missing_library
from .connection import refused, required
from .redfish_errors import explained
from .redfish_transport import base_url, connector, tls_context

SYSTEMS = "/redfish/v1/Systems"

# What the collection calls a device, and Redfish's BootSourceOverrideTarget (DSP0268, ComputerSystem).
_DEVICES = {"pxe": "Pxe", "disk": "Hdd", "cdrom": "Cd", "bios": "BiosSetup", "none": "None"}
_DEVICE_NAMES = {**{value: name for name, value in _DEVICES.items()}, "UsbCd": "cdrom"}
_MODES = {"uefi": "UEFI", "bios": "Legacy"}
_MODE_NAMES = {value: name for name, value in _MODES.items()}

# Reset types in order of preference, of which the BMC's allowed values choose (DSP0268, Resource).
_RESETS = {
    "on": ("On", "ForceOn"),
    "off": ("ForceOff",),
    "reset": ("ForceRestart", "PowerCycle"),
    "soft off": ("GracefulShutdown",),
}


def _status(error):
    if not isinstance(error, sushy.exceptions.HTTPError):
        return error
    return f"HTTP status {error.status_code}" + (f", {error.detail}" if error.detail else "")


class RedfishDriver:
    """One open connection with a Redfish service; see driver.py for what each method does.

    The user name and password go along with every request (HTTP basic authentication): no session
    is opened, so none can be left behind, and a wrong password costs one failed login.
    """

    POWER = frozenset(_RESETS)
    BOOT_DEVICES = frozenset(_DEVICES)
    MODE_IS_FIRM = True

    def __init__(self, connection, log):
        if sushy is None:
            raise missing_library("sushy", IMPORT_ERROR)
        required(connection, "redfish", "address", "username", "password")
        self._url = base_url(connection)
        self._log = log
        verify = connection.get("verify")
        context = tls_context(connection.get("ca_file"), True if verify is None else verify)
        self._connector = connector(self._url, context)
        try:
            with explained(self._url):
                root = sushy.Sushy(
                    self._url, auth=BasicAuth(str(connection["username"]), str(connection["password"])),
                    connector=self._connector)
                self._system = self._open_system(root, connection.get("system_id"))
        except BaseException:
            self.close()
            raise
        self._is_fresh = True

    def _open_system(self, root, system_id):
        if not system_id:
            return root.get_system(self._only_system(root))
        path = str(system_id) if str(system_id).startswith("/") else f"{SYSTEMS}/{system_id}"
        try:
            return root.get_system(path)
        except sushy.exceptions.ResourceNotFoundError as error:
            raise refused(
                f"the BMC at {self._url} has no system {system_id}", seen=f"{path}: HTTP status 404",
                cure="correct system_id of the BMC, or leave it out where the BMC serves one system only",
            ) from error

    def _only_system(self, root):
        members = root.get_system_collection().members_identities
        if len(members) == 1:
            return members[0]
        shown = ", ".join(member.rpartition("/")[2] for member in members) or "none"
        raise refused(
            f"the BMC at {self._url} serves {len(members)} systems, and it is not said which one is the node",
            seen=f"systems: {shown}", cure="set system_id of the BMC to the system that is this node",
        )

    def close(self):
        """Close the TCP connection; there is no session to end."""
        self._connector.close()

    def _read(self):
        """The system's resource, read anew unless it was read when the connection was opened."""
        if not self._is_fresh:
            with explained(self._url):
                self._system.refresh(force=True)
        self._is_fresh = False
        return self._system

    def get_power(self):
        """See driver.py."""
        system = self._read()
        return {sushy.POWER_STATE_ON: "on", sushy.POWER_STATE_OFF: "off"}.get(system.power_state, "unknown")

    def set_power(self, target):
        """See driver.py.

        :raises BaremetalError: when the BMC does not offer a reset type for it; nothing was sent.
        """
        self._is_fresh = False
        with explained(self._url):
            allowed = {value.value for value in self._system.get_allowed_reset_system_values()}
        reset = next((value for value in _RESETS[target] if value in allowed), None)
        if reset is None:
            raise BaremetalError(
                f"the BMC does not offer power {target}", stage="power",
                seen=f"reset types offered: {', '.join(sorted(allowed))}", cure="use another power state",
            )
        self._log(f"reset type {reset}")
        with explained(self._url):
            self._system.reset_system(sushy.ResetType(reset))

    def get_boot(self):
        """See driver.py."""
        with explained(self._url):
            boot = self._read().boot
        if boot is None:
            raise BaremetalError("the BMC does not tell its boot device", stage="boot device",
                                 cure="set the boot order in the firmware setup of the machine")
        device = boot.target.value if boot.target else "None"
        enabled = boot.enabled.value if boot.enabled else "Disabled"
        return {
            "device": "none" if enabled == "Disabled" else _DEVICE_NAMES.get(device, device),
            "persistent": enabled == "Continuous",
            "mode": _MODE_NAMES.get(boot.mode.value) if boot.mode else None,
        }

    def set_boot(self, device, persistent, mode):
        """See driver.py.

        :raises BaremetalError: when the BMC does not offer the device; nothing was sent.
        """
        self._is_fresh = False
        if device == "none":
            # Without a target; some BMCs insist on one and get it in the second try.
            tries = [{"enabled": "Disabled"}]
            if "None" in self._offered_targets():
                tries.append({"enabled": "Disabled", "target": "None"})
        else:
            self._require_offered(device)
            wanted = {"enabled": "Continuous" if persistent else "Once", "target": _DEVICES[device]}
            # Some BMCs refuse an override without the mode, others one with it while the machine runs.
            tries = [{**wanted, "mode": _MODES[mode]}] if mode else [wanted, *self._with_known_mode(wanted)]
        for number, settings in enumerate(tries, start=1):
            self._log(f"boot override {settings}")
            try:
                self._patch_boot(settings)
                return
            except _REFUSALS as error:
                if number == len(tries):
                    raise BaremetalError(
                        f"the BMC refused the boot device {device}", stage="boot device",
                        seen=_status(error),
                        cure="power the machine off first, choose another device or mode, "
                             "or set the boot order in the firmware setup of the machine",
                    ) from error

    def _with_known_mode(self, wanted):
        boot = self._system.boot
        return [{**wanted, "mode": boot.mode.value}] if boot and boot.mode else []

    def _offered_targets(self):
        with explained(self._url):
            return {value.value for value in self._system.get_allowed_system_boot_source_values()}

    def _require_offered(self, device):
        offered = self._offered_targets()
        if _DEVICES[device] not in offered:
            names = sorted(_DEVICE_NAMES.get(value, value) for value in offered)
            raise BaremetalError(
                f"the BMC does not offer the boot device {device}", stage="boot device",
                seen=f"boot devices offered: {', '.join(names)}", cure="choose one of these",
            )

    def _patch_boot(self, settings):
        values = {
            "target": sushy.BootSource(settings["target"]) if "target" in settings else None,
            "enabled": sushy.BootSourceOverrideEnabled(settings["enabled"]),
            "mode": sushy.BootSourceOverrideMode(settings["mode"]) if "mode" in settings else None,
        }
        with explained(self._url, *_REFUSALS):
            self._system.set_system_boot_options(**values)

    def identity(self):
        """See driver.py."""
        with explained(self._url):
            system = self._read()
            return {
                "system_uuid": system.uuid or None,
                "serial": system.json.get("SerialNumber") or None,
                "manufacturer": system.manufacturer or None,
                "model": system.json.get("Model") or None,
            }
