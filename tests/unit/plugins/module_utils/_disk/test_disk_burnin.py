# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Burn-in with the real stress-ng and fio: seconds of load, loop devices as disks, and a network between two processes of this machine."""

from __future__ import annotations

import concurrent.futures
import json
import pathlib
import random
import shutil

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._burnin_arguments import wrong_arguments
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import burnin_disk, burnin_load, burnin_network
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.burnin import burn_in
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.devices import GIB, list_disks
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.partitions import reread, signatures
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.job import Job
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk.tools import run
from hypothesis import given, settings
from hypothesis import strategies as st

# Sizes that nothing else on the machine has: loop devices have no serial numbers to hint at.
TARGET, OTHER = 17, 19
HINTS = {"size": str(TARGET * 1024 ** 2 / GIB)}
OPTIONS = {"interlock": {}, "runtime": 0, "workers": 1, "vm_bytes": "8m", "loops": 1, "disks": "root", "root_device": HINTS, "skip_block_devices": [],
           "wipe_special_filesystems": False, "partner": None, "wait": True}


@pytest.fixture(autouse=True)
def programs():
    missing = [tool for tool in ("stress-ng", "fio") if not shutil.which(tool)]
    if missing:
        pytest.skip("not installed: " + ", ".join(missing))


@pytest.fixture
def disks(loops):
    pair = loops(TARGET), loops(OTHER)
    for device in pair:
        pathlib.Path(device).write_bytes(random.Random(device).randbytes(TARGET * 1024 ** 2))
        run("sfdisk", "--no-reread", "--no-tell-kernel", "--wipe=always", device, input="label: gpt\nsize=+\n")
        reread(device)
        run("mkfs.ext4", "-q", "-F", "-E", "nodiscard", device + "p1")
    return pair


@pytest.fixture
def call(tmp_path, request):
    """Burn in, with no disk of this machine in sight but those of the test."""
    job = Job(str(tmp_path / "job"))

    def mine():
        names = request.getfixturevalue("disks")
        return [disk for disk in list_disks(loop=True) if disk["name"] in names]

    def call(test, check_mode=False, verifier=lambda data: data, **options):
        return burn_in({**OPTIONS, "test": test, **options}, job, check_mode=check_mode, lister=mine, sizeless=lambda: [], verifier=verifier)

    return call


def content(device):
    run("blockdev", "--flushbufs", device)
    return pathlib.Path(device).read_bytes()


@pytest.mark.parametrize("test", ["cpu", "memory"])
def test_processors_and_memory(call, test):
    planned = call(test, check_mode=True, runtime=1)
    assert (planned["changed"], planned["record"], "for 1 s" in planned["plan"]) == (True, None, True)
    started = call(test, runtime=1, wait=False)
    assert (started["changed"], started["record"]) == (True, None)
    done = call(test, runtime=1)
    record = done["record"]
    assert (done["changed"], record["test"], record["result"], record["error"]) == (False, test, "passed", None)
    assert record["details"]["operations"] > 0 and record["seconds"] >= 1
    assert "stress-ng" in record["tools"]["stress-ng"]
    # In the same boot it has been done.
    assert (call(test, runtime=1)["record"], call(test, runtime=1, check_mode=True)["changed"]) == (record, False)


def test_a_disk_is_written_in_full_and_read_back(disks, call):
    target, other = disks
    before, untouched = content(target), content(other)
    planned = call("disk", check_mode=True, loops=2)
    assert content(target) == before
    assert target in planned["plan"] and other not in planned["plan"] and "2 times" in planned["plan"]
    record = call("disk", loops=2)["record"]
    [one] = record["details"]["disks"]
    assert (record["result"], one["device"], one["complete"], one["error"]) == ("passed", target, True, None)
    assert one["bytes_written"] == one["bytes_verified"] == 2 * TARGET * 1024 ** 2
    after = content(target)
    size = 64 * 1024
    assert not [place for place in range(0, len(after), size) if after[place:place + size] == before[place:place + size]]
    assert signatures(target) == []
    assert content(other) == untouched


