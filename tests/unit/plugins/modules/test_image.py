# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The image module's door: files and registry together, in the order check, create, again, update, delete."""

from __future__ import annotations

import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call, outcome
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors.image import DOOR
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.image_builders import MIB, make_raw, sha256


@pytest.fixture
def site(tmp_path):
    """A function that calls the door as the action does, and the registry that it writes to."""
    url = f"sqlite:///{tmp_path}/registry.sqlite"
    (tmp_path / "http").mkdir()

    def call_door(check_mode=False, **params):
        given = {"name": "debian-12", "root": str(tmp_path / "http"), "state": "present", "registry": url, "src": None, "checksum": None,
                 "type": "whole-disk"}
        call = Call(params=dict(given, **params), check_mode=check_mode, diff=True)

        def work():
            DOOR.before(call)
            result = dict(DOOR.run(call))
            DOOR.after(call, result)
            return result

        return outcome(call, work)

    call_door.recorded = lambda: images.get(open_registry(url), "debian-12")
    call_door.files = lambda: sorted(path.name for path in (tmp_path / "http").rglob("*"))
    return call_door


@pytest.fixture
def source(tmp_path):
    raw = make_raw(tmp_path / "debian.raw", 8 * MIB, [(MIB, 9000)])
    return {"src": str(raw), "checksum": sha256(raw)}


def test_life_of_an_image(site, source, tmp_path):
    predicted = site(check_mode=True, **source)
    assert predicted["changed"] is True and predicted["image"] is None
    assert predicted["diff"] == {
        "before": {"name": "debian-12", "published": None, "registered": None},
        "after": {"name": "debian-12", "published": "known after publishing", "registered": "known after publishing"},
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["debian.raw", "http"] and site.files() == []

    created = site(**source)
    assert created["changed"] is True
    assert created["diff"]["after"]["registered"] == created["image"]["digest"] == source["checksum"]
    for key in ("digest", "manifest_digest", "virtual_size", "path", "format", "published_at"):
        assert site.recorded()[key] == created["image"][key]

    again = site(**source)
    assert again["changed"] is False
    assert again["diff"]["before"] == again["diff"]["after"]
    assert site(check_mode=True, **source)["changed"] is False

    new = make_raw(tmp_path / "new.raw", 8 * MIB, [(2 * MIB, 9000)], seed=3)
    updated = site(src=str(new), checksum=sha256(new))
    assert updated["changed"] is True
    assert site.recorded()["digest"] == sha256(new)
    assert site.files().count("disk.raw.zst") == 2

    # Back to the content before: nothing is converted, the registry points to it again.
    back = site(check_mode=True, **source)
    assert back["changed"] is True and site.recorded()["digest"] == sha256(new)
    assert site(**source)["changed"] is True
    assert site.recorded()["digest"] == source["checksum"]

    assert site(check_mode=True, state="absent")["changed"] is True
    assert site.recorded() is not None
    gone = site(state="absent")
    assert gone["changed"] is True and gone["image"] is None
    assert site.recorded() is None and site.files() == ["images"]
    assert site(state="absent")["changed"] is False


def test_failure_is_one_paragraph_and_records_nothing(site, source):
    result = site(src=source["src"], checksum="0" * 64)
    assert result["failed"] is True
    assert result["msg"].startswith("check the image: the image has another checksum") and "\n" not in result["msg"]
    assert site.recorded() is None


def _bill(digest):
    return {"bomFormat": "CycloneDX", "metadata": {"component": {"name": "debian", "components": [
        {"name": "debian.raw", "hashes": [{"alg": "SHA-256", "content": digest}]}]}}}


def test_the_bill_of_materials_beside_the_source_is_published_with_it(site, source, tmp_path):
    created = site(**source)
    assert created["image"]["sbom"] is None
    bill = tmp_path / "debian.raw.cdx.json"
    bill.write_text(json.dumps(_bill("0" * 64)))
    assert site(**source)["changed"] is False
    bill.write_text(json.dumps(_bill(source["checksum"].rpartition(":")[2])))
    assert site(check_mode=True, **source)["changed"] is True and "sbom.cdx.json" not in site.files()
    added = site(**source)
    assert added["changed"] is True and added["image"]["sbom"] == f"{created['image']['path']}sbom.cdx.json"
    assert added["image"]["manifest_digest"] == created["image"]["manifest_digest"]
    published = tmp_path / "http" / added["image"]["sbom"]
    assert published.read_text() == bill.read_text() and published.stat().st_mode & 0o777 == 0o644
    assert site(**source)["changed"] is False
    # It stays, whatever is built later beside the source.
    bill.write_text('{"bomFormat": "CycloneDX", "version": 2}')
    assert site(**source)["changed"] is False and published.read_text() != bill.read_text()


@pytest.mark.parametrize(("text", "said"), [("{", "cannot be read"), ("[1]", "is no bill of materials"), ("3", "cannot be read"), ("{}", "is no bill")])
def test_what_is_no_bill_of_materials_is_told(site, source, tmp_path, text, said):
    (tmp_path / "debian.raw.spdx.json").write_text(text)
    result = site(**source)
    assert result["failed"] is True and said in result["msg"] and "debian.raw.spdx.json" in result["msg"]
    assert site.recorded() is None
