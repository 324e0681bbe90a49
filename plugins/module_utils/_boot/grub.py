# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""GRUB's configuration for one node, from the network and on a medium. Private to the collection; may change at any time.

The signed images of GRUB know TFTP and no HTTP, so kernel and initrd come by TFTP too.

GRUB's shell takes everything between single quotes as it is and has no way to write a single quote there. Its command
``linux`` then writes a backslash before each backslash and quote (``grub_create_loader_cmdline``), so that the kernel would
see another text. So an argument that holds one of them is refused. A word with spaces gets double quotes around it, which the
kernel takes off again.
"""

from __future__ import annotations

from . import ipxe, kernel_arguments
from .._errors import BaremetalError

# GRUB puts where the kernel came from before the arguments, as BOOT_IMAGE.
_BOOT_IMAGE = "x" * 255
# Loading is tried this often before the machine goes on to its next boot device; seconds in between.
_TRIES = 10
_PAUSE = 5


def command_line(arguments):
    """The kernel arguments as words of GRUB's shell.

    :param arguments: list of (key, value), see :mod:`kernel_arguments`.
    :raises BaremetalError: when GRUB would hand one on changed, or the line is too long.
    """
    for key, value in arguments:
        if set(value or "") & set("'\\"):
            raise BaremetalError(
                f"the kernel argument {key} would not come through GRUB unchanged", stage="boot script", seen=repr(value),
                cure="leave out single quotes and backslashes, or boot the node with ipxe")
    kernel_arguments.render([("BOOT_IMAGE", _BOOT_IMAGE), *arguments])
    return " ".join(_word(key if value is None else f"{key}={value}") for key, value in arguments)


def _word(text):
    return f"'{text}'"


def _config(node, place, kernel, initrds, line):
    return f"""\
# Boots node {node} into the ramdisk. Written by rackwright.baremetal.netboot.
set timeout=0
for try in {' '.join(str(number + 1) for number in range(_TRIES))}; do
  echo 'rackwright: {node}: loading the ramdisk'
  if linux {_word(kernel)} {line}; then
    if initrd {' '.join(map(_word, initrds))}; then
      boot
    fi
  fi
  echo "rackwright: {node}: try $try of {_TRIES} failed, next one in {_PAUSE} seconds"
  sleep {_PAUSE}
done
echo 'rackwright: {node}: kernel and initrd do not load from {place}'
exit
"""


def network_config(node, ramdisk, arguments):
    """What GRUB reads that was loaded from the network.

    :param node: name of the node, for the screen.
    :param ramdisk: see :func:`ramdisk_store.current`.
    :param arguments: list of (key, value) for the kernel.
    :raises BaremetalError: for anything that cannot be written into the file safely.
    """
    kernel, initrd = (f"/{ipxe.checked_path(ramdisk[part])}" for part in ("kernel", "initrd"))
    return _config(ipxe.checked_name(node), "the boot server", kernel, [initrd], command_line(arguments))


def medium_config(node, holds_keys, arguments):
    """What GRUB reads that was loaded from a medium, which holds kernel and initrd too.

    :param node: name of the node, for the screen.
    :param holds_keys: whether the medium has an initrd with SSH keys.
    :param arguments: list of (key, value) for the kernel.
    :raises BaremetalError: for anything that cannot be written into the file safely.
    """
    initrds = [*(["/keys.img"] if holds_keys else []), "/initrd.img"]
    return _config(ipxe.checked_name(node), "the medium", "/vmlinuz", initrds, command_line(arguments))
