# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual media, BIOS settings, boot order and secure boot on simulated boards of every maker, and with their faults."""

from __future__ import annotations

import contextlib
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.bios_settings import (
    ensure_bios_settings,
    ensure_nothing_pending,
    read_bios,
)
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.boot_order import ensure_boot_order, read_boot_order
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.driver import open_driver
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.pending import settings_path
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.power import ensure_power
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.secure_boot import ensure_secure_boot
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.virtual_media import ensure_ejected, ensure_inserted
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.simulators.start import redfish_bmcs

PERSONALITIES = ["generic", "dell_idrac9", "dell_idrac10", "hpe_ilo5", "lenovo_xcc", "supermicro_x12", "ami_megarac", "openbmc"]
ETAG_FAULTS = ["etag_strong_only", "etag_weak_only", "etag_required", "etag_required_412", "etag_refused_on_actions", "etag_refused_on_patch", "etag_star_only",
               "etag_empty", "etag_unquoted", "etag_none", "etag_absent", "etag_first_412"]
IMAGE = "http://192.0.2.1/images/rescue.iso"


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    """One process with a board of each maker."""
    with redfish_bmcs(count=len(PERSONALITIES), directory=tmp_path_factory.mktemp("sim")) as sim:
        for index, personality in enumerate(PERSONALITIES):
            sim.change(index, personality=personality)
        yield sim


@pytest.fixture
def board(simulator):
    """``board(personality)``: context manager that gives the open service; the board is as on its first day."""
    used = []

    @contextlib.contextmanager
    def run(personality="generic", *faults, **more):
        index = PERSONALITIES.index(personality)
        used.append(index)
        simulator.reset(index)
        simulator.faults(*faults, index=index, **more)
        with open_driver("redfish", simulator.connections[index]) as driver:
            run.driver = driver
            yield driver.service

    run.simulator = simulator
    run.changes = lambda personality="generic": [
        request for request in simulator.requests(PERSONALITIES.index(personality)) if request["method"] != "GET" and "Session" not in request["path"]]
    yield run
    for index in used:
        simulator.faults(index=index)


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_medium_in_and_out_on_every_board(board, personality):
    with board(personality) as service:
        assert ensure_inserted(service, IMAGE, check_mode=True)["changed"] and not board.changes(personality)
        result = ensure_inserted(service, IMAGE)
        assert result["changed"]
        assert not ensure_inserted(service, IMAGE)["changed"]
        assert ensure_ejected(service)["changed"]
        assert not ensure_ejected(service)["changed"]


@pytest.mark.parametrize("fault", ETAG_FAULTS)
def test_entity_tags_of_every_kind(board, fault):
    with board("generic", fault) as service:
        assert ensure_inserted(service, IMAGE)["changed"]
        assert ensure_bios_settings(service, {"NumLock": "Off"})["changed"]
        assert ensure_boot_order(service, ["disk"])["changed"]


def test_image_that_is_not_inserted_in_spite_of_the_answer(board):
    with board("generic", "insert_ignored") as service, pytest.raises(BaremetalError, match="does not show it as inserted"):
        ensure_inserted(service, IMAGE, sleep=lambda seconds: None)


def test_slot_that_looks_full_after_an_eject_is_free(board):
    with board("generic", stale_inserted={"count": 1}) as service:
        assert ensure_inserted(service, IMAGE)["changed"]
        assert ensure_ejected(service)["changed"]
        assert not ensure_ejected(service)["changed"]
        # The board itself refuses an insert as long as it takes the slot for full.
        assert ensure_inserted(service, IMAGE.replace("rescue", "other"))["changed"]


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_bios_settings_on_every_board(board, personality):
    with board(personality) as service:
        with pytest.raises(BaremetalError, match="2 of 2 BIOS settings cannot be"):
            ensure_bios_settings(service, {"NumLock": "Perhaps", "NumLok": "Off"})
        wanted = {"NumLock": "Off", "BootRetryCount": "5"}
        assert ensure_bios_settings(service, wanted, check_mode=True)["changed"] and not board.changes(personality)
        result = ensure_bios_settings(service, wanted)
        assert result["changed"] and result["after"] == {"NumLock": "Off", "BootRetryCount": 5}
        assert not ensure_bios_settings(service, wanted)["changed"]


