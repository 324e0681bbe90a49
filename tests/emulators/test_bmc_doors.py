# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""power and boot_device through both doors: as an action in the worker, and as a delegated module."""

from __future__ import annotations

import re
import socket

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import credentials, nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.emulators.conftest import PASSWORD, SIM_KEY, SIM_PASSWORD
from ansible_collections.rackwright.baremetal.tests.emulators.peers import free_port


def power(**options):
    return {"name": "Power", "rackwright.baremetal.power": options}


def boot_device(**options):
    return {"name": "Boot device", "rackwright.baremetal.boot_device": options}


def delegated(task):
    return {**task, "delegate_to": "gateway"}


@pytest.fixture
def hosts(virtualbmc, redfish, machine_off):
    """Two nodes, whose BMCs are in host variables, and a host that their network is reached from."""
    return {
        "node1": {"baremetal_bmc": {**virtualbmc, "driver": "ipmi", "password": "{{ bmc_password }}"}, "bmc_password": PASSWORD},
        "node2": {"baremetal_bmc": {**redfish, "driver": "redfish"}},
        "gateway": {"ansible_connection": "beside", "ansible_python_interpreter": "{{ ansible_playbook_python }}"},
    }


def only(hosts, *names):
    return {name: hosts[name] for name in (*names, "gateway")}


def recap(run, host):
    """``{"ok": 1, "changed": 0, ...}`` of a host."""
    line = re.search(rf"^{host}\s+: (.*)$", run.stdout, re.M)
    assert line, run.stdout
    return {key: int(value) for key, value in (pair.split("=") for pair in line[1].split())}


def clean(run):
    for secret in (PASSWORD, SIM_PASSWORD, SIM_KEY, SIM_KEY.encode().hex()):
        assert secret not in run.stdout
    assert "Traceback" not in run.stdout
    return run


@pytest.mark.parametrize("door", [lambda task: task, delegated], ids=["action", "module"])
@pytest.mark.parametrize("node", ["node1", "node2"])
def test_power_and_boot_device(playbook, hosts, machine_off, node, door):
    tasks = [door(task) for task in (
        power(state="off"), power(state="on"), power(state="on"),
        power(state="rebooted", boot_device={"device": "disk"}),
        power(state="off", timeout=30, boot_device={"device": "pxe"}),
        boot_device(device="disk"), boot_device(device="disk"))]
    run = clean(playbook(only(hosts, node), tasks, "-vvvv", "--diff"))
    assert run.returncode == 0, run.stdout
    changes = re.findall(rf"^(ok|changed): \[{node}", run.stdout, re.M)
    assert changes[:3] == ["ok", "changed", "ok"]
    assert changes[3:] == ["changed", "changed", "changed", "ok"]
    assert '"power_state": "rebooted"' not in run.stdout and '"rebooted": true' in run.stdout
    assert "shut off" in machine_off("domstate", "test")


@pytest.mark.parametrize("door", [lambda task: task, delegated], ids=["action", "module"])
def test_check_mode_predicts_and_changes_nothing(playbook, hosts, machine_off, door):
    def definition():
        # sushy-emulator keeps BIOS settings in it, which it makes up when it is asked for the first time.
        return re.sub(r" *<metadata.*</metadata>\n", "", machine_off("dumpxml", "test"), flags=re.DOTALL)

    before = definition()
    tasks = [door(power(state="on", boot_device={"device": "pxe", "persistent": True})), door(boot_device(device="cdrom"))]
    for node in ("node1", "node2"):
        run = clean(playbook(only(hosts, node), tasks, "--check", "--diff", "-vvvv"))
        assert recap(run, node)["changed"] == 2, run.stdout
    assert definition() == before


@pytest.mark.parametrize("door", [lambda task: task, delegated], ids=["action", "module"])
def test_key_of_a_bmc_is_in_no_output(playbook, hosts, ipmi_sim_with_key, door):
    bmc = {**ipmi_sim_with_key, "driver": "ipmi"}
    tasks = [door(power(state="off")), {**door(power(state="off", bmc={**ipmi_sim_with_key, "kg_key": "0x" + SIM_KEY.encode().hex()}, driver="ipmi"))}]
    run = clean(playbook({"node1": {"baremetal_bmc": bmc}, "gateway": hosts["gateway"]}, tasks, "-vvvv"))
    assert run.returncode == 0, run.stdout
    wrong = {**bmc, "kg_key": f"{SIM_KEY}-x"}
    run = clean(playbook({"node1": {"baremetal_bmc": wrong}, "gateway": hosts["gateway"]}, [door(power(state="off"))], "-vvvv"))
    assert "does not accept the key K_g" in run.stdout


@pytest.mark.parametrize("door", [lambda task: task, delegated], ids=["action", "module"])
def test_soft_off_asks_the_operating_system(playbook, hosts, machine_off, door):
    tasks = [door(power(state="on")), door(power(state="off", method="soft", soft_timeout=20)), door(power(state="off", method="soft"))]
    run = clean(playbook(only(hosts, "node1"), tasks, "-vvvv"))
    assert run.returncode == 0, run.stdout
    assert recap(run, "node1")["changed"] == 2 and "[WARNING]" not in run.stdout
    assert "shut off" in machine_off("domstate", "test")


@pytest.mark.parametrize(("task", "text"), [
    (power(state="on", method="reset"), "a reset does not bring a machine into the power state on"),
    (boot_device(device="http"), "the driver ipmi cannot set the boot device http"),
    (power(state="on", boot_device={"device": "pxe", "uri": "http://192.0.2.1/"}), "the boot device pxe has no URI"),
    (boot_device(device="pxe", driver="redfish", uri="http://192.0.2.1/"), "the boot device pxe has no URI"),
])
def test_what_contradicts_itself_is_refused_before_anything_is_sent(playbook, hosts, task, text):
    hosts["node1"]["baremetal_bmc"]["address"] = "192.0.2.1"
    assert text in " ".join(clean(playbook(only(hosts, "node1"), [task])).stdout.split())


