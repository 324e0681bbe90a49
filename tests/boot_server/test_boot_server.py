# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role boot_server as a client on the wire sees it. The tests build on each other, from first run to removal."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import discovered, discovery, journal, node_files, ramdisk_store, wait
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import HISTORY
from ansible_collections.rackwright.baremetal.tests.boot_server.conftest import COLLECTION, eventually, run
from ansible_collections.rackwright.baremetal.tests.simulators import boot_client
from sqlalchemy import insert

MAC = "52:54:00:00:02:11"
HYPHENS = "52-54-00-00-02-11"
NONCE = "9a1f5c0b7d3e4a21"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0fZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTU+/ operator@example.com"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKdpZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTU+/"
# Debian's package ipxe has it from 13 on, and the role serves it where it is.
ARM64_LOADER = Path("/usr/lib/ipxe/ipxe-arm64.efi")


def write_boot_files(site, address="192.0.2.11", nonce=NONCE, interface="ipxe"):
    return node_files.present(
        str(site.root), node="node1", mac=HYPHENS, address=address, nonce=nonce, keys=[PUBLIC_KEY], url=site.url,
        arguments=node_files.boot_arguments(site.url, "node1", HYPHENS, nonce, "console=ttyS0,115200"), interface=interface,
        ramdisk=ramdisk_store.current(site.root))


def test_check_mode_on_a_fresh_host_makes_nothing(site):
    played = site.play("--check", "--diff")
    assert played.ok and played.changed, played.output
    assert not site.root.exists()


@pytest.mark.parametrize(("wrong", "said"), [
    ({"boot_server_interface": "eth7"}, "eth7"),
    ({"boot_server_netns": "no-such-space"}, "no-such-space"),
    ({"boot_server_address": "boot.example.com"}, "give addresses"),
    ({"boot_server_further_networks": [{"network": "2001:db8:7::/64", "interface": "eth0", "address": "2001:db8:7::1"}]},
     "2001:db8:7::1 in 2001:db8:7::/64 is not on interface eth0"),
])
def test_settings_that_cannot_work_are_refused(site, wrong, said):
    played = site.play(**wrong)
    assert not played.ok and said in played.output and "To do:" in played.output, played.output
    assert not site.root.exists()


def test_first_run(site):
    played = site.play()
    assert played.ok and played.changed, played.output
    assert all(site.pids().values())


@pytest.mark.parametrize("arguments", [(), ("--check", "--diff")])
def test_second_run_changes_nothing(site, arguments):
    before = site.pids()
    played = site.play(*arguments)
    assert played.ok and played.changed == 0, played.output
    assert site.pids() == before


def test_a_host_is_not_given_what_only_nodes_get(site):
    assert site.dhcp("52:54:00:00:02:99") is None
    assert site.dhcp("52:54:00:00:02:99", "93:0007") is None


@pytest.fixture(scope="module")
def ramdisk(site):
    """A ramdisk for the wire: what matters here is that the bytes arrive."""
    folder = site.root / "http/ramdisk/0123456789abcdef"
    folder.mkdir()
    (folder / "vmlinuz").write_bytes(os.urandom(100_000))
    (folder / "initrd.img").write_bytes(os.urandom(3_000_000))
    (site.root / "http/ramdisk/current.json").write_text(json.dumps({
        "digest": "0123456789abcdef" * 4, "kernel": "ramdisk/0123456789abcdef/vmlinuz",
        "initrd": "ramdisk/0123456789abcdef/initrd.img"}))
    return folder


def test_a_new_node_is_known_without_restart(site, ramdisk):
    before = site.pids()
    write_boot_files(site)
    lease = eventually(lambda: site.dhcp(MAC))
    assert lease["ip"] == "192.0.2.11" and lease["hostname"] == "node1"
    assert "router" not in lease and "dns" not in lease
    assert site.pids() == before


