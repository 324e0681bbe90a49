# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plays deploy, provide and undeploy on a site of their own, as far as they get without a machine."""

from __future__ import annotations

import base64
import concurrent.futures
import gzip
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

import pytest
import yaml
from ansible_collections.rackwright.baremetal.plugins.module_utils import _errors
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import transitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._process import place, process_start_time
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images, nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry

COLLECTION = pathlib.Path(_errors.__file__).parents[2]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0fZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTU+/ operator@example.com"
IMAGE = {
    "name": "debian-12", "digest": f"sha256:{'1' * 64}", "manifest_digest": f"sha256:{'2' * 64}", "path": "images/debian-12/1",
    "virtual_size": 1024 ** 3, "published_at": "2026-01-31T12:00:00+00:00",
}
INSTANCE = {"uuid": "8f0c1a52-4a0c-4a3b-9b6e-2f4e4c1f0a11", "image": "i", "image_digest": "d"}


class Board(http.server.BaseHTTPRequestHandler):
    """A Redfish service with one system, as small as the driver lets it be; the server keeps ``system`` and ``patches``."""

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.answer({
            "/redfish/v1": {"@odata.id": "/redfish/v1/", "RedfishVersion": "1.6.0", "Systems": {"@odata.id": "/redfish/v1/Systems"}},
            "/redfish/v1/Systems": {"@odata.id": "/redfish/v1/Systems", "Members": [{"@odata.id": "/redfish/v1/Systems/1"}]},
            "/redfish/v1/Systems/1": self.server.system,
        }.get(self.path.rstrip("/")))

    def do_PATCH(self):
        boot = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["Boot"]
        self.server.patches.append(boot)
        self.server.system["Boot"].update(boot)
        self.answer(self.server.system)

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["ResetType"]
        self.server.system["PowerState"] = "On" if asked == "On" else "Off"
        self.answer({})

    def answer(self, document):
        data = json.dumps(document).encode()
        self.send_response(404 if document is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Site:
    """A site with one node that has no BMC, and a boot server that does not run."""

    def __init__(self, folder):
        self.folder = folder
        self.daemons = []
        self.engine = open_registry(f"sqlite:///{folder}/registry.db")
        self.controller = {
            "run_id": "run-1", "host": "controller", "place": place(), "pid": os.getpid(),
            "start_time": process_start_time(os.getpid()), "user": "alice"}
        self.variables = {
            "boot_server_root": str(folder / "boot"), "boot_server_address": "192.0.2.1",
            "ramdisk_boot_ssh_private_key_file": str(folder / "key"), "ramdisk_boot_evidence_directory": str(folder / "evidence")}
        (folder / "key.pub").write_text(KEY + "\n")
        (folder / "ansible.cfg").write_text("[defaults]\ninventory = inventory\n")
        (folder / "inventory").mkdir()
        (folder / "inventory/nodes.yml").write_text("plugin: rackwright.baremetal.nodes\nregistry: sqlite:///../registry.db\n")
        images.record(self.engine, IMAGE)

    def enrol(self, *words, **more):
        """Enrol a node, node1 where no other name is given, and take it through these verbs and events."""
        name = more.get("name", "node1")
        credential = more.get("bmc", {}).get("password")
        node = schema.normalise({
            "name": "node1", "driver": "manual", "address": "192.0.2.11", "serial": "S1", "root_device": {"serial": "D1"},
            "ports": [{"address": "52:54:00:00:02:11"}], **more})
        with self.engine.begin() as connection:
            nodes.upsert(connection, node, credential, same_credential=lambda old, new: True)
        for word in words:
            if word in ("manage", "provide", "deploy", "undeploy", "adopt", "rebuild"):
                transitions.begin(self.engine, name, word, self.controller, instance={**INSTANCE} if word == "deploy" else None)
            else:
                transitions.advance(self.engine, name, word, self.controller, error="it broke")

    def serve(self, medium=False):
        """Make the boot server's directory, with a ramdisk and two processes that pass for its daemons."""
        root = self.folder / "boot"
        for name in ("http/node", "http/ramdisk", "dnsmasq/hosts.d", "run"):
            (root / name).mkdir(parents=True)
        for name in ("vmlinuz", "initrd"):
            (root / "http/ramdisk" / name).write_text("x")
        current = {"digest": "1", "kernel": "ramdisk/vmlinuz", "initrd": "ramdisk/initrd"}
        if medium:
            (root / "http/ramdisk/boot.iso").write_bytes(bytes(9000))
            current["medium"] = {"path": "ramdisk/boot.iso", "config_offset": 100, "config_size": 8000}
        (root / "http/ramdisk/current.json").write_text(json.dumps(current))
        for name in ("dnsmasq", "nginx"):
            daemon = subprocess.Popen(
                ["sh", "-c", "trap '' HUP; echo; read end", "sh", f"{root}/{name}/{name}.conf"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            # Popen returns in the middle of execve(2), before the process has its command line.
            daemon.stdout.readline()
            self.daemons.append(daemon)
            (root / f"run/{name}.pid").write_text(f"{daemon.pid}\n")

    @property
    def node(self):
        return nodes.get(self.engine, "node1")

    def play(self, verb, *arguments, fails=True, boot_server_gone=False, **variables):
        """Run the playbook of a verb, or a file, and return what it printed on one line."""
        # Nothing listens on the port.
        gone = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
        way = gone if boot_server_gone else {"ansible_connection": "local"}
        servers = {"boot_servers": {"hosts": {"boot1": {
            **way, "ansible_python_interpreter": sys.executable,
            **{name: value for name, value in self.variables.items() if name.startswith("boot_server_") and value}}}}}
        (self.folder / "inventory/boot_servers.yml").write_text(yaml.safe_dump(servers))
        (self.folder / "variables.json").write_text(yaml.safe_dump({
            "image": "debian-12", **{name: value for name, value in self.variables.items() if name.startswith("ramdisk_")}, **variables}))
        done = subprocess.run(
            [os.path.join(os.path.dirname(sys.executable), "ansible-playbook"), verb if verb.endswith(".yml") else f"rackwright.baremetal.{verb}",
             "-e", "@variables.json", *arguments],
            cwd=self.folder, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
            env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION.parents[2]), "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
                 "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": "true", "ANSIBLE_LOCALHOST_WARNING": "0", "ANSIBLE_HOME": str(self.folder / ".ansible")})
        output = " ".join(done.stdout.split())
        assert (done.returncode != 0) is fails, done.stdout
        assert "Traceback" not in output
        return output


@pytest.fixture
def site(tmp_path, monkeypatch):
    for name in ("RACKWRIGHT_REGISTRY", "ANSIBLE_INVENTORY"):
        monkeypatch.delenv(name, raising=False)
    made = Site(tmp_path)
    yield made
    for daemon in made.daemons:
        with daemon:
            daemon.stdin.close()


@pytest.fixture
def board(monkeypatch):
    """A board that was set to boot as a BIOS does; its ``bmc`` is for the hardware record."""
    monkeypatch.setenv("BMC_PASSWORD", "canary")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Board)
    server.patches = []
    server.system = {
        "@odata.id": "/redfish/v1/Systems/1", "PowerState": "On", "SerialNumber": "S1",
        "Actions": {"#ComputerSystem.Reset": {"target": "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"}},
        "Boot": {"BootSourceOverrideTarget": "None", "BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideMode": "Legacy"},
    }
    server.bmc = {"address": f"http://127.0.0.1:{server.server_address[1]}", "username": "operator", "password": {"env": "BMC_PASSWORD"}}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


