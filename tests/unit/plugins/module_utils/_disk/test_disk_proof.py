# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof: what it reads, and every sentence of a refusal."""

from __future__ import annotations

import json
import pathlib

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import proof
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.commands import CommandTimeout
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.devices import GIB
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError

UUID = "4c4c4544-0042-4810-8054-b4c04f4b3532"
INSTANCE = "7f1f2d0a-1f53-4d1b-9c3b-2f0f3d1f6a10"
DIGEST = "sha256:" + "0" * 64
EXPECTED = {
    "hostname": "node1",
    "system_uuid": UUID,
    "serial": "SN1",
    "instance_uuid": INSTANCE,
    "image_digest": DIGEST,
    "root_device": {"serial": "S1"},
    "datasource": "ConfigDrive",
}
SEEN = {
    "hostname": "node1",
    "system_uuid": UUID,
    "serial": "SN1",
    "instance_uuid": INSTANCE,
    "image_digest": DIGEST,
    "root_device": "/dev/vda1",
    "root_disk": "/dev/vda",
    "root_disks": ["/dev/vda"],
    "root_size": 10 * GIB,
    "root_free_behind": 1024 ** 2,
    "root_file_system_size": int(9.7 * GIB),
    "datasource": "ConfigDrive",
    "datasource_detail": "DataSourceConfigDrive [net,ver=2][source=/dev/vda3]",
}
DISKS = [
    {"name": "/dev/vda", "size": 10 * GIB, "serial": "S1", "model": "M"},
    {"name": "/dev/vdb", "size": 5 * GIB, "serial": "S2", "model": "M"},
]


def test_the_right_system():
    assert proof.mismatches(EXPECTED, SEEN, DISKS) == []


@pytest.mark.parametrize(
    "expected, seen",
    [
        ({"hostname": "node1.example.com"}, {}),
        ({"hostname": "NODE1"}, {}),
        ({"serial": None}, {"serial": "SN9"}),
        ({"root_device": None}, {"root_disks": ["/dev/vdb"]}),
        ({"system_uuid": UUID.upper()}, {}),
        ({"datasource": None}, {"datasource": "NoCloud"}),
        ({}, {"datasource": None}),
        ({"root_gb": 10}, {"root_free_behind": 5 * GIB}),
        ({}, {"root_device": "/dev/dm-0", "root_disk": None, "root_disks": ["/dev/vda", "/dev/vdb"], "root_free_behind": None}),
    ],
)
def test_what_means_the_same(expected, seen):
    assert proof.mismatches(dict(EXPECTED, **expected), dict(SEEN, **seen), DISKS) == []


@pytest.mark.parametrize(
    "seen, text",
    [
        ({"hostname": "localhost"}, "host name expected node1, seen localhost"),
        ({"system_uuid": None}, "SMBIOS UUID expected %s, seen none" % UUID),
        ({"serial": "SN2"}, "SMBIOS serial number expected SN1, seen SN2"),
        ({"instance_uuid": "old"}, "instance UUID of the config drive expected %s, seen old" % INSTANCE),
        ({"image_digest": None}, "image digest of the config drive expected %s, seen none" % DIGEST),
        ({"root_disks": ["/dev/vdb", "/dev/vdc"]}, "root file system expected on /dev/vda (serial S1), seen on /dev/vdb, /dev/vdc"),
        ({"root_device": "overlay", "root_disks": []}, "root file system expected on a disk, seen on overlay"),
        (
            {"root_free_behind": 7 * GIB, "root_size": 3 * GIB, "root_file_system_size": 3 * GIB},
            "root partition expected to be grown, seen 3.0 GiB with 7.0 GiB free behind it",
        ),
        (
            {"datasource": "NoCloud", "datasource_detail": "DataSourceNoCloud [seed=/dev/sdb1]"},
            "datasource of cloud-init expected ConfigDrive, seen NoCloud (DataSourceNoCloud [seed=/dev/sdb1]), so the config drive of this deploy "
            "was not read",
        ),
        ({"root_file_system_size": 2 * GIB}, "root file system expected to fill /dev/vda1 of 10.0 GiB, seen 2.0 GiB"),
    ],
)
def test_each_mismatch_is_one_sentence(seen, text):
    assert proof.mismatches(EXPECTED, dict(SEEN, **seen), DISKS) == [text]


def test_hints_that_choose_nothing():
    (text,) = proof.mismatches(dict(EXPECTED, root_device={"serial": "S9"}), SEEN, DISKS)
    assert text == "no disk matches the root device hints {serial: S9}"