@pytest.mark.parametrize(("options", "bootfile"), [
    ((), None),
    (("93:0000",), "undionly.kpxe"),
    (("93:0007",), "snponly.efi"),
    (("93:0009",), "snponly.efi"),
    (("93:0010",), "http://192.0.2.1:8080/snponly.efi"),
    (("93:0010", "175:010101"), "http://192.0.2.1:8080/boot.ipxe"),
    (("93:000b",), "arm64.efi"),
    (("93:0013",), "http://192.0.2.1:8080/arm64.efi" if ARM64_LOADER.exists() else None),
    (("93:0000", "175:010101"), "http://192.0.2.1:8080/boot.ipxe"),
    (("93:0007", "175:010101"), "http://192.0.2.1:8080/boot.ipxe"),
])
def test_each_firmware_gets_its_boot_file(site, options, bootfile):
    lease = site.dhcp(MAC, *options)
    assert lease["ip"] == "192.0.2.11"
    assert boot_file(lease) == bootfile
    if bootfile:
        assert lease["siaddr"] == site.address


def boot_file(lease):
    # In the option when the client asked for it, else in the header.
    return lease.get("bootfile") or lease.get("boot_file")


def test_a_changed_address_is_known_without_restart(site):
    before = site.pids()
    write_boot_files(site, address="192.0.2.12")
    assert eventually(lambda: (site.dhcp(MAC) or {}).get("ip") == "192.0.2.12")
    write_boot_files(site)
    assert eventually(lambda: (site.dhcp(MAC) or {}).get("ip") == "192.0.2.11")
    assert site.pids() == before


@pytest.mark.parametrize("name", ["undionly.kpxe", "snponly.efi"])
def test_boot_loaders_come_by_tftp(site, name, tmp_path):
    site.at_client("curl", "--silent", "--fail", "--output", str(tmp_path / name), f"tftp://{site.address}/{name}")
    assert (tmp_path / name).read_bytes() == Path("/usr/lib/ipxe", name).read_bytes()


def test_a_node_with_secure_boot_gets_shim_and_its_configuration(site, ramdisk, tmp_path):
    (ramdisk / "shimx64.efi").write_bytes(b"shim")
    (ramdisk.parent / "current").symlink_to(ramdisk.name)
    daemons = site.pids()
    write_boot_files(site, interface="pxe")
    assert boot_file(site.dhcp(MAC, "93:0007")) == "snponly.efi" and boot_file(site.dhcp(MAC, "93:0000")) == "undionly.kpxe"

    def get(path):
        site.at_client("curl", "--silent", "--fail", "--max-time", "20", "--output", str(tmp_path / "got"), f"tftp://{site.address}/{path}")
        return (tmp_path / "got").read_bytes()

    assert get("snponly.efi") == get("ramdisk/current/shimx64.efi") == b"shim"
    for path in ("grub/grub.cfg", f"grub/{HYPHENS}.cfg"):
        assert get(path) == (site.root / "tftp" / path).read_bytes()
    write_boot_files(site)
    assert get("snponly.efi") == Path("/usr/lib/ipxe/snponly.efi").read_bytes()
    assert not (site.root / f"tftp/grub/{HYPHENS}.cfg").exists() and site.pids() == daemons


def test_a_medium_is_for_everybody_who_knows_the_nonce(site):
    medium = site.root / f"http/node/{HYPHENS}/{NONCE}/boot.iso"
    medium.write_text("medium")
    keys = f"{site.url}/node/{HYPHENS}/{NONCE}/authorized_keys"
    site.at_client("ip", "address", "add", "192.0.2.13/24", "dev", "eth0")
    try:
        assert site.curl("--interface", "192.0.2.13", f"{site.url}/node/{HYPHENS}/{NONCE}/boot.iso") == ("200", "medium")
        assert site.curl("--interface", "192.0.2.13", f"{site.url}/node/{HYPHENS}/another-nonce/boot.iso")[0] == "404"
        assert site.curl("--interface", "192.0.2.13", keys)[0] == "403"
    finally:
        site.at_client("ip", "address", "delete", "192.0.2.13/24", "dev", "eth0")
        medium.unlink()


def test_nothing_else_comes_by_tftp(site):
    for path in ("../dnsmasq/dnsmasq.conf", "/etc/passwd", "nothing"):
        assert site.at_client("curl", "--silent", "--fail", "--max-time", "20", "--path-as-is", f"tftp://{site.address}//{path}",
                              check=False).returncode not in (0, 28), "28 is a time-out"