AVAILABLE = ("manage", "done", "provide", "done")


def power_tasks(tasks):
    """All tasks that use the module power, blocks and their rescues included."""
    for task in tasks or []:
        if "rackwright.baremetal.power" in task:
            yield task
        for part in ("block", "rescue", "always"):
            yield from power_tasks(task.get(part))


def test_every_boot_device_is_asked_for_with_the_boot_mode_of_the_node():
    """Over IPMI an override without a mode asks for legacy BIOS."""
    found = [task for path in COLLECTION.glob("roles/*/tasks/*.yml") for task in power_tasks(yaml.safe_load(path.read_text()))
             if "boot_device" in task["rackwright.baremetal.power"]]
    assert len(found) >= 3
    assert not [task["name"] for task in found if "mode" not in task["rackwright.baremetal.power"]["boot_device"]]


def test_the_plan_goes_as_far_as_the_bmc(site):
    site.enrol(*AVAILABLE)
    site.serve()
    output = site.play("deploy", "--check", "--diff")
    assert "#!ipxe" in output and "the driver manual cannot do power" in output
    assert site.node["provision_state"] == "available" and not list((site.folder / "boot/http/node").iterdir())


def test_a_file_system_that_is_not_published_gets_the_default_partitions_when_asked(site):
    site.enrol(*AVAILABLE)
    site.serve()
    image = {"image": "https://images.example.com/root.ext4", "image_checksum": "sha256:" + "c" * 64}
    output = site.play("deploy", "--check", "--diff", deploy_partitions={}, **image)
    assert '"role": "efi"' in output and '"role": "root"' in output