def prove(seen, state="done", detail=""):
    return proof.prove(EXPECTED, timeout=5, waiter=lambda timeout: (state, detail), gatherer=lambda: seen, lister=lambda hints, skip: DISKS)


def test_proof_of_a_good_system():
    assert prove(SEEN) == dict(SEEN, cloud_init="done")
    assert prove(SEEN, "degraded done")["cloud_init"] == "degraded done"


def test_every_mismatch_is_in_the_one_paragraph():
    with pytest.raises(BaremetalError) as caught:
        prove(dict(SEEN, hostname="localhost", serial="SN2"), "error", "status: error detail: boom")
    text = str(caught.value)
    assert text.startswith("proof: the installed system is not what was asked for. Seen: ")
    assert all(word in text for word in ("localhost", "SN2", "cloud-init ended with an error: status: error detail: boom"))
    assert "\n" not in text


@pytest.mark.parametrize("seen, advised", [({"datasource": "None", "datasource_detail": "DataSourceNone"}, True), ({"hostname": "x"}, False)])
def test_pinning_is_advised_where_it_helps(seen, advised):
    with pytest.raises(BaremetalError) as caught:
        prove(dict(SEEN, **seen))
    assert ("deploy_pin_datasource" in caught.value.cure) is advised


def test_cloud_init_is_waited_for(monkeypatch):
    monkeypatch.setattr(proof, "find_tool", lambda name: "/usr/bin/" + name)
    calls = []

    def runner(argv, **options):
        calls.append((argv, options))
        return b"....\nstatus: done\nextended_status: done\n"

    assert proof.wait_for_cloud_init(42, runner=runner)[0] == "done"
    assert calls[0][0] == ["cloud-init", "status", "--long", "--wait"]
    assert calls[0][1]["timeout"] == 42
    monkeypatch.setattr(proof, "find_tool", lambda name: None)
    assert proof.wait_for_cloud_init(42, runner=runner) == (None, None)


@pytest.mark.parametrize("told", ["status: running\ndetail: apt-get update", None])
def test_cloud_init_that_takes_too_long(monkeypatch, told):
    """It is nobody's disk error; the cure names the variable that the operator can set."""
    def runner(argv, **options):
        if "--wait" in argv or told is None:
            raise CommandTimeout("%s did not end" % " ".join(argv), cure="Look at the disk")
        return told.encode()

    monkeypatch.setattr(proof, "find_tool", lambda name: "/usr/bin/" + name)
    with pytest.raises(BaremetalError) as raised:
        proof.wait_for_cloud_init(7, runner=runner)
    text = str(raised.value)
    assert text.startswith("proof: cloud-init was still at work 7 seconds after the login. Seen: ")
    assert (told or "cloud-init status --long did not end").split()[-1] in text
    assert "cloud_init in deploy_timeouts" in text and "disk" not in text


def test_metadata_as_cloud_init_consumed_it(machine):
    data = {"ds": {"meta_data": {"uuid": INSTANCE, "meta": {"rackwright_image_digest": DIGEST}}}}
    root = machine({"data.json": json.dumps(data)})
    assert proof.instance_metadata(str(root / "data.json"))["uuid"] == INSTANCE


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"ds": {}}', '{"ds": {"meta_data": "x"}}', None])
def test_metadata_from_the_config_drive(machine, monkeypatch, text):
    """Where cloud-init left nothing usable the drive is mounted read-only, read and unmounted."""
    root = machine({} if text is None else {"data.json": text})
    calls = []

    def runner(argv, **_options):
        calls.append(argv[0])
        if argv[0] == "mount":
            assert argv[1:3] == ["-o", "ro"]
            file = pathlib.Path(argv[-1], "openstack/latest/meta_data.json")
            file.parent.mkdir(parents=True)
            file.write_text(json.dumps({"uuid": INSTANCE}))
        return b""

    monkeypatch.setattr("os.path.exists", lambda path: path == "/dev/disk/by-label/config-2")
    assert proof.instance_metadata(str(root / "data.json"), runner=runner) == {"uuid": INSTANCE}
    assert calls == ["mount", "umount"]


@pytest.mark.parametrize("text, seen", [(json.dumps({"instance-id": INSTANCE}), {"instance-id": INSTANCE}), ("instance-id: i-1\n", {}), ("[]", {})])
def test_metadata_of_the_layout_nocloud(tmp_path, monkeypatch, text, seen):
    def runner(argv, **_options):
        if argv[0] == "mount":
            assert argv[3] == "/dev/disk/by-label/CIDATA"
            pathlib.Path(argv[-1], "meta-data").write_text(text)
        return b""

    monkeypatch.setattr("os.path.exists", lambda path: path == "/dev/disk/by-label/CIDATA")
    assert proof.instance_metadata(str(tmp_path / "none"), runner=runner) == seen