def test_what_http_serves(site, ramdisk):
    status, body = site.curl(f"{site.url}/boot.ipxe")
    assert status == "200" and body.startswith("#!ipxe\n") and "chain /node/${net${idx}/mac:hexhyp}/boot.ipxe" in body
    status, body = site.curl(f"{site.url}/node/{HYPHENS}/boot.ipxe")
    assert status == "200" and body == (site.root / f"http/node/{HYPHENS}/boot.ipxe").read_text().rstrip("\n") + "\n"
    assert site.curl(f"{site.url}/node/{HYPHENS}/{NONCE}/authorized_keys") == ("200", PUBLIC_KEY + "\n")
    assert site.curl(f"{site.url}/node/52-54-00-00-02-99/boot.ipxe")[0] == "404"


def test_what_a_preflight_finds(site, ramdisk):
    code = ("import json, sys\n"
            "from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call\n"
            "from ansible_collections.rackwright.baremetal.plugins.module_utils._doors.boot_server_info import run\n"
            "print(json.dumps(run(Call(params=json.loads(sys.argv[1])))))")
    params = {"root": str(site.root), "url": site.url, "further_urls": [], "image": None, "images": [], "cache": False}
    done = run("ip", "netns", "exec", site.server, sys.executable, "-c", code, json.dumps(params),
               env={**os.environ, "PYTHONPATH": str(COLLECTION.parents[2])})
    # This ramdisk has no digests.
    assert {item["check"]: item["status"] for item in json.loads(done.stdout)["checks"]} == {
        "daemons": "ok", "tftp": "ok", "http": "ok", "ramdisk": "warn", "images": "skipped"}


def test_a_node_that_was_removed_is_not_known_any_more(site):
    mac, registry = "52:54:00:00:02:55", f"sqlite:///{site.folder}/registry.db"
    with open_registry(registry).begin() as connection:
        connection.execute(insert(HISTORY).values(node="gone", at="2026-01-01T00:00:00+00:00", who="alice", event="manage"))
    file = site.root / "dnsmasq/hosts.d" / mac.replace(":", "-")
    file.write_text(f"# node gone\n{mac},192.0.2.55,gone\n")
    assert node_files.reload_reservations(site.root)
    assert eventually(lambda: site.dhcp(mac))["ip"] == "192.0.2.55"
    playbook = site.folder / "forget.yml"
    playbook.write_text(json.dumps([{"hosts": "boot_servers", "gather_facts": False, "tasks": [
        {"ansible.builtin.include_role": {"name": "rackwright.baremetal.boot_server", "tasks_from": "forget"}}]}]))
    before = sorted(file.parent.iterdir())
    for arguments, changed in ((["--check", "--diff"], 1), ([], 1), ([], 0)):
        played = site.play(*arguments, playbook=playbook, baremetal_registry=registry)
        assert played.ok and played.changed == changed and ("-52:54:00:00:02:55,192.0.2.55,gone" in played.output) == bool(arguments), played.output
        assert file.exists() == bool(arguments)
    assert sorted(file.parent.iterdir()) == [path for path in before if path != file]
    assert site.dhcp(mac, tries=2) is None


def test_a_boot_server_that_knows_nobody_learns_the_machines_of_its_nodes(site):
    mac, registry = "52:54:00:00:02:56", f"sqlite:///{site.folder}/known.db"
    with open_registry(registry).begin() as connection:
        for name, address, port in (("kept", "192.0.2.56", mac), ("foreign", "192.0.2.57", "52:54:00:00:02:57")):
            node = schema.normalise({"name": name, "rack": "rack1", "driver": "manual", "ports": [{"address": port}], "address": address, "serial": name})
            nodes.upsert(connection, node, None, same_credential=lambda old, new: old == new)
    playbook, folder = site.folder / "know.yml", site.root / "dnsmasq/hosts.d"
    playbook.write_text(json.dumps([{"hosts": "boot_servers", "gather_facts": False, "tasks": [
        {"ansible.builtin.include_role": {"name": "rackwright.baremetal.boot_server", "tasks_from": "know"}}]}]))
    before, inventory = sorted(folder.iterdir()), site.nodes
    # The other node boots from elsewhere.
    site.nodes = {"kept": {}, "foreign": {"ramdisk_boot_server": "kept"}}
    try:
        for arguments, changed in ((["--check", "--diff"], 1), ([], 1), ([], 0)):
            played = site.play(*arguments, playbook=playbook, baremetal_registry=registry)
            assert played.ok and played.changed == changed and ("+52:54:00:00:02:56,192.0.2.56,kept" in played.output) == bool(arguments), played.output
        assert eventually(lambda: site.dhcp(mac))["ip"] == "192.0.2.56"
        assert [path.name for path in sorted(folder.iterdir()) if path not in before] == [mac.replace(":", "-")]
    finally:
        site.nodes = inventory
        (folder / mac.replace(":", "-")).unlink(missing_ok=True)
        node_files.reload_reservations(site.root)