@pytest.mark.parametrize(("set_there", "said"), [
    ({"boot_server_address": None}, "(ramdisk_boot_server_url). Seen: the host boot1 has no boot_server_address"),
    ({"ramdisk_boot_cache": "{{ nobody_said_this }}"}, "(ramdisk_boot_cache). Seen: ramdisk_boot_cache names a host that is not in the inventory"),
    ({"ramdisk_boot_ssh_private_key_file": "/nowhere/key"}, "no readable file /nowhere/key.pub. To do: make a pair of keys"),
])
def test_what_is_wrong_with_the_boot_server_is_told_before_the_node_is_locked(site, set_there, said):
    site.enrol(*AVAILABLE)
    site.serve()
    site.variables.update(set_there)
    before = site.node
    for arguments in ((), ("--check",)):
        output = site.play("deploy", *arguments)
        assert said in output and "fatal: [node1]" in output and "node1: p" in output, output
        assert "Compare the boot files" not in output and "Publish the boot files" not in output
    assert site.node == before


WRONG_SETTINGS = [
    ({"ramdisk_boot_timeouts": {"callback": "soon"}}, "ramdisk_boot_timeouts: these are no time-outs. Seen: {'callback': 'soon'}"),
    ({"ramdisk_boot_timeouts": {"call_back": 7}}, "ramdisk_boot_timeouts: these are no time-outs. Seen: {'call_back': 7}"),
    ({"ramdisk_boot_timeouts": 7}, "ramdisk_boot_timeouts: these are no time-outs. Seen: 7"),
    ({"ramdisk_boot_kernel_arguments": "BOOTIF=x"}, "ramdisk_boot_kernel_arguments: the kernel argument BOOTIF is set by the module"),
    ({"deploy_hostname": "node_1"}, "the config drive cannot be made: hostname 'node_1' is no host name"),
    ({"deploy_network_data": {"links": []}}, "network_data: 'networks' is a required property"),
    ({"deploy_network_layout": [{"name": "a", "port": "eth7"}]}, "names the port eth7, which the node does not have"),
    ({"deploy_config_drive": {"meta_data": {"hostname": "other"}}}, "hostname is 'wrong7', and 'other' in meta_data"),
    ({"deploy_config_drive": "/nowhere/drive.iso"}, "/nowhere/drive.iso cannot be read"),
    ({"deploy_config_drive": "preserve"}, "there is none on the disk that could be preserved. Seen: the node is available"),
    ({"deploy_config_drive": "AAAA", "deploy_user_data": "x"}, "so user_data would be lost"),
    ({"deploy_ssh_public_keys": ["-----BEGIN OPENSSH PRIVATE KEY-----"]}, "not an SSH public key, but a private one"),
]