def test_no_config_drive_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr("os.path.exists", lambda path: False)
    assert proof.instance_metadata(str(tmp_path / "none")) == {}


def layout(machine, files, source="/dev/vda1"):
    disk = "devices/pci/block/vda/"
    root = machine({disk + name: text for name, text in files.items()})
    (root / "class/block").mkdir(parents=True)
    for name in ("vda", "vda1"):
        target = root / disk if name == "vda" else root / disk / name
        (root / "class/block" / name).symlink_to(target)
    return proof.root_layout(sysfs=str(root), runner=lambda argv, **_options: (source + "\n").encode())


PARTS = {"size": "20971520", "vda1/partition": "1", "vda1/start": "264192", "vda1/size": "20568064"}


def test_layout_up_to_the_next_partition(machine):
    found = layout(machine, dict(PARTS, **{"vda14/start": "2048", "vda2/start": "20836352", "vda2/partition": "2"}))
    assert (found["root_device"], found["root_disk"]) == ("/dev/vda1", "/dev/vda")
    assert found["root_size"] == 20568064 * 512
    assert found["root_free_behind"] == (20836352 - 264192 - 20568064) * 512


def test_layout_up_to_the_end_of_the_disk(machine):
    found = layout(machine, PARTS, "/dev/vda1[/@]")
    assert found["root_free_behind"] == (20971520 - 264192 - 20568064) * 512


def test_layout_without_a_block_device(machine):
    found = layout(machine, PARTS, "overlay")
    assert (found["root_disk"], found["root_disks"], found["root_size"]) == (None, [], None) and found["root_file_system_size"] > 0


def stacked(root, layers):
    """Volumes on what stands below them, beside the partitions of layout, and the partition of an array."""
    places = {"vda1": "devices/pci/block/vda/vda1", "md0": "devices/virtual/block/md0", "md0p3": "devices/virtual/block/md0/md0p3",
              "vdb": "devices/pci/block/vdb", **{name: "devices/virtual/block/" + name for name in layers}}
    for name, place in places.items():
        (root / place / "slaves").mkdir(parents=True, exist_ok=True)
        (root / place / "size").write_text("4096\n")
        (root / "class/block").mkdir(parents=True, exist_ok=True)
        (root / "class/block" / name).symlink_to(root / place)
        for slave in layers.get(name, ()):
            (root / place / "slaves" / slave).symlink_to(root / places[slave])
    for name in ("vda1", "md0p3"):
        (root / places[name] / "partition").write_text("1\n")


@pytest.mark.parametrize("layers, disks", [
    ({"dm-0": ["vda1"]}, ["/dev/vda"]),
    ({"dm-0": ["dm-1"], "dm-1": ["vda1"]}, ["/dev/vda"]),
    ({"dm-0": ["md0p3"]}, ["/dev/md0"]),
    ({"dm-0": ["md1"], "md1": ["vda1", "vdb"]}, ["/dev/vda", "/dev/vdb"]),
])
def test_layout_of_a_volume_leads_to_its_disks(tmp_path, layers, disks):
    """LVM, dm-crypt and arrays, one on the other."""
    stacked(tmp_path, layers)
    found = proof.root_layout(sysfs=str(tmp_path), runner=lambda argv, **_options: b"/dev/dm-0\n")
    assert found["root_disks"] == disks and found["root_disk"] == (disks[0] if len(disks) == 1 else None)
    assert (found["root_size"], found["root_free_behind"]) == (4096 * 512, None)


def test_host_keys_without_comments(machine):
    keys = {"rsa": "ssh-rsa AAAAB root@x\n", "ed25519": "ssh-ed25519 AAAAC root@x\n", "x": ""}
    root = machine({"ssh/ssh_host_%s_key.pub" % name: text for name, text in keys.items()})
    assert proof.host_keys(str(root)) == ["ssh-ed25519 AAAAC", "ssh-rsa AAAAB"]


def test_gather_on_this_machine():
    """Whatever machine runs the tests, gathering must work and give every key of the proof."""
    seen = proof.gather()
    assert set(SEEN) <= set(seen)
    assert seen["uptime"] > 0 and seen["boot_mode"] in ("bios", "uefi")