@pytest.mark.parametrize("where", [{"skip_block_devices": [HINTS]}, {"interlock": {"skip_block_devices": [HINTS]}}])
def test_disks_of_the_skip_list_are_left_alone(disks, call, where):
    target, other = disks
    untouched = content(target)
    mistyped = {"serial": "S-1234"}
    planned = call("disk", disks="all", root_device=None, check_mode=True, skip_block_devices=[HINTS, mistyped])
    assert planned["machine_warnings"] == ['skip_block_devices: no disk of this machine is {"serial": "S-1234"}, so that nothing is left alone for it']
    done = call("disk", disks="all", root_device=None, **where)
    assert done["machine_warnings"] == []
    assert [one["device"] for one in done["record"]["details"]["disks"]] == [other]
    assert [(one["device"], one["reason"]) for one in done["skipped"]] == [(target, "it is in skip_block_devices")]
    assert content(target) == untouched


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_mounted_disk_is_refused_before_any_is_written(disks, call, tmp_path, check_mode):
    target, other = disks
    before = content(other)
    folder = tmp_path / "mounted"
    folder.mkdir()
    run("mount", "-o", "ro", target + "p1", folder)
    try:
        with pytest.raises(BaremetalError, match="is protected, nothing was written.*in use at %s" % folder):
            call("disk", check_mode=check_mode, disks="all")
        assert content(other) == before
        assert signatures(target)
    finally:
        run("umount", folder)


def test_another_machine_is_not_written(disks, call):
    before = content(disks[0])
    asked = []

    def verifier(dummy):
        # A machine that takes the address over behind the first look.
        asked.append(dummy)
        if len(asked) > 1:
            raise BaremetalError("this is not the machine")

    record = call("disk", verifier=verifier)["record"]
    assert (record["result"], "this is not the machine" in record["error"]) == ("failed", True)
    assert content(disks[0]) == before


@pytest.fixture
def small(tmp_path):
    """A disk that fails from its fourth MiB on: a file that finds no room for more."""
    folder = tmp_path / "room"
    folder.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=4m", "none", folder)
    (folder / "disk").touch()
    run("truncate", "--size=%dM" % TARGET, folder / "disk")
    device = run("losetup", "--find", "--show", folder / "disk")
    yield device
    run("losetup", "--detach", device)
    run("umount", folder)


def test_a_disk_that_fails_is_named_and_the_others_are_burnt_in(loops, small, call, monkeypatch):
    good = loops(OTHER)
    # The real one looks for what the failing disk cannot take either: the wipe of its end.
    monkeypatch.setattr(burnin_disk, "wipe_metadata", lambda device: None)
    chosen = [disk for disk in list_disks(loop=True) if disk["name"] in (small, good)]
    details, errors = burnin_disk.burn(chosen, {**OPTIONS, "root_device": None}, guard=lambda: None)
    by_device = {one["device"]: one for one in details["disks"]}
    assert (by_device[good]["error"], by_device[good]["complete"]) == (None, True)
    assert by_device[small]["complete"] is False
    assert small in errors[0] and "No space left on device: write offset=" in errors[0]
    assert good not in " ".join(errors)


# As fio 3.33 told of a file whose bytes were changed behind its back, and then of one that it could not open.
CORRUPT = """crc32c: verify failed at file /dev/sdb offset 1048576, length 1048576 (requested block: offset=1048576, length=1048576, flags=88)
       Expected CRC: 494a028b
       Received CRC: dba3ce56
fio: pid=5771, err=84/file:io_u.c:2201, func=io_u_queued_complete, error=Invalid or incomplete multibyte or wide character
{
  "fio version" : "fio-3.33",
  "jobs" : [
    {"jobname" : "/dev/sdb", "error" : 84, "read" : {"io_bytes" : 1048576, "bw_bytes" : 5}, "write" : {"io_bytes" : 4194304, "bw_bytes" : 6}},
    {"jobname" : "/dev/sda", "error" : 0, "read" : {"io_bytes" : 4194304, "bw_bytes" : 5}, "write" : {"io_bytes" : 4194304, "bw_bytes" : 6}}
  ]
}
"""


def disk(name, size=4 * 1024 ** 2):
    return {"name": name, "serial": name[-1], "model": None, "size": size, "tran": None}


@pytest.fixture
def wiped(monkeypatch):
    """Disks that are there in name only; which of them was wiped, and when."""
    found = []
    for name, stand_in in (("wipe_metadata", found.append), ("_refuse", lambda *dummy: None), ("find_tool", lambda name: name)):
        monkeypatch.setattr(burnin_disk, name, stand_in)
    return found


def fio(report, asked=None, smart=b""):
    """Runner of fio, which reports so, and of smartctl."""
    def runner(argv, **more):
        if argv[0] == "smartctl":
            if isinstance(smart, Exception):
                raise smart
            return smart
        if asked is not None:
            asked.append(more["timeout"])
        return report.encode()

    return runner