def test_what_is_wrong_in_the_settings_of_a_node_is_told_before_it_is_locked(site):
    """All in one run: a node's own fault is its own."""
    site.serve()
    (site.folder / "inventory/host_vars").mkdir()
    names = [f"wrong{number}" for number in range(len(WRONG_SETTINGS))]
    for number, (name, (given, dummy)) in enumerate(zip(names, WRONG_SETTINGS)):
        site.enrol(*AVAILABLE, name=name, address=f"192.0.2.{20 + number}", serial=f"S{20 + number}", ports=[{"address": f"52:54:00:00:03:{number:02x}"}])
        (site.folder / f"inventory/host_vars/{name}.yml").write_text(yaml.safe_dump(given))
    before = [nodes.get(site.engine, name) for name in names]
    for arguments in ((), ("--check",)):
        output = site.play("deploy", *arguments)
        for name, (dummy, said) in zip(names, WRONG_SETTINGS):
            told = output.partition(f"fatal: [{name}]")[2].partition("fatal: [")[0]
            assert said in told and f"{name}: p" in told, output
        assert "Compare the boot files" not in output and "Publish the boot files" not in output
    assert [nodes.get(site.engine, name) for name in names] == before


def test_what_a_boot_server_says_of_its_network_may_rest_on_facts_that_nobody_gathered(site):
    site.enrol(*AVAILABLE)
    site.serve()
    site.variables["boot_server_gateway"] = "{{ ansible_facts.default_ipv4.gateway }}"
    assert "#!ipxe" in site.play("deploy", "--check", "--diff")


def test_network_data_of_a_layout_goes_onto_the_config_drive(site):
    data = {"links": [{"id": "a", "type": "phy", "ethernet_mac_address": "52:54:00:00:02:11"}], "networks": [], "services": []}
    made = {"hostname": "node1", "public_keys": [KEY], "uuid": INSTANCE["uuid"], "meta": {"rackwright_image_digest": IMAGE["digest"]}}
    role = [str(COLLECTION / "roles/deploy" / part / "main.yml") for part in ("defaults", "vars")]
    play = {"hosts": "localhost", "gather_facts": False, "vars_files": role, "tasks": [
        {"ansible.builtin.copy": {"content": "{{ deploy__packed_config_drive }}", "dest": f"{site.folder}/{{{{ item.dest }}}}", "mode": "0600"},
         "vars": {"deploy_begin": {"config_drive": {"data": "{{ item.data }}"}}},
         "loop": [{"dest": "with", "data": {**made, "network_data": data}}, {"dest": "without", "data": made}]}]}
    (site.folder / "play.yml").write_text(yaml.safe_dump([play]))
    site.play(str(site.folder / "play.yml"), fails=False)
    found = [gzip.decompress(base64.b64decode((site.folder / name).read_text())) for name in ("with", "without")]
    assert json.dumps(data, sort_keys=True, indent=1).encode() in found[0] and b"network_data.json" not in found[1]


@pytest.mark.parametrize(("verb", "words", "state"), [
    ("deploy", AVAILABLE, "deploy failed"),
    ("provide", ("manage", "done"), "clean failed"),
])
def test_a_boot_server_that_is_gone_hides_no_failure(site, verb, words, state):
    """Neither publishing nor withdrawing works then; the last words are those on the node."""
    site.enrol(*words)
    output = site.play(verb, boot_server_gone=True)
    assert site.node["provision_state"] == state and site.node["lock"] is None
    last = output.rpartition("fatal: [node1]")[2]
    assert f'the provision state is now \\"{state}\\"' in last and "no connection to boot1" in last, output
    assert "The boot files could not be withdrawn: node1: netboot: no connection to boot1" in last


