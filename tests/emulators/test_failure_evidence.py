# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is kept after a failure: of a BMC with a serial line, of simulated boards, and of one that does not answer."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import tarfile

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import failure_evidence, serial_over_lan
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.driver import open_driver
from ansible_collections.rackwright.baremetal.tests.emulators import peers
from ansible_collections.rackwright.baremetal.tests.emulators.conftest import PASSWORD
from ansible_collections.rackwright.baremetal.tests.simulators.start import ipmi_bmcs, redfish_bmcs

GATEWAY = {"ansible_connection": "beside", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}


@pytest.fixture(scope="module")
def board(workplace):
    with redfish_bmcs(directory=str(workplace), password=PASSWORD) as simulator:
        yield simulator


@pytest.fixture
def gather(playbook, tmp_path):
    """``gather(bmc, driver, ...)``: the result of the module, and the texts in its tarball by path, or None."""
    def run(bmc, driver, *arguments, error=f"it broke with {PASSWORD} in it", task=(), **options):
        tasks = [{"rackwright.baremetal.failure_evidence": {"directory": str(tmp_path / "a" / "evidence"), "error": error, "timeout": 30, **options},
                  "register": "evidence", **dict(task)},
                 {"ansible.builtin.copy": {"content": "{{ evidence }}", "dest": str(tmp_path / "result.json"), "mode": "0600"}, "check_mode": False}]
        done = playbook({"node1": {"baremetal_bmc": {**bmc, "driver": driver}, "ansible_connection": "local",
                                   "ansible_python_interpreter": "{{ ansible_playbook_python }}"}, "gateway": GATEWAY}, tasks, "-vvvv", *arguments)
        assert done.returncode == 0, done.stdout
        assert PASSWORD not in done.stdout and "Traceback" not in done.stdout
        result = json.loads((tmp_path / "result.json").read_text())
        files = list((tmp_path / "a" / "evidence").glob("*")) + list((tmp_path / "a" / "evidence").glob(".*"))
        assert [str(path) for path in files] == [result["path"]] * bool(result["path"])
        for path in files:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        texts = None
        for path in files:
            with tarfile.open(path) as tar:
                texts = {member.name.partition("/")[2]: tar.extractfile(member).read().decode() for member in tar.getmembers()}
        assert PASSWORD not in str(texts)
        return result, texts
    return run


@pytest.mark.parametrize("task", [{}, {"delegate_to": "gateway"}], ids=["action", "module"])
def test_console_of_a_bmc_with_a_serial_line(gather, serial_bmc, opened, task):
    result, texts = gather(serial_bmc, "ipmi", task=task, timeout=16)
    assert re.search(r"evidence/node1-\d{8}T\d{6}Z\.tar\.gz$", result["path"])
    assert result["changed"] and re.fullmatch(rf"it broke with \*+ in it\. Evidence is in {result['path']} on \S+\.", result["error"])
    index = json.loads(texts["index.json"])
    assert index["node"] == "node1" and index["run_id"] and index["error"].startswith("it broke with")
    assert len(re.findall(r"^\[\d+\.\d\] line \d+$", texts["bmc/console.txt"], re.M)) > 5
    assert json.loads(texts["bmc/machine.json"])["power_state"] in ("on", "off")
    assert list(result["unavailable"]) == ["event_log"] and set(index["missing"]) == {"bmc/event_log", "boot_server", "ramdisk"}
    # It was given back.
    assert opened("ipmi", serial_bmc, lambda driver: serial_over_lan.capture(driver, 4, 1000))["bytes"]


def test_event_log_of_a_board_without_a_captured_console(gather, board):
    board.faults()
    result, texts = gather(board.connections[0], "redfish")
    assert "has no serial console capture" in result["unavailable"]["console"] and list(result["unavailable"]) == ["console"]
    assert re.match(r"\S+, the newest entries, oldest first\n20\d\d-\S+Z  \w+  \w+", texts["bmc/event_log.txt"])
    assert not [request for request in board.requests() if request["method"] != "GET"]


@pytest.mark.parametrize(("listens", "said"), [(False, "nothing listens on that port"), (True, "not done with it within 6 s")])
def test_bmc_that_does_not_answer(gather, listens, said):
    with socket.socket() as silent:
        silent.bind((peers.HOST, 0))
        if listens:
            silent.listen()
        result, texts = gather({"address": peers.HOST, "port": silent.getsockname()[1], "username": "operator", "password": PASSWORD}, "redfish", timeout=6)
    assert list(texts) == ["index.json"]
    assert said in result["unavailable"]["console"] and said in json.loads(texts["index.json"])["missing"]["bmc/event_log"]


