# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open vSwitch with its datapath in user space, and machines on its ports, in network namespaces.

It is the real program; no module of the kernel is needed, and nothing of the machine's own Open vSwitch is touched.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile

from .boot_server import cable, namespaces

# Where Debian and EL have it.
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
_DAEMONS = ("ovsdb-server", "ovs-vswitchd")


class Switch:
    """A switch.

    :ivar environment: what ovs-vsctl needs in its environment to find it.
    :ivar spaces: namespaces of the machines by name; each has a card eth0, whose port on the switch has the machine's name.
    """

    def __init__(self, directory, spaces):
        self.environment = {"OVS_RUNDIR": directory}
        self.spaces = spaces

    def vsctl(self, *words):
        """Run ovs-vsctl; gives what it printed."""
        return subprocess.run(["ovs-vsctl", "--timeout=30", *words], check=True, stdout=subprocess.PIPE, text=True,
                              env={"PATH": "/usr/bin:/usr/sbin:/bin:/sbin", **self.environment}).stdout

    def reaches(self, machine, address):
        """Whether frames of a machine reach the one with this address, and come back."""
        return subprocess.run(["ip", "netns", "exec", self.spaces[machine], "busybox", "ping", "-q", "-c", "2", "-W", "1", address],
                              check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


@contextlib.contextmanager
def daemons(space, bridge):
    """Open vSwitch in a namespace, for as long as the context lasts.

    :param bridge: name of the bridge that it gets, which has no ports yet.
    :returns: a Switch that knows of no machines.
    """
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="rackwright-ovs-"))
        switch = Switch(directory, {})
        subprocess.run(["ovsdb-tool", "create", f"{directory}/conf.db", SCHEMA], check=True)
        socket = f"unix:{directory}/db.sock"
        for command in (["ovsdb-server", f"{directory}/conf.db", f"--remote=p{socket}"], ["ovs-vswitchd", socket]):
            log = stack.enter_context(open(f"{directory}/{command[0]}.log", "wb"))
            process = subprocess.Popen(["ip", "netns", "exec", space, *command, "--no-chdir", f"--pidfile={directory}/{command[0]}.pid"],
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"PATH": "/usr/bin:/usr/sbin:/bin:/sbin", "OVS_RUNDIR": directory})
            stack.callback(process.wait)
            stack.callback(process.terminate)
            # ovs-vsctl waits for the daemon itself, once there is a socket.
            if command[0] == "ovsdb-server":
                switch.vsctl("--no-wait", "--retry", "init")
        switch.vsctl("add-br", bridge, "--", "set", "Bridge", bridge, "datapath_type=netdev")
        yield switch


@contextlib.contextmanager
def open_vswitch(**machines):
    """A switch for as long as the context lasts.

    :param machines: addresses with prefix length of a machine (list of texts), by its name.
    """
    with contextlib.ExitStack() as stack:
        space, *spaces = stack.enter_context(namespaces("sw", *(name[:3] for name in machines)))
        switch = stack.enter_context(daemons(space, "br0"))
        switch.spaces = dict(zip(machines, spaces))
        for name, addresses in machines.items():
            cable((space, name, None), (switch.spaces[name], "eth0", addresses[0]))
            for address in addresses[1:]:
                subprocess.run(["ip", "-n", switch.spaces[name], "address", "add", address, "dev", "eth0"], check=True)
            switch.vsctl("add-port", "br0", name)
        yield switch