def test_what_was_not_read_back_as_written(wiped):
    details, errors = burnin_disk.burn([disk("/dev/sda"), disk("/dev/sdb")], OPTIONS, guard=lambda: None, runner=fio(CORRUPT))
    assert [one["error"] is None for one in details["disks"]] == [True, False]
    assert "/dev/sdb (0.0 GiB, serial b" in errors[0] and "verify failed at file /dev/sdb offset 1048576" in errors[0]
    # The good one ends without anything that looks like a partition table.
    assert wiped == ["/dev/sda", "/dev/sdb", "/dev/sda"]


GOOD = CORRUPT[CORRUPT.index("{\n"):].replace('"error" : 84', '"error" : 0')


@pytest.mark.parametrize("failure", [BaremetalError("it is protected"), OSError("it is protected")])
def test_a_disk_that_became_another_one_is_not_wiped(wiped, monkeypatch, failure):
    looks = []

    def refuse(disk, dummy):
        looks.append(disk["name"])
        # Before each wipe, before fio, and again at the end: by then the name is that of another disk.
        if looks.count("/dev/sda") > 2 and disk["name"] == "/dev/sda":
            raise failure

    monkeypatch.setattr(burnin_disk, "_refuse", refuse)
    details, errors = burnin_disk.burn([disk("/dev/sda"), disk("/dev/sdb")], OPTIONS, guard=lambda: None, runner=fio(GOOD))
    assert wiped == ["/dev/sda", "/dev/sdb", "/dev/sdb"]
    assert [one["error"] and "it is protected" in one["error"] for one in details["disks"]] == [True, None]
    [error] = errors
    assert "/dev/sda (0.0 GiB, serial a" in error and "was burnt in, and then not wiped. Seen: it is protected." in error


def test_what_became_another_machine_is_not_wiped(wiped):
    looks = []

    def guard():
        looks.append(None)
        if len(looks) > 3:
            raise BaremetalError("this is not the machine")

    details, errors = burnin_disk.burn([disk("/dev/sda"), disk("/dev/sdb")], OPTIONS, guard=guard, runner=fio(GOOD))
    assert (wiped, len(errors), len(details["disks"])) == (["/dev/sda", "/dev/sdb"], 2, 2)


@pytest.mark.parametrize(("options", "least", "most"), [
    # Flash of 15 TB whose cache is full goes on with 100 MB/s, and a quarter of that behind one link with three others is no fault yet.
    ({"loops": 1}, 2 * 15e12 / 25e6, None),
    ({"loops": 4}, 8 * 15e12 / 25e6, None),
    ({"loops": 4, "runtime": 3600}, 3601, 4200),
])
def test_slow_disks_are_waited_for(wiped, options, least, most):
    asked = []
    burnin_disk.burn([disk("/dev/sda", 128 * 10 ** 9), disk("/dev/sdb", 15 * 10 ** 12)], {**OPTIONS, **options}, guard=lambda: None, runner=fio(GOOD, asked))
    [timeout] = asked
    assert least < timeout <= (most or timeout)


@pytest.mark.parametrize(("smart", "told"), [
    (b'{"smart_status": {"passed": false}}', False), (b'{"smart_status": {"passed": true}}', True), (b"", None),
    (BaremetalError("smartctl did not end within 120 seconds"), None)])
def test_what_smart_tells(wiped, smart, told):
    details, errors = burnin_disk.burn([disk("/dev/sda")], OPTIONS, guard=lambda: None, runner=fio(GOOD, smart=smart))
    assert details["disks"][0]["smart_passed"] is told
    assert bool(errors) is (told is False)


@settings(deadline=None, max_examples=30)
@given(st.text())
def test_no_output_of_fio_is_a_traceback(text):
    try:
        burnin_disk.parse_report(text)
    except BaremetalError as error:
        assert "no report" in error.what


@pytest.mark.parametrize(("text", "rose", "said"), [
    ("stress-ng: fail:  [17] vm: detected 3 bit errors while stressing memory\nstress-ng: info:  [16] unsuccessful run completed in 1.00s\n", 0,
     "the memory at fault. Seen: vm: detected 3 bit errors"),
    ("stress-ng: info:  [16] successful run completed in 1.00s\n", 2, "memory_corrected:CPU_SrcID#0_DIMM#1: 2"),
    ("", 0, "it ended without a word"),
])
def test_bad_memory(machine, text, rose, said):
    place = "sys/devices/system/edac/mc/mc0/dimm0/"
    root = machine({place + "dimm_label": "CPU_SrcID#0_DIMM#1", place + "dimm_ce_count": "5", place + "dimm_ue_count": "0", "proc/interrupts": "MCE: 0 0 x"})

    def runner(argv, **dummy):
        (root / place / "dimm_ce_count").write_text(str(5 + rose))
        return text.encode()

    details, errors = burnin_load.memory(2, "98%", 60, runner=runner, sysfs=str(root / "sys"), proc=str(root / "proc"))
    assert said in " ".join(errors)
    assert details["counters"] == ({"memory_corrected:CPU_SrcID#0_DIMM#1": 2} if rose else {})


