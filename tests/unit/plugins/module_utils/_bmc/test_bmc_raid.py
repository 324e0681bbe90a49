# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""RAID volumes: nothing is deleted that nobody allowed, and nothing is believed that the board does not show."""

from __future__ import annotations

import contextlib
import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import raid_storage, waiting_tasks
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.raid import ensure_raid
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.board import Clock
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.random_json import trees
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.service_double import Tree, error_body, service_on
from hypothesis import given
from hypothesis import strategies as st

SYSTEM = "/redfish/v1/Systems/1"
STORAGE = f"{SYSTEM}/Storage/1"
VOLUMES = f"{STORAGE}/Volumes"
TASK = "/redfish/v1/TaskService/Tasks/1"
GIB = 1024 ** 3
MIRROR = {"logical_disks": [{"size_gb": 100, "raid_level": "1", "volume_name": "system", "is_root_volume": True}]}


def link(path):
    return {"@odata.id": path}


class Board(Tree):
    """A board with six drives and a volume or two.

    :param volumes: lists of the drives' numbers of the volumes that are there.
    :param on_reset: what is asked for is done when ``reset`` is called.
    :param one_waits: how the controller refuses a request while another one waits: None, ``status`` of the answer or ``task`` that fails.
    """

    def __init__(self, volumes=(), on_reset=False, one_waits=None):
        drives = [f"{STORAGE}/Drives/{number}" for number in range(6)]
        super().__init__({
            "/redfish/v1/": {"Tasks": link("/redfish/v1/TaskService")}, "/redfish/v1/TaskService": {"Tasks": link(TASK.rpartition("/")[0])},
            TASK.rpartition("/")[0]: {"Members": []},
            "/redfish/v1/Systems": {"Members": [link(SYSTEM)]}, SYSTEM: {"Storage": link(f"{SYSTEM}/Storage")},
            f"{SYSTEM}/Storage": {"Members": [link(f"{SYSTEM}/Storage/nvme"), link(STORAGE)]},
            f"{SYSTEM}/Storage/nvme": {"Id": "nvme", "Drives": []},
            STORAGE: {"Id": "1", "Name": "RAID controller", "Drives": [link(path) for path in drives], "Volumes": link(VOLUMES),
                      "StorageControllers": [{"SupportedRAIDTypes": ["RAID0", "RAID1", "RAID5"]}]},
            VOLUMES: {"Members": [],
                      "@Redfish.OperationApplyTimeSupport": {"SupportedValues": ["OnReset"] if on_reset else ["OnReset", "Immediate"]}},
            **{path: {"Id": f"Bay.{number}", "CapacityBytes": str(400 * GIB), "MediaType": "SSD", "Protocol": "SAS",
                      "Status": {"State": "Enabled", "Health": "OK"}} for number, path in enumerate(drives)},
        })
        self.on_reset = on_reset
        self.one_waits = one_waits
        self.waiting = []
        self.made = 0
        self.tells = "payload"
        for numbers in volumes:
            self._make({"RAIDType": "RAID1", "Links": {"Drives": [link(drives[number]) for number in numbers]}, "Name": "old"})

    def _make(self, body):
        self.made += 1
        path = f"{VOLUMES}/{self.made}"
        self.resources[VOLUMES]["Members"].append(link(path))
        self.resources[path] = {
            "Id": str(self.made), "Name": body.get("Name") or body.get("DisplayName") or "generated", "RAIDType": body.get("RAIDType"),
            "VolumeType": body.get("VolumeType"), "CapacityBytes": body.get("CapacityBytes", 399 * GIB),
            "Links": {"Drives": body.get("Drives") or body["Links"]["Drives"]},
            "Identifiers": [{"DurableName": f"naa.6{self.made:031x}", "DurableNameFormat": "NAA"}]}

    def _drop(self, path):
        self.resources.pop(path)
        self.resources[VOLUMES]["Members"].remove(link(path))

    def _do(self, work, told=None):
        if not self.on_reset:
            work()
            return 204, None
        if self.waiting and self.one_waits == "status":
            return 409, error_body("Maker.1.0.Busy", "A job of the controller waits")
        tasks = self.resources[TASK.rpartition("/")[0]]["Members"]
        path = f"{TASK.rpartition('/')[0]}/{len(tasks) + 1}"
        tasks.append(link(path))
        if self.waiting and self.one_waits == "task":
            self.resources[path] = {"@odata.type": "#Task.v1_0_0.Task", "TaskState": "Exception", "Messages": [{"Message": "A job waits"}]}
        else:
            self.waiting.append((path, work))
            self.resources[path] = {"@odata.type": "#Task.v1_0_0.Task", "TaskState": "Starting",
                                    "Messages": [{"Message": "Task successfully scheduled."}], **(told or {})}
        return 202, {}, {"Location": path}

    def _told(self, method, path, body):
        """What the task tells of the request."""
        if self.tells == "name":
            return {"Name": "Configure: RAID.Integrated.1-1"}
        return {"Payload": {"HttpOperation": method, "TargetUri": path, "JsonBody": json.dumps(body or {})}}

    def reset(self):
        while self.waiting:
            path, work = self.waiting.pop(0)
            self.resources[path] = {"@odata.type": "#Task.v1_0_0.Task", "TaskState": "Completed"}
            work()

    def _usual(self, method, path, body):
        if method == "POST" and path == VOLUMES:
            return self._do(lambda: self._make(body), self._told(method, path, body))
        if method == "DELETE" and path in self.resources:
            return self._do(lambda: self._drop(path), self._told(method, path, body))
        return super()._usual(method, path, body)

    def ensure(self, target, **options):
        clock = Clock()
        service = service_on(self, sleep=clock.sleep, clock=clock)
        return ensure_raid(service, target, clock=clock, sleep=clock.sleep, **options)