def test_the_same_over_ipv6(site, ramdisk):
    assert site.curl("http://[2001:db8:1::1]:8080/boot.ipxe")[0] == "200"
    assert site.curl("-r", "0-9", "http://[2001:db8:1::1]:8080/ramdisk/0123456789abcdef/vmlinuz", "-o", "/dev/null")[0] == "206"


def test_ranges(site, ramdisk, tmp_path):
    part = tmp_path / "part"
    status, _body = site.curl("--range", "1000000-1999999", "--output", str(part), f"{site.url}/ramdisk/0123456789abcdef/initrd.img")
    assert status == "206" and part.read_bytes() == (ramdisk / "initrd.img").read_bytes()[1000000:2000000]


def test_what_http_does_not_serve(site, ramdisk):
    (ramdisk / ".initrd.img.new").write_text("half")
    foreign, own, folder = (site.root / "http/images" / name for name in ("link", "own", "folder"))
    for link, target in ((foreign, "/etc/passwd"), (own, "/etc/passwd"), (folder, "/etc")):
        link.symlink_to(target)
    os.lchown(foreign, 12345, 12345)
    for path in (
        "/", "/node/", f"/node/{HYPHENS}/", "/ramdisk/", "/images/", "/ramdisk/0123456789abcdef/.initrd.img.new",
        "/ramdisk/0123456789abcdef/%2einitrd.img.new", "/../log/http.log", "/images/../../log/http.log", "/%2e%2e/log/http.log",
        "/log/http.log", "/images/link", "/images/own", "/images/folder/passwd", "/beacon/", f"/beacon/{HYPHENS}/{NONCE}/", f"/beacon/x/{NONCE}/ssh",
    ):
        assert site.curl(site.url + path)[0] in ("400", "403", "404"), path
    for link in (foreign, own, folder):
        link.unlink()
    for method in ("POST", "PUT", "DELETE"):
        assert site.curl("--request", method, "--data", "x", f"{site.url}/boot.ipxe")[0] in ("405", "413")


def test_what_a_client_says_of_itself_is_logged_as_a_mac_address_or_not_at_all(site, ramdisk):
    for said in ("NOTAMAC", "52-54-00-00-02-1", "52-54-00-00-02-11%22%7D", HYPHENS):
        assert site.curl("--output", "/dev/null", f"{site.url}/ramdisk/0123456789abcdef/vmlinuz?mac={said}&said")[0] == "200"

    def logged():
        return [json.loads(line)["mac"] for line in (site.root / "log/http.log").read_text().splitlines() if "&said" in line]

    # nginx writes it when the answer is out.
    eventually(lambda: logged()[3:])
    assert logged() == ["", "", "", HYPHENS]


@pytest.mark.parametrize(("said", "agent", "node"), [
    ("node-1.example", "curl", "node-1.example"), ("", "rackwright.baremetal node1", "node1"), ("a%22b", "curl", ""),
    ("", "rackwright.baremetal no\"de", ""), ("", "rackwright.baremetal", "")])
def test_what_a_client_says_of_itself_is_logged_as_the_name_of_a_node_or_not_at_all(site, ramdisk, said, agent, node):
    query = f"?named&{time.time_ns()}" + (f"&node={said}" if said else "")
    assert site.curl("--output", "/dev/null", "--user-agent", agent, f"{site.url}/ramdisk/0123456789abcdef/vmlinuz{query}")[0] == "200"
    # nginx writes it when the answer is out.
    entry, = eventually(lambda: [json.loads(line) for line in (site.root / "log/http.log").read_text().splitlines() if query in line])
    assert (entry["node"], entry["stage"]) == (node, "kernel")


