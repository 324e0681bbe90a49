# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulators as fixtures, one set for the whole run."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils import _errors
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.driver import open_driver
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.emulators import peers

# Appears in no output whatever happens.
PASSWORD = "canary-5up3r-s3cr3t"


@pytest.fixture(scope="session")
def workplace():
    """A directory that the unprivileged libvirtd may enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="rackwright-emulators-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def libvirt_uri(workplace):
    with peers.libvirt_test_driver(workplace) as uri:
        yield uri


@pytest.fixture(scope="session")
def tls(workplace):
    return peers.certificates(workplace)


@pytest.fixture(scope="session")
def virtualbmc(workplace, libvirt_uri):
    with peers.virtualbmc(workplace, libvirt_uri, PASSWORD) as bmc:
        yield bmc


@pytest.fixture(scope="session")
def suite17(workplace):
    with peers.suite17_bmc(workplace, PASSWORD) as bmc:
        yield bmc


@pytest.fixture(scope="session")
def serial_bmc(workplace):
    with peers.serial_bmc(workplace, PASSWORD) as bmc:
        yield bmc


@pytest.fixture
def suite17_heard(suite17, workplace):
    """A function that gives the commands which the BMC got since the test began, as hexadecimal text: netfn, command, data."""
    log = workplace / "suite17.log"
    begin = log.stat().st_size
    return lambda: [line.split()[1] for line in log.read_text()[begin:].splitlines() if line.startswith("heard ")]


# ipmi_sim takes no longer ones.
SIM_PASSWORD, SIM_KEY = PASSWORD[:16], "canary-k3y-0f-bmc"


@pytest.fixture(scope="session")
def ipmi_sim(workplace):
    with peers.ipmi_sim(workplace, SIM_PASSWORD) as bmc:
        yield bmc


@pytest.fixture(scope="session")
def ipmi_sim_with_key(workplace):
    with peers.ipmi_sim(workplace, SIM_PASSWORD, SIM_KEY) as bmc:
        yield bmc


@pytest.fixture(scope="session")
def _redfish(workplace, libvirt_uri, tls):
    with peers.sushy_emulator(workplace, "sushy-libvirt", PASSWORD, tls, {"LIBVIRT_URI": libvirt_uri}) as started:
        yield started


@pytest.fixture(scope="session")
def redfish(_redfish):
    return _redfish[0]


@pytest.fixture
def redfish_requests(_redfish):
    """A function that gives the requests which the emulator got since the test began."""
    log = _redfish[1]
    begin = log.stat().st_size
    return lambda: [line for line in log.read_text()[begin:].splitlines() if "HTTP/1.1" in line]


@pytest.fixture(scope="session")
def redfish_fake(workplace, tls):
    settings = {"FAKE_DRIVER": True, "FAKE_SYSTEMS": peers.fake_systems()}
    with peers.sushy_emulator(workplace, "sushy-fake", PASSWORD, tls, settings) as (bmc, log):
        yield bmc


@pytest.fixture
def web_server():
    """A web server that is no BMC, and the URL of it."""
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html><body>Welcome</body></html>")

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer((peers.HOST, 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def machine_off(libvirt_uri):
    """The test driver's machine, off and booting from disk; gives a function for virsh."""
    def virsh(*arguments):
        return subprocess.run([peers.program("virsh"), "-c", libvirt_uri, *arguments], check=True, capture_output=True, text=True).stdout

    if "running" in virsh("domstate", peers.DOMAIN):
        virsh("destroy", peers.DOMAIN)
    return virsh


@pytest.fixture
def opened():
    """``opened(driver, bmc, work)``: what ``work(open driver)`` returns."""
    def run(driver, bmc, work):
        with open_driver(driver, bmc) as bmc_open:
            return work(bmc_open)

    return run


@pytest.fixture
def failure(opened):
    """``failure(driver, bmc)``: the text of the error that reading the power state ends in; it never holds the password."""
    def run(driver, bmc):
        with pytest.raises(BaremetalError) as caught:
            opened(driver, bmc, lambda driver_open: driver_open.get_power())
        assert caught.value.stage == "BMC connection"
        assert caught.value.cure
        assert bmc["password"] not in str(caught.value)
        return str(caught.value)

    return run


@pytest.fixture
def playbook(tmp_path):
    """``playbook(hosts, tasks, *arguments)``: run tasks on hosts; gives the completed process, its output as text.

    ``hosts`` holds the host variables by host name.
    """
    collections = Path(_errors.__file__).parents[5]

    def run(hosts, tasks, *arguments):
        inventory = {"all": {"hosts": hosts}}
        (tmp_path / "inventory.json").write_text(json.dumps(inventory))
        play = [{"name": "Test", "hosts": "all:!gateway", "gather_facts": False, "tasks": tasks}]
        (tmp_path / "play.yml").write_text(json.dumps(play))
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(collections),
            "ANSIBLE_CONNECTION_PLUGINS": str(Path(__file__).with_name("connection_plugins")),
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
            "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        }
        return subprocess.run(
            [shutil.which("ansible-playbook"), "-i", str(tmp_path / "inventory.json"), str(tmp_path / "play.yml"), *arguments],
            env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)

    return run