def test_volume_is_made_once_and_can_be_found_by_the_operating_system():
    board = Board()
    predicted = board.ensure(MIRROR, check_mode=True)
    assert predicted["changed"] and predicted["volumes"][0]["physical_disks"] == ["Bay.0", "Bay.1"] and not board.changes
    result = board.ensure(MIRROR)
    assert result["volumes"] == [{
        "id": "1", "name": "system", "controller": "1", "raid_level": "1", "size_gb": 100, "physical_disks": ["Bay.0", "Bay.1"],
        "is_root_volume": True, "root_device": {"wwn_with_extension": "0x6" + "0" * 30 + "1"}}]
    assert board.changes == [("POST", VOLUMES, {
        "RAIDType": "RAID1", "Links": {"Drives": [link(f"{STORAGE}/Drives/0"), link(f"{STORAGE}/Drives/1")]}, "CapacityBytes": 100 * GIB,
        "Name": "system", "@Redfish.OperationApplyTime": "Immediate"})]
    again = board.ensure(MIRROR)
    assert not again["changed"] and again["volumes"] == result["volumes"] and len(board.changes) == 1


def test_capacity_of_max_is_left_to_the_controller():
    board = Board()
    target = {"logical_disks": [{"size_gb": "MAX", "raid_level": "5"}]}
    assert board.ensure(target, check_mode=True)["volumes"][0]["size_gb"] == 2000
    board.answer("POST", VOLUMES, (400, error_body("Base.1.12.CreateFailedMissingReqProperties", "CapacityBytes is missing")))
    with pytest.raises(BaremetalError, match="does not show the volumes"):
        # This one makes 399 GiB of five drives' space, which is not what was asked for.
        board.on("POST", VOLUMES, lambda tree, body: tree._do(lambda: tree._make({**body, "CapacityBytes": 399 * GIB})))
        board.ensure(target)
    assert ["CapacityBytes" in body for path, body, headers in board.sent("POST")] == [False, True]


def test_what_is_there_is_deleted_only_when_that_is_allowed_and_before_anything_is_made():
    board = Board(volumes=[(0, 1), (2, 3)])
    target = {"logical_disks": [{"size_gb": 399, "raid_level": "1", "physical_disks": ["Bay.2", "Bay.3"]},
                                {"size_gb": 700, "raid_level": "5"}]}
    with pytest.raises(BaremetalError, match="not in the target configuration, and nothing was changed") as caught:
        board.ensure(target)
    assert caught.value.seen == "1 on 1 (old, RAID 1, 399 GiB, drives Bay.0, Bay.1)"
    assert not board.changes
    assert board.ensure(target, delete_existing=True, check_mode=True)["changed"] and not board.changes
    result = board.ensure(target, delete_existing=True)
    assert [change[:2] for change in board.changes] == [("DELETE", f"{VOLUMES}/1"), ("POST", VOLUMES)]
    # No apply time goes along (quirk R33).
    assert board.changes[0][2] is None
    assert [volume["id"] for volume in result["volumes"]] == ["2", "3"]
    assert not board.ensure(target)["changed"]


