# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Systems that run from the network: what may be asked for, the script, and the boot as the log of the boot server shows it."""

from __future__ import annotations

import os

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import diskless, ipxe
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot.progress import Event, Progress
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given
from hypothesis import strategies as st

URL = "http://192.0.2.1:8080"
MAC = "52-54-00-00-02-11"
KERNEL = {"kernel": "images/compute/vmlinuz", "initrd": "images/compute/initrd.img"}


@pytest.mark.parametrize("boot, name, until", [
    (KERNEL, "images/compute/vmlinuz", "initrd"),
    ({**KERNEL, "kernel_arguments": ["quiet", "ip=dhcp"], "iso": ""}, "images/compute/vmlinuz", "initrd"),
    ({"iso": "images/cd/rescue.iso"}, "images/cd/rescue.iso", "kernel"),
    ({"iso": "http://files.example.com/rescue.iso"}, "http://files.example.com/rescue.iso", "ipxe"),
    ({**KERNEL, "initrd": "http://files.example.com:80/initrd"}, "images/compute/vmlinuz", "ipxe"),
])
def test_what_may_be_asked_for(boot, name, until):
    found = diskless.describe(boot)
    assert (found["name"], found["until"]) == (name, until)
    assert found["digest"] == diskless.describe(dict(reversed(boot.items())))["digest"]
    assert found["digest"] != diskless.describe({"iso": "images/other.iso"})["digest"]


@pytest.mark.parametrize("boot, text", [
    ({}, "is not clear. Seen: missing: kernel, initrd"),
    ({"kernel": "images/vmlinuz"}, "missing: initrd"),
    ({**KERNEL, "iso": "images/x.iso"}, "iso together with initrd, kernel"),
    ({"iso": "../etc/passwd"}, "path of what is booted"),
    ({"iso": "/images/x.iso"}, "path of what is booted"),
    ({"iso": "https://files.example.com/x.iso"}, "URL of what is booted"),
    ({"iso": "http://files.example.com/x.iso?a=b"}, "without a query"),
    ({**KERNEL, "kernel_arguments": "BOOTIF=x"}, "BOOTIF is set by the module"),
    ({**KERNEL, "kernel_arguments": 'a="x ; y"'}, "come through iPXE"),
    ({**KERNEL, "kernel_arguments": 'a="'}, "cannot be understood"),
])
def test_what_may_not(boot, text):
    with pytest.raises(BaremetalError, match=text):
        diskless.describe(boot)


def test_script_of_kernel_and_initrd():
    script = ipxe.tenant_script("node1", URL, MAC, KERNEL, diskless.boot_arguments(MAC, "ip=dhcp ds=nocloud;s=http://192.0.2.1/"))
    assert (f"kernel --name vmlinuz {URL}/images/compute/vmlinuz?mac={MAC}&node=node1&stage=kernel initrd=initrd.img BOOTIF=01-{MAC} "
            "ip=dhcp ds=nocloud;s=http://192.0.2.1/ || goto again\n") in script
    assert f"\ninitrd --name initrd.img {URL}/images/compute/initrd.img?mac={MAC}&node=node1&stage=initrd || goto again\nboot || goto again\n" in script
    assert "rackwright.nonce" not in script and script.startswith("#!ipxe\n")


def test_script_of_an_iso_elsewhere():
    script = ipxe.tenant_script("node1", URL, MAC, {"iso": "http://files.example.com/x.iso"}, [])
    assert "\nsanboot --no-describe http://files.example.com/x.iso || goto again\n" in script


@given(st.text(max_size=40))
def test_no_place_breaks_out_of_its_line(text):
    try:
        here = ipxe.place(text)
    except BaremetalError:
        return
    assert not set(text) & set(" \t\r\n\0$;#|&?'\"") and (here or text.startswith("http://"))


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "http/images/compute"
    folder.mkdir(parents=True)
    for name, size in (("vmlinuz", 1 << 20), ("initrd.img", 4 << 30)):
        (folder / name).touch()
        os.truncate(folder / name, size)
    return tmp_path


@pytest.mark.parametrize("limits, text", [
    ({}, None),
    ({"boot_mode": "uefi", "memory_mb": 16384}, None),
    ({"boot_mode": "bios"}, "larger than what a BIOS can load"),
    ({"memory_mb": 4096}, "larger than the memory of the machine"),
])
def test_what_does_not_fit_into_the_machine(root, limits, text):
    if text:
        with pytest.raises(BaremetalError, match=text):
            diskless.check_files(root, KERNEL, **limits)
    else:
        diskless.check_files(root, {**KERNEL, "iso": None}, **limits)


def test_files_that_are_not_there(root):
    with pytest.raises(BaremetalError, match="the iso is not on the boot server. Seen: no .*/http/images/x.iso"):
        diskless.check_files(root, {"iso": "images/x.iso"})
    diskless.check_files(root, {"iso": "http://files.example.com/x.iso"})


def test_stages_of_a_tenants_boot():
    progress = Progress(mac=MAC, nonce="n", since=100.0)
    progress.take(Event("http", 101.0, mac=MAC, client="192.0.2.11", path=f"/node/{MAC}/boot.ipxe", query="", status=200))
    progress.take(Event("http", 102.0, mac=MAC, client="192.0.2.11", path="/images/compute/vmlinuz", query=f"mac={MAC}&node=node1&stage=kernel", status=200))
    progress.take(Event("http", 103.0, mac=MAC, client="192.0.2.11", path="/images/x", query=f"mac={MAC}&node=node1&stage=initrd", status=200, complete=False))
    assert progress.last == "kernel" and "not delivered whole" in progress.remarks["initrd"]
    progress.take(Event("http", 104.0, mac=MAC, client="192.0.2.11", path="/images/x", query=f"mac={MAC}&node=node1&stage=initrd", status=200))
    # What the system itself fetches later is no stage of its boot.
    progress.take(Event("http", 105.0, mac=MAC, client="192.0.2.11", path="/images/root.squashfs", query="", status=200))
    assert list(progress.times) == ["ipxe", "kernel", "initrd"]
