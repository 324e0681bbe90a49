# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Boot files of one node: present, absent, what is refused."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import daemons, node_files, ramdisk_store, reservations
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError

MAC = "52-54-00-00-02-11"
URL = "http://192.0.2.1:8080"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0fZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTU+/ operator@example.com"
FOLDER = f"http/node/{MAC}"
HOST = f"dnsmasq/hosts.d/{MAC}"
READER = f"{FOLDER}/.for-192.0.2.11"


def made(tmp_path):
    """A boot server's directory."""
    for folder in ("http/node", "http/ramdisk/abc", "dnsmasq/hosts.d", "run"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("vmlinuz", "initrd.img"):
        (tmp_path / "http/ramdisk/abc" / name).write_text("x")
    (tmp_path / "http/ramdisk/current.json").write_text(
        json.dumps({"digest": "abc", "kernel": "ramdisk/abc/vmlinuz", "initrd": "ramdisk/abc/initrd.img"}))
    return tmp_path


@pytest.fixture
def root(tmp_path):
    return made(tmp_path)


@pytest.fixture
def open_root():
    """One that everybody can get at; nobody but us enters what pytest makes."""
    folder = Path(tempfile.mkdtemp(prefix="rackwright-files-"))
    for path in (folder, *made(folder).rglob("*")):
        path.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextlib.contextmanager
def no_rights(root):
    """Inside, we may read what is in a directory and not write."""
    folders = [path for path in (root, *root.rglob("*")) if path.is_dir()]
    try:
        if os.geteuid() == 0:
            os.seteuid(65534)
        for path in folders if os.getuid() else ():
            path.chmod(0o555)
        yield
    finally:
        os.seteuid(os.getuid())
        for path in folders:
            path.chmod(0o755)


@pytest.fixture
def reloads(monkeypatch):
    calls = []
    monkeypatch.setattr(daemons, "reload", lambda *args: calls.append(args))
    return calls


def present(root, check_mode=False, **changes):
    wanted = {"node": "node1", "mac": MAC, "address": "192.0.2.11", "nonce": "nonce-0001", "keys": [KEY], "url": URL, **changes}
    return node_files.present(
        str(root), arguments=node_files.boot_arguments(URL, wanted["node"], wanted["mac"], wanted["nonce"], "console=ttyS0,115200"),
        ramdisk=ramdisk_store.current(root), check_mode=check_mode, **wanted)


def listing(root):
    return sorted(
        str(path.relative_to(root)) for part in ("http/node", "dnsmasq/hosts.d") for path in (root / part).rglob("*") if path.is_file())


def test_present(root, reloads):
    changed, before, after = present(root)
    assert changed and before == ""
    assert listing(root) == [HOST, READER, f"{FOLDER}/boot.ipxe", f"{FOLDER}/nonce-0001/authorized_keys"]
    script = (root / FOLDER / "boot.ipxe").read_text()
    assert script in after and KEY in after and "192.0.2.11" in after
    assert (
        f"{URL}/ramdisk/abc/vmlinuz?mac={MAC}&node=node1 initrd=initrd.img rackwright.url={URL}/node/{MAC}/nonce-0001/ "
        f"rackwright.beacon={URL}/beacon/{MAC}/nonce-0001/ rackwright.journal={URL}/journal/{MAC}/nonce-0001/ "
        f"rackwright.nonce=nonce-0001 rackwright.node=node1 BOOTIF=01-{MAC} console=ttyS0,115200 ||"
    ) in script
    assert (root / HOST).read_text() == "# node node1\n52:54:00:00:02:11,192.0.2.11,node1\n"
    assert (root / FOLDER / "nonce-0001/authorized_keys").read_text() == KEY + "\n"
    assert len(reloads) == 1


def test_present_twice_changes_nothing(root, reloads):
    present(root)
    stamp = (root / FOLDER / "boot.ipxe").stat().st_mtime_ns
    changed, before, after = present(root)
    assert not changed and before == after
    assert (root / FOLDER / "boot.ipxe").stat().st_mtime_ns == stamp


def test_check_mode_writes_nothing_and_tells_the_same(root, reloads):
    expected = listing(root)
    predicted = present(root, check_mode=True)
    assert listing(root) == expected
    assert predicted == present(root)


def test_everybody_may_read_whatever_the_umask(root, reloads):
    old = os.umask(0o077)
    try:
        present(root)
    finally:
        os.umask(old)
    for name in (FOLDER, f"{FOLDER}/nonce-0001"):
        assert (root / name).stat().st_mode & 0o777 == 0o755
    for name in listing(root):
        assert (root / name).stat().st_mode & 0o777 == 0o644


def test_keys_of_an_earlier_run_are_withdrawn(root, reloads):
    present(root)
    changed, before, after = present(root, nonce="nonce-0002")
    assert changed and "nonce-0001" in before and "nonce-0001" not in after
    assert listing(root) == [HOST, READER, f"{FOLDER}/boot.ipxe", f"{FOLDER}/nonce-0002/authorized_keys"]
    assert not [name for name in os.listdir(root / FOLDER) if name.startswith(".") and name != ".for-192.0.2.11"]


def test_absent_keeps_the_address(root, reloads):
    present(root)
    predicted = node_files.absent(str(root), mac=MAC, check_mode=True)
    assert len(listing(root)) == 4
    changed, before, after = node_files.absent(str(root), mac=MAC)
    assert (changed, before, after) == predicted
    assert changed and "boot.ipxe" in before and "boot.ipxe" not in after and "192.0.2.11" in after
    assert listing(root) == [HOST] and os.listdir(root / "http/node") == [] and len(reloads) == 1
    assert node_files.absent(str(root), mac=MAC)[0] is False


def test_absent_without_reservation(root, reloads):
    present(root)
    assert node_files.absent(str(root), mac=MAC, reservation=False)[0] is True
    assert listing(root) == [] and len(reloads) == 2
    assert node_files.absent(str(root), mac=MAC, reservation=False)[0] is False


def test_absent_where_no_boot_server_is(tmp_path):
    assert node_files.absent(str(tmp_path), mac=MAC)[0] is False


def test_a_changed_address_is_told_to_dnsmasq(root, reloads):
    present(root)
    assert present(root, address="192.0.2.12")[0]
    assert len(reloads) == 2 and "192.0.2.12" in (root / HOST).read_text()
    assert f"{FOLDER}/.for-192.0.2.12" in listing(root) and READER not in listing(root)


def test_a_replaced_card_takes_the_reservation_over(root, reloads):
    present(root)
    assert present(root, mac="52-54-00-00-02-99")[0]
    assert os.listdir(root / "dnsmasq/hosts.d") == ["52-54-00-00-02-99"] and len(reloads) == 2


def test_an_address_of_another_node_is_refused(root, reloads):
    present(root)
    with pytest.raises(BaremetalError, match="reserved for another machine.*52:54:00:00:02:11 of node node1"):
        present(root, node="node2", mac="52-54-00-00-02-12")
    assert listing(root) == [HOST, READER, f"{FOLDER}/boot.ipxe", f"{FOLDER}/nonce-0001/authorized_keys"]


def test_what_the_registry_says_ends_a_reservation_that_is_left_over(root, reloads):
    present(root)
    new = {"node": "node2", "mac": "52-54-00-00-02-12", "registered": True}
    predicted = present(root, check_mode=True, **new)
    assert (root / HOST).exists()
    assert present(root, **new) == predicted and predicted[0]
    assert "# node node1\n52:54:00:00:02:11,192.0.2.11,node1" in predicted[1] and "node1" not in predicted[2]
    assert os.listdir(root / "dnsmasq/hosts.d") == ["52-54-00-00-02-12"] and len(reloads) == 2
    assert present(root, **new)[0] is False


def test_two_nodes_swap_their_addresses(root, reloads):
    other = {"node": "node2", "mac": "52-54-00-00-02-12"}
    present(root)
    present(root, address="192.0.2.12", **other)
    present(root, address="192.0.2.12", registered=True)
    present(root, registered=True, **other)
    assert {name: (root / "dnsmasq/hosts.d" / name).read_text() for name in os.listdir(root / "dnsmasq/hosts.d")} == {
        MAC: "# node node1\n52:54:00:00:02:11,192.0.2.12,node1\n",
        "52-54-00-00-02-12": "# node node2\n52:54:00:00:02:12,192.0.2.11,node2\n"}


def test_a_reservation_that_has_become_another_stays(root, reloads):
    """The other of two that swap may be as far as that."""
    present(root, address="192.0.2.12")
    reservations.drop(root / HOST, "192.0.2.11")
    assert (root / HOST).exists()
    reservations.drop(root / HOST, "192.0.2.12")
    reservations.drop(root / HOST, "192.0.2.12")
    assert not (root / HOST).exists()


def test_who_may_not_write_is_told_so_in_check_mode_too(open_root, reloads):
    root = open_root
    for check_mode in (True, False):
        with no_rights(root), pytest.raises(BaremetalError, match="may not write in .*hosts.d.* To do: .*root.*ansible_become"):
            present(root, check_mode=check_mode)
    assert listing(root) == [] and not reloads
    present(root)
    before = listing(root)
    for check_mode in (True, False):
        with no_rights(root), pytest.raises(BaremetalError, match="ansible_become"):
            node_files.absent(str(root), mac=MAC, check_mode=check_mode)
    assert listing(root) == before


def full_disk(monkeypatch, files=0):
    """No room after so many files."""
    left = iter(range(files))

    def fsync(descriptor):
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("files", [0, 1, 2, 3])
def test_a_full_disk_leaves_nothing_of_a_boot(root, reloads, monkeypatch, files):
    with monkeypatch.context() as patch:
        full_disk(patch, files)
        with pytest.raises(BaremetalError, match=f"No space left on device, [0-9]+ bytes free in {root}. To do: make room"):
            present(root)
    assert os.listdir(root / "http/node") == [] and [name for name in listing(root) if name != HOST] == []
    present(root)
    before = listing(root)
    full_disk(monkeypatch)
    with pytest.raises(BaremetalError, match="make room"):
        present(root, nonce="nonce-0002")
    assert listing(root) == before and os.listdir(root / FOLDER / "nonce-0001")


def test_what_else_the_disk_refuses(root, reloads, monkeypatch):
    def fsync(descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(BaremetalError, match="Input/output error.* kernel log"):
        present(root)


def test_sixteen_addresses_of_ipv6_are_one_nodes(root, reloads):
    present(root, address="2001:DB8:0::10")
    assert (root / HOST).read_text() == "# node node1\n52:54:00:00:02:11,[2001:db8::10/124],node1\n"
    readers = sorted(path.name for path in (root / FOLDER).glob(".for-*"))
    assert len(readers) == 16 and readers[0] == ".for-2001:db8::10" and readers[-1] == ".for-2001:db8::1f"
    with pytest.raises(BaremetalError, match="reserved for another machine"):
        present(root, node="node2", mac="52-54-00-00-02-12", address="2001:db8::10")
    present(root, node="node2", mac="52-54-00-00-02-12", address="2001:db8::20")
    # Over IPv4 again.
    assert present(root)[0] and [path.name for path in (root / FOLDER).glob(".for-*")] == [".for-192.0.2.11"]


def test_a_name_that_is_no_host_name_is_not_given_to_dhcp(root, reloads):
    present(root, node="Rack3_node.1")
    assert (root / HOST).read_text() == "# node Rack3_node.1\n52:54:00:00:02:11,192.0.2.11\n"


@pytest.mark.parametrize(("changes", "message"), [
    ({"nonce": "../../../etc"}, "nonce is not valid"),
    ({"nonce": "short"}, "nonce is not valid"),
    ({"address": "192.0.2.300"}, "none that a node can boot with"),
    ({"address": "2001:db8::1"}, "one of IPv6 ends in 0"),
    ({"keys": ["ssh-ed25519 AAAA"]}, "SSH public key is not valid"),
    ({"keys": [KEY, f"{KEY}\n{KEY}"]}, "SSH public key is not valid"),
    ({"keys": [f'command="x" {KEY}']}, "SSH public key is not valid"),
    ({"node": "node 1"}, "name of the node"),
    ({"url": "https://192.0.2.1"}, "URL of the boot server"),
])
def test_bad_input_is_refused_before_anything_is_written(root, reloads, changes, message):
    with pytest.raises(BaremetalError, match=message):
        present(root, **changes)
    assert listing(root) == []


def test_own_arguments_cannot_be_overridden():
    with pytest.raises(BaremetalError, match="rackwright.nonce is set by the module"):
        node_files.boot_arguments(URL, "node1", MAC, "nonce-0001", ["quiet", "rackwright.nonce=other"])


@pytest.mark.parametrize("mac", ["52:54:00:00:02:11", "52-54-00-00-02-11", "52:54:00:00:02:11".upper()])
def test_addresses_of_cards(mac):
    assert node_files.hyphens(mac) == MAC


@pytest.mark.parametrize("mac", ["", "52:54:00:00:02", "52:54-00:00:02:11", "../../../../..", "52:54:00:00:02:1g", "52:54:00:00:02:11\n"])
def test_what_is_no_address_of_a_card(mac):
    with pytest.raises(BaremetalError, match="MAC address is not valid"):
        node_files.hyphens(mac)


def test_no_boot_server(tmp_path, root):
    ramdisk = ramdisk_store.current(root)
    with pytest.raises(BaremetalError, match="no boot server in this directory.*boot_server.yml"):
        node_files.present(
            str(tmp_path / "elsewhere"), node="node1", mac=MAC, address="192.0.2.11", nonce="nonce-0001", keys=[KEY], url=URL,
            arguments=[], ramdisk=ramdisk)
