# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The consoles that a BMC offers, and how they are reached.

Private to the collection; may change at any time.
"""

from __future__ import annotations

from .ipmi_answers import ask
from .redfish_service import path_of
from .tolerant import dig, flag, number, texts

CAPABILITY = "consoles"

# Properties of Manager and ComputerSystem (DSP0268) and what they are.
_KINDS = {"SerialConsole": "serial", "GraphicalConsole": "graphical", "CommandShell": "shell"}
# Properties of ComputerSystem.SerialConsole, one for each way.
_SYSTEM_WAYS = ("SSH", "Telnet", "IPMI", "WebSocket")

# Get SOL Configuration Parameters (IPMI 2.0, 26.3), of the channel that the question comes in by, and Get Payload
# Activation Status (24.4), of SOL.
_SOL_PARAMETER = (0x0C, 0x22)
_THIS_CHANNEL = 0x0E
_ACTIVATION_STATUS = (0x06, 0x4A, (1,))
_ENABLE, _BIT_RATE, _PORT = 1, 6, 8
_BIT_RATES = {6: 9600, 7: 19200, 8: 38400, 9: 57600, 10: 115200}


def read_consoles(driver):
    """The consoles.

    :param driver: an open driver, see driver.py.
    :returns: list of dicts, see ``console``.
    """
    return _read_ipmi(driver) if driver.NAME == "ipmi" else _read_redfish(driver)


def console(kind, owner, enabled, limit, connect, *, sessions=None, bit_rate=None):
    """A console.

    :param kind: ``serial``, ``graphical`` or ``shell``.
    :param owner: ``system`` or ``bmc``: whose resource tells of it.
    :param limit: how many sessions it takes at once, or None.
    :param connect: the ways to it, list of what ``way`` returned.
    :param sessions: how many are open, or None.
    :param bit_rate: bits per second of a serial line, or None.
    """
    return {"type": kind, "owner": owner, "enabled": enabled, "max_sessions": limit, "sessions": sessions, "bit_rate": bit_rate,
            "connect": connect}


def way(protocol, enabled, port):
    """A way to a console: the protocol as Redfish calls it, whether it is switched on, and its TCP or UDP port."""
    return {"protocol": protocol, "enabled": enabled, "port": port}


def _read_redfish(driver):
    system = driver.system()
    manager = driver.service.manager(system) or {}
    protocols = driver.service.find(path_of(manager.get("NetworkProtocol"))) or {}
    return system_consoles(system, protocols) + manager_consoles(manager, protocols)


def _protocol_way(name, protocols):
    told = protocols.get(name)
    return way(name, flag(dig(told, "ProtocolEnabled")), number(dig(told, "Port")))


def manager_consoles(manager, protocols):
    """The consoles that a manager tells of.

    :param manager: JSON object of the manager.
    :param protocols: JSON object of its NetworkProtocol, which knows the ports.
    """
    found = []
    for name, kind in _KINDS.items():
        told = manager.get(name)
        if isinstance(told, dict):
            connect = [_protocol_way(protocol, protocols) for protocol in texts(told.get("ConnectTypesSupported"))]
            found.append(console(kind, "bmc", flag(told.get("ServiceEnabled")), number(told.get("MaxConcurrentSessions")), connect))
    return found


def system_consoles(system, protocols):
    """The consoles that a system tells of by itself."""
    found = []
    serial = system.get("SerialConsole")
    if isinstance(serial, dict):
        connect = []
        for name in _SYSTEM_WAYS:
            told = serial.get(name)
            if isinstance(told, dict):
                port = number(told.get("Port"))
                connect.append(way(name, flag(told.get("ServiceEnabled")), port or number(dig(protocols.get(name), "Port"))))
        enabled = None if not connect else any(item["enabled"] for item in connect)
        found.append(console("serial", "system", enabled, number(serial.get("MaxConcurrentSessions")), connect))
    graphical = system.get("GraphicalConsole")
    if isinstance(graphical, dict):
        enabled, port = flag(graphical.get("ServiceEnabled")), number(graphical.get("Port"))
        connect = [way(name, enabled, port) for name in texts(graphical.get("ConnectTypesSupported"))]
        found.append(console("graphical", "system", enabled, number(graphical.get("MaxConcurrentSessions")), connect))
    return found


def _read_ipmi(driver):
    with driver.command() as command:
        told = {number: ask(command, *_SOL_PARAMETER, (_THIS_CHANNEL, number, 0, 0), shortest=2) for number in (_ENABLE, _BIT_RATE, _PORT)}
        if not any(told.values()):
            return []
        return [sol(told, ask(command, *_ACTIVATION_STATUS, shortest=3))]


def sol(parameters, status):
    """Serial over LAN as a console.

    :param parameters: answers by the number of the parameter, the revision in the first byte, or None.
    :param status: answer to Get Payload Activation Status, or None.
    """
    enable, rate, port = (parameters.get(number) for number in (_ENABLE, _BIT_RATE, _PORT))
    enabled = None if enable is None else bool(enable[1] & 1)
    limit = sessions = None
    if status is not None:
        limit, sessions = status[0] & 0x0F, bin(status[1] | status[2] << 8).count("1")
    number = port[1] | port[2] << 8 if port is not None and len(port) >= 3 else None
    return console("serial", "bmc", enabled, limit or None, [way("IPMI", enabled, number or None)], sessions=sessions,
                   bit_rate=None if rate is None else _BIT_RATES.get(rate[1] & 0x0F))
