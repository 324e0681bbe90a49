# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answer files of installers: those of the role install, and what is refused."""

from __future__ import annotations

import hashlib
import json
import pathlib
import shutil
import urllib.parse

import jinja2
import pytest
import yaml
from ansible_collections.rackwright.baremetal.plugins.module_utils import _errors
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import answer_file, ipxe
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError

TEMPLATES = pathlib.Path(_errors.__file__).parents[2] / "roles/install/templates"
BASE = "http://192.0.2.1:8080/node/52-54-00-00-02-11/nonce-0001/"
BEACON = "http://192.0.2.1:8080/beacon/52-54-00-00-02-11/nonce-0001"
NAMES = {"preseed": "preseed.cfg.j2", "autoinstall": "user-data.j2", "kickstart": "ks.cfg.j2"}
needs_debconf = pytest.mark.skipif(not shutil.which("debconf-set-selections"), reason="debconf is not installed")


def render(kind, **more):
    """One of the role's templates, rendered as Ansible does it."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    environment.filters["ansible.builtin.to_json"] = json.dumps
    environment.filters["ansible.builtin.urlsplit"] = lambda url, part: getattr(urllib.parse.urlsplit(url), part)
    return environment.get_template(NAMES[kind]).render({
        "inventory_hostname": "node1", "install_hostname": "node1.example.com", "install_user": "debian", "install_beacon": BEACON,
        "install__ssh_public_keys": ["ssh-ed25519 AAAA it's me", "ssh-ed25519 BBBB"], "install_disk": "/dev/disk/by-path/pci-0000:00:04.0",
        "install_disk_match": {"serial": "ACME_Disk_Z1"},
        "install_mirror": "http://deb.debian.org/debian", "install__packages": ["chrony"], **more})


def check(kind, text):
    return answer_file.check({"kind": kind, "text": text})


@pytest.mark.parametrize("kind", answer_file.KINDS)
def test_the_templates_of_the_role(kind):
    text = render(kind)
    check(kind, text)
    disk = "ACME_Disk_Z1" if kind == "autoinstall" else "/dev/disk/by-path/pci-0000:00:04.0"
    for word in ("node1", disk, f"{BEACON}/installing", f"{BEACON}/installed", "ssh-ed25519 BBBB", "chrony"):
        assert word in text


@needs_debconf
def test_preseed_is_validated_by_debconf():
    assert check("preseed", render("preseed")) == "debconf-set-selections"
    with pytest.raises(BaremetalError, match="preseed file is not valid. Seen: debconf-set-selections: error: parse error on line 2") as caught:
        check("preseed", "d-i a/b string x\ncanary\n")
    assert "canary" not in str(caught.value)


def test_autoinstall_says_what_it_must():
    data = yaml.safe_load(render("autoinstall"))["autoinstall"]
    assert data["identity"]["hostname"] == "node1.example.com" and data["ssh"]["authorized-keys"] == ["ssh-ed25519 AAAA it's me", "ssh-ed25519 BBBB"]
    assert data["storage"]["layout"]["match"] == {"serial": "ACME_Disk_Z1"}
    assert check("autoinstall", render("autoinstall"))


@pytest.mark.parametrize("text, said", [
    ("#cloud-config\nautoinstall: [", "no YAML. Seen: line"),
    ("autoinstall: {version: 1, identity: {}}", "does not begin with the line #cloud-config"),
    ("#cloud-config\nusers: []", "no autoinstall of version 1. Seen: keys: users"),
    ("#cloud-config\nautoinstall: {version: 1, password: canary}", "makes no user.*version, password"),
    ("#cloud-config\n- canary", "no autoinstall of version 1. Seen: keys: none"),
    (" \n", "the answer file is empty"),
])
def test_autoinstall_that_would_ask_questions(text, said):
    with pytest.raises(BaremetalError, match=said) as caught:
        check("autoinstall", text)
    assert "canary" not in str(caught.value)


def test_kickstart_is_validated_by_pykickstart():
    pytest.importorskip("pykickstart")
    assert check("kickstart", render("kickstart")) == "pykickstart"
    with pytest.raises(BaremetalError, match="kickstart file is not valid. Seen: pykickstart: line 2") as caught:
        check("kickstart", "text\ncanary --x\n")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("kind, file, line", [
    ("preseed", "preseed.cfg", f"auto=true priority=critical interface=auto url={BASE}preseed.cfg"),
    ("autoinstall", "user-data", f"autoinstall ds=nocloud;s={BASE}"),
    ("kickstart", "ks.cfg", f"inst.ks={BASE}ks.cfg"),
])
def test_how_an_installer_finds_its_file(kind, file, line):
    assert answer_file.files({"kind": kind, "text": "x"})[file] == "x"
    # They come through iPXE as they are.
    assert ipxe.command_line(answer_file.arguments(kind, BASE)) == line


def test_a_diff_shows_nothing_of_it():
    assert answer_file.shown("preseed.cfg", "canary") == "6 bytes, sha256 " + hashlib.sha256(b"canary").hexdigest() + "\n"
