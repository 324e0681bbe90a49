# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual media: which slot, which payload, and what is believed."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import virtual_media
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.connection import BmcBusy
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.virtual_media import check_image, eject_paths, ensure_ejected, ensure_inserted
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.random_json import trees
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.service_double import Tree, error_body, service_on
from hypothesis import given, settings
from hypothesis import strategies as st

SYSTEM = "/redfish/v1/Systems/1"
MANAGER = "/redfish/v1/Managers/1"
IMAGE = "http://192.0.2.1/images/rescue.iso"
OTHER = "http://192.0.2.1/images/other.iso"


class Board:
    """A board with slots.

    :param owner: path of the resource that has the slots.
    :param takes: which payloads of an insert it takes.
    :param shows: function of the slot and the payload, with which the board shows an insert; None shows it as asked for.
    :param action: whether the slots have the actions.
    """

    def __init__(self, owner=MANAGER, kinds=("CD", "USBStick"), takes=lambda body: True, shows=None, action=True):
        self.tree = Tree({
            "/redfish/v1/Systems": {"Members": [{"@odata.id": SYSTEM}]},
            SYSTEM: {"Links": {"ManagedBy": [{"@odata.id": MANAGER}]}},
            MANAGER: {},
        })
        self.service = service_on(self.tree)
        self.takes = takes
        self.shows = shows or (lambda slot, body: {
            "Image": body["Image"], "ImageName": body["Image"].rpartition("/")[2], "Inserted": True, "ConnectedVia": "URI",
            "WriteProtected": body.get("WriteProtected", True)})
        self.slots = {}
        self.tree.resources[owner]["VirtualMedia"] = {"@odata.id": f"{owner}/VirtualMedia"}
        self.tree.resources[f"{owner}/VirtualMedia"] = {"Members": []}
        for number, kind in enumerate(kinds, start=1):
            self._add(f"{owner}/VirtualMedia", str(number), kind, action)

    def _add(self, collection, name, kind, action):
        path = f"{collection}/{name}"
        self.slots[name] = path
        self.tree.resources[collection]["Members"].insert(0, {"@odata.id": path})
        self.tree.resources[path] = {"Id": name, "MediaTypes": [kind], "Inserted": False, "ConnectedVia": "NotConnected", "Image": None}
        if not action:
            self.tree.on("PATCH", path, lambda tree, body: self._insert(path, body) if body["Image"] else self._eject(path, body))
            return
        self.tree.resources[path]["Actions"] = {
            f"#VirtualMedia.{word}": {"target": f"{path}/Actions/VirtualMedia.{word}"} for word in ("InsertMedia", "EjectMedia")}
        self.tree.on("POST", f"{path}/Actions/VirtualMedia.InsertMedia", lambda tree, body: self._insert(path, body))
        self.tree.on("POST", f"{path}/Actions/VirtualMedia.EjectMedia", lambda tree, body: self._eject(path, body))
        self.tree.on("PATCH", path, lambda tree, body: (405, error_body("Base.1.0.OperationNotAllowed")))

    def _insert(self, path, body):
        verdict = self.takes(body)
        if verdict is not True:
            return verdict or (400, error_body("Base.1.0.PropertyUnknown", "The property is not in the list of valid properties"))
        self.tree.resources[path].update(self.shows(self.tree.resources[path], body))
        return 204, None

    def _eject(self, path, body):
        self.tree.resources[path].update(Inserted=False, ConnectedVia="NotConnected", Image=None)
        return 204, None

    def hold(self, name, image=OTHER):
        self._insert(self.slots[name], {"Image": image, "Inserted": True})

    def insert(self, **options):
        return ensure_inserted(self.service, options.pop("image", IMAGE), sleep=lambda seconds: None, **options)

    def eject(self, **options):
        return ensure_ejected(self.service, sleep=lambda seconds: None, **options)

    def slot(self, name):
        return self.tree.resources[self.slots[name]]

    def payloads(self):
        return [body for method, path, body in self.tree.changes]