@pytest.mark.parametrize("on_reset", [False, True])
def test_all_volumes_are_deleted_for_an_empty_list_and_only_when_that_is_allowed(on_reset):
    board = Board(volumes=[(0, 1), (2, 3)], on_reset=on_reset)
    none = {"logical_disks": []}
    with pytest.raises(BaremetalError, match="not in the target configuration, and nothing was changed"):
        board.ensure(none)
    predicted = board.ensure(none, delete_existing=True, check_mode=True)
    assert predicted["changed"] and predicted["volumes"] == [] and len(predicted["before"]) == 2 and not board.changes
    result = board.ensure(none, delete_existing=True)
    assert result["changed"] and result["volumes"] == [] and result["reboot_required"] is on_reset
    assert [change[0] for change in board.changes] == ["DELETE", "DELETE"]
    if on_reset:
        board.reset()
    assert not board.ensure(none)["changed"] and not board.ensure(none, delete_existing=True)["reboot_required"]


def test_plan_that_does_not_fit_deletes_nothing():
    board = Board(volumes=[(0, 1)])
    with pytest.raises(BaremetalError, match="does not fit"):
        board.ensure({"logical_disks": [{"size_gb": 5000, "raid_level": "5"}]}, delete_existing=True)
    assert not board.changes


def test_drives_of_volumes_that_stay_are_not_taken():
    board = Board(volumes=[(0, 1)])
    target = {"logical_disks": [{"size_gb": 399, "raid_level": "1"}, {"size_gb": "MAX", "raid_level": "5"}]}
    board.on("POST", VOLUMES, lambda tree, body: tree._do(lambda: tree._make({**body, "CapacityBytes": 1199 * GIB})))
    assert board.ensure(target)["volumes"][1]["physical_disks"] == ["Bay.2", "Bay.3", "Bay.4", "Bay.5"]


@pytest.mark.parametrize(("refusal", "before", "after"), [
    ("The property Name is read-only", "Name", "DisplayName"),
    ("The property RAIDType is not in the list of valid properties", "RAIDType", "VolumeType"),
    ("The property Links is unknown", "Links", "Drives"),
    ("The property @Redfish.OperationApplyTime is not known", "@Redfish.OperationApplyTime", None)])
def test_request_is_adapted_to_the_board(refusal, before, after):
    board = Board()
    board.answer("POST", VOLUMES, (400, error_body("Base.1.8.PropertyUnknown", refusal)))
    assert board.ensure(MIRROR)["changed"]
    first, second = (body for path, body, headers in board.sent("POST"))
    assert before in first and before not in second
    assert after is None or after in second
    assert not board.ensure(MIRROR)["changed"]


def test_refusal_for_another_reason_is_told():
    board = Board()
    board.answer("POST", VOLUMES, *[(400, error_body("Maker.1.0.Busy", "A job of the controller is running"))] * 2)
    with pytest.raises(BaremetalError, match="refused to make a volume with RAID 1.*A job of the controller is running"):
        board.ensure(MIRROR)
    assert len(board.changes) == 1


def test_controller_that_works_at_the_next_boot_takes_two_of_them_and_the_same_task():
    board = Board(volumes=[(0, 1)], on_reset=True)
    result = board.ensure(MIRROR, delete_existing=True)
    assert result["changed"] and result["reboot_required"] and not result["volumes"]
    assert result["pending"][-1] == "to be made: logical disk 0 (RAID 1, size_gb 100)"
    board.reset()
    result = board.ensure(MIRROR, delete_existing=True)
    assert result["reboot_required"] and board.sent("POST")[0][1]["@Redfish.OperationApplyTime"] == "OnReset"
    board.reset()
    result = board.ensure(MIRROR)
    assert not result["changed"] and not result["reboot_required"]


MIRRORS = {"logical_disks": [{"size_gb": size, "raid_level": "1"} for size in (100, 120, 140)]}


def test_all_volumes_of_free_drives_are_made_at_one_boot():
    board = Board(on_reset=True)
    result = board.ensure(MIRRORS)
    assert result["changed"] and result["reboot_required"] and len(result["pending"]) == 3 and len(board.sent("POST")) == 3
    again = board.ensure(MIRRORS)
    assert not again["changed"] and again["reboot_required"] and len(again["pending"]) == 3 and len(board.changes) == 3
    board.reset()
    result = board.ensure(MIRRORS)
    assert not result["changed"] and not result["pending"] and len(result["volumes"]) == 3


