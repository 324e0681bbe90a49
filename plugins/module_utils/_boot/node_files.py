# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the boot server keeps for one node: boot script or medium, keys, address reservation.

All of it is plain files below the root that the role boot_server made. Each file appears complete
or not at all. Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from . import answer_file, boot_interface, daemons, ipxe, journal, kernel_arguments, leases, medium, reservations, writing
from .. import _node_addresses
from .._errors import BaremetalError

_MAC = re.compile(r"[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}")
_NONCE = re.compile(r"[A-Za-z0-9_-]{8,64}")
_KEY = re.compile(r"(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]{16,}={0,3}(?: [^\x00-\x1f\x7f]*)?")
# Set here for every boot; a second value would undo them.
_OWN_ARGUMENTS = ("BOOTIF", "initrd", "rackwright.address", "rackwright.beacon", "rackwright.dns", "rackwright.gateway", "rackwright.hostname",
                  "rackwright.journal", "rackwright.node", "rackwright.nonce", "rackwright.url")
# Name of the empty file that tells nginx which address may read the others.
_READER = ".for-{}"


def _checked(pattern, what, text, cure):
    if not pattern.fullmatch(text):
        raise BaremetalError(f"{what} is not valid", stage="boot files", seen=repr(text), cure=cure)
    return text


def hyphens(mac):
    """A MAC address as it stands in paths: lower case, hyphens.

    :raises BaremetalError: when it is none.
    """
    return _checked(
        _MAC, "the MAC address", mac.lower(), "give six pairs of hexadecimal digits, as in 52:54:00:12:34:56"
    ).replace(":", "-")


def refuse_stopped_daemons(root, cache=False):
    """Make sure that the boot server runs: found out by waiting, it looks like a bad cable half an hour later.

    :param root: boot_server_root.
    :param cache: whether it is one for images, which has nginx alone.
    :raises BaremetalError: naming what does not run.
    """
    # By the names that the role boot_server gives their files.
    files = {name: f"{root}/run/{name}.pid" for name in (("nginx",) if cache else ("dnsmasq", "nginx"))}
    stopped = [name for name, pid_file in files.items() if daemons.running(pid_file, f"{root}/{name}/{name}.conf") is None]
    if stopped:
        raise BaremetalError(
            f"the boot server does not run, so no node would get {'an image' if cache else 'an address and a file'}", stage="boot files",
            seen=" and ".join(f"no {name} with this configuration by {files[name]}" for name in stopped),
            cure="run boot_server.yml, which starts it, or set root to the boot_server_root of the one that runs")


def check_keys(keys):
    """Make sure that somebody can log in to the ramdisk with these SSH public keys.

    :raises BaremetalError: when there is none, or one is no public key.
    """
    if not keys:
        raise BaremetalError("there is no SSH public key, so nobody could log in to the ramdisk", stage="boot files", seen="an empty list",
                             cure="give ssh_public_keys the line of a .pub file")
    for key in keys:
        if "PRIVATE KEY" in key:
            # Not shown: the message goes to terminals, logs and the registry.
            raise BaremetalError("an SSH public key is not valid", stage="boot files", seen="a private key",
                                 cure="give the one line of the .pub file that belongs to it")
        _checked(_KEY, "an SSH public key", key, "give the one line of a .pub file, without options before it")


def boot_arguments(url, node, mac, nonce, extra, static=()):
    """All kernel arguments of a boot into the ramdisk.

    :param url: base URL of the boot server.
    :param node: name of the node, by which the log of the boot server tells what the ramdisk asks for.
    :param mac: MAC address with hyphens.
    :param extra: further arguments, for instance ``console=``: a string or a list of strings.
    :param static: see :func:`static_network.arguments`; nothing for DHCP.
    :returns: list of (key, value).
    """
    url = ipxe.base_url(url)
    return [
        ("rackwright.url", f"{url}/node/{mac}/{nonce}/"),
        ("rackwright.beacon", f"{url}/beacon/{mac}/{nonce}/"),
        ("rackwright.journal", f"{url}/journal/{mac}/{nonce}/"),
        ("rackwright.nonce", nonce),
        ("rackwright.node", node),
        ("BOOTIF", f"01-{mac}"),
        *static,
        *further_arguments(extra),
    ]


def further_arguments(extra):
    """Kernel arguments that an operator gives beside those of every boot.

    :param extra: a string or a list of strings.
    :returns: list of (key, value).
    :raises BaremetalError: for one that is set here for every boot.
    """
    further = kernel_arguments.parse(extra)
    for key, dummy in further:
        if key in _OWN_ARGUMENTS:
            raise BaremetalError(
                f"the kernel argument {key} is set by the module itself", stage="boot files", seen=f"{key} in kernel_arguments",
                cure="leave it out")
    return further