def test_bios_settings_that_another_tool_has_staged_get_their_job_r27(board):
    with board("dell_idrac9") as service:
        service.patch(settings_path(read_bios(service).document), {"Attributes": {"NumLock": "Off"}})
        assert ensure_bios_settings(service, {"NumLock": "Off"})["changed"]
        again = ensure_bios_settings(service, {"NumLock": "Off"})
        assert not again["changed"] and again["reboot_required"]
        ensure_power(board.driver, "rebooted")
        deadline = time.monotonic() + 30
        while ensure_bios_settings(service, {"NumLock": "Off"}, check_mode=True)["reboot_required"] and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not ensure_bios_settings(service, {"NumLock": "Off"})["reboot_required"]


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_check_mode_foresees_whether_pending_settings_are_taken_back(board, personality):
    with board(personality) as service:
        ensure_bios_settings(service, {"NumLock": "Off"})
        ends = []
        for check_mode in (True, False):
            try:
                ends.append(ensure_nothing_pending(service, check_mode=check_mode)["changed"])
            except BaremetalError as error:
                ends.append(str(error))
        assert ends[0] == ends[1] and (ends[0] is True or personality in ("dell_idrac9", "dell_idrac10", "supermicro_x12"))


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_boot_order_on_every_board(board, personality):
    with board(personality) as service:
        last = read_boot_order(service).pending[-1]
        assert ensure_boot_order(service, [last], check_mode=True)["changed"] and not board.changes(personality)
        assert ensure_boot_order(service, [last])["boot_order"][0]["reference"] == last
        assert not ensure_boot_order(service, [last])["changed"]


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_secure_boot_on_every_board(board, personality):
    with board(personality) as service:
        if personality == "supermicro_x12":
            warnings = []
            assert ensure_secure_boot(service, warn=warnings.append)["secure_boot"]["enabled"] is None and "Not licensed" in warnings[0]
            with pytest.raises(BaremetalError, match="unknown and stays as it is.*Not licensed to perform this request.*licence"):
                ensure_secure_boot(service, True)
            assert not board.changes(personality)
            return
        assert ensure_secure_boot(service, True, check_mode=True)["changed"] and not board.changes(personality)
        result = ensure_secure_boot(service, True)
        assert result["changed"] and result["reboot_required"]
        sent = len(board.changes(personality))
        for options in ({}, {"check_mode": True}):
            again = ensure_secure_boot(service, True, **options)
            assert not again["changed"] and again["reboot_required"] and len(board.changes(personality)) == sent
        ensure_power(board.driver, "on")
        assert not ensure_secure_boot(service, True)["reboot_required"]


@pytest.mark.parametrize("keys", ["none", "no_platform_key"])
@pytest.mark.parametrize("personality", [name for name in PERSONALITIES if name != "supermicro_x12"])
def test_keys_are_reset_once(board, personality, keys):
    with board(personality) as service:
        assert ensure_secure_boot(service, keys=keys)["changed"]
        sent = len(board.changes(personality))
        again = ensure_secure_boot(service, keys=keys)
        assert not again["changed"] and len(board.changes(personality)) == sent


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_all_of_it_is_in_effect_after_a_reboot(board, personality):
    def ensure(service, **options):
        is_licensed = personality != "supermicro_x12"
        return [
            ensure_bios_settings(service, {"NumLock": "Off"}, **options),
            *([ensure_secure_boot(service, True, **options)] if is_licensed else []),
            ensure_boot_order(service, ["disk"], **options),
        ]

    with board(personality) as service:
        assert all(result["changed"] for result in ensure(service))
        ensure_power(board.driver, "rebooted")
        deadline = time.monotonic() + 30
        while any(result["changed"] or result["reboot_required"] for result in ensure(service, check_mode=True)) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not any(result["changed"] or result["reboot_required"] for result in ensure(service))