def test_nothing_is_asked_or_written_in_check_mode(gather, board):
    board.reset_counters()
    result, texts = gather(board.connections[0], "redfish", "--check", ramdisk={"address": peers.HOST})
    assert (result["changed"], result["path"], texts, board.counters().get("requests", 0)) == (False, None, None, 0)


def test_node_without_a_bmc(gather):
    result, texts = gather({}, "manual", error="it broke")
    assert "the driver manual has no" in result["unavailable"]["console"] and json.loads(texts["bmc/machine.json"])["power_state"] == "unknown"


def test_bmc_that_nothing_is_said_of_keeps_nothing_else_from_being_gathered(playbook, tmp_path):
    done = playbook({"node1": {}}, [{"rackwright.baremetal.failure_evidence": {
        "directory": str(tmp_path / "evidence"), "error": "it broke", "boot_log": {"journal": "the last words\n", "unavailable": {"http": "no such file"}}}}])
    assert done.returncode == 0 and "the BMC is not asked for evidence" in " ".join(done.stdout.split()), done.stdout
    (path,) = (tmp_path / "evidence").iterdir()
    with tarfile.open(path) as tar:
        assert [member.name.partition("/")[2] for member in tar.getmembers()] == ["index.json", "bmc/machine.json", "boot_server/journal.txt"]


def test_parts_of_other_hosts(gather, board, monkeypatch, tmp_path):
    """The boot server's part as its module returned it, and a ramdisk behind an ssh of the test's own; a canary is in both."""
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text("#!/bin/sh\necho \"$@\" >" + str(tmp_path / "words") + "\nexec sh -s\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    result, texts = gather(
        board.connections[0], "redfish", boot_log={"dnsmasq": "DHCPACK", "http": None, "journal": f"tried {PASSWORD}", "unavailable": {"http": "no file"}},
        ramdisk={"address": "192.0.2.11", "ssh_private_key_file": "/keys/id", "ssh_arguments": "-o IdentitiesOnly=yes"})
    assert texts["boot_server/dnsmasq.txt"] == "DHCPACK" and texts["boot_server/journal.txt"].startswith("tried ***")
    assert "MemTotal" in texts["ramdisk/memory.txt"] and "[exit status" in texts["ramdisk/lsblk.json"]
    assert "-i /keys/id -o IdentitiesOnly=yes root@192.0.2.11" in (tmp_path / "words").read_text()
    assert "boot_server/http" in json.loads(texts["index.json"])["missing"] and "ramdisk" not in result["unavailable"]


def test_failed_question_to_the_boot_server_and_a_ramdisk_that_is_gone(gather, board):
    with socket.socket() as taken:
        taken.bind((peers.HOST, 0))
        result, texts = gather(board.connections[0], "redfish", boot_log={"failed": True, "msg": "no connection to boot"},
                               ramdisk={"address": peers.HOST, "ssh_arguments": f"-p {taken.getsockname()[1]}"})
    missing = json.loads(texts["index.json"])["missing"]
    assert missing["boot_server"] == "no connection to boot" and "Connection refused" in missing["ramdisk"]
    assert result["unavailable"]["ramdisk"] == missing["ramdisk"]


def test_file_that_cannot_be_written_is_an_error(playbook, board, tmp_path):
    (tmp_path / "taken").write_text("a file")
    done = playbook({"node1": {"baremetal_bmc": {**board.connections[0], "driver": "redfish"}}}, [
        {"rackwright.baremetal.failure_evidence": {"directory": str(tmp_path / "taken"), "error": "it broke"}}])
    assert done.returncode and "the evidence cannot be written to" in done.stdout and "Traceback" not in done.stdout


def test_no_time_is_waited_over_and_what_there_is_by_then_is_kept(workplace):
    """A slow BMC whose session is ended in the middle of the work; the console was captured by then."""
    def opened(log):
        return open_driver("ipmi", sim.connections[0], log)

    with ipmi_bmcs(directory=str(workplace), password=PASSWORD) as sim:
        quick = failure_evidence.gather(opened, 10)
        assert quick["event_log"]["entries"] is not None
        whole = sim.counters()["packets"]
        sim.reset_counters()
        sim.change(0, latency=1.0)
        slow = failure_evidence.gather(opened, 5)
        # One packet takes a second or longer.
        assert sim.counters()["packets"] < whole / 2
    assert slow["event_log"] is None and "not done with it within 5 s" in slow["unavailable"]["event_log"]