def read(path):
    """The text of a file, or None where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def write(path, text):
    """Write a file that everybody may read; it appears complete or not at all."""
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        os.unlink(fresh)
        raise


def _discard(path):
    if path.is_dir() and not path.is_symlink():
        # Out of sight in one step: names that start with a dot are not served.
        hidden = path.with_name(f".{path.name}.{os.getpid()}")
        path.rename(hidden)
        shutil.rmtree(hidden)
    else:
        path.unlink()


def _digest(name, text):
    return None if text is None else answer_file.shown(name, text)


def show(files):
    """The texts of several files, one after the other, for a diff."""
    return "".join(f"==> {name}\n{text}" for name, text in files if text is not None)


def reload_reservations(root):
    """Let dnsmasq read all reservations anew."""
    return daemons.reload(Path(root, "run/dnsmasq.pid"), f"{root}/dnsmasq/dnsmasq.conf")


def _layout(root, node_mac):
    return Path(root, "http/node", node_mac), reservations.folder(root) / node_mac


def _tftp_folder(root, mac):
    """Where dnsmasq looks first for what this node asks for by TFTP (tftp-unique-root)."""
    return Path(root, "tftp", mac)


def _link(folder, links):
    """Make a directory of links; it appears complete or not at all."""
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for name, target in links.items():
            (fresh / name).symlink_to(target)
        fresh.chmod(0o755)
        fresh.rename(folder)
    except BaseException:
        shutil.rmtree(fresh)
        raise


def _links_in(folder):
    return {path.name: os.readlink(path) if path.is_symlink() else None for path in folder.iterdir()} if folder.exists() else {}


@contextlib.contextmanager
def _made(*directories):
    """Make directories, each in the one before. What fails inside takes back those that were not there, with all that is in them."""
    fresh = next((directory for directory in directories if not directory.is_dir()), None)
    try:
        for directory in directories:
            if not directory.is_dir():
                directory.mkdir()
                # nginx must get in, whatever umask the caller has.
                directory.chmod(0o755)
        yield
    except BaseException:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)
        raise


def _scripts(root, mac):
    """The two that are texts; one of them, or the medium below the nonce, says how the node boots."""
    return [Path(root, boot_interface.place(interface, mac, "")) for interface in (boot_interface.DEFAULT, "pxe")]


def media(root, mac):
    """The paths, in URLs, of the media that there are for a node.

    :param mac: MAC address with hyphens.
    """
    folder = _layout(root, mac)[0]
    return sorted(f"/node/{mac}/{path.parent.name}/{path.name}" for path in folder.glob(f"*/{boot_interface.MEDIUM}"))


def boot_file(root, mac, nonce):
    """The path of what says how a node boots in this run, or None where there is nothing.

    :param mac: MAC address with hyphens.
    """
    found = {Path(root, boot_interface.place(interface, mac, nonce)) for interface in boot_interface.INTERFACES}
    return next((path for path in found if path.exists()), None)


def present(root, *, node, mac, address, nonce, keys, url, arguments, interface=boot_interface.DEFAULT, ramdisk=None, tenant=None, files=None,
            registered=False, check_mode=False):
    """Make a node boot into the ramdisk, or into a system of a tenant's, when it next boots from the network.

    :param root: boot_server_root.
    :param mac: MAC address of the port that boots, with hyphens.
    :param address: address that DHCP gives it, or the first of its IPv6 addresses. nginx shows the files to no other.
    :param nonce: word that is new for each run; it is in the kernel command line and in the paths.
    :param keys: list of SSH public keys that may log in to the ramdisk as root; nothing with a tenant's system.
    :param arguments: see :func:`boot_arguments`.
    :param interface: how the node boots, see :mod:`boot_interface`.
    :param ramdisk: see :func:`ramdisk_store.current`.
    :param tenant: see :func:`ipxe.tenant_script`; instead of the ramdisk.
    :param files: dict of texts by name that a tenant's system finds below the nonce. They may be secret, so no text tells of them but their digests.
    :param registered: whether the registry has the address for this node, hence for no other, so that a reservation for another is left over.
    :returns: (changed, text before, text after).
    :raises BaremetalError: for bad input, when another node has the address, and when files cannot be written; then what was begun is taken back.
    """
    _checked(_NONCE, "the nonce", nonce, "give 8 to 64 letters, digits, hyphens or underscores")
    try:
        readers = [_READER.format(one) for one in _node_addresses.addresses(address)]
        reserved = _node_addresses.reservation(address)
    except ValueError as error:
        raise BaremetalError(
            "the address is none that a node can boot with", stage="boot files", seen=repr(address),
            cure="correct the node's address in the registry, or give address; one of IPv6 ends in 0") from error
    if not tenant:
        check_keys(keys)
    folder, host_file = _layout(root, mac)
    if not folder.parent.is_dir() or not host_file.parent.is_dir():
        raise BaremetalError(
            "there is no boot server in this directory", stage="boot files", seen=f"no {folder.parent} or no {host_file.parent}",
            cure="run boot_server.yml, or set root to its boot_server_root")
    moved = []
    for file, owner in reservations.others(root, reserved, mac):
        if owner != node and not registered:
            raise BaremetalError(
                f"the address {address} is reserved for another machine", stage="boot files",
                seen=f"{file.name.replace('-', ':')} of node {owner} in {file}",
                cure="give one of the nodes another address; if that node is gone, use netboot with its name and mac, "
                     "state absent and reservation false")
        moved.append(file)

    keys_file = folder / nonce / "authorized_keys"
    if tenant:
        script = ipxe.tenant_script(node, url, mac, tenant, arguments)
    else:
        script = boot_interface.boot_file(interface, node, url, mac, ramdisk, arguments)
    script_file = Path(root, boot_interface.place(interface, mac, nonce))
    is_medium = interface in boot_interface.MEDIA
    medium_file = keys_file.with_name(boot_interface.MEDIUM)
    # Nobody asks for keys where the ramdisk does not boot.
    keys_text = None if tenant else "".join(f"{key}\n" for key in keys)
    reservation = reservations.text(node, mac, reserved)
    wanted = [
        *([] if tenant else [(keys_file, keys_text)]),
        *((folder / nonce / file, text) for file, text in (files or {}).items()),
        *((folder / reader, "") for reader in readers),
        (host_file, reservation),
        # Last, so that a node which is told to boot finds all it needs.
        *([] if is_medium else [(script_file, script)]),
    ]
    # What does not fit is refused before anything is written.
    on_medium = medium.parts(script, keys_text, ramdisk["medium"]) if is_medium else []
    old_medium = medium.read(medium_file, ramdisk["medium"]) if is_medium else None
    before = [*((path.name, read(path)) for path in _scripts(root, mac)), (boot_interface.MEDIUM, old_medium),
              ("authorized_keys", read(keys_file)), ("reservation", read(host_file)), *((f"reservation of {file.name}", read(file)) for file in moved)]
    before += [(file, _digest(file, read(folder / nonce / file))) for file in files or {}]
    after = [(script_file.name, script), ("authorized_keys", keys_text), ("reservation", reservation)]
    after += [(file, _digest(file, text)) for file, text in (files or {}).items()]
    stale = [item for item in folder.iterdir() if item.name not in (nonce, script_file.name, *readers)] if folder.is_dir() else []
    stale += [path for path in (medium_file, _scripts(root, mac)[1]) if path != script_file and path.exists()]
    tftp_folder, links = _tftp_folder(root, mac), boot_interface.tftp_links(interface, ramdisk)
    new_links = _links_in(tftp_folder) != links
    todo = [(path, text) for path, text in wanted if read(path) != text]
    new_medium = is_medium and not medium.holds(medium_file, on_medium)
    writing.refuse_read_only([folder.parent, folder, keys_file.parent, host_file.parent, script_file.parent, journal.folder(root, mac).parent,
                              *([tftp_folder.parent, tftp_folder] if new_links else [])])
    if not check_mode:
        with writing.explained(root):
            with _made(folder, keys_file.parent):
                journal.open_path(root, mac, nonce)
                if new_links and tftp_folder.exists():
                    _discard(tftp_folder)
                if new_links and links:
                    _link(tftp_folder, links)
                for path, text in todo:
                    write(path, text)
                if new_medium:
                    medium.write(medium_file, f"{root}/http/{ramdisk['medium']['path']}", on_medium)
            for item in stale:
                _discard(item)
            for file in moved:
                reservations.drop(file, reserved)
            if moved or any(path == host_file for path, dummy in todo):
                reload_reservations(root)
            leases.release(root, address, mac)
    return bool(todo or new_medium or new_links or stale or moved), show(before), show(after)


def absent(root, *, mac, reservation=True, check_mode=False):
    """Let a node go on to its next boot device when it boots from the network.

    :param mac: MAC address with hyphens.
    :param reservation: whether it keeps its address.
    :returns: (changed, text before, text after).
    :raises BaremetalError: when files cannot be removed.
    """
    folder, host_file = _layout(root, mac)
    scripts, host = [(path.name, read(path)) for path in _scripts(root, mac)], read(host_file)
    doomed = [path for path in (folder, _scripts(root, mac)[1], _tftp_folder(root, mac), *([] if reservation else [host_file])) if path.exists()]
    writing.refuse_read_only({path.parent for path in doomed})
    if not check_mode:
        with writing.explained(root):
            for path in doomed:
                _discard(path)
            journal.close_path(root, mac, forget=not reservation)
            if host_file in doomed:
                reload_reservations(root)
    kept = host if reservation else None
    return bool(doomed), show([*scripts, ("reservation", host)]), show([("reservation", kept)])