@pytest.mark.parametrize("told", [True, False])
def test_what_needs_no_drive_of_a_volume_in_the_way_does_not_wait_for_its_end(told):
    board = Board(volumes=[(0, 1)], on_reset=True)
    if not told:
        # Any drive may be one of that volume.
        board.resources[f"{VOLUMES}/1"]["Links"] = {}
    result = board.ensure(MIRRORS, delete_existing=True)
    assert [change[0] for change in board.changes] == ["DELETE", *["POST", "POST"] * told]
    assert result["pending"][-1].startswith(f"to be made: logical disk {0 if told else 2} (RAID 1")
    board.reset()
    result = board.ensure(MIRRORS, delete_existing=True)
    assert result["changed"] and result["reboot_required"]
    board.reset()
    result = board.ensure(MIRRORS)
    assert not result["changed"] and not result["pending"] and len(board.sent("POST")) == 3


@pytest.mark.parametrize("one_waits", ["status", "task"])
def test_controller_that_takes_one_request_for_each_boot_needs_as_many_boots_as_are_pending(one_waits):
    board = Board(volumes=[(0, 1), (2, 3)], on_reset=True, one_waits=one_waits)
    result = board.ensure(MIRRORS, delete_existing=True)
    boots = len(result["pending"])
    assert boots == 5 and "which the BMC does not take now" in result["pending"][1] and "job" in result["pending"][1]
    for boot in range(boots):
        assert result["changed"] and result["reboot_required"] and len(board.waiting) == 1, boot
        assert not board.ensure(MIRRORS, delete_existing=True)["changed"]
        board.reset()
        result = board.ensure(MIRRORS, delete_existing=True)
    assert not result["changed"] and not result["pending"] and len(result["volumes"]) == 3
    assert board.made == 5


def test_refusal_that_has_nothing_to_do_with_what_waits_is_told_after_the_boot():
    board = Board(on_reset=True)
    board.on("POST", VOLUMES, lambda tree, body: (
        (400, error_body("Maker.1.0.Invalid", "120 GiB are not supported")) if body["CapacityBytes"] == 120 * GIB else None))
    result = board.ensure(MIRRORS)
    assert [text.partition(":")[0] for text in result["pending"]] == ["making logical disk 0 (RAID 1, size_gb 100)",
                                                                      "making logical disk 2 (RAID 1, size_gb 140)", "to be made"]
    assert "120 GiB are not" in result["pending"][2]
    board.reset()
    with pytest.raises(BaremetalError, match="refused to make a volume with RAID 1.*120 GiB are not supported"):
        board.ensure(MIRRORS)


@pytest.mark.parametrize("tells", ["payload", "name"])
def test_second_run_before_the_boot_sends_nothing_and_says_what_waits(tells):
    board = Board(volumes=[(0, 1)], on_reset=True)
    board.tells = tells
    for changes in (1, 2):
        assert board.ensure(MIRROR, delete_existing=True)["changed"] and len(board.changes) == changes
        for options in ({}, {"check_mode": True}):
            again = board.ensure(MIRROR, delete_existing=True, **options)
            assert not again["changed"] and again["reboot_required"] and "is Starting" in again["pending"][0]
            assert len(board.changes) == changes
        board.reset()
    result = board.ensure(MIRROR)
    assert not result["changed"] and not result["reboot_required"] and result["pending"] == []
    assert result["volumes"][0]["name"] == "system" and board.made == 2


def test_volume_that_waits_to_be_made_for_all_space_is_known_again():
    board = Board(on_reset=True)
    target = {"logical_disks": [{"size_gb": "MAX", "raid_level": "1"}]}
    assert board.ensure(target)["changed"]
    again = board.ensure(target)
    assert not again["changed"] and len(again["pending"]) == 1
    assert len(board.changes) == 1


def test_volume_that_waits_to_be_made_and_is_not_wanted_is_an_error():
    board = Board(on_reset=True)
    board.ensure(MIRROR)
    with pytest.raises(BaremetalError, match="a volume waits to be made that is not in the target configuration, and nothing was changed"):
        board.ensure({"logical_disks": [{"size_gb": "MAX", "raid_level": "5"}]}, delete_existing=True)
    assert len(board.changes) == 1


@pytest.mark.parametrize(("task", "waits"), [
    ({"TaskState": "Completed", "Name": "Configure: RAID"}, False), ({"TaskState": "Running", "Name": "Rebuild of RAID"}, False),
    ({"JobState": "Scheduled", "JobType": "RAIDConfiguration"}, True), ({"TaskState": "Pending", "Name": "BIOS configuration"}, False),
    ({"TaskState": "Pending", "Name": "volume", "Payload": {"HttpOperation": "POST", "TargetUri": "/other"}}, False)])
