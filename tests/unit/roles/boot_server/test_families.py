# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role boot_server takes for each family of distributions. Debian's is run by tests/boot_server and molecule; of the other one only this is known."""

from __future__ import annotations

import re

import pytest
import yaml
from ansible_collections.rackwright.baremetal.tests.simulators.boot_server import ROLE, BootServer


@pytest.fixture(name="server", params=["Debian", "RedHat"])
def _server(request):
    made = BootServer("no-namespace", ansible_facts={"os_family": request.param})
    yield made
    made.close()


def test_firmware_is_sent_to_loaders_that_are_there(server):
    names = {loader["name"] for loader in server.value("boot_server__loaders")}
    files = {line.split(",")[-1] for line in server.render("dnsmasq.conf.j2").splitlines()
             if line.startswith("dhcp-boot=") and ("tag:bios" in line or "tag:efi" in line) and "tag:!native" in line}
    assert files == {"undionly.kpxe", "snponly.efi"} <= names
    # Those with drivers of their own, where settings that ask for them are not refused.
    assert ({"ipxe.pxe", "ipxe.efi"} <= names) == server.value("boot_server__family.native")


@pytest.mark.parametrize(("asked", "packaged", "taken"), [
    ("", False, None), ("", True, "the package's"), ("/opt/arm64.efi", False, "/opt/arm64.efi"), ("/opt/arm64.efi", True, "/opt/arm64.efi")])
@pytest.mark.parametrize("family", ["Debian", "RedHat"])
def test_arm64_has_the_loader_that_was_asked_for_or_that_of_the_distribution(family, asked, packaged, taken):
    made = BootServer("no-namespace", ansible_facts={"os_family": family}, boot_server_arm64_loader=asked,
                      boot_server__arm64_packaged={"stat": {"exists": packaged}})
    try:
        found = [loader["src"] for loader in made.value("boot_server__loaders") if loader["name"] == "arm64.efi"]
        packaged_as = made.value("boot_server__family.arm64_loader")
        assert found == [packaged_as if taken == "the package's" else taken] * bool(taken)
        # By HTTP only where there is one; by TFTP a node with Secure Boot may find shim by the name.
        text = made.render("dnsmasq.conf.j2")
        assert ("/arm64.efi" in text) is bool(taken) and "\ndhcp-boot=tag:arm64,tag:!ipxe,arm64.efi\n" in text
    finally:
        made.close()


def test_the_daemons_run_as_the_user_of_the_distribution(server):
    user = server.value("boot_server__family.user")
    assert user in ("www-data", "nginx")
    assert re.search(r"^user=(.*)$", server.render("dnsmasq.conf.j2"), re.MULTILINE).group(1) == user
    assert re.search(r"^user (.*);$", server.render("nginx.conf.j2"), re.MULTILINE).group(1) == user


def test_families_tell_the_same_things(server):
    families = server.value("boot_server__families")
    assert {frozenset(family) for family in families.values()} == {frozenset({"user", "packages", "loaders", "arm64_loader", "native"})}
    assert set(families["Debian"]["packages"]) & set(families["RedHat"]["packages"]) == {"nginx", "logrotate", "python3-zstandard"}
    assert all(loader["src"].startswith("/usr/") for family in families.values() for loader in family["loaders"])


def refused(family, **variables):
    """The conditions of the role that settings do not meet."""
    tasks = yaml.safe_load((ROLE / "tasks/present.yml").read_text(encoding="utf-8"))
    made = BootServer("no-namespace", ansible_facts={"os_family": family}, boot_server__manager="process", **variables)
    try:
        return [condition for condition in tasks[0]["ansible.builtin.assert"]["that"] if not made.value(condition)]
    finally:
        made.close()


def test_cards_that_need_drivers_of_their_own_are_nothing_to_a_cache():
    macs, origin = {"boot_server_native_macs": ["52:54:00:00:02:11"]}, {"boot_server_origin": "http://192.0.2.9:8080"}
    assert refused("Debian", **macs) == refused("RedHat", **macs, **origin) == refused("RedHat") == []
    condition, = refused("RedHat", **macs)
    assert "boot_server_native_macs" in condition


def test_nodes_say_which_cards_need_drivers_of_their_own():
    default = yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8"))["boot_server_native_macs"]
    said = {"node1": {"ipxe_driver": "native"}, "node2": {"ipxe_driver": "snponly"}, "node3": {},
            "node4": {"ipxe_driver": "native", "baremetal": {"ports": []}}}
    nodes = {name: {"baremetal": {"ports": [{"address": f"52:54:00:00:02:1{name[-1]}"}]}, **variables} for name, variables in said.items()}
    made = BootServer("no-namespace", boot_server_native_macs=default, groups={"baremetal": list(nodes), "boot_servers": ["boot1"]}, hostvars=nodes)
    try:
        assert made.value("boot_server_native_macs") == ["52:54:00:00:02:11"]
        assert "dhcp-mac=set:native,52:54:00:00:02:11\n" in made.render("dnsmasq.conf.j2")
    finally:
        made.close()


@pytest.mark.parametrize(("runs_the_host", "was_there", "kept"), [("systemd", False, True), ("systemd", True, False), ("sysvinit", False, False)])
@pytest.mark.parametrize("manager", ["systemd", "process"])
def test_the_distributions_own_nginx_does_not_start_at_the_next_boot(manager, runs_the_host, was_there, kept):
    task, = (task for task in yaml.safe_load((ROLE / "tasks/packages.yml").read_text(encoding="utf-8")) if "ansible.builtin.systemd_service" in task)
    assert task["ansible.builtin.systemd_service"]["enabled"] is False
    made = BootServer("no-namespace", boot_server__manager=manager, ansible_facts={"os_family": "Debian", "service_mgr": runs_the_host},
                      boot_server__nginx_before={"stat": {"exists": was_there}}, ansible_check_mode=False)
    try:
        assert all(made.value(condition) for condition in task["when"]) == kept
    finally:
        made.close()


def test_ports():
    def ports(**variables):
        made = BootServer("no-namespace", **variables)
        try:
            return made.value("boot_server__ports")
        finally:
            made.close()

    ipv6 = [{"network": "2001:db8:1::/64", "interface": "eth0", "address": "2001:db8:1::1"}]
    assert ports() == ["67/udp", "69/udp", "4011/udp", "8080/tcp"]
    assert ports(boot_server_further_networks=ipv6) == ["67/udp", "69/udp", "4011/udp", "547/udp", "8080/tcp"]
    assert ports(boot_server_further_networks=ipv6, boot_server_dhcp="none") == ports()
    assert ports(boot_server_further_networks=ipv6, boot_server_origin="http://192.0.2.9:8080") == ["8080/tcp"]
    assert ports(boot_server_origin="http://192.0.2.9:8080", boot_server_tls_certificate="/c.pem", boot_server_http_port=80) == ["80/tcp", "8443/tcp"]