@pytest.mark.parametrize("words", [("manage", "done", "provide", "fail")])
def test_undeploy_after_a_failed_cleaning_in_check_mode(site, words):
    site.enrol(*words)
    assert "changed=1" in site.play("undeploy", "--check", fails=False)
    assert site.node["provision_state"] == "clean failed"


@pytest.mark.parametrize(("verb", "words", "state"), [
    ("provide", AVAILABLE, "available"), ("adopt", ("manage", "done", "adopt", "done"), "active"), ("inspect", ("manage", "done"), "manageable")])
def test_the_registry_decides_what_there_is_to_do(site, verb, words, state):
    site.enrol()
    cached = f"cache: true\ncache_plugin: ansible.builtin.jsonfile\ncache_connection: {site.folder}/cache\n"
    with open(site.folder / "inventory/nodes.yml", "a") as inventory:
        inventory.write(cached)
    assert "verifying" in site.play(verb, "--check", "--diff", fails=False)
    assert list((site.folder / "cache").iterdir())
    site.enrol(*words)
    assert "verifying" not in site.play(verb, "--check", "--diff", fails=False)
    # An inspection is always due; without a machine it would only fail here.
    assert ("changed=0" in site.play(verb, *(["--check"] if verb == "inspect" else []), fails=False)) == (verb != "inspect")
    assert site.node["provision_state"] == state


ACTIVE = (*AVAILABLE, "deploy", "done")


def test_undeploy_of_a_machine_without_bmc_that_is_not_cleaned(site):
    site.enrol(*ACTIVE, automated_clean=False)
    assert "switched off" not in site.play("undeploy", "--check", fails=False)
    output = site.play("undeploy", fails=False)
    assert "node1: nothing switched it off" in output and "192.0.2.11" in output
    assert site.node["provision_state"] == "available" and site.node["instance"] is None


def test_undeploy_of_a_machine_that_must_stay_on(site, board):
    site.enrol(*ACTIVE, automated_clean=False, driver="redfish", bmc=board.bmc, disable_power_off=True)
    assert "because it must stay on (disable_power_off)" in site.play("undeploy", fails=False)
    assert site.node["provision_state"] == "available" and board.system["PowerState"] == "On"


def test_undeploy_switches_a_machine_off_that_is_not_cleaned(site, board):
    site.enrol(*ACTIVE, automated_clean=False, driver="redfish", bmc={**board.bmc, "address": "http://127.0.0.1:1"})
    output = site.play("undeploy")
    assert site.node["provision_state"] == "error" and site.node["instance"] and site.node["lock"] is None
    last = output.rpartition("fatal: [node1]")[2]
    assert "127.0.0.1" in site.node["last_error"] and "127.0.0.1" in last and "run the same command again" in last
    # That is what the same command begins with.
    site.enrol(automated_clean=False, driver="redfish", bmc=board.bmc)
    site.play("undeploy", fails=False)
    assert site.node["provision_state"] == "available" and board.system["PowerState"] == "Off"
    assert "changed=0" in site.play("undeploy", fails=False)


@pytest.mark.parametrize(("boot_mode", "sent"), [("uefi", "UEFI"), ("bios", None)])
@pytest.mark.parametrize(("verb", "words"), [("deploy", AVAILABLE), ("provide", ("manage", "done"))])
def test_the_ramdisk_is_booted_in_the_boot_mode_of_the_node(site, board, boot_mode, sent, verb, words):
    site.serve()
    site.enrol(*words, driver="redfish", bmc=board.bmc, boot_mode=boot_mode)
    if verb == "deploy":
        site.play(verb, "--check", fails=False)
        assert not board.patches
    assert "no call from the ramdisk" in site.play(verb, ramdisk_boot_timeouts={"callback": 1})
    assert [patch.get("BootSourceOverrideMode") for patch in board.patches] == [sent]
    assert board.system["PowerState"] == "On" and board.system["Boot"]["BootSourceOverrideTarget"] == "Pxe"