@pytest.mark.parametrize("action", [True, False])
@pytest.mark.parametrize("owner", [SYSTEM, MANAGER])
def test_inserted_once_and_ejected_once(owner, action):
    board = Board(owner, action=action)
    assert board.insert(check_mode=True)["changed"] and not board.tree.changes
    result = board.insert()
    assert result["changed"] and result["slot"] == "1"
    assert result["after"] == [
        {"slot": "1", "media_types": ["CD"], "inserted": True, "image": IMAGE, "image_name": "rescue.iso", "write_protected": True},
        {"slot": "2", "media_types": ["USBStick"], "inserted": False, "image": None, "image_name": None, "write_protected": None}]
    assert not board.insert()["changed"]
    assert len(board.tree.changes) == 1
    assert board.eject(check_mode=True)["changed"] and len(board.tree.changes) == 1
    result = board.eject()
    assert result["changed"] and not any(slot["inserted"] for slot in result["after"])
    assert not board.eject()["changed"]
    # An action without a body is refused by several boards.
    assert board.payloads()[-1] == ({} if action else {"Image": None, "Inserted": False})


def test_check_mode_foresees_what_comes():
    board = Board()
    foreseen = board.insert(check_mode=True)
    assert foreseen["after"] == board.insert()["after"]
    foreseen = board.eject(check_mode=True)
    assert [slot["inserted"] for slot in foreseen["after"]] == [slot["inserted"] for slot in board.eject()["after"]]


@pytest.mark.parametrize(("takes", "tries"), [
    (lambda body: "WriteProtected" not in body, 2),
    (lambda body: set(body) == {"Image"}, 3),
    (lambda body: body.get("TransferProtocolType") == "HTTP", 4),
    (lambda body: body.get("TransferMethod") == "Stream", 5),
    (lambda body: body.get("Password") == "none", 6),
])
def test_payload_ladder(takes, tries):
    board = Board(takes=takes)
    assert board.insert()["changed"]
    assert len(board.tree.changes) == tries


def test_own_credentials_are_in_every_payload():
    board = Board(kinds=["CD"], takes=lambda body: False)
    with pytest.raises(BaremetalError, match="does not take the image.*not in the list of valid properties"):
        board.insert(username="reader", password="canary")
    assert all(body["UserName"] == "reader" and body["Password"] == "canary" for body in board.payloads())


def test_next_slot_when_one_is_not_usable():
    board = Board(kinds=["CD", "CD"])
    first = board.slots["1"]
    board.tree.on("POST", f"{first}/Actions/VirtualMedia.InsertMedia", lambda tree, body: (405, error_body("Base.1.0.ActionNotSupported")))
    assert board.insert()["slot"] == "2"


def test_patch_where_the_action_is_refused():
    board = Board(kinds=["CD"])
    path = board.slots["1"]
    board.tree.on("POST", f"{path}/Actions/VirtualMedia.InsertMedia", lambda tree, body: (405, error_body("Base.1.0.ActionNotSupported")))
    board.tree.on("PATCH", path, lambda tree, body: board._insert(path, body))
    assert board.insert()["changed"]


def test_image_that_the_bmc_cannot_fetch_ends_it_at_once():
    board = Board(kinds=["CD", "CD"], takes=lambda body: (400, error_body("IDRAC.2.8.RAC0904", "The remote file location is not accessible")))
    with pytest.raises(BaremetalError, match="remote file location.*To do: see that the BMC's network reaches the image"):
        board.insert()
    assert len(board.tree.changes) == 1


def test_refused_url_gets_the_advice_about_urls():
    board = Board(takes=lambda body: False)
    with pytest.raises(BaremetalError, match=r"some BMCs refuse such a URL: it has a \? or = in it and it ends neither in .iso nor in .img"):
        board.insert(image="http://192.0.2.1/boot?file=rescue")


def test_last_eject_that_still_runs_is_waited_for():
    board = Board()
    path = board.slots["1"] + "/Actions/VirtualMedia.InsertMedia"
    board.tree.answer("POST", path, (503, error_body("IDRAC.2.8.VRM0021", "Operation in progress")), (500, error_body("")))
    assert board.insert()["changed"]
    assert [set(body) for body in board.payloads()] == [{"Image", "Inserted", "WriteProtected"}] * 3


@pytest.mark.parametrize("word", ["insert", "eject"])
def test_a_busy_service_ends_the_ladder(word):
    board = Board()
    for name, path in board.slots.items():
        board.hold(name)
        for action in ("InsertMedia", "EjectMedia"):
            board.tree.on("POST", f"{path}/Actions/VirtualMedia.{action}", lambda tree, body: (503, error_body("Base.1.12.ServiceTemporarilyUnavailable")))
    with pytest.raises(BmcBusy, match="cannot change its virtual media now. Seen: .*503.*run the same command again in a minute"):
        board.insert(slot="1") if word == "insert" else board.eject(slot="1")
    assert len(board.tree.changes) == 7


