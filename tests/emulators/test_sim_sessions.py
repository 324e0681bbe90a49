# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions of BMCs through ansible-playbook: one at a time, none left however a task ends, and tables that are full."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils import _errors
from ansible_collections.rackwright.baremetal.tests.emulators.conftest import PASSWORD
from ansible_collections.rackwright.baremetal.tests.emulators.peers import wait_until
from ansible_collections.rackwright.baremetal.tests.simulators.start import ipmi_bmcs, redfish_bmcs

GATEWAY = {"ansible_connection": "beside", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
# Options of the module, and keywords of the task.
FORMS = {
    "host": ({}, {}),
    "fleet": ({"nodes": "{{ ansible_play_hosts }}"}, {"run_once": True}),
    "gateway": ({}, {"delegate_to": "gateway"}),
    "gateway-fleet": ({"nodes": "{{ ansible_play_hosts }}"}, {"run_once": True, "delegate_to": "gateway"}),
}
COUNT = 3


@pytest.fixture(scope="module", params=["redfish", "ipmi"])
def rack(request):
    start = {"redfish": redfish_bmcs, "ipmi": ipmi_bmcs}[request.param]
    with start(count=COUNT, password=PASSWORD, first_address="127.66.5.1") as simulator:
        simulator.driver = request.param
        if request.param == "ipmi":
            # The BMCs are not to end themselves what was left open.
            simulator.change(behaviour={"session_timeout": 600.0})
        yield simulator


@pytest.fixture
def sim(rack):
    """BMCs that need a session, just switched off."""
    rack.needed = {"basic_auth_off": True} if rack.driver == "redfish" else {}
    for index in range(COUNT):
        rack.faults(index=index, **rack.needed)
        rack.reset(index)
        rack.reset_counters(index)
        rack.change(index, power="Off")
    return rack


def fault(sim, *names):
    for index in range(COUNT):
        sim.faults(*names, index=index, **sim.needed)


def hosts(sim):
    bmcs = [{key: value for key, value in bmc.items() if value is not None} for bmc in sim.connections]
    return {"gateway": GATEWAY, **{f"node{number}": {"baremetal_bmc": {"driver": sim.driver, **bmc}} for number, bmc in enumerate(bmcs)}}


def task(form, module="power", **given):
    options, more = FORMS[form]
    return {"name": module, f"rackwright.baremetal.{module}": {**given, **options}, **more}


def sessions(sim):
    return [sim.show(index)["sessions_open"] for index in range(COUNT)]


def counted(sim, name):
    return [sim.counters(index).get(name, 0) for index in range(COUNT)]


@pytest.mark.parametrize("form", FORMS)
def test_one_session_at_a_time_and_none_is_left(playbook, sim, form):
    listed = [task(form, state="on"), task(form, "boot_device", device="pxe"), task(form, state="off")]
    run = playbook(hosts(sim), listed)
    assert run.returncode == 0, run.stdout
    assert counted(sim, "sessions_opened") == counted(sim, "sessions_closed") == [len(listed)] * COUNT
    assert counted(sim, "sessions_peak") == [1] * COUNT and sessions(sim) == [0] * COUNT


@pytest.mark.parametrize("form", FORMS)
def test_none_is_left_when_the_time_is_over(playbook, sim, form):
    fault(sim, "power_ignored")
    run = playbook(hosts(sim), [task(form, state="on", timeout=1)])
    assert run.returncode == 2 and "did not do so" in run.stdout, run.stdout
    assert counted(sim, "sessions_opened") == counted(sim, "sessions_closed") == [1] * COUNT and sessions(sim) == [0] * COUNT


@pytest.mark.parametrize("form", FORMS)
def test_full_table_is_told_with_its_cure(playbook, sim, form):
    fault(sim, "session_table_full")
    run = playbook(hosts(sim), [task(form, state="on")])
    assert run.returncode == 2 and "has no session left" in run.stdout and "forgotten sessions" in run.stdout, run.stdout
    assert counted(sim, "sessions_opened") == [0] * COUNT and [sim.show(index)["power"] for index in range(COUNT)] == ["Off"] * COUNT


@pytest.mark.parametrize("form", ["host", "fleet"])
@pytest.mark.parametrize("end", ["Ctrl-C", signal.SIGINT, signal.SIGTERM])
def test_none_is_left_when_the_playbook_is_interrupted(sim, tmp_path, form, end):
    fault(sim, "power_ignored")
    (tmp_path / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts(sim)}}))
    play = {"hosts": "all:!gateway", "gather_facts": False, "tasks": [task(form, state="on", timeout=100)]}
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(Path(_errors.__file__).parents[5]), "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local")}
    # A shell that runs the tests in the background has them ignore SIGINT.
    with subprocess.Popen([shutil.which("ansible-playbook"), "-i", "inventory.json", "play.yml"], cwd=tmp_path, env=environment,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler)) as run:
        wait_until(lambda: sessions(sim) == [1] * COUNT, "a session with every BMC", run, seconds=90)
        if end == "Ctrl-C":
            # The terminal sends it to all processes in the foreground.
            os.killpg(run.pid, signal.SIGINT)
        else:
            run.send_signal(end)
        run.wait(60)
    # A worker logs off although the run is over already.
    wait_until(lambda: sessions(sim) == [0] * COUNT, "the end of all sessions", seconds=40)
    assert counted(sim, "sessions_peak") == [1] * COUNT


@pytest.mark.parametrize("form", FORMS)
def test_basic_authentication_needs_no_place_in_a_full_table(playbook, form):
    with redfish_bmcs(count=COUNT, password=PASSWORD, first_address="127.66.6.1", faults=["session_table_full"]) as simulator:
        simulator.driver = "redfish"
        run = playbook(hosts(simulator), [task(form, state="on")])
        assert run.returncode == 0, run.stdout
        assert counted(simulator, "sessions_opened") == [0] * COUNT and [simulator.show(index)["power"] for index in range(COUNT)] == ["On"] * COUNT