def test_a_way_to_boot_that_fails_is_followed_by_the_next_which_is_told(site, board):
    site.serve(medium=True)
    site.enrol(*AVAILABLE, driver="redfish", bmc=board.bmc, boot_mode="uefi")
    ways = ["pxe", "redfish-https", "http-ipxe"]
    output = site.play("deploy", ramdisk_boot_timeouts={"callback": 1}, ramdisk_boot_interfaces=ways, ramdisk_boot_network="192.0.2.0/24")
    assert "it does not boot with pxe but with redfish-https: the ramdisk has no shim" in output
    assert "node1: did not boot with redfish-https, and now http-ipxe is tried." in output
    assert {patch["BootSourceOverrideTarget"] for patch in board.patches} == {"UefiHttp"}
    told = board.patches[0]["HttpBootUri"]
    assert told.startswith("http://192.0.2.1:8080/node/52-54-00-00-02-11/") and told.endswith("/boot.iso")
    assert board.system["Boot"]["HttpBootUri"] == "", "the next way would boot the medium too"
    assert site.node["provision_state"] == "deploy failed" and "no call from the ramdisk" in site.node["last_error"]


@pytest.mark.parametrize(("verb", "words"), [("deploy", AVAILABLE), ("provide", ("manage", "done"))])
@pytest.mark.parametrize(("given", "told"), [
    ({}, ("24", "192.0.2.254", "192.0.2.53")),
    ({"ramdisk_boot_network": "192.0.2.0/25", "ramdisk_boot_gateway": "", "ramdisk_boot_dns": []}, ("25", None, None))])
def test_a_medium_is_told_the_network_of_the_boot_server_or_of_the_node(site, board, verb, words, given, told):
    site.serve(medium=True)
    site.variables.update(boot_server_network="192.0.2.0/24", boot_server_gateway="192.0.2.254", boot_server_dns=["192.0.2.53"])
    site.enrol(*words, driver="redfish", bmc=board.bmc, boot_mode="uefi")
    site.play(verb, ramdisk_boot_timeouts={"callback": 1}, ramdisk_boot_interfaces=["redfish-https"], ramdisk_boot_debug=True, **given)
    medium, = (site.folder / "boot/http/node").glob("*/*/boot.iso")
    arguments = dict(re.findall(rb"rackwright[.](address|gateway|dns)=([^' ]+)", medium.read_bytes()))
    prefix, *others = told
    wanted = {"address": f"192.0.2.11/{prefix}", **{key: value for key, value in zip(("gateway", "dns"), others) if value}}
    assert {key.decode(): value.decode() for key, value in arguments.items()} == wanted


def test_manage_there_and_back(site, board):
    site.enrol(driver="redfish", bmc={**board.bmc, "address": "http://127.0.0.1:1"})
    last = site.play("manage").rpartition("fatal: [node1]")[2]
    assert site.node["provision_state"] == "enroll" and site.node["lock"] is None
    assert "127.0.0.1" in site.node["last_error"] and "run the same command again" in last
    site.enrol(driver="redfish", bmc=board.bmc)
    assert "changed=1" in site.play("manage", "--check", fails=False) and site.node["provision_state"] == "enroll"
    site.play("manage", fails=False)
    assert (site.node["provision_state"], site.node["power_state"]) == ("manageable", "on")
    assert "changed=0" in site.play("manage", fails=False)
    site.enrol("provide", "done", driver="redfish", bmc=board.bmc)
    site.play("manage", fails=False)
    assert site.node["provision_state"] == "manageable"
    site.enrol("provide", "done", "deploy", "done", driver="redfish", bmc=board.bmc)
    assert "the verb manage is not possible in state active. To do: possible from here: rebuild, rescue, service, undeploy" in site.play("manage")
    assert not board.patches