def test_the_log_of_a_beacon(site):
    status, _body = site.curl(f"{site.url}/beacon/{HYPHENS}/{NONCE}/ramdisk?quote=%22&raw=\"")
    assert status == "204"
    # nginx writes it when the answer is out.
    entry, = eventually(lambda: [json.loads(line) for line in (site.root / "log/http.log").read_text().splitlines() if "?quote=" in line])
    assert {key: entry[key] for key in ("mac", "stage", "status", "client", "bytes")} == {
        "mac": HYPHENS, "stage": "ramdisk", "status": 204, "client": "192.0.2.11", "bytes": 0}
    assert entry["uri"].startswith(f"/beacon/{HYPHENS}/{NONCE}/ramdisk?") and abs(entry["epoch"] - time.time()) < 10
    assert entry["time"].endswith("+00:00")


def test_logs_are_rotated_and_written_on(site, tmp_path):
    def rotate():
        run("logrotate", "--force", "--state", str(tmp_path / "state"), str(site.rotation))

    pids = site.pids()
    logs = [site.root / "log" / name for name in ("http.log", "dnsmasq.log")]
    before = [log.read_text() for log in logs]
    rotate()
    assert [Path(f"{log}.1").read_text()[:len(text)] for log, text in zip(logs, before)] == before
    # The daemons are told, and do it when they come to it.
    assert eventually(lambda: site.curl(f"{site.url}/boot.ipxe?after") and "/boot.ipxe?after" in logs[0].read_text())
    assert eventually(lambda: site.dhcp(MAC) and "DHCPACK" in logs[1].read_text())
    assert site.pids() == pids
    # A number that a crash has left behind.
    file, stranger = site.root / "run/nginx.pid", subprocess.Popen(["sleep", "600"])
    own = file.read_text()
    file.write_text(f"{stranger.pid}\n")
    try:
        rotate()
    finally:
        file.write_text(own)
        stranger.terminate()
    assert stranger.wait() == -signal.SIGTERM and Path(f"{logs[0]}.2.gz").exists() and site.pids() == pids
    # nginx was not told this time, and the tests behind this one read what it writes.
    os.kill(int(own), signal.SIGUSR1)
    assert eventually(lambda: site.curl(f"{site.url}/boot.ipxe?again") and "/boot.ipxe?again" in logs[0].read_text())


def test_a_ramdisk_writes_its_journal_and_nothing_else(site, tmp_path):
    write_boot_files(site)
    own, body = f"{site.url}/journal/{HYPHENS}/{NONCE}", str(tmp_path / "part")
    Path(body).write_text("[    0.000000] Linux version\n")
    (tmp_path / "large").write_bytes(bytes(16 * 1024 + 1))
    assert [site.curl("--upload-file", body, f"{own}/00")[0] for dummy in range(2)] == ["201", "204"]
    assert journal.read(site.root, HYPHENS, NONCE) == "[    0.000000] Linux version\n"
    refused = {
        f"{own}/00": ("--upload-file", str(tmp_path / "large")), f"{own}/000": ("--upload-file", body), f"{own}/x/00": ("--upload-file", body),
        f"{site.url}/journal/{HYPHENS}/another-nonce/00": ("--upload-file", body), f"{own}/01": ("--request", "DELETE"),
        f"{site.url}/node/{HYPHENS}/boot.ipxe": ("--upload-file", body), f"{own}/00?read": ()}
    assert {url: site.curl(*arguments, url)[0][0] for url, arguments in refused.items()} == dict.fromkeys(refused, "4")
    assert journal.read(site.root, HYPHENS) == "[    0.000000] Linux version\n"
    node_files.absent(str(site.root), mac=HYPHENS)
    assert site.curl("--upload-file", body, f"{own}/00")[0] == "404"
    assert journal.read(site.root, HYPHENS) == "[    0.000000] Linux version\n"


