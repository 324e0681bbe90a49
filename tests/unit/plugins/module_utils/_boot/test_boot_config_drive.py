# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The config drive: read back with the library's reader, refused when wrong, the same each time."""

from __future__ import annotations

import base64
import gzip
import io
import json
import shutil
import subprocess
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import config_drive, iso9660
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given, settings
from hypothesis import strategies as st

pycdlib = pytest.importorskip("pycdlib")

UUID = "7f1f2d0a-1f53-4d1b-9c3b-2f0f3d1f6a10"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl operator@example.com"
NETWORK = {
    "links": [{"id": "eth0", "type": "phy", "ethernet_mac_address": "52:54:00:00:02:11", "mtu": None}],
    "networks": [
        {"id": "n1", "type": "ipv4", "link": "eth0", "ip_address": "192.0.2.11", "netmask": "255.255.255.0",
         "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "192.0.2.1"}]},
    ],
    "services": [{"type": "dns", "address": "192.0.2.53"}],
}
LEAST = {"hostname": "node1", "uuid": UUID}
FULL = dict(
    LEAST,
    public_keys=[KEY],
    user_data="#cloud-config\nruncmd: [ls]\n",
    meta={"rackwright_image_digest": "sha256:0", "schlüssel": "wert"},
    network_data=NETWORK,
    vendor_data={"a": 1},
)


def read(image):
    """Return {path: bytes} of an ISO image, once by Rock Ridge and once by Joliet."""
    both = []
    for facade in ("get_rock_ridge_facade", "get_joliet_facade"):
        iso = pycdlib.PyCdlib()
        iso.open_fp(io.BytesIO(image))
        view = getattr(iso, facade)()
        kind = "rr_path" if "rock" in facade else "joliet_path"
        files = {}
        for folder, _folders, names in iso.walk(**{kind: "/"}):
            for name in names:
                out = io.BytesIO()
                view.get_file_from_iso_fp(out, folder.rstrip("/") + "/" + name)
                files[folder.rstrip("/") + "/" + name] = out.getvalue()
        iso.close()
        both.append(files)
    assert both[0] == both[1]
    return both[0]


def test_all_files_in_both_name_spaces():
    files = read(config_drive.build(FULL))
    base = "/openstack/latest/"
    assert set(files) == {base + name for name in ("meta_data.json", "user_data", "network_data.json", "vendor_data.json")}
    assert json.loads(files[base + "meta_data.json"]) == {
        "uuid": UUID,
        "hostname": "node1",
        "name": "node1",
        "public_keys": {"key-0": KEY},
        "meta": FULL["meta"],
    }
    assert files[base + "user_data"] == FULL["user_data"].encode()
    assert json.loads(files[base + "network_data.json"]) == NETWORK
    assert json.loads(files[base + "vendor_data.json"]) == {"a": 1}


def test_the_layout_of_nocloud():
    vendor = {"cloud-init": "#cloud-config\n{}"}
    image = config_drive.build(dict(FULL, layout="nocloud", vendor_data=vendor, meta_data={"site": "fra-1"}))
    assert iso9660.read(image)[0] == "cidata"
    files = read(image)
    assert set(files) == {"/meta-data", "/user-data", "/vendor-data", "/network-config"}
    assert json.loads(files["/meta-data"]) == {
        "instance-id": UUID, "uuid": UUID, "local-hostname": "node1", "public-keys": [KEY], "meta": FULL["meta"], "site": "fra-1"}
    assert (files["/user-data"], files["/vendor-data"]) == (FULL["user_data"].encode(), vendor["cloud-init"].encode())
    assert json.loads(files["/network-config"])["ethernets"]["eth0"]["addresses"] == ["192.0.2.11/24"]


def test_keys_may_be_the_lines_of_a_text():
    """As a survey gives them."""
    assert config_drive.build(dict(LEAST, public_keys=f"{KEY}\n\n{KEY}\n")) == config_drive.build(dict(LEAST, public_keys=[KEY, KEY]))


def test_nocloud_has_user_data_always_and_network_data_only_if_given():
    assert read(config_drive.build(dict(LEAST, layout="nocloud", network_data={})))["/user-data"] == b""
    with pytest.raises(BaremetalError, match="has no key cloud-init"):
        config_drive.build(dict(LEAST, layout="nocloud", vendor_data={"a": 1}))
    with pytest.raises(BaremetalError, match="value of cloud-init is not a text"):
        config_drive.build(dict(LEAST, layout="nocloud", vendor_data={"cloud-init": {}}))


def test_further_metadata():
    further = {"site": "fra-1", "hostname": "node1", "public_keys": {"other": KEY}, "meta": {"rack": "r1"}}
    found = json.loads(config_drive.contents(dict(LEAST, public_keys=[KEY], meta={"a": "b"}, meta_data=further))["openstack/latest/meta_data.json"])
    assert found == {"site": "fra-1", "hostname": "node1", "name": "node1", "uuid": UUID, "public_keys": {"key-0": KEY, "other": KEY},
                     "meta": {"rack": "r1", "a": "b"}}
    assert config_drive.contents({"meta_data": {"hostname": "node2", "uuid": UUID}})


def test_what_is_not_given_is_not_there():
    files = read(config_drive.build(LEAST))
    assert sorted(name.rpartition("/")[2] for name in files) == ["meta_data.json", "vendor_data.json"]


def test_label_as_blkid_sees_it(tmp_path):
    image = tmp_path / "drive.iso"
    image.write_bytes(config_drive.build(FULL))
    blkid = shutil.which("blkid", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if blkid is None:
        pytest.skip("blkid is not installed")
    done = subprocess.run([blkid, "-p", "-o", "export", str(image)], capture_output=True, text=True, check=True)
    assert "LABEL=config-2\n" in done.stdout and "TYPE=iso9660\n" in done.stdout


def test_packed_form():
    assert gzip.decompress(base64.b64decode(config_drive.pack(FULL), validate=True)) == config_drive.build(FULL)


def test_the_same_at_any_time_in_any_zone(monkeypatch):
    packed = config_drive.pack(FULL)
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.5)
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert config_drive.pack(FULL) == packed
        assert config_drive.pack(dict(reversed(FULL.items()))) == packed
    finally:
        monkeypatch.undo()
        time.tzset()
    assert config_drive.pack(dict(FULL, hostname="node2")) != packed


def test_a_mapping_of_user_data_becomes_cloud_config():
    (content,) = [data for name, data in config_drive.contents(dict(LEAST, user_data={"packages": ["x"]})).items() if name.endswith("/user_data")]
    first, _newline, rest = content.partition(b"\n")
    assert first == b"#cloud-config"
    assert json.loads(rest) == {"packages": ["x"]}


@pytest.mark.parametrize(
    "change, text",
    [
        ({"hostname": None}, "hostname is missing"),
        ({"hostname": "-x"}, "'-x' is no host name"),
        ({"hostname": "a_b"}, "is no host name"),
        ({"hostname": "a..b"}, "is no host name"),
        ({"hostname": "a\n"}, "is no host name"),
        ({"hostname": "x" * 64}, "is no host name"),
        ({"hostname": ".".join(["x" * 60] * 5)}, "is no host name"),
        ({"uuid": ""}, "uuid is missing"),
        ({"uuid": "node1"}, "is not a UUID"),
        ({"public_keys": 7}, "must be a list of keys"),
        ({"public_keys": KEY + "\nssh-ed25519 AAAA"}, "public_keys: key-1 is not an SSH public key"),
        ({"public_keys": ["ssh-ed25519 AAAA"]}, "public_keys: key-0 is not an SSH public key"),
        ({"public_keys": {"me": "-----BEGIN OPENSSH PRIVATE KEY-----"}}, "me is not an SSH public key, but a private one"),
        ({"public_keys": [KEY + "\n" + KEY]}, "is not an SSH public key"),
        ({"public_keys": [None]}, "is not an SSH public key"),
        ({"meta": ["a"]}, "meta must be a mapping"),
        ({"meta": {"a": 1}}, "the value of a is not a text"),
        ({"network_data": {"links": []}}, "network_data: 'networks' is a required property; network_data: 'services' is a"),
        ({"network_data": "x"}, "network_data: 'x' is not of type 'object', 'null'"),
        ({"network_data": dict(NETWORK, links=[])}, "names the link eth0, which it does not have"),
        ({"network_data": dict(NETWORK, services=[{"type": "dns", "address": "192.0.2"}])}, "192.0.2 is no address"),
        ({"layout": "vfat"}, "layout 'vfat' is none"),
        ({"meta_data": {"hostname": "node2"}}, "hostname is 'node1', and 'node2' in meta_data"),
        ({"meta_data": {"uuid": UUID[::-1]}}, "uuid is .* in meta_data"),
        ({"meta": {"a": "1"}, "meta_data": {"meta": {"a": "2"}}}, "meta.a is '1', and '2' in meta_data"),
        ({"meta_data": {"public_keys": ["x"]}}, "more-0 is not an SSH public key"),
        ({"meta_data": []}, "meta_data must be a mapping"),
        ({"iso": "preserve", "user_data": "x"}, "so user_data would be lost"),
        ({"vendor_data": 5}, "vendor_data must be a mapping"),
        ({"vendor_data": {"a": b"x"}}, "vendor_data cannot be written as JSON"),
        ({"user_data": 5}, "user_data must be a text"),
        ({"userdata": "x"}, "unknown keys: userdata"),
        ({"user_data": "x" * (64 * 1024 ** 2 + 1)}, "are the limit"),
    ],
)
def test_bad_input(change, text):
    with pytest.raises(BaremetalError, match=text) as caught:
        config_drive.obtain(dict(LEAST, **change))
    assert str(caught.value).startswith("config drive: ")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1000


@pytest.mark.parametrize("data", [None, "x", [], 5])
def test_not_even_a_mapping(data):
    with pytest.raises(BaremetalError, match="a mapping is expected"):
        config_drive.build(data)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(iso9660, "pycdlib", None)
    monkeypatch.setattr(iso9660, "PYCDLIB_IMPORT_ERROR", ImportError("No module named 'pycdlib'"))
    with pytest.raises(BaremetalError, match="pip install 'pycdlib'"):
        config_drive.build(LEAST)


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=3000)


@settings(max_examples=25, deadline=None)
@given(user_data=text, meta=st.dictionaries(text.map(lambda word: word[:40]), text, max_size=5))
def test_any_text_comes_back(user_data, meta):
    files = read(config_drive.build(dict(LEAST, user_data=user_data, meta=meta)))
    assert files["/openstack/latest/user_data"] == user_data.encode()
    assert json.loads(files["/openstack/latest/meta_data.json"])["meta"] == meta


label = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


@given(st.lists(label, min_size=1, max_size=4).map(".".join))
def test_every_host_name_is_taken(name):
    assert json.loads(config_drive.contents(dict(LEAST, hostname=name))["openstack/latest/meta_data.json"])["hostname"] == name
