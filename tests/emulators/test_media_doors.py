# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual media and firmware settings through both doors against sushy-emulator."""

from __future__ import annotations

import base64
import http.server
import re
import threading

import pytest
from ansible_collections.rackwright.baremetal.tests.emulators import peers
from ansible_collections.rackwright.baremetal.tests.emulators.conftest import PASSWORD

IMAGE_PASSWORD = "canary-1mage-s3cr3t"


def task(module, **options):
    return {"name": module, f"rackwright.baremetal.{module}": options, "register": "result"}


def delegated(entry):
    return {**entry, "delegate_to": "gateway"}


DOORS = pytest.mark.parametrize("door", [lambda entry: entry, delegated], ids=["action", "module"])


@pytest.fixture
def rack(playbook, redfish_fake, redfish, machine_off):
    """``rack(node, tasks, *arguments)``: the changes that the tasks reported, and the whole output.

    node1 is a machine of the fake driver, node2 the one of libvirt.
    """
    hosts = {
        "node1": {"baremetal_bmc": {**redfish_fake, "driver": "redfish", "system_id": peers.FAKE_SYSTEMS[0]}},
        "node2": {"baremetal_bmc": {**redfish, "driver": "redfish"}},
        "node3": {"baremetal_bmc": {"driver": "ipmi", "address": "192.0.2.1", "username": "x", "password": "x"}},
        "gateway": {"ansible_connection": "beside", "ansible_python_interpreter": "{{ ansible_playbook_python }}"},
    }

    def run(node, tasks, *arguments, fails=False):
        done = playbook({name: hosts[name] for name in (node, "gateway")}, tasks, "-vvvv", "--diff", *arguments)
        assert PASSWORD not in done.stdout and IMAGE_PASSWORD not in done.stdout
        assert "Traceback" not in done.stdout
        assert (done.returncode != 0) == fails, done.stdout
        return [word == "changed" for word in re.findall(rf"^(ok|changed|fatal): \[{node}", done.stdout, re.M)], done.stdout

    return run


@pytest.fixture
def image():
    """URL of a server with images, some of which only one user gets."""
    expected = "Basic " + base64.b64encode(f"reader:{IMAGE_PASSWORD}".encode()).decode()

    class Share(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            is_let_in = "open" in self.path or self.headers.get("Authorization") == expected
            self.send_response(200 if is_let_in else 401)
            self.end_headers()
            self.wfile.write(b"an image")

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer((peers.HOST, 0), Share) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{peers.HOST}:{server.server_address[1]}"
        server.shutdown()


@DOORS
def test_virtual_media(rack, image, door):
    opened, closed = f"{image}/open/rescue.iso", f"{image}/closed/rescue.iso"
    share = {"image_username": "reader", "image_password": IMAGE_PASSWORD}
    tasks = [door(entry) for entry in (
        task("virtual_media", state="ejected"),
        task("virtual_media", image=opened), task("virtual_media", image=opened),
        task("virtual_media", image=closed, media_type="usb", **share), task("virtual_media", image=closed, slot="Floppy", **share),
        task("virtual_media", state="ejected", slot="Floppy"),
        task("virtual_media", image=closed, slot="Cd", **share),
        task("virtual_media", state="ejected"), task("virtual_media", state="ejected"))]
    foreseen, output = rack("node1", tasks[:2], "--check")
    assert foreseen == [False, True]
    changes, output = rack("node1", tasks)
    assert changes == [False, True, False, True, False, True, True, True, False], output


@DOORS
def test_virtual_media_that_cannot_be(rack, image, door):
    tasks = [door(task("virtual_media", state="ejected")), door(task("virtual_media", image=f"{image}/closed/rescue.iso"))]
    changes, output = rack("node1", tasks, fails=True)
    message = re.search(r'"msg": "(node1: virtual media: .*)"', output)[1]
    assert "does not take the image" in message and "got error 401" in message and "To do: " in message and "\\n" not in message
    changes, output = rack("node3", [door(task("virtual_media", image=f"{image}/open/rescue.iso"))], fails=True)
    assert "the driver ipmi has no virtual media" in output
    changes, output = rack("node1", [door(task("virtual_media"))], fails=True)
    assert "state is inserted but all of the following are missing: image" in output


@DOORS
def test_bios_settings(rack, door):
    """sushy-emulator applies at once, and its registry tells no defaults."""
    def bios(**options):
        return door(task("bios_settings", **options))

    foreseen, output = rack("node2", [bios(state="defaults"), bios(settings={"BootMode": "Bios"})], "--check")
    assert foreseen == [True, True]
    changes, output = rack("node2", [
        bios(settings={"BootMode": "Uefi", "EmbeddedSata": "Raid"}),
        bios(settings={"BootMode": "Bios", "EmbeddedSata": "Off"}), bios(settings={"BootMode": "Bios"}),
        bios(state="nothing_pending"), bios(state="defaults"), bios(settings={"BootMode": "Uefi"})])
    assert changes == [False, True, False, False, True, False], output
    assert '"reboot_required": false' in output


@DOORS
def test_bios_settings_that_cannot_be(rack, door):
    wrong = {"BootMode": "Legacy", "ProcTurbo": "Enabled", "NumCores": 12, "SysPassword": "x"}
    changes, output = rack("node2", [door(task("bios_settings", settings=wrong))], fails=True)
    message = re.search(r'"msg": "(node2: BIOS settings: .*)"', output)[1]
    for part in ("4 of 4", "Legacy is none of Bios, Uefi", "no such attribute, but ProcTurboMode", "NumCores: it cannot be set", "passwords"):
        assert part in message
    changes, output = rack("node1", [door(task("bios_settings", settings=wrong))], fails=True)
    assert "shows no BIOS settings" in output


@DOORS
def test_secure_boot(rack, door):
    """The fake driver switches it at once."""
    def secure_boot(**options):
        return door(task("secure_boot", **options))

    off = secure_boot(enabled=False)
    foreseen, output = rack("node1", [off, secure_boot(enabled=True)], "--check")
    assert foreseen == [False, True]
    changes, output = rack("node1", [secure_boot(enabled=True, keys="default"), secure_boot(enabled=True), secure_boot(), off, off])
    assert changes == [True, False, False, True, False], output
    assert '"mode": "deployed"' in output and '"reboot_required": false' in output
    changes, output = rack("node1", [secure_boot(keys="none")], fails=True)
    assert "does not offer SecureBoot.ResetKeys" in output


@DOORS
def test_boot_order_of_a_bmc_that_tells_none(rack, door):
    changes, output = rack("node1", [door(task("boot_order", order=["pxe", "disk"]))], fails=True)
    assert "the BMC tells no boot order" in output