def test_a_boot_is_followed_to_its_end(site, ramdisk):
    def boot():
        site.dhcp(MAC, "93:0000")
        site.at_client("curl", "--silent", "--fail", "--output", "/dev/null", f"tftp://{site.address}/undionly.kpxe")
        for path in (
            "/boot.ipxe", f"/node/{HYPHENS}/boot.ipxe", f"/ramdisk/0123456789abcdef/vmlinuz?mac={HYPHENS}&node=node1",
            f"/ramdisk/0123456789abcdef/initrd.img?mac={HYPHENS}&node=node1",
        ):
            site.curl("--output", "/dev/null", site.url + path)
        site.curl(f"{site.url}/beacon/{HYPHENS}/{nonce}/ramdisk")
        site.at_client("curl", "--silent", "--get", "--data-urlencode", f"hostkey={HOST_KEY}", f"{site.url}/beacon/{HYPHENS}/{nonce}/ssh")

    nonce = "fedcba9876543210"
    # dnsmasq logs whole seconds, so what a test before this one fetched could count.
    time.sleep(2)
    write_boot_files(site, nonce=nonce)
    node = threading.Thread(target=boot)
    node.start()
    result = wait.wait_for_ramdisk(str(site.root), mac=MAC, nonce=nonce, address="192.0.2.11", timeout=300)
    node.join()
    assert [item["stage"] for item in result["stages"]] == ["dhcp", "firmware", "ipxe", "kernel", "initrd", "ramdisk", "ssh"]
    assert result["host_key"] == HOST_KEY and result["address"] == "192.0.2.11"
    assert 0 < result["elapsed"] < 300


@pytest.mark.parametrize(("wrong", "file", "said"), [
    ({"boot_server_http_port": 99999}, "nginx/nginx.conf", "failed to validate"),
    ({"boot_server_further_networks": [{"network": "192.0.2.128/25"}]}, "dnsmasq/dnsmasq.conf", "two networks overlap"),
])
def test_a_bad_configuration_leaves_the_old_one_in_place_and_running(site, wrong, file, said):
    conf = (site.root / file).read_text()
    before = site.pids()
    played = site.play(**wrong)
    assert not played.ok and said in played.output, played.output
    assert (site.root / file).read_text() == conf
    assert site.pids() == before
    assert "chain /node/" in site.curl(f"{site.url}/boot.ipxe")[1]
    assert boot_file(site.dhcp(MAC, "93:0000")) == "undionly.kpxe"


def test_a_configuration_that_the_service_refuses_is_taken_back(site):
    files = [site.root / name for name in ("nginx/nginx.conf", "dnsmasq/dnsmasq.conf", "http/boot.ipxe")]
    before, pids = [file.read_text() for file in files], site.pids()
    # The program's own check cannot see that another one has the port.
    with boot_client.inside(site.server, lambda: socket.create_server((site.address, 8081))):
        played = site.play(boot_server_http_port=8081, boot_server_lease_time="3h")
    assert not played.ok and "Address already in use" in played.output and "the one before is in place and runs" in played.output, played.output
    assert [file.read_text() for file in files] == before
    assert site.pids()["nginx"] and site.pids()["dnsmasq"] == pids["dnsmasq"]
    assert site.curl(f"{site.url}/boot.ipxe")[0] == "200"


def test_a_changed_setting_is_told_in_check_mode_and_restarts_one_daemon(site):
    conf = site.root / "dnsmasq/dnsmasq.conf"
    old, before = conf.read_text(), site.pids()
    change = {"boot_server_lease_time": "2h", "boot_server_gateway": "192.0.2.254", "boot_server_dns": ["192.0.2.53"]}
    predicted = site.play("--check", "--diff", **change)
    assert predicted.ok and predicted.changed and "+dhcp-option=tag:net0,option:router,192.0.2.254" in predicted.output, predicted.output
    assert conf.read_text() == old and site.pids() == before
    played = site.play(**change)
    assert played.ok and played.changed, played.output
    after = site.pids()
    assert after["nginx"] == before["nginx"] and after["dnsmasq"] not in (None, before["dnsmasq"])
    lease = site.dhcp(MAC)
    assert (lease["lease"], lease["router"], lease["dns"]) == ("7200", "192.0.2.254", "192.0.2.53")
    before = site.pids()
    played = site.play()
    assert played.ok and played.changed and conf.read_text() == old, played.output
    assert site.pids()["nginx"] == before["nginx"]


