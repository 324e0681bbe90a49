# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Passwords and certificates of the BMCs: made once, kept in files that only root reads, never shown."""

from __future__ import annotations

import secrets
import shutil
import string
import subprocess
from pathlib import Path

from .ground import RackError, read_file, run, write_file

try:
    import bcrypt
except ImportError:
    bcrypt = None

# 16 of 62 characters are 95 bits; IPMI 2.0 passwords may have 20 bytes (specification table 22-48).
PASSWORD_LENGTH = 16
PASSWORD_ALPHABET = string.ascii_letters + string.digits
# The emulator hashes on every request; with a random password the cheapest bcrypt is enough.
BCRYPT_ROUNDS = 4
CA_DAYS = 3650
CERTIFICATE_DAYS = 825
RENEW_SECONDS = 30 * 86400


def ensure(rack, check_mode):
    """Make what is missing: passwords, the emulators' user files, vbmcd's settings, CA and certificates."""
    if bcrypt is None:
        raise RackError("The Python library bcrypt is missing. To do: install sushy-tools into virtual_rack_venv.")
    done = []
    for node in rack.nodes:
        path = rack.password_file(node)
        password = (read_file(path) or "").strip()
        if not password:
            done.append(f"password of {node['name']} made")
            password = "".join(secrets.choice(PASSWORD_ALPHABET) for _unused in range(PASSWORD_LENGTH))
            if not check_mode:
                write_file(path, password + "\n")
        if node["driver"] == "redfish":
            done += user_file(rack, node, password, check_mode)
        else:
            done += vbmc_settings(rack, node, password, check_mode)
    done += forget_vbmc_settings(rack, check_mode)
    if rack.redfish_nodes():
        done += certificates(rack, check_mode)
    return {"changed": bool(done), "messages": done}


def user_file(rack, node, password, check_mode):
    """Write the htpasswd file of a Redfish emulator when it does not admit user and password."""
    path = rack.secrets / f"{node['name']}.htpasswd"
    user, _colon, digest = (read_file(path) or "").strip().partition(":")
    if user == rack.spec["username"] and bcrypt.checkpw(password.encode(), digest.encode()):
        return []
    if not check_mode:
        digest = bcrypt.hashpw(password.encode(), bcrypt.gensalt(BCRYPT_ROUNDS)).decode()
        write_file(path, f"{rack.spec['username']}:{digest}\n")
    return [f"user file of {node['name']} written"]


def vbmc_settings(rack, node, password, check_mode):
    """Write what ``vbmc add`` would write; its command line would show the password to every user."""
    text = "\n".join(
        [
            "[VirtualBMC]",
            f"username = {rack.spec['username']}",
            f"password = {password}",
            f"address = {node['bmc_address']}",
            "port = 623",
            f"domain_name = {node['name']}",
            f"libvirt_uri = {rack.libvirt_uri}",
            "active = True",
            "",
        ]
    )
    path = rack.dir / "vbmc" / "domains" / node["name"] / "config"
    if read_file(path) == text:
        return []
    if not check_mode:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(path, text)
    return [f"IPMI settings of {node['name']} written"]


def forget_vbmc_settings(rack, check_mode):
    """Remove the settings of nodes without IPMI: vbmcd serves every directory it finds."""
    known = {node["name"] for node in rack.ipmi_nodes()}
    strangers = [path for path in sorted((rack.dir / "vbmc" / "domains").glob("*/")) if path.name not in known]
    if not check_mode:
        for path in strangers:
            shutil.rmtree(path)
    return [f"IPMI settings of {path.name} removed" for path in strangers]


def certificates(rack, check_mode):
    """Make the CA of the rack and a certificate per Redfish BMC whose subject is its IP address."""
    done = []
    ca_key = rack.secrets / "bmc-ca.key"
    if not (ca_key.exists() and holds(["x509", "-in", rack.ca, "-checkend", RENEW_SECONDS])):
        done.append("certificate authority made")
        if not check_mode:
            make_key(ca_key)
            run(
                ["openssl", "req", "-x509", "-new", "-key", ca_key, "-sha256", "-days", CA_DAYS]
                + ["-subj", f"/CN={rack.name} BMC authority", "-out", rack.ca]
                + ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
            )
    new_authority = bool(done)
    for node in rack.redfish_nodes():
        key, certificate = rack.secrets / f"{node['name']}.key", rack.dir / "bmc" / f"{node['name']}.pem"
        address = node["bmc_address"]
        good = (
            key.exists()
            and holds(["x509", "-in", certificate, "-checkend", RENEW_SECONDS])
            and holds(["verify", "-CAfile", rack.ca, "-verify_ip", address, certificate])
        )
        if good and not new_authority:
            continue
        done.append(f"certificate of {node['name']} made")
        if not check_mode:
            make_key(key)
            issue(rack, node, key, certificate)
    return done


def make_key(path):
    """Write a fresh P-256 key readable by root only."""
    write_file(path, run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]))


def issue(rack, node, key, certificate):
    """Let the rack's CA sign a certificate for the BMC address of ``node``."""
    request = run(["openssl", "req", "-new", "-key", key, "-subj", f"/CN={node['bmc_address']}"])
    extensions = Path(f"{certificate}.ext")
    write_file(
        extensions,
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        f"subjectAltName=IP:{node['bmc_address']}\n",
    )
    signed = run(
        ["openssl", "x509", "-req", "-sha256", "-days", CERTIFICATE_DAYS, "-CA", rack.ca]
        + ["-CAkey", rack.secrets / "bmc-ca.key", "-set_serial", secrets.randbits(120), "-extfile", extensions],
        input=request,
    )
    extensions.unlink()
    write_file(certificate, signed, 0o644)


def holds(arguments):
    """Tell whether openssl, called with these arguments, agrees."""
    argv = ["openssl", *(str(argument) for argument in arguments)]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0
