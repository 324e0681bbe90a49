# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The doors netboot, netboot_cleanup, netboot_reservations and ramdisk_wait: files of a boot server and a registry together."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import time
import types
from pathlib import Path

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call, outcome
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import netboot, netboot_cleanup, netboot_reservations, ramdisk_wait
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import transitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._process import place, process_start_time
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import network_rules, networks, nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry

NONCE = "9a1f5c0b7d3e4a21"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0fZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTU+/"
HYPHENS = "52-54-00-00-02-11"


class Site:
    """A root as the role makes it, a registry with one node, and the doors as the action calls them."""

    def __init__(self, folder):
        self.root = folder / "root"
        self.url = f"sqlite:///{folder}/registry.db"
        self.engine = open_registry(self.url)
        self.controller = {
            "run_id": "run-1", "host": "controller", "place": place(), "pid": os.getpid(), "start_time": process_start_time(os.getpid()), "user": "alice"}
        for name in ("http/node", "http/ramdisk/abc", "dnsmasq/hosts.d", "run", "log"):
            (self.root / name).mkdir(parents=True)
        for name in ("vmlinuz", "initrd.img"):
            (self.root / "http/ramdisk/abc" / name).write_text("x")
        (self.root / "http/ramdisk/current.json").write_text(
            json.dumps({"digest": "abc", "kernel": "ramdisk/abc/vmlinuz", "initrd": "ramdisk/abc/initrd.img"}))

        self.since = None
        self._started = [self._daemon(name) for name in ("dnsmasq", "nginx")]

    def _daemon(self, name):
        """A process that passes for a daemon of this root."""
        started = subprocess.Popen(
            ["sh", "-c", "trap '' HUP; echo; read end", "sh", f"{self.root}/{name}/{name}.conf"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        # Popen returns in the middle of execve(2), before the process has its command line.
        started.stdout.readline()
        (self.root / f"run/{name}.pid").write_text(f"{started.pid}\n")
        return started

    def stop(self, number):
        with self._started[number] as daemon:
            daemon.stdin.close()

    def end(self):
        for number in range(len(self._started)):
            self.stop(number)

    def enrol(self, **more):
        node = schema.normalise({
            "name": "node1", "driver": "manual", "address": "192.0.2.11",
            "ports": [{"address": "52:54:00:00:02:10", "pxe_enabled": False}, {"address": "52:54:00:00:02:11"}], **more})
        with self.engine.begin() as connection:
            nodes.upsert(connection, node, None, same_credential=lambda old, new: True)

    def clean(self):
        """Take the node to cleaning, held by this run."""
        for word in ("manage", "done", "provide"):
            if word == "done":
                transitions.advance(self.engine, "node1", word, self.controller)
            else:
                transitions.begin(self.engine, "node1", word, self.controller)

    @property
    def state(self):
        return nodes.get(self.engine, "node1")["provision_state"]

    def call(self, door, check_mode=False, controller=None, warn=lambda text: None, **params):
        defaults = {name: spec.get("default") for name, spec in door.argument_spec.items()}
        given = {**defaults, "name": "node1", "root": str(self.root), "registry": self.url, **params}
        call = Call(params=given, check_mode=check_mode, diff=True, node=given["name"], controller=controller or self.controller, warn=warn)

        def work():
            call.params.update(door.before(call) or {})
            result = door.run(call)
            if door.after:
                door.after(call, result)
            return result

        return outcome(call, work)

    def netboot(self, **more):
        """What the door returns, but for the time, which is another one at each call: ``self.since``."""
        if more.get("state") == "absent":
            return self.call(netboot.DOOR, **more)
        result = self.call(netboot.DOOR, **{
            "url": "http://192.0.2.1:8080", "nonce": NONCE, "ssh_public_keys": [KEY], "kernel_arguments": "console=ttyS0", **more})
        if result.get("boot"):
            self.since = result["boot"].pop("since")
        return result

    def wait(self, **more):
        return self.call(ramdisk_wait.DOOR, **{"nonce": NONCE, "timeout": 0, **more})

    def beacon(self, **more):
        (self.root / "log/http.log").write_text(json.dumps({
            "epoch": time.time(), "client": "192.0.2.11", "mac": HYPHENS, "status": 204, "complete": "OK",
            "uri": f"/beacon/{HYPHENS}/{NONCE}/ssh?hostkey={KEY.replace(' ', '%20').replace('+', '%2B')}", **more}) + "\n")


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    yield made
    made.end()


def test_life_of_boot_files(site):
    site.enrol()
    predicted = site.netboot(check_mode=True)
    assert predicted["changed"] is True and not list((site.root / "http/node").iterdir())
    created = site.netboot()
    assert created == predicted
    assert created["boot"] == {
        "interface": "ipxe", "other_interfaces": [], "device": "pxe", "medium": None, "uri": None,
        "mac": "52:54:00:00:02:11", "address": "192.0.2.11", "nonce": NONCE, "ramdisk_digest": "abc",
        "script": f"{site.root}/http/node/{HYPHENS}/boot.ipxe"}
    assert created["diff"]["before"] == "" and "#!ipxe" in created["diff"]["after"]
    assert site.netboot()["changed"] is False
    updated = site.netboot(kernel_arguments=["quiet"])
    assert updated["changed"] is True and "console=ttyS0" in updated["diff"]["before"] and " quiet ||" in updated["diff"]["after"]
    assert site.netboot(state="absent", check_mode=True)["changed"] is True
    removed = site.netboot(state="absent")
    assert removed["changed"] is True and removed["boot"] is None and "192.0.2.11" in removed["diff"]["after"]
    assert site.netboot(state="absent")["changed"] is False
    assert site.netboot(state="absent", reservation=False)["changed"] is True
    assert not list((site.root / "dnsmasq/hosts.d").iterdir())


def test_a_node_that_boots_over_ipv6(site):
    site.enrol(address="2001:db8:1::110")
    refused = site.netboot()
    assert refused["failed"] and "the node boots over IPv6 and would be sent to an address of IPv4" in refused["msg"]
    assert not list((site.root / "http/node").iterdir())
    url = "http://[2001:db8:1::1]:8080"
    assert site.netboot(url=url)["boot"]["address"] == "2001:db8:1::110"
    script = (site.root / f"http/node/{HYPHENS}/boot.ipxe").read_text()
    assert f"kernel --name vmlinuz {url}/ramdisk/abc/vmlinuz?mac={HYPHENS}&node=node1 " in script
    assert f" rackwright.url={url}/node/{HYPHENS}/{NONCE}/ " in script
    # By DHCPv6 the ramdisk learns no host name.
    assert " rackwright.hostname=node1 " in script and "rackwright.address" not in script


def with_other_loaders(site):
    """A ramdisk that has a medium and shim, and the directory for GRUB."""
    (site.root / "tftp/grub").mkdir(parents=True)
    (site.root / "http/ramdisk/abc/boot.iso").write_bytes(bytes(9000))
    (site.root / "http/ramdisk/abc/shimx64.efi").write_text("x")
    (site.root / "http/ramdisk/current.json").write_text(json.dumps({
        "digest": "abc", "kernel": "ramdisk/abc/vmlinuz", "initrd": "ramdisk/abc/initrd.img", "shim": "ramdisk/abc/shimx64.efi",
        "medium": {"path": "ramdisk/abc/boot.iso", "config_offset": 100, "config_size": 8000, "keys_offset": 8192, "keys_size": 800}}))


@pytest.fixture
def ejected(monkeypatch):
    """The media that were taken out, in the place of a BMC."""
    paths = []
    monkeypatch.setattr(netboot, "fill_connection_for_change", lambda call: {})
    monkeypatch.setattr(netboot, "settled_driver", lambda call: None)
    monkeypatch.setattr(netboot, "open_bmc", lambda call: contextlib.nullcontext(types.SimpleNamespace(service=None)))
    monkeypatch.setattr(netboot, "eject_paths", lambda service, found, warn: paths.extend(found))
    return paths


def test_the_life_of_a_medium(site, ejected):
    with_other_loaders(site)
    site.enrol(driver="redfish", boot_interface="redfish-virtual-media")
    path = f"/node/{HYPHENS}/{NONCE}/boot.iso"
    predicted = site.netboot(check_mode=True, network="192.0.2.0/24")
    created = site.netboot(network="192.0.2.0/24")
    assert created == predicted and created["changed"] and created["boot"]["script"] == f"{site.root}/http{path}"
    assert created["boot"]["device"] == "cdrom" and created["boot"]["medium"] == f"http://192.0.2.1:8080{path}" and not created["boot"]["uri"]
    config = (site.root / f"http{path}").read_bytes()[100:8100].decode()
    assert "'rackwright.address=192.0.2.11/24'" in config and f"'rackwright.nonce={NONCE}'" in config and config.strip() in created["diff"]["after"]
    keys = (site.root / f"http/node/{HYPHENS}/{NONCE}/authorized_keys").read_bytes()
    assert keys in (site.root / f"http{path}").read_bytes()[8192:8992]
    assert not (site.root / f"http/node/{HYPHENS}/boot.ipxe").exists(), "a boot in another way is not silent"
    for check_mode in (True, False):
        refused = site.netboot(network="192.0.2.0/24", check_mode=check_mode, ssh_public_keys=[keys.decode().strip()] * 20)
        assert "the list of SSH keys does not fit into the medium" in refused["msg"]
    assert site.netboot(network="192.0.2.0/24")["changed"] is False and not ejected
    assert site.netboot(state="absent", check_mode=True)["withdrawn_media"] == [path] and not ejected
    assert site.netboot(state="absent")["withdrawn_media"] == [path] and ejected == [path]


def test_each_boot_of_a_run_has_its_own_begin(site):
    """Nothing is written for the second boot, and the first one has called."""
    site.enrol()
    site.clean()
    site.netboot()
    site.beacon()
    assert site.wait(since=site.since)["host_key"] == KEY
    time.sleep(0.01)
    assert site.netboot()["changed"] is False
    late = site.wait(since=site.since)
    assert late["failed"] and "no call from the ramdisk 0 s after the boot began. Seen: nothing at all" in late["msg"]
    site.beacon()
    assert site.wait(since=site.since)["host_key"] == KEY


def test_a_medium_whose_url_the_firmware_is_told(site, ejected):
    with_other_loaders(site)
    site.enrol(driver="redfish", boot_mode="uefi", boot_interface="redfish-https")
    assert "nothing says which network" in site.netboot()["msg"]
    created = site.netboot(network="192.0.2.0/24")
    path = f"/node/{HYPHENS}/{NONCE}/boot.iso"
    assert (created["boot"]["device"], created["boot"]["medium"], created["boot"]["uri"]) == ("http", None, f"http://192.0.2.1:8080{path}")
    assert b"'rackwright.address=192.0.2.11/24'" in (site.root / f"http{path}").read_bytes()
    assert site.netboot(network="192.0.2.0/24")["changed"] is False
    assert site.netboot(state="absent")["withdrawn_media"] == [path] and not (site.root / f"http{path}").exists()


def test_the_network_of_a_medium_is_the_declared_one_where_the_one_that_is_given_has_not_the_address(site):
    with_other_loaders(site)
    site.enrol(driver="redfish", boot_interface="redfish-virtual-media")
    declared = [network_rules.normalise({"name": name, "type": kind, "cidr": cidr, "gateway": gateway, "dns_nameservers": ["192.0.2.53"]})
                for name, kind, cidr, gateway in (("boot", "provisioning", "192.0.2.0/25", "192.0.2.126"), ("other", "provisioning", "198.51.100.0/24", None))]
    with site.engine.begin() as connection:
        networks.declare(connection, declared)
    for given, there in (({"network": "198.51.100.0/24", "gateway": "198.51.100.1"}, ("/25", "192.0.2.126", "192.0.2.53")),
                         ({}, ("/25", "192.0.2.126", "192.0.2.53")),
                         ({"network": "192.0.2.0/24", "gateway": "192.0.2.1", "dns": ["192.0.2.2"]}, ("/24", "192.0.2.1", "192.0.2.2"))):
        assert not site.netboot(**given).get("failed")
        config = (site.root / f"http/node/{HYPHENS}/{NONCE}/boot.iso").read_bytes()[100:8100].decode()
        for argument, value in zip(("address=192.0.2.11", "gateway=", "dns="), there):
            assert f"'rackwright.{argument}{value}'" in config
    # Without a registry, and with none that fits, it is told as before.
    with site.engine.begin() as connection:
        networks.remove(connection, ["boot"])
    assert "192.0.2.11 not in the node's network. Seen: network 198.51.100.0/24. To do: declare the network" in site.netboot(network="198.51.100.0/24")["msg"]


def test_a_node_boots_the_ramdisk_of_its_architecture(site):
    with_other_loaders(site)
    site.enrol(properties={"cpu_arch": "aarch64"}, boot_interface="pxe")
    assert "the boot server has no ramdisk for arm64" in site.netboot()["msg"] and not list((site.root / "http/node").iterdir())
    store, arm = site.root / "http/ramdisk", site.root / "http/ramdisk/def"
    arm.mkdir()
    for name in ("vmlinuz", "initrd.img", "shimaa64.efi"):
        (arm / name).write_text("x")
    (store / "current-arm64.json").write_text(json.dumps({
        "digest": "def", "architecture": "arm64", "kernel": "ramdisk/def/vmlinuz", "initrd": "ramdisk/def/initrd.img", "shim": "ramdisk/def/shimaa64.efi"}))
    found = site.netboot()["boot"]
    assert found["ramdisk_digest"] == "def" and "/ramdisk/def/vmlinuz" in Path(found["script"]).read_text()
    folder = site.root / f"tftp/{HYPHENS}"
    assert (folder / "arm64.efi").readlink() == Path("../ramdisk/current-arm64/shimaa64.efi")
    # What the registry says is wrong, and corrected.
    again = site.netboot(architecture="amd64")
    assert again["changed"] and again["boot"]["ramdisk_digest"] == "abc" and not (folder / "arm64.efi").is_symlink()
    assert (folder / "snponly.efi").readlink() == Path("../ramdisk/current/shimx64.efi")
    assert site.netboot(architecture="amd64")["changed"] is False


def test_the_next_way_after_a_medium_takes_it_out(site, ejected):
    with_other_loaders(site)
    site.enrol(driver="redfish")
    ways = ["redfish-virtual-media", "pxe", "ipxe"]
    assert site.netboot(network="192.0.2.0/24", boot_interfaces=ways)["boot"]["other_interfaces"] == ["pxe", "ipxe"]
    second = site.netboot(network="192.0.2.0/24", boot_interfaces=ways[1:])
    assert second["boot"]["interface"] == "pxe" and ejected == [f"/node/{HYPHENS}/{NONCE}/boot.iso"]
    loaders = site.root / f"tftp/{HYPHENS}"
    assert (loaders / "snponly.efi").readlink() == Path("../ramdisk/current/shimx64.efi")
    assert site.netboot(boot_interfaces=["pxe"], network="192.0.2.0/24")["changed"] is False
    config = site.root / f"tftp/grub/{HYPHENS}.cfg"
    assert f"'rackwright.nonce={NONCE}'" in config.read_text()
    assert site.netboot(boot_interfaces=ways[2:])["boot"]["interface"] == "ipxe"
    assert not config.exists() and not loaders.exists()
    site.netboot(boot_interfaces=["pxe"])
    assert site.netboot(state="absent")["changed"] and not config.exists() and not loaders.exists()


def test_a_medium_that_stays_in_its_drive_fails_nothing(site, ejected, monkeypatch):
    def fail(service, found, warn):
        raise BaremetalError("the drive is stuck", stage="virtual media")

    monkeypatch.setattr(netboot, "eject_paths", fail)
    with_other_loaders(site)
    site.enrol(driver="redfish", boot_interface="redfish-virtual-media")
    site.netboot(network="192.0.2.0/24")
    assert not site.netboot(state="absent").get("failed")


@pytest.mark.parametrize(("record", "wanted", "taken", "device"), [
    ({"driver": "ipmi"}, ["redfish-virtual-media", "ipxe"], "ipxe", "pxe"),
    ({"driver": "redfish", "boot_mode": "bios"}, ["pxe", "http-ipxe", "redfish-virtual-media"], "redfish-virtual-media", "cdrom"),
    ({"driver": "redfish"}, ["http-ipxe"], "http-ipxe", "http"),
    ({"driver": "ipmi", "boot_interface": "http-ipxe"}, None, "http-ipxe", "pxe"),
    ({"driver": "redfish", "boot_mode": "bios"}, ["redfish-https", "ipxe"], "ipxe", "pxe"),
])
def test_what_the_node_cannot_do_is_passed_over(site, record, wanted, taken, device):
    with_other_loaders(site)
    site.enrol(**record)
    result = site.netboot(boot_interfaces=wanted, network="192.0.2.0/24")
    assert (result["boot"]["interface"], result["boot"]["device"]) == (taken, device)


@pytest.mark.parametrize(("record", "params", "told"), [
    ({"driver": "ipmi", "boot_interface": "redfish-virtual-media"}, {}, "the driver ipmi has no virtual media"),
    ({"driver": "ipmi", "boot_interface": "redfish-https"}, {}, "the driver ipmi has no HTTP boot from a URL"),
    ({"boot_interface": "pxe"}, {}, "the ramdisk has no shim"),
    ({"driver": "redfish", "boot_interface": "redfish-https"}, {}, "the ramdisk has no medium"),
    ({}, {"boot_interfaces": ["tftp"]}, "these are no boot interfaces"),
])
def test_a_node_that_boots_in_no_way_is_refused(site, record, params, told):
    site.enrol(**record)
    result = site.netboot(**params)
    assert result["failed"] and result["msg"].startswith("node1: boot interface: ") and told in result["msg"]


def test_no_registry_is_needed_when_the_task_says_it_all(site):
    assert site.netboot(registry=None, mac="52:54:00:00:02:12", address="192.0.2.12")["changed"] is True


@pytest.mark.parametrize(("enrolled", "params", "message"), [
    ({}, {"registry": None}, "node1: boot files: nothing says which mac and address"),
    (None, {}, "node1: registry: the registry has no such node"),
    ({"ports": []}, {}, "no mac for booting the node"),
    ({"address": None}, {}, "no address for booting the node"),
    ({}, {"kernel_arguments": "a\tb"}, "cannot be understood from character 1 on"),
    ({}, {"kernel_arguments": 7}, "kernel arguments are text"),
    ({}, {"url": "boot.example.com"}, "URL of the boot server"),
])
def test_what_is_refused(site, enrolled, params, message):
    if enrolled is not None:
        site.enrol(**enrolled)
    result = site.netboot(**params)
    assert result["failed"] and message in result["msg"] and "To do:" in result["msg"] and "\n" not in result["msg"]


SECOND = {"name": "node2", "ports": [{"address": "52:54:00:00:02:12"}]}


def remove(site, name):
    with site.engine.begin() as connection:
        assert nodes.remove(connection, name)


def reserved(site):
    return {path.name[-2:]: path.read_text().splitlines()[1].split(",")[1] for path in (site.root / "dnsmasq/hosts.d").iterdir()}


def test_the_next_node_gets_the_address_of_one_that_was_removed(site):
    site.enrol()
    site.netboot()
    remove(site, "node1")
    site.enrol(**SECOND)
    refused = site.netboot(name="node2", replace_reservation=False)
    assert refused["msg"].startswith("node2: boot files: the address 192.0.2.11 is reserved for another machine.")
    predicted = site.netboot(name="node2", check_mode=True)
    assert predicted["changed"] and reserved(site) == {"11": "192.0.2.11"}
    assert site.netboot(name="node2") == predicted and reserved(site) == {"12": "192.0.2.11"}


def test_nodes_whose_addresses_were_swapped(site):
    site.enrol()
    site.enrol(**SECOND, address="192.0.2.12")
    site.netboot()
    site.netboot(name="node2")
    site.enrol(address="192.0.2.13")
    site.enrol(**SECOND)
    site.enrol(address="192.0.2.12")
    for name in ("node1", "node2"):
        assert not site.netboot(name=name).get("failed")
    assert reserved(site) == {"11": "192.0.2.12", "12": "192.0.2.11"}


def test_an_address_that_the_registry_does_not_give_the_node_takes_nobodys_reservation(site):
    site.enrol()
    site.netboot()
    site.enrol(**SECOND, address="192.0.2.12")
    for more in ({}, {"registry": None, "mac": "52:54:00:00:02:12"}):
        assert "reserved for another machine" in site.netboot(name="node2", address="192.0.2.11", **more)["msg"]


def test_a_boot_server_forgets_a_node_that_was_removed(site):
    def clean_up(check_mode=False, **more):
        return site.call(netboot_cleanup.DOOR, check_mode=check_mode, **more)

    site.enrol()
    site.clean()
    site.netboot()
    by_hand = site.root / "dnsmasq/hosts.d/52-54-00-00-02-77"
    by_hand.write_text("# node by-hand\n52:54:00:00:02:77,192.0.2.77\n")
    (site.root / "dnsmasq/hosts.d/52-54-00-00-02-78").write_text("52:54:00:00:02:78,192.0.2.78\n")
    assert clean_up()["changed"] is False and clean_up(registry=None)["changed"] is False
    remove(site, "node1")
    # The same machine by another name.
    site.enrol(name="server1")
    assert clean_up()["changed"] is False
    remove(site, "server1")
    predicted = clean_up(check_mode=True)
    assert predicted["nodes"] == [{"name": "node1", "mac": "52:54:00:00:02:11"}] and (site.root / f"http/node/{HYPHENS}").exists()
    assert clean_up() == predicted and predicted["changed"]
    assert "192.0.2.11" in predicted["diff"][0]["before"] and predicted["diff"][0]["after"] == ""
    assert sorted(os.listdir(site.root / "dnsmasq/hosts.d")) == [by_hand.name, "52-54-00-00-02-78"]
    assert not list((site.root / "http/node").iterdir()) and clean_up()["changed"] is False


def test_no_boot_server_and_no_registry_to_clean_up(site, tmp_path):
    for more in ({"root": str(tmp_path / "elsewhere")}, {"registry": f"sqlite:///{tmp_path}/none.db"}):
        result = site.call(netboot_cleanup.DOOR, **more)
        assert result["changed"] is False and result["nodes"] == [] and result["diff"] == []


def test_a_boot_server_that_was_installed_anew_knows_all_machines(site, tmp_path):
    def reserve(check_mode=False, **more):
        return site.call(netboot_reservations.DOOR, check_mode=check_mode, **more)

    folder = site.root / "dnsmasq/hosts.d"
    site.enrol()
    site.netboot()
    text = (folder / HYPHENS).read_text()
    assert reserve()["changed"] is False and reserve(registry=None)["changed"] is False
    (folder / HYPHENS).unlink()
    site.enrol(**SECOND, address="192.0.2.12")
    assert reserve(nodes=["node9"])["changed"] is False
    predicted = reserve(check_mode=True)
    assert not list(folder.iterdir()) and {one["name"]: one["address"] for one in predicted["nodes"]} == {"node1": "192.0.2.11", "node2": "192.0.2.12"}
    assert reserve(nodes=["node1"])["nodes"] == [{"name": "node1", "mac": "52:54:00:00:02:11", "address": "192.0.2.11"}]
    assert (folder / HYPHENS).read_text() == text and os.listdir(folder) == [HYPHENS]
    assert reserve()["diff"][0]["after"].endswith(",192.0.2.12,node2\n") and reserve()["changed"] is False


def test_reservations_follow_nodes_that_swap_their_addresses_and_leave_what_others_made(site):
    site.enrol()
    site.enrol(**SECOND, address="192.0.2.12")
    site.call(netboot_reservations.DOOR)
    site.enrol(address="192.0.2.13")
    site.enrol(**SECOND)
    site.enrol(address="192.0.2.12")
    assert len(site.call(netboot_reservations.DOOR)["nodes"]) == 2
    assert reserved(site) == {"11": "192.0.2.12", "12": "192.0.2.11"}
    by_hand = site.root / "dnsmasq/hosts.d/52-54-00-00-02-78"
    by_hand.write_text("52:54:00:00:02:78,192.0.2.14\n")
    site.enrol(address="192.0.2.14")
    told = []
    assert site.call(netboot_reservations.DOOR, warn=told.append)["changed"] is False and by_hand.exists()
    assert told == [f"node1: no address is reserved for the machine 52:54:00:00:02:11. In the way is {by_hand}"]
    # Without a machine's address and without a boot server there is nothing to do, or it is told.
    failed = site.call(netboot_reservations.DOOR, root="/nowhere")
    assert "run boot_server.yml" in failed["msg"] and not site.call(netboot_reservations.DOOR, check_mode=True, root="/nowhere").get("failed")


def test_a_medium_for_which_there_is_no_room(site, ejected, monkeypatch):
    def pwrite(descriptor, data, offset):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with_other_loaders(site)
    site.enrol(driver="redfish", boot_interface="redfish-virtual-media")
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", pwrite)
        result = site.netboot(network="192.0.2.0/24")
    assert result["failed"] and result["msg"].startswith("node1: boot files: the boot files cannot be written. Seen: "), result
    assert "No space left on device, " in result["msg"] and f" bytes free in {site.root}. To do: make room" in result["msg"]
    assert not list((site.root / "http/node").iterdir())
    assert site.netboot(network="192.0.2.0/24")["boot"]["device"] == "cdrom"


def test_without_a_ramdisk_nothing_is_written(site):
    site.enrol()
    (site.root / "http/ramdisk/current.json").unlink()
    result = site.netboot()
    assert result["failed"] and "run ramdisk.yml" in result["msg"]
    assert not list((site.root / "dnsmasq/hosts.d").iterdir())


@pytest.mark.parametrize(("number", "name"), [(0, "dnsmasq"), (1, "nginx")])
@pytest.mark.parametrize("check_mode", [False, True])
def test_a_stopped_daemon_is_noticed_before_a_node_waits_for_it(site, number, name, check_mode):
    site.enrol()
    site.stop(number)
    result = site.netboot(check_mode=check_mode)
    assert result["failed"] and result["msg"].startswith("node1: boot files: the boot server does not run"), result
    assert f"{site.root}/run/{name}.pid" in result["msg"] and "boot_server.yml" in result["msg"]
    assert not list((site.root / "dnsmasq/hosts.d").iterdir())
    # What is withdrawn needs nobody to serve it.
    assert not site.netboot(state="absent").get("failed")


def test_waiting_moves_the_node_through_its_wait_state(site):
    site.enrol()
    site.clean()
    site.netboot()
    site.beacon()
    result = site.wait()
    assert result["changed"] is False and result["host_key"] == KEY and result["address"] == "192.0.2.11", result
    assert [item["stage"] for item in result["stages"]] == ["ssh"]
    assert site.state == "cleaning"
    events = [entry["event"] for entry in transitions.history(site.engine, "node1")]
    assert events[-2:] == ["wait", "resume"]


def test_a_node_that_did_not_call_stays_waited_for(site):
    site.enrol()
    site.clean()
    site.netboot()
    result = site.wait()
    assert result["failed"] and result["msg"].startswith("node1: ramdisk: no call from the ramdisk"), result
    assert "nothing at all of this machine" in result["msg"]
    assert site.state == "clean wait"
    site.beacon()
    assert site.wait()["host_key"] == KEY
    assert site.state == "cleaning"


def test_another_run_does_not_wait_for_it(site):
    site.enrol()
    site.clean()
    site.netboot()
    site.wait()
    site.beacon()
    result = site.wait(controller={**site.controller, "run_id": "run-2"})
    assert result["failed"] and site.state == "clean wait", result


def test_a_node_that_no_run_works_on(site):
    site.enrol()
    site.netboot()
    result = site.wait()
    assert result["failed"] and "Seen: provision state enroll" in result["msg"]


def test_a_call_from_another_address_does_not_count(site):
    site.enrol()
    site.clean()
    site.netboot()
    site.beacon(client="192.0.2.66")
    assert "came from 192.0.2.66 and not from 192.0.2.11" in site.wait()["msg"]


def test_check_mode_neither_waits_nor_moves(site):
    site.enrol()
    site.clean()
    site.netboot()
    result = site.wait(check_mode=True, timeout=1800)
    assert result["host_key"] is None and result["changed"] is False and result["stages"] == []
    assert site.state == "cleaning"


def test_without_registry_only_the_logs_count(site):
    site.enrol()
    site.netboot()
    site.beacon()
    assert site.wait(registry=None, mac="52:54:00:00:02:11")["host_key"] == KEY
    assert site.state == "enroll"
