# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run does not send twice: to a BMC that cannot be reached, and to find out what an earlier task found out."""

from __future__ import annotations

import os
import re
import socket

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import ipmi_session
from ansible_collections.rackwright.baremetal.tests.emulators.conftest import PASSWORD
from ansible_collections.rackwright.baremetal.tests.emulators.peers import HOST, USERNAME
from ansible_collections.rackwright.baremetal.tests.simulators.start import ipmi_bmcs, redfish_bmcs

# Options of the module, and keywords of the task.
FORMS = {
    "host": ({}, {}),
    "fleet": ({"nodes": ["node1"]}, {"run_once": True}),
    "gateway": ({}, {"delegate_to": "gateway"}),
    "gateway-fleet": ({"nodes": ["node1"]}, {"run_once": True, "delegate_to": "gateway"}),
}
GATEWAY = {"ansible_connection": "beside", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}

# For every Python of the run, workers and modules: a line for each attempt to connect.
SITE = """
import os, sys

def note(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        with open(os.environ["CONNECT_LOG"], "a") as log:
            log.write("{0[0]} {0[1]}\\n".format(arguments[1]))

sys.addaudithook(note)
"""


@pytest.fixture
def attempts(tmp_path, monkeypatch):
    """A function that gives how often a run tried to connect to a BMC."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(SITE)
    log = tmp_path / "connects"
    log.touch()
    monkeypatch.setenv("CONNECT_LOG", str(log))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(tmp_path / "site"), os.environ.get("PYTHONPATH")))))
    return lambda bmc: log.read_text().splitlines().count(f"{bmc['address']} {bmc['port']}")


@pytest.fixture
def listener():
    """A UDP socket that answers nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind((HOST, 0))
        bound.setblocking(False)
        yield bound


def packets(listener):
    """How many packets came in."""
    count = 0
    while True:
        try:
            listener.recv(4096)
        except BlockingIOError:
            return count
        count += 1


@pytest.fixture(scope="module")
def sim():
    with redfish_bmcs(password=PASSWORD, first_address="127.66.4.1") as simulator:
        yield simulator


def tasks(form, *modules):
    options, more = FORMS[form]
    given = {"power": {"state": "on"}, "boot_device": {"device": "pxe"}, "sensors_info": {}}
    return [{"name": module, f"rackwright.baremetal.{module}": {**given[module], **options}, "ignore_errors": True, **more} for module in modules]


def run(playbook, bmc, driver, *listed):
    done = playbook({"node1": {"baremetal_bmc": {**{key: value for key, value in bmc.items() if value is not None}, "driver": driver}}, "gateway": GATEWAY},
                    list(listed), "-vvv")
    assert PASSWORD not in done.stdout and "Traceback" not in done.stdout and "run_facts" not in done.stdout
    return done


def told(done):
    """Of each task that failed: whether it tells that the BMC was not tried."""
    return ["is not tried again before 60 s have passed" in message for message in re.findall(r'^    "msg": "(.*)"', done.stdout, re.M)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("driver", ["redfish", "auto"])
def test_redfish_service_that_is_not_reached_is_tried_once_in_a_run(playbook, sim, attempts, form, driver):
    sim.faults("blackhole")
    bmc = sim.connections[0]
    done = run(playbook, bmc, driver, *tasks(form, "power", "power", "boot_device", "sensors_info"))
    assert told(done) == [False, True, True, True], done.stdout
    # To find the driver, the same port is asked by UDP as well.
    assert attempts(bmc) == (1 if driver == "redfish" else 2)
    sim.faults()
    assert not told(run(playbook, bmc, driver, *tasks(form, "power")))


@pytest.mark.parametrize("form", FORMS)
def test_silent_ipmi_is_asked_once_in_a_run(playbook, listener, form):
    bmc = {"address": HOST, "port": listener.getsockname()[1], "username": USERNAME, "password": PASSWORD}
    done = run(playbook, bmc, "ipmi", *tasks(form, "power", "power", "boot_device", "sensors_info"))
    assert told(done) == [False, True, True, True], done.stdout
    assert packets(listener) == len(ipmi_session._FIRST_WAITS)


@pytest.mark.parametrize("form", FORMS)
def test_what_one_task_found_out_about_redfish_the_next_one_knows(playbook, sim, form):
    """Neither the driver nor the path of the system is asked for twice."""
    sim.reset()
    sim.faults()
    sim.change(0, power="Off")
    done = run(playbook, {**sim.connections[0], "system_id": None}, "auto", *tasks(form, "power", "power", "boot_device"))
    assert done.returncode == 0 and not told(done), done.stdout
    paths = [request["path"].rstrip("/") for request in sim.requests()]
    assert paths.count("/redfish/v1/Systems") == paths.count("/redfish/v1") == 1, paths


@pytest.mark.parametrize("form", FORMS)
def test_what_one_task_found_out_about_ipmi_the_next_one_knows(playbook, form):
    """A BMC that knows cipher suite 3 only refuses 17 once."""
    with ipmi_bmcs(password=PASSWORD, first_address="127.66.4.2", power="On") as ipmi:
        ipmi.change(0, behaviour={"cipher_suites": [3]})
        assert not told(run(playbook, ipmi.connections[0], "ipmi", *tasks(form, "power", "power", "power")))
        # A session for each power state, and only the first one asks for the suite that is refused.
        counters = ipmi.counters()
        assert (counters["suites_refused"], counters["sessions_opened"]) == (1, 3)