def test_only_what_is_to_be_done_to_volumes_waits(task, waits):
    board = Board()
    board.resources[TASK] = task
    board.resources[TASK.rpartition("/")[0]]["Members"] = [link(TASK)]
    result = board.ensure(MIRROR)
    assert result["changed"] is not waits and bool(board.changes) is not waits and bool(result["pending"]) is waits


@pytest.mark.parametrize("told", [{"Status": {"State": "StandbyOffline"}},
                                  {"Oem": {"Dell": {"DellVirtualDisk": {"PendingOperations": "PendingCreate"}}}}])
def test_volume_that_is_shown_before_it_is_made_is_pending_in_both_runs(told):
    board = Board()

    def make(tree, body):
        tree._make(body)
        tree.resources[f"{VOLUMES}/1"].update(told)
        return 201

    board.on("POST", VOLUMES, make)
    first, second = board.ensure(MIRROR), board.ensure(MIRROR)
    assert first["changed"] and not second["changed"] and len(board.changes) == 1
    assert first["reboot_required"] and second["reboot_required"] and first["pending"] == second["pending"] != []


def test_board_that_says_yes_and_does_nothing_is_an_error():
    board = Board()
    board.on("POST", VOLUMES, lambda tree, body: 201)
    with pytest.raises(BaremetalError, match="does not show the volumes that it was asked for. Seen: no volume"):
        board.ensure(MIRROR)
    board = Board(volumes=[(4, 5)])
    board.on("DELETE", f"{VOLUMES}/1", lambda tree, body: 204)
    with pytest.raises(BaremetalError, match="does not show the volumes.*1 on 1 .old"):
        board.ensure(MIRROR, delete_existing=True)


def test_name_that_the_board_does_not_keep_is_a_warning_and_the_second_time_no_change():
    board, warnings = Board(), []
    board.on("POST", VOLUMES, lambda tree, body: tree._do(lambda: tree._make({**body, "Name": "Virtual Disk 0"})))
    assert board.ensure(MIRROR, warn=warnings.append)["volumes"][0]["name"] == "Virtual Disk 0"
    assert len(warnings) == 1
    assert not board.ensure(MIRROR)["changed"]


def test_board_without_a_raid_controller_is_refused():
    board = Board()
    board.resources[STORAGE]["StorageControllers"] = [{"SupportedRAIDTypes": []}]
    with pytest.raises(BaremetalError, match="shows no RAID controller. Seen: storage: nvme .no volumes., 1 .no RAID."):
        board.ensure(MIRROR)


def passed_through(*numbers, told="volume"):
    """A board that passes drives through to the operating system.

    :param told: who tells which drive it is: ``volume``, ``drive`` or ``nobody``.
    """
    board = Board()
    for number in numbers:
        path = f"{VOLUMES}/Bay.{number}"
        board.resources[path] = {"Id": f"Raw.{number}", "VolumeType": "RawDevice", "CapacityBytes": 400 * GIB,
                                 "Links": {"Drives": [link(f"{STORAGE}/Drives/{number}")] if told == "volume" else []}}
        board.resources[VOLUMES]["Members"].append(link(path))
        if told == "drive":
            board.resources[f"{STORAGE}/Drives/{number}"]["Links"] = {"Volumes": [link(path)]}
    return board


@pytest.mark.parametrize("told", ["volume", "drive"])
def test_drives_that_are_passed_through_are_not_chosen(told):
    board = passed_through(0, 1, told=told)
    assert board.ensure(MIRROR)["volumes"][0]["physical_disks"] == ["Bay.2", "Bay.3"]


@pytest.mark.parametrize("told", ["volume", "drive", "nobody"])
def test_drives_that_are_passed_through_are_taken_when_they_are_named_or_what_is_there_may_go(told):
    """Until then they may hold a system. The second run knows its volume, whether or not the BMC still shows the single drives."""
    named = {"logical_disks": [{**MIRROR["logical_disks"][0], "physical_disks": ["Bay.0", "Bay.1"]}]}
    for target, options in ((named, {}), (MIRROR, {"delete_existing": True})):
        board = passed_through(*range(6) if told != "nobody" else [0], told=told)
        for check_mode in (True, False):
            with pytest.raises(BaremetalError, match="name them as physical_disks, or set delete_existing to true") as caught:
                board.ensure(MIRROR, check_mode=check_mode)
            assert "Bay.0: passed through to the operating system as the volume Raw.0, and may hold data" in caught.value.seen
        assert board.ensure({"logical_disks": []})["changed"] is False
        assert board.ensure(target, check_mode=True, **options)["changed"] and not board.changes
        assert board.ensure(target, **options)["volumes"][0]["physical_disks"] == ["Bay.0", "Bay.1"]
        assert not board.ensure(MIRROR)["changed"]
        assert [change[0] for change in board.changes] == ["POST"]