def test_a_medium_that_may_be_replaced_makes_its_slot_a_free_one():
    board = Board(kinds=("CD",))
    board.hold("1")
    with pytest.raises(BaremetalError, match="all slots for the medium cd are taken"):
        board.insert(replaces=lambda path: path == "/images/rescue.iso")
    assert board.insert(replaces=lambda path: path == "/images/other.iso", check_mode=True)["changed"] and not board.tree.changes
    assert board.insert(replaces=lambda path: path == "/images/other.iso")["changed"]
    assert board.slot("1")["Image"] == IMAGE
    assert [path.rpartition(".")[2] for method, path, body in board.tree.changes] == ["EjectMedia", "InsertMedia"]


@pytest.mark.parametrize("told", [{"Image": "rescue.iso"}, {"Image": "", "ImageName": "rescue.iso"}])
def test_a_medium_of_which_the_name_alone_is_told_may_be_an_earlier_one(told):
    board = Board(kinds=("CD",))
    board.hold("1")
    board.slot("1").update(told)
    assert not board.insert()["changed"]
    assert board.insert(replaces=lambda path: False, check_mode=True)["changed"] and not board.tree.changes
    assert board.insert(replaces=lambda path: False)["changed"]
    assert [path.rpartition(".")[2] for method, path, body in board.tree.changes] == ["EjectMedia", "InsertMedia"]
    # With its whole URL it is known, be it in a folder or not.
    for image in (IMAGE, "http://192.0.2.1/rescue.iso"):
        board.hold("1", image)
        assert not board.insert(image=image, replaces=lambda path: False)["changed"]


def test_a_medium_whose_url_cannot_be_read_takes_its_slot():
    board = Board(kinds=("CD", "CD"))
    board.hold("1", "//[srv]/x.iso")
    assert board.insert(replaces=lambda path: False)["slot"] == board.insert()["slot"] == "2"


@pytest.mark.parametrize("kinds", [("CD",), ("CD", "CD")])
def test_a_slot_that_does_not_give_its_medium_away_is_passed_over_where_there_is_another(kinds):
    board, warnings = Board(kinds=kinds), []
    board.hold("1")
    board.tree.on("POST", board.slots["1"] + "/Actions/VirtualMedia.EjectMedia", lambda tree, body: (400, error_body("Base.1.0.ActionNotSupported")))
    if len(kinds) == 1:
        with pytest.raises(BaremetalError, match="refused to eject the medium in slot 1"):
            board.insert(replaces=lambda path: True, warn=warnings.append)
    else:
        assert board.insert(replaces=lambda path: True, warn=warnings.append)["slot"] == "2"
    assert warnings == [] if len(kinds) == 1 else warnings == ["the BMC refused to eject the medium in slot 1; another slot is tried"]


def test_error_after_which_the_image_is_there_is_no_error():
    board = Board()
    path = board.slots["1"]

    def insert(tree, body):
        board._insert(path, body)
        return 500, error_body("Base.1.0.InternalError")

    board.tree.on("POST", f"{path}/Actions/VirtualMedia.InsertMedia", insert)
    assert board.insert()["changed"]
    assert len(board.tree.changes) == 1


def test_eject_that_is_refused_because_it_is_done_is_no_error():
    board = Board()
    board.hold("1")
    path = board.slots["1"]

    def eject(tree, body):
        board._eject(path, body)
        return 500, error_body("Base.1.0.InternalError")

    board.tree.on("POST", f"{path}/Actions/VirtualMedia.EjectMedia", eject)
    assert board.eject()["changed"]


def test_eject_that_shows_late_is_waited_for_and_stale_is_an_error():
    board = Board()
    board.hold("1")
    path = board.slots["1"]
    board.tree.on("POST", f"{path}/Actions/VirtualMedia.EjectMedia", lambda tree, body: (204, None))
    with pytest.raises(BaremetalError, match=f"took the order to eject the medium in slot 1 and still shows it. Seen: image {OTHER}"):
        board.eject()