def test_adoption_leaves_the_machine_alone(site, board):
    site.enrol(driver="redfish", bmc=board.bmc)
    board.system["SerialNumber"] = "S2"
    assert "the provision state is now" in site.play("adopt") and site.node["provision_state"] == "enroll"
    board.system["SerialNumber"] = "S1"
    assert "there is no image debian-99" in site.play("adopt", image="debian-99") and site.node["provision_state"] == "enroll"
    assert site.node["instance"] is None
    before = dict(board.system)
    site.play("adopt", fails=False)
    node = site.node
    assert (node["provision_state"], node["power_state"], node["lock"]) == ("active", "on", None)
    assert node["instance"]["image_digest"] == IMAGE["digest"] and node["instance"]["deployed_at"] == node["provision_updated_at"]
    assert board.system == before and not board.patches
    for verb in ("adopt", "deploy"):
        assert "changed=0" in site.play(verb, fails=False)


def test_adoption_that_fails(site, board):
    site.enrol("manage", "done", driver="redfish", bmc={**board.bmc, "address": "http://127.0.0.1:1"})
    last = site.play("adopt", image="").rpartition("fatal: [node1]")[2]
    assert site.node["provision_state"] == "adopt failed" and "127.0.0.1" in site.node["last_error"] and "same command again" in last
    site.enrol(driver="redfish", bmc=board.bmc)
    site.play("adopt", image="", fails=False)
    assert (site.node["provision_state"], site.node["instance"]["image"]) == ("active", None)
    assert "the node runs another image, of which nothing is known" in site.play("deploy")
    assert "no image is named" in site.play("rebuild", image="")


def test_rebuild_keeps_the_instance(site, board):
    site.serve()
    images.record(site.engine, {**IMAGE, "name": "i"})
    site.enrol(*ACTIVE, driver="redfish", bmc=board.bmc)
    assert "changed=3" in site.play("rebuild", "--check", image="", fails=False) and site.node["provision_state"] == "active"
    for image in ("", "debian-12"):
        assert "no call from the ramdisk" in site.play("rebuild", image=image, ramdisk_boot_timeouts={"callback": 1})
        node = site.node
        assert (node["provision_state"], node["instance"]["uuid"], node["instance"]["image"]) == (
            "deploy failed", INSTANCE["uuid"], image or "i")
    assert board.system["Boot"]["BootSourceOverrideTarget"] == "Pxe"


def begin(site, *words):
    """Leave the node where a run that died has brought it."""
    site.controller["pid"], site.controller["start_time"] = 2 ** 22 + 1, 1
    for word in words:
        if word in ("wait", "clean"):
            transitions.advance(site.engine, "node1", word, site.controller)
        else:
            transitions.begin(site.engine, "node1", word, site.controller)


def test_abort_of_a_wait_withdraws_the_boot_files(site):
    site.enrol(*AVAILABLE, "deploy", "wait")
    site.serve()
    files = site.folder / "boot/http/node/52-54-00-00-02-11"
    files.mkdir()
    (files / "boot.ipxe").write_text("#!ipxe")
    assert "changed=1" in site.play("abort", "--check", fails=False) and site.node["provision_state"] == "wait call-back"
    site.play("abort", fails=False)
    assert (site.node["provision_state"], site.node["lock"]) == ("deploy failed", None) and not files.exists()
    assert "was ended by request of" in site.node["last_error"]
    assert "changed=0" in site.play("abort", fails=False)


def test_abort_of_a_run_that_lives_says_how_to_end_it(site):
    site.enrol(*AVAILABLE, "deploy")
    before = site.node
    output = " ".join(site.play("abort", fails=False).split())
    assert f"run run-1 of alice@controller (pid {os.getpid()}) holds it since" in output and f"kill {os.getpid()} on controller" in output
    # That run ends it; until then nothing but the mark has changed.
    assert site.node == {**before, "work": {**before["work"], "step": {"step": "deploying", "abort_after": True}} if before["work"]
                         else {"step": {"step": "deploying", "abort_after": True}}}