def test_a_daemon_that_died_is_started_again(site):
    before = site.pids()
    os.kill(before["dnsmasq"], signal.SIGKILL)
    assert eventually(lambda: site.pids()["dnsmasq"] is None)
    assert site.play("--check").changed == 1
    assert site.play().changed == 1
    assert site.pids()["nginx"] == before["nginx"] and site.pids()["dnsmasq"]


def test_a_run_that_was_killed_before_the_restart_is_made_good(site):
    before = site.pids()
    (site.root / "run/nginx.loaded").write_text("an older configuration")
    assert site.play().changed
    assert site.pids()["nginx"] != before["nginx"] and site.pids()["dnsmasq"] == before["dnsmasq"]


DISCOVERY = {"boot_server_discovery_range": "192.0.2.200-192.0.2.219", "boot_server_discovery_ssh_public_keys": [PUBLIC_KEY]}
# One that is not known, one with a card that is enrolled and no reservation yet.
STRANGER, ENROLLED = "52:54:00:00:02:99", "52:54:00:00:02:98"
IPXE = ("93:0000", "175:010101")


def test_an_unknown_machine_boots_the_ramdisk_while_discovery_is_on(site, ramdisk):
    conf = {file: (site.root / file).read_text() for file in ("dnsmasq/dnsmasq.conf", "nginx/nginx.conf", "http/boot.ipxe")}
    write_boot_files(site)
    site.nodes = {"node2": {"baremetal": {"ports": [{"address": ENROLLED}]}}, "node3": None}
    played = site.play(**DISCOVERY)
    assert played.ok and played.changed, played.output
    nonce = discovery.read(site.root)["nonce"]
    # DHCP looks for somebody with the address before it gives it away.
    lease = site.dhcp(STRANGER, *IPXE, tries=20)
    assert lease["ip"].startswith("192.0.2.2") and boot_file(lease) == f"{site.url}/discover.ipxe"
    assert boot_file(site.dhcp(STRANGER, "93:0007", tries=20)) == "snponly.efi"
    # Machines that are known keep what they had.
    known = site.dhcp(MAC, *IPXE)
    assert known["ip"] == "192.0.2.11" and boot_file(known) == f"{site.url}/boot.ipxe"
    assert site.dhcp(ENROLLED, *IPXE, tries=5) is None
    assert (site.root / "http/boot.ipxe").read_text() == conf["http/boot.ipxe"]
    assert site.curl(f"{site.url}/discover/known/{HYPHENS}")[0] == "200"
    assert site.curl(f"{site.url}/discover/known/52-54-00-00-02-99")[0] == "404"

    at = ("--interface", lease["ip"])
    site.at_client("ip", "address", "add", f"{lease['ip']}/24", "dev", "eth0")
    status, first = site.curl(*at, f"{site.url}/discover.ipxe")
    assert status == "200" and first.index("/discover/known/${net") < first.index("isset ${known} || chain /discover/boot.ipxe?mac=$")
    status, script = site.curl(*at, f"{site.url}/discover/boot.ipxe?mac=52-54-00-00-02-99")
    assert status == "200" and f"rackwright.nonce={nonce} " in script and "BOOTIF=01-${netX/mac:hexhyp}" in script
    assert site.curl(f"{site.url}/discover/{nonce}/authorized_keys") == ("200", PUBLIC_KEY + "\n")
    assert site.curl(f"{site.url}/discover/.discovery.json")[0] == "404"

    call = f"{site.url}/beacon/52-54-00-00-02-99/{nonce}"
    for other in (f"{site.url}/beacon/52-54-00-00-02-97/{nonce}", f"{site.url}/beacon/52-54-00-00-02-99/another-nonce"):
        site.curl(*at, f"{other}/ssh?hostkey={HOST_KEY.replace(' ', '%20')}")
    site.curl("--interface", "192.0.2.11", f"{call}/ssh?hostkey={HOST_KEY.replace(' ', '%20')}")
    machine, = discovered.callers(site.root)[1]
    assert (machine["mac"], machine["host_key"], machine["stage"]) == (STRANGER, None, "ipxe")
    site.curl(*at, f"{call}/ramdisk")
    site.curl(*at, "--get", "--data-urlencode", f"hostkey={HOST_KEY}", f"{call}/ssh")
    machine, = discovered.callers(site.root, wait=10, count=1)[1]
    assert {key: machine[key] for key in ("mac", "address", "host_key", "stage")} == {
        "mac": STRANGER, "address": lease["ip"], "host_key": HOST_KEY, "stage": "ssh"}
    site.curl(*at, f"{call}/{discovered.GONE}")
    assert eventually(lambda: discovered.callers(site.root)[1] == [])

    played = site.play(**DISCOVERY)
    assert played.ok and played.changed == 0 and discovery.read(site.root)["nonce"] == nonce, played.output
    played = site.play()
    assert played.ok and played.changed, played.output
    assert {file: (site.root / file).read_text() for file in conf} == conf
    assert not (site.root / "http/discover").exists() and not (site.root / "http/discover.ipxe").exists()
    assert site.dhcp(STRANGER, *IPXE, tries=5) is None and site.curl(f"{site.url}/discover.ipxe")[0] == "404"