@pytest.mark.parametrize("shown", [
    {"Inserted": False},
    {"Inserted": True, "ConnectedVia": "URI", "Image": OTHER},
])
def test_image_that_does_not_show_is_an_error(shown):
    board = Board(shows=lambda slot, body: shown)
    with pytest.raises(BaremetalError, match="does not show it as inserted"):
        board.insert()


@pytest.mark.parametrize("shown", [
    {"Inserted": True, "ConnectedVia": "URI", "Image": "http://192.0.2.1:80/images/rescue.iso"},
    {"Inserted": True, "ConnectedVia": "Oem", "Image": "/images/rescue.iso"},
    {"Inserted": "true", "ConnectedVia": "URI", "Image": None, "ImageName": "rescue.iso"},
    {"Inserted": None, "ConnectedVia": "URI", "Image": "HTTP://reader:x@192.0.2.1/images%2Frescue.iso"},
])
def test_ways_to_show_an_image(shown):
    board = Board(shows=lambda slot, body: shown)
    assert board.insert()["changed"]
    assert not board.insert()["changed"]


def test_medium_that_is_not_named_is_believed_and_put_in_again_next_time():
    board = Board(kinds=["CD"], shows=lambda slot, body: {"Inserted": True, "ConnectedVia": "URI", "Image": ""})
    assert board.insert()["changed"]
    with pytest.raises(BaremetalError, match="all slots for the medium cd are taken. Seen: slot 1 holds something"):
        board.insert()
    assert board.insert(slot="1")["changed"]


def test_slot_that_keeps_the_name_of_its_last_image_is_free():
    board = Board(kinds=["CD"])
    board.slot("1").update(Inserted=True, ImageName="old.iso", Image=OTHER)
    assert board.insert()["changed"]


def test_dvd_slot_does_for_a_cd_and_a_cd_slot_goes_before_it():
    assert Board(kinds=["DVD"]).insert()["slot"] == "1"
    assert Board(kinds=["DVD", "CD"]).insert()["slot"] == "2"
    assert Board(kinds=["DVD", "USBStick"]).insert(media_type="usb")["slot"] == "2"
    with pytest.raises(BaremetalError, match=r"no slot for the medium floppy. Seen: slots: 1 \(DVD\)"):
        Board(kinds=["DVD"]).insert(media_type="floppy")


def test_slot_by_name_has_its_medium_replaced():
    board = Board()
    board.hold("2")
    assert board.insert(slot="2")["slot"] == "2"
    with pytest.raises(BaremetalError, match=r"no slot 3 .*Seen: slots: 1 \(CD\), 2 \(USBStick\)"):
        board.insert(slot="3")


def test_eject_of_one_of_several():
    board = Board(kinds=["CD", "CD", "USBStick"])
    for name, image in (("1", IMAGE), ("2", OTHER), ("3", IMAGE)):
        board.hold(name, image)
    board.eject(image=OTHER)
    assert [board.slot(name)["Inserted"] for name in "123"] == [True, False, True]
    board.eject(media_type="usb")
    assert [board.slot(name)["Inserted"] for name in "123"] == [True, False, False]
    board.hold("3")
    board.eject(slot="1")
    assert [board.slot(name)["Inserted"] for name in "123"] == [False, False, True]


def test_other_write_protection_is_a_warning():
    warnings = []
    board = Board()
    board.insert(media_type="usb", write_protected=True)
    board.insert(media_type="usb", write_protected=False, warn=warnings.append)
    assert warnings == ["the BMC tells that the medium in slot 2 is write-protected, although the contrary was asked for"]


def made_by(vendor, *kinds, **options):
    board = Board(kinds=kinds or ["CD"], **options)
    board.tree.resources[SYSTEM].update(Manufacturer=vendor, Model="X")
    return board


def test_payload_that_the_board_is_known_to_take_comes_first():
    board = made_by("Supermicro", takes=lambda body: not {"Inserted", "WriteProtected"} & set(body))
    assert board.insert()["changed"] and board.payloads() == [{"Image": IMAGE}]
    board = made_by("Nokia", takes=lambda body: body.get("TransferMethod") == "Stream")
    board.insert(image="https://192.0.2.1/rescue.iso")
    assert board.payloads() == [{"Image": "https://192.0.2.1/rescue.iso", "TransferProtocolType": "HTTPS", "TransferMethod": "Stream"}]


