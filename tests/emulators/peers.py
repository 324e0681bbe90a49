# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real BMC emulators on the loopback, started for the tests and ended with them.

virtualbmc (IPMI) and sushy-emulator (Redfish) control one machine of libvirt's test driver, which
lives in a libvirtd of its own without privileges. sushy-emulator's fake driver, whose power changes
take seconds, serves two more machines.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path

HOST = "127.0.0.1"
USERNAME = "operator"
DOMAIN = "test"
FAKE_SYSTEMS = ("27946b59-9e44-4fa7-8e91-f3527a1ef094", "5f5a1c8e-0c54-4a43-8d5d-0f1a2b3c4d5e")


def program(name):
    """Path of an emulator, from the virtual environment in RACKWRIGHT_EMULATOR_VENV or from PATH."""
    venv = os.environ.get("RACKWRIGHT_EMULATOR_VENV")
    search = os.path.join(venv, "bin") if venv else None
    found = shutil.which(name, path=search) or shutil.which(name)
    if not found:
        raise RuntimeError(f"{name} is missing: install tests/emulators/requirements.txt into a virtual environment and "
                           "name that in RACKWRIGHT_EMULATOR_VENV; libvirtd and virsh come from the system's packages")
    return found


def interpreter(script):
    """The Python interpreter that an installed script runs with."""
    return Path(script).read_text().splitlines()[0].removeprefix("#!")


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def process(command, log, **options):
    """Run a program in the background, its output in ``log``, and end it by its id."""
    with open(log, "wb") as output:
        started = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options)
        try:
            yield started
        finally:
            started.terminate()
            try:
                started.wait(10)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()
            if started.stdin:
                started.stdin.close()


def wait_until(ready, what, started=None, seconds=60):
    """Wait for ``ready()`` to be true, while ``started`` runs."""
    deadline = time.monotonic() + seconds
    while not ready():
        if started is not None and started.poll() is not None:
            raise RuntimeError(f"{what} ended with {started.returncode}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} was not there after {seconds} s")
        time.sleep(0.1)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


@contextlib.contextmanager
def libvirt_test_driver(directory):
    """A libvirtd of our own, for its test driver.

    It runs without privileges, for as root it would take the locks of the system's own libvirt.

    :param directory: a Path that everybody may enter.
    :returns: context manager that gives the connection URI.
    """
    state = directory / "libvirt"
    state.mkdir()
    (state / "libvirtd.conf").write_text(f'unix_sock_dir = "{state}"\nauth_unix_rw = "none"\n')
    command = [program("libvirtd"), "-f", "libvirtd.conf", "-p", str(state / "pid")]
    identity = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(state, nobody.pw_uid, nobody.pw_gid)
        identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    environment = {"PATH": os.environ["PATH"], "HOME": str(state), "XDG_RUNTIME_DIR": str(state)}
    uri = f"test+unix:///default?socket={state}/libvirt-sock"
    with process(command, directory / "libvirtd.log", cwd=state, env=environment, **identity) as daemon:
        wait_until((state / "libvirt-sock").exists, "libvirtd", daemon)
        # The test driver's machines live as long as somebody is connected.
        with process([program("virsh"), "-c", uri], directory / "virsh.log", stdin=subprocess.PIPE):
            yield uri


@contextlib.contextmanager
def virtualbmc(directory, uri, password):
    """virtualbmc for the machine of the test driver; gives the ``bmc`` dict of the driver ipmi."""
    port = free_port(socket.SOCK_DGRAM)
    home = directory / "vbmc"
    (home / DOMAIN).mkdir(parents=True)
    (home / DOMAIN / "config").write_text(
        f"[VirtualBMC]\nusername = {USERNAME}\npassword = {password}\naddress = {HOST}\nport = {port}\n"
        f"domain_name = {DOMAIN}\nlibvirt_uri = {uri}\nactive = True\n")
    (home / "virtualbmc.conf").write_text(
        f"[default]\nconfig_dir = {home}\npid_file = {home}/pid\nserver_port = {free_port()}\n")
    environment = {**os.environ, "VIRTUALBMC_CONFIG": str(home / "virtualbmc.conf"), "HOME": str(home)}
    log = directory / "vbmcd.log"
    with process([program("vbmcd"), "--foreground"], log, env=environment) as daemon:
        wait_until(lambda: udp_bound(port), "virtualbmc", daemon)
        yield {"address": HOST, "port": port, "username": USERNAME, "password": password}


@contextlib.contextmanager
def suite17_bmc(directory, password):
    """A BMC that speaks cipher suite 17; gives the ``bmc`` dict of the driver ipmi."""
    port = free_port(socket.SOCK_DGRAM)
    script = Path(__file__).with_name("suite17_bmc.py")
    command = [interpreter(program("vbmcd")), str(script), str(port), USERNAME, password]
    with process(command, directory / "suite17.log") as started:
        wait_until(lambda: udp_bound(port), "the BMC with cipher suite 17", started)
        yield {"address": HOST, "port": port, "username": USERNAME, "password": password}


@contextlib.contextmanager
def serial_bmc(directory, password):
    """A BMC with a serial line; gives the ``bmc`` dict of the driver ipmi."""
    port = free_port(socket.SOCK_DGRAM)
    script = Path(__file__).with_name("sol_bmc.py")
    with process([interpreter(program("vbmcd")), str(script), str(port), USERNAME, password], directory / "sol_bmc.log") as started:
        wait_until(lambda: udp_bound(port), "the BMC with a serial line", started)
        yield {"address": HOST, "port": port, "username": USERNAME, "password": password}