def test_removal(site):
    pids = site.pids()
    played = site.play("--check", boot_server_state="absent")
    assert played.ok and played.changed and site.pids() == pids and site.root.is_dir(), played.output
    played = site.play(boot_server_state="absent")
    assert played.ok and played.changed, played.output
    assert not site.root.exists() and not site.rotation.exists()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())
    assert site.play(boot_server_state="absent").changed == 0


def test_a_boot_server_becomes_a_cache_and_is_removed(site):
    played = site.play()
    assert played.ok and all(site.pids().values()), played.output
    # What it told nodes by DHCP is not so any more.
    for changed in (True, False):
        # Name servers and a router that the site has for its boot server.
        played = site.play(boot_server_origin="http://192.0.2.9:8080", boot_server_gateway="198.51.100.254", boot_server_dns=["2001:db8::53"])
        assert played.ok and bool(played.changed) is changed and site.pids()["nginx"] and not site.pids()["dnsmasq"], played.output
    assert site.curl(f"{site.url}/boot.ipxe")[0] == "404"
    assert site.curl(f"{site.url}/images/debian-12/0123456789abcdef/disk.bmap")[0] in ("502", "504")
    played = site.play(boot_server_state="absent", boot_server_origin="http://192.0.2.9:8080")
    assert played.ok and not site.root.exists(), played.output


def test_a_boot_server_of_one_run_ends_with_it_also_when_it_is_killed(site):
    # The play of the README.
    play = yaml.safe_load(re.search(r"```yaml\n(- hosts: boot_servers\n.*?)```", (COLLECTION / "roles/boot_server/README.md").read_text(), re.DOTALL)[1])[0]
    playbook = site.folder / "run.yml"
    playbook.write_text(json.dumps([{**play, "tasks": [{"ansible.builtin.wait_for": {"path": "/nonexistent", "timeout": 600}}]}]))
    site.nodes = {name: {"baremetal": {"boot_mac": mac}} for name, mac in (("node1", MAC.upper()), ("node2", "52:54:00:00:02:99"), ("node3", None))}
    run = site.begin(playbook, "--limit", "node1:node3:boot_servers")
    try:
        assert eventually(lambda: all(site.pids().values()), 240)
        assert not site.rotation.exists()
        for mac, address in ((MAC, "192.0.2.11"), ("52:54:00:00:02:99", "192.0.2.12")):
            (site.root / "dnsmasq/hosts.d" / mac.replace(":", "-")).write_text(f"{mac},{address}\n")
        assert node_files.reload_reservations(site.root)
        assert eventually(lambda: site.dhcp(MAC)) and site.dhcp("52:54:00:00:02:99") is None
        assert eventually(lambda: site.curl(f"{site.url}/boot.ipxe")[0] == "200", 60)
        run.kill()
        assert eventually(lambda: not any(site.pids().values()), 30)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert site.play(boot_server_state="absent").ok and not site.root.exists()


def test_removal_spares_what_is_not_ours(site):
    site.root.mkdir()
    (site.root / "http").mkdir()
    (site.root / "http/precious").write_text("x")
    played = site.play(boot_server_state="absent")
    assert played.ok and played.changed == 0 and (site.root / "http/precious").exists(), played.output