@pytest.mark.parametrize(("words", "dead", "verb", "state"), [
    (AVAILABLE, ("deploy",), "deploy", "deploy failed"),
    (AVAILABLE, ("deploy", "wait"), "deploy", "deploy failed"),
    (ACTIVE, ("rebuild",), "rebuild", "deploy failed"),
    ((), ("manage",), "provide", "clean failed"),
    (("manage", "done"), ("provide",), "provide", "clean failed"),
    (("manage", "done"), ("provide", "wait"), "provide", "clean failed"),
    (ACTIVE, ("undeploy",), "undeploy", "clean failed"),
    (ACTIVE, ("undeploy", "clean"), "undeploy", "clean failed"),
    (ACTIVE, ("undeploy", "clean", "wait"), "undeploy", "clean failed"),
    (("manage", "done"), ("adopt",), "adopt", "active"),
    (("manage", "done"), ("provide", "wait"), "abort", "clean failed"),
])
def test_the_same_command_goes_on_after_a_run_that_died(site, board, words, dead, verb, state):
    """As far as a machine goes that never calls back: it is booted into the ramdisk, under a new nonce."""
    site.serve()
    images.record(site.engine, {**IMAGE, "name": "i"})
    site.enrol(*words, driver="redfish", bmc=board.bmc)
    begin(site, *dead)
    output = site.play(verb, fails=verb not in ("adopt", "abort"), ramdisk_boot_timeouts={"callback": 1})
    assert (site.node["provision_state"], site.node["lock"]) == (state, None), output
    if verb not in ("adopt", "abort"):
        assert "no call from the ramdisk" in output and board.patches[-1]["BootSourceOverrideTarget"] == "Pxe"
        assert site.node["maintenance"] == (state == "clean failed")
    entries = transitions.history(site.engine, "node1")
    assert all(entry["who"] and entry["run_id"] and entry["duration"] >= 0 for entry in entries)
    assert any("died in state" in (entry["error"] or "") or entry["event"] == "abort" for entry in entries)


def other_run(site):
    """Who works on the node by another way than the site's plays."""
    return {**site.controller, "run_id": "run-2", "user": "carol"}


def in_the_middle_of(site, verb, state, act, **more):
    """Run a play and do something once the node is in a state; gives what the play printed."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        playing = pool.submit(site.play, verb, **more)
        deadline = time.monotonic() + 300
        while site.node["provision_state"] != state and time.monotonic() < deadline and not playing.done():
            time.sleep(0.1)
        act()
        return playing.result()


def test_run_that_waits_for_a_node_which_is_aborted_does_nothing_more_to_it(site, board):
    site.serve()
    site.enrol("manage", "done", driver="redfish", bmc=board.bmc)
    output = in_the_middle_of(site, "provide", "clean wait", lambda: transitions.abort(site.engine, "node1", other_run(site)),
                              ramdisk_boot_timeouts={"callback": 8})
    assert "this run does not hold the node, so it cannot report fail. Seen: abort by carol@controller led to state clean failed" in output
    node = site.node
    assert (node["provision_state"], node["lock"], board.system["PowerState"]) == ("clean failed", None, "On")
    assert "was ended by request of carol@controller" in node["last_error"]


def test_maintenance_by_an_operator(site):
    site.enrol(*AVAILABLE)
    assert "changed=1" in site.play("maintenance", "--check", fails=False) and not site.node["maintenance"]
    site.play("maintenance", maintenance_reason="fan 3 is broken", fails=False)
    assert "the node is in maintenance. Seen: fan 3 is broken. To do: end the maintenance with ansible node1 -m" in site.play("deploy")
    site.play("maintenance", maintenance_enabled=False, fails=False)
    assert (site.node["maintenance"], site.node["maintenance_reason"]) == (False, None)
    assert "changed=0" in site.play("maintenance", maintenance_enabled=False, fails=False)