_SIM_LAN = """\
name "bmc"
set_working_mc 0x20
  startlan 1
    addr {host} {port}
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
    {key}
  endlan
  chassis_control "{script}"
  user 1 true "" "{password}" admin 10 none md2 md5 straight
  user 2 true "{username}" "{password}" admin 10 none md2 md5 straight
  user 3 true "factory" "" admin 10 none md2 md5 straight
"""
# A BMC of Supermicro's, and a controller behind it that says who it is and nothing else.
_SIM_COMMANDS = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x002a7c 0xf02
sel_enable 0x20 1000 0x0a
mc_enable 0x20
mc_add 0x82 0 no-device-sdrs 0x10 1 2 0x9f 0x001234 0x0001
mc_enable 0x82
"""
# What the simulator asks a machine: its values live in files.
_SIM_CHASSIS = """\
#!/bin/sh
what=$1
shift
while [ $# -gt 0 ]; do
  case $what in
    get) echo "$1:$(cat STATE/$1 2>/dev/null || if [ $1 = boot ]; then echo default; else echo 0; fi)"; shift ;;
    set) echo "$2" >STATE/$1; shift 2 ;;
    *) shift ;;
  esac
done
"""


@contextlib.contextmanager
def ipmi_sim(directory, password, key=None, commands=""):
    """OpenIPMI's simulator, which speaks cipher suite 3; gives the ``bmc`` dict of the driver ipmi.

    :param key: K_g as text, or None.
    :param commands: further commands of ipmi_sim_cmd(5).
    """
    port = free_port(socket.SOCK_DGRAM)
    state = directory / f"ipmi_sim-{port}"
    state.mkdir()
    script = state / "chassis"
    script.write_text(_SIM_CHASSIS.replace("STATE", str(state)))
    script.chmod(0o755)
    (state / "lan.conf").write_text(_SIM_LAN.format(
        host=HOST, port=port, key=f'bmc_key "{key}"' if key else "", script=script, username=USERNAME, password=password))
    (state / "commands").write_text(_SIM_COMMANDS + commands)
    command = [program("ipmi_sim"), "-n", "-p", "-c", str(state / "lan.conf"), "-f", str(state / "commands"), "-s", str(state)]
    with process(command, directory / f"ipmi_sim-{port}.log") as started:
        wait_until(lambda: udp_bound(port), "ipmi_sim", started)
        yield {"address": HOST, "port": port, "username": USERNAME, "password": password, **({"kg_key": key} if key else {})}


def udp_bound(port):
    # Binding it to see would take it from the emulator.
    return any(line.split()[1].endswith(f":{port:04X}") for line in Path("/proc/net/udp").read_text().splitlines()[1:])


def certificates(directory):
    """A certificate authority and a server certificate for 127.0.0.1 that it signed."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=Rack authority")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "bmc.key", "-out", "bmc.csr", "-subj", "/CN=bmc.example.com")
    (directory / "names").write_text(f"subjectAltName=IP:{HOST}\n")
    openssl("x509", "-req", "-in", "bmc.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", "bmc.pem")
    return directory / "ca.pem", directory / "bmc.pem", directory / "bmc.key"


@contextlib.contextmanager
def sushy_emulator(directory, name, password, tls, settings):
    """sushy-emulator over HTTPS with basic authentication.

    :param tls: what ``certificates`` returned.
    :param settings: dict of further settings, which choose its driver.
    :returns: context manager that gives the ``bmc`` dict of the driver redfish and the path of the
        log, one line per request.
    """
    authority, certificate, key = tls
    emulator, port = program("sushy-emulator"), free_port()
    state = directory / name
    state.mkdir()
    digest = subprocess.run(
        [interpreter(emulator), "-c", "import bcrypt, sys; print(bcrypt.hashpw(sys.stdin.buffer.read(), bcrypt.gensalt(4)).decode())"],
        input=password.encode(), check=True, capture_output=True).stdout.decode().strip()
    (state / "htpasswd").write_text(f"{USERNAME}:{digest}\n")
    settings = {
        "LISTEN_IP": HOST, "LISTEN_PORT": port, "SSL_CERT": str(certificate), "SSL_KEY": str(key),
        "AUTH_FILE": str(state / "htpasswd"), "STATE_DIR": str(state), **settings,
    }
    (state / "emulator.conf").write_text("".join(f"SUSHY_EMULATOR_{key} = {value!r}\n" for key, value in settings.items()))
    log = directory / f"{name}.log"
    with process([emulator, "--config", str(state / "emulator.conf")], log, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as daemon:
        wait_until(lambda: listens(port), "sushy-emulator", daemon)
        yield {"address": HOST, "port": port, "username": USERNAME, "password": password, "ca_file": str(authority)}, log


def fake_systems():
    """The machines of sushy-emulator's fake driver."""
    return [{"uuid": uuid, "name": f"fake{number}", "power_state": "Off", "nics": [{"mac": f"02:00:00:00:00:0{number}", "ip": "192.0.2.1"}]}
            for number, uuid in enumerate(FAKE_SYSTEMS, start=1)]