def failures(hosts):
    node1, node2 = hosts["node1"]["baremetal_bmc"], hosts["node2"]["baremetal_bmc"]
    return {
        "password-ipmi": ({**node1, "password": PASSWORD + "-wrong"}, "does not accept the password"),
        "user-ipmi": ({**node1, "username": "nobody"}, "does not let the user nobody in"),
        "nobody-ipmi": ({**node1, "port": free_port(socket.SOCK_DGRAM)}, "does not answer"),
        "password-redfish": ({**node2, "password": PASSWORD + "-wrong"}, "does not accept the user name and password"),
        "refused-redfish": ({**node2, "port": free_port()}, "refused the connection"),
        "authority-redfish": ({**node2, "ca_file": None}, "is not to be trusted"),
        "file-redfish": ({**node2, "ca_file": "/nonexistent.pem"}, "cannot be used"),
        "driver": ({**node2, "driver": "carrier-pigeon"}, "there is no driver carrier-pigeon"),
        "no-driver": ({key: value for key, value in node2.items() if key != "driver"}, "nothing says which driver"),
        "key": ({**node2, "adress": "192.0.2.1"}, "keys that mean nothing here: adress"),
        "no-password": ({**node2, "password": None}, "needs password of the BMC"),
        "manual": ({"driver": "manual"}, "the driver manual cannot do power on"),
        "text": ("192.0.2.1", "is no dictionary"),
    }


CASES = sorted(failures({"node1": {"baremetal_bmc": {}}, "node2": {"baremetal_bmc": {}}}))


@pytest.mark.parametrize(("case", "door"), [
    *((case, lambda task: task) for case in CASES),
    *((case, delegated) for case in ("password-ipmi", "password-redfish", "refused-redfish", "manual")),
])
def test_bad_input_is_one_paragraph_without_secrets(playbook, hosts, case, door):
    bmc, message = failures(hosts)[case]
    hosts["node1"]["baremetal_bmc"] = bmc
    run = clean(playbook(only(hosts, "node1"), [door(power(state="on"))], "-vvvv"))
    assert recap(run, "node1")["failed"] == 1
    told = re.search(r'"msg": "(.*)"', run.stdout)[1]
    assert told.startswith("node1: ") and message in told and "To do: " in told, told
    assert "\\n" not in told


def test_web_server_that_is_no_bmc(playbook, hosts, web_server):
    hosts["node2"]["baremetal_bmc"].update(address="http://127.0.0.1", port=web_server, ca_file=None)
    run = clean(playbook(only(hosts, "node2"), [power(state="on")], "-vvvv"))
    assert "is not a Redfish service" in run.stdout


def test_task_option_goes_before_the_host_variable(playbook, hosts):
    node2 = {key: value for key, value in hosts["node2"]["baremetal_bmc"].items() if key != "driver"}
    hosts["node1"]["baremetal_bmc"] = {"driver": "ipmi", "address": "192.0.2.1", "username": "x", "password": "x"}
    run = clean(playbook(only(hosts, "node1"), [power(state="on", driver="redfish", bmc=node2)], "-vvvv"))
    assert recap(run, "node1")["changed"] == 1, run.stdout


@pytest.fixture
def registry(tmp_path, redfish, monkeypatch):
    """A registry that knows node2 and that its BMC's password is in the environment."""
    url = f"sqlite:///{tmp_path}/registry.db"
    bmc = {key: value for key, value in redfish.items() if key != "password"}
    node = schema.normalise({
        "name": "node2", "rack": "rack3", "driver": "redfish", "bmc": bmc, "ports": [{"address": "02:00:00:00:00:02"}],
        "address": "192.0.2.2", "boot_mode": "uefi", "resource_class": "baremetal", "system_uuid": "6695eb01-f6a4-8304-79aa-97f2502e193f"})
    monkeypatch.setenv("NODE2_BMC", PASSWORD)
    with open_registry(url).begin() as connection:
        nodes.upsert(connection, node, credentials.reference({"env": "NODE2_BMC"}), same_credential=lambda old, new: old == new)
    return url


@pytest.mark.parametrize("door", [lambda task: task, delegated], ids=["action", "module"])
def test_registry_knows_the_bmc_and_learns_the_power_state(playbook, hosts, registry, door):
    hosts["node2"] = {"baremetal_registry": registry}
    engine = open_registry(registry)
    run = clean(playbook(only(hosts, "node2"), [door(power(state="on"))], "-vvvv", "--check"))
    assert recap(run, "node2")["changed"] == 1, run.stdout
    assert nodes.get(engine, "node2")["power_state"] is None
    for state in ("on", "off"):
        run = clean(playbook(only(hosts, "node2"), [door(power(state=state))], "-vvvv"))
        assert recap(run, "node2")["changed"] == 1, run.stdout
        assert nodes.get(engine, "node2")["power_state"] == state


def test_node_that_no_registry_knows(playbook, hosts, registry, tmp_path):
    hosts["node1"] = {"baremetal_registry": registry}
    assert "the registry has no such node" in clean(playbook(only(hosts, "node1"), [power(state="on")])).stdout
    hosts["node1"] = {"baremetal_registry": f"sqlite:///{tmp_path}/absent.db"}
    assert "there is no registry" in clean(playbook(only(hosts, "node1"), [power(state="on")])).stdout
    assert not (tmp_path / "absent.db").exists()
    hosts["node1"] = {}
    assert "nothing says where the node's BMC is" in clean(playbook(only(hosts, "node1"), [power(state="on")])).stdout