def test_throttling_is_told_and_no_failure(machine):
    counter = "sys/devices/system/cpu/cpu3/thermal_throttle/package_throttle_count"
    root = machine({counter: "1", "proc/interrupts": "           CPU0\nMCE:  1  2   Machine check exceptions\n"})

    def runner(argv, **dummy):
        (root / counter).write_text("4")
        return b"stress-ng: metrc: [7] cpu   1300   2.00   0.56  0.02  648.49  2249.16\nstress-ng: info:  [7] successful run completed in 2.04s\n"

    assert burnin_load.cpu(2, 2, runner=runner, sysfs=str(root / "sys"), proc=str(root / "proc")) == (
        {"operations": 1300, "seconds_each": 2.0, "counters": {"package_throttle_count": 3}}, [])


# Ports of their own: both may run at the same time, and who listens for IPv6 listens for IPv4 as well.
@pytest.mark.parametrize(("address", "ports"), [("127.77.5.1", (29010, 29020)), ("::1", (29060, 29070))])
def test_two_machines_send_to_each_other(address, ports):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        ends = [pool.submit(burnin_network.burn, address, 1, port=port, partner_port=partner, late=60)
                for port, partner in (ports, ports[::-1])]
        for details, errors in [end.result() for end in ends]:
            assert errors == []
            assert details["interface"] == "lo"
            assert details["bytes_sent"] > 0 and details["bytes_received"] > 0


def test_a_partner_that_never_comes_is_told():
    details, errors = burnin_network.burn("127.77.5.1", 1, port=29030, partner_port=29040, late=0)
    assert "Sending to 127.77.5.1 has failed. Seen: Connection refused." in errors
    assert any("No machine sent to this one" in error for error in errors)
    assert details["bytes_received"] == 0


def test_a_network_card_that_counts_errors(machine, monkeypatch):
    statistics = "class/net/eth0/statistics/rx_crc_errors"
    root = machine({statistics: "7", "class/net/eth0/carrier_changes": "1"})
    jobs = [{"jobname": str(port), "error": 0, "read": {"io_bytes": 5, "bw_bytes": 5}, "write": {"io_bytes": 5, "bw_bytes": 5}}
            for port in range(burnin_network.PORT, burnin_network.PORT + 4)]
    numbers = "{\n" + json.dumps({"jobs": jobs})[1:]

    def runner(argv, **dummy):
        if argv[0] == "ip":
            return b'[{"dst": "192.0.2.2", "dev": "eth0"}]'
        (root / statistics).write_text("9")
        return numbers.encode()

    dummy_details, errors = burnin_network.burn("192.0.2.2", 1, port=29050, late=0, runner=runner, sysfs=str(root))
    assert "The interface eth0 counted errors. Seen: rx_crc_errors: 2." in errors


@pytest.mark.parametrize(("test", "options", "said"), [
    ("network", {"runtime": 5}, "needs another machine"),
    ("cpu", {}, "runtime must be at least 1"),
    ("memory", {"runtime": 5, "vm_bytes": "much"}, "vm_bytes must be"),
    ("disk", {"root_device": None}, "root device hints"),
    ("disk", {"loops": 0}, "loops must be at least 1"),
])
def test_arguments_that_make_no_sense(call, test, options, said):
    with pytest.raises(BaremetalError) as caught:
        call(test, check_mode=True, **options)
    assert said in str(caught.value)


@pytest.mark.parametrize("amount", ["1%", "98%", "100%", "16g", "512M", "4096"])
def test_amounts_of_memory(amount):
    assert wrong_arguments("memory", {"vm_bytes": amount}) == []
    assert wrong_arguments("memory", {"vm_bytes": amount.replace("1", "0").replace("9", "0").replace("5", "0").replace("4", "0")}) != []


def test_a_ramdisk_without_the_programs_says_how_to_get_them(call, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("ansible_collections.rackwright.baremetal.plugins.module_utils._disk.commands.TOOL_PATH", "/nowhere")
    with pytest.raises(BaremetalError, match="stress-ng is needed for a burn-in.*ramdisk_burn_in"):
        call("cpu", check_mode=True, runtime=1)