def test_address_that_the_board_is_known_to_refuse_is_warned_of():
    warnings = []
    made_by("Supermicro").insert(image="http://192.0.2.1/boot?file=rescue.iso", warn=warnings.append)
    made_by("Supermicro").insert(warn=warnings.append)
    assert warnings == ["some BMCs refuse such a URL: it has a ? or = in it and it ends neither in .iso nor in .img; this is one of them"]


def test_slots_of_the_remote_console_are_passed_over():
    board = made_by("Lenovo", "CD", "CD")
    board.slot("1")["Id"] = "Remote1"
    assert board.insert()["slot"] == "2"


def test_eject_from_a_running_machine_is_warned_of_where_it_does_harm():
    board = made_by("Dell Inc.")
    board.tree.resources[SYSTEM]["PowerState"] = "On"
    board.hold("1")
    warnings = []
    assert board.eject(warn=warnings.append)["changed"] and "takes the medium away" in warnings[0]
    board.eject(warn=warnings.append)
    assert len(warnings) == 1


def test_board_without_slots():
    with pytest.raises(BaremetalError, match="no slot for virtual media"):
        Board(kinds=[]).insert()


@given(st.text(max_size=30), trees("Image", "ImageName", "Inserted", "ConnectedVia", "MediaTypes"))
def test_random_slots_are_looked_at_without_an_error(image, resource):
    slot = virtual_media.view(resource)
    assert virtual_media.shows(slot, image) in (True, False)
    virtual_media.url_advice(image)
    assert len(virtual_media.insert_payloads(image, True, {}, by_patch=False)) == 6


@settings(max_examples=60)
@given(trees("Image", "ImageName", "Inserted", "ConnectedVia", "MediaTypes", "Actions", "VirtualMedia", "Links", "ManagedBy"),
       trees("Image", "Inserted", "Actions", "#VirtualMedia.InsertMedia", "target"), st.booleans())
def test_random_boards_end_in_a_result_or_a_paragraph(system, slot, insert):
    board = Board()
    board.tree.resources[board.slots["1"]] = slot
    board.tree.resources[SYSTEM].update({name: value for name, value in system.items() if name != "@odata.id"})
    try:
        board.insert() if insert else board.eject()
    except BaremetalError as error:
        assert error.what


@pytest.mark.parametrize("image", [IMAGE, "https://[2001:db8::1]/a.iso", "nfs://192.0.2.1/export/a b.iso", "//192.0.2.1/share/a.iso", "192.0.2.1:/export/a.iso",
                                   "http://user:secret@192.0.2.1/a.iso", "HTTP://boot/a.iso?x=1"])
def test_what_passes_for_the_place_of_an_image(image):
    assert check_image(image) is None


@pytest.mark.parametrize("image", ["", " ", "a.iso", "/srv/images/a.iso", "http:///a.iso", "http://", "user:secret@192.0.2.1/a.iso"])
def test_what_is_no_place_of_an_image(image):
    with pytest.raises(BaremetalError, match="the image is no URL") as caught:
        check_image(image)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("shown", "gone"), [
    ({"Image": IMAGE}, True), ({"Image": OTHER}, False), ({"Image": "images/rescue.iso"}, True), ({"Image": "rescue.iso"}, True),
    ({"Image": "//[srv]/images/rescue.iso", "ImageName": "rescue.iso"}, False), ({"Image": "http://192.0.2.1/rescue.iso"}, False),
    ({"Image": None, "ImageName": "rescue.iso"}, True), ({"Image": None, "ImageName": "other.iso"}, False)])
def test_media_are_taken_out_by_their_path(shown, gone):
    board = Board(shows=lambda slot, body: {"Inserted": True, "ConnectedVia": "URI", **shown})
    board._insert(board.slots["1"], {"Image": IMAGE})
    eject_paths(board.service, ["/images/rescue.iso"], sleep=lambda seconds: None)
    assert virtual_media.is_inserted(board.tree.resources[board.slots["1"]]) is not gone


@pytest.mark.parametrize("shown", [True, False])
def test_a_board_without_slots_holds_no_medium(shown):
    board = Board(kinds=())
    if not shown:
        del board.tree.resources[MANAGER]["VirtualMedia"]
    eject_paths(board.service, ["/images/rescue.iso"])
    assert not board.tree.changes
    with pytest.raises(BaremetalError, match="shows no slot"):
        board.eject()