@pytest.mark.parametrize("told", [{"RAIDType": None}, {}, {"RAIDType": "None"}, {"RAIDType": "RAID60000"}])
def test_volume_of_unknown_level_is_in_the_way_and_its_drives_are_not_free(told):
    board = Board()
    path = f"{VOLUMES}/Data"
    drives = [link(f"{STORAGE}/Drives/{number}") for number in (0, 1)]
    board.resources[path] = {"Name": "production data", "CapacityBytes": 800 * GIB, "Links": {"Drives": drives}, **told}
    board.resources[VOLUMES]["Members"].append(link(path))
    with pytest.raises(BaremetalError, match="delete_existing"):
        board.ensure(MIRROR)
    assert path in board.resources


@pytest.mark.parametrize(("told", "why"), [
    ({"Status": {"State": "Absent"}}, "state Absent"), ({"Status": {"State": "Enabled", "Health": "Critical"}}, "not healthy"),
    ({"FailurePredicted": True}, "not healthy"), ({"HotspareType": "Global"}, "a hot spare"),
    ({"CapacityBytes": None}, "tells no capacity"), ({}, None)])
def test_drives_that_no_volume_may_have(told, why):
    assert raid_storage.drive_of("/d/1", {"CapacityBytes": GIB, **told})["why_not"] == why


@pytest.mark.parametrize(("identifiers", "wwn"), [
    ([{"DurableName": "600605b0_x", "DurableNameFormat": "NAA"}], None),
    ([{"DurableName": "62CEA7F0-4C5B", "DurableNameFormat": "UUID"}, {"DurableName": "0x5000C500A1B2C3D4", "DurableNameFormat": "NAA"}],
     "5000c500a1b2c3d4"),
    ({"DurableName": "50:00:c5:00:a1:b2:c3:d4", "DurableNameFormat": "NAA"}, "5000c500a1b2c3d4"), (None, None)])
def test_wwn(identifiers, wwn):
    volume = raid_storage.volume_of("/v/1", {"Identifiers": identifiers})
    assert volume["wwn"] == wwn
    assert raid_storage.root_device(volume) == ({"wwn": f"0x{wwn}"} if wwn else None)


@given(trees("CapacityBytes", "MediaType", "Protocol", "Links", "Volumes", "HotspareType", "State"))
def test_random_drives_are_read(drive):
    raid_storage.drive_of("/d/1", drive)


@given(trees("CapacityBytes", "RAIDType", "VolumeType", "Links", "Drives", "Identifiers", "DurableName", "DurableNameFormat",
             "State", "Oem", "PendingOperations"))
def test_random_volumes_are_read(volume):
    raid_storage.root_device(raid_storage.volume_of("/v/1", volume))


@given(trees("Payload", "HttpOperation", "TargetUri", "JsonBody", "TaskState", "Name", "JobType"))
def test_random_tasks_are_read(task):
    waiting_tasks.request_of(task)
    board = Board()
    board.resources[TASK] = task
    board.resources[TASK.rpartition("/")[0]]["Members"] = [link(TASK)]
    with contextlib.suppress(BaremetalError):
        board.ensure(MIRROR)


@given(st.data())
def test_random_storage_ends_in_a_result_or_an_error(data):
    board = Board(volumes=[(0, 1)])
    path = data.draw(st.sampled_from([SYSTEM, f"{SYSTEM}/Storage", STORAGE, VOLUMES, f"{VOLUMES}/1", f"{STORAGE}/Drives/2"]))
    board.resources[path] = data.draw(trees("Storage", "Volumes", "Drives", "StorageControllers", "SupportedRAIDTypes", "Controllers",
                                            "RAIDType", "Links",
                                            "CapacityBytes", "@Redfish.OperationApplyTimeSupport", "SupportedValues"))
    with contextlib.suppress(BaremetalError):
        board.ensure(MIRROR, delete_existing=data.draw(st.booleans()))
