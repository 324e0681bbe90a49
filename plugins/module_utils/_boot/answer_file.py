# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answer files of installers: how each one is told where its file is, and whether a file is one. Private; may change at any time.

Sources: the Debian installation guide, appendix B (preseed); Ubuntu's autoinstall reference; Anaconda's boot options (kickstart).
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess

from .._errors import BaremetalError

try:
    import yaml
except ImportError:
    yaml = None

STAGE = "answer file"
KINDS = ("preseed", "autoinstall", "kickstart")
_NAMES = {"preseed": "preseed.cfg", "autoinstall": "user-data", "kickstart": "ks.cfg"}
# Seconds for a validator.
_TIMEOUT = 30


def files(answer):
    """The files that the installer fetches, as a dict of texts by name.

    :param answer: dict with ``kind`` (one of KINDS) and ``text``.
    """
    found = {_NAMES[answer["kind"]]: answer["text"]}
    if answer["kind"] == "autoinstall":
        # cloud-init takes a place without it for none.
        found["meta-data"] = ""
    return found


def arguments(kind, base):
    """The kernel arguments that tell an installer where its answer file is, as a list of (key, value).

    :param base: URL of the directory with the files, with a slash at its end.
    """
    return {
        # Its file comes by the network, too late to tell which card that is: without the argument netcfg asks for one where there are several. With
        # auto it takes the one of BOOTIF (netcfg_get_interface in netcfg-common.c).
        "preseed": [("auto", "true"), ("priority", "critical"), ("interface", "auto"), ("url", f"{base}preseed.cfg")],
        "autoinstall": [("autoinstall", None), ("ds", f"nocloud;s={base}")],
        "kickstart": [("inst.ks", f"{base}ks.cfg")],
    }[kind]


def shown(name, text):
    """What a diff may tell of a file: it holds passwords and keys."""
    return f"{len(text.encode())} bytes, sha256 {hashlib.sha256(text.encode()).hexdigest()}\n" if text else f"{name} is empty\n"


def check(answer):
    """Refuse an answer file that its installer would not understand, as far as a validator is at hand.

    :param answer: see :func:`files`.
    :returns: what validated it, or None where nothing did.
    :raises BaremetalError: with the validator's words, and nothing of the file itself but the number of the line.
    """
    text = answer["text"] or ""
    if not text.strip():
        raise _bad("the answer file is empty", None)
    return {"preseed": _preseed, "autoinstall": _autoinstall, "kickstart": _kickstart}[answer["kind"]](text)


def _preseed(text):
    program = shutil.which("debconf-set-selections")
    if program is None:
        return None
    # pylint: disable-next=ansible-bad-function
    done = subprocess.run([program, "--checkonly"], input=text, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    if done.returncode:
        # Behind the colon it repeats the line.
        seen = "; ".join(re.sub(r"(line \d+):.*", r"\1", line) for line in done.stderr.splitlines() if line.startswith("error"))
        raise _bad("the preseed file is not valid", f"debconf-set-selections: {seen or 'no message'}")
    return "debconf-set-selections"


def _autoinstall(text):
    if yaml is None:
        return None
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise _bad("the autoinstall file is no YAML", f"line {mark.line + 1}: {error.problem}" if mark else type(error).__name__) from None
    if not text.startswith("#cloud-config\n"):
        raise _bad("the autoinstall file does not begin with the line #cloud-config", "another first line")
    found = data.get("autoinstall") if isinstance(data, dict) else None
    if not isinstance(found, dict) or found.get("version") != 1:
        raise _bad("the autoinstall file has no autoinstall of version 1", f"keys: {', '.join(map(str, data)) if isinstance(data, dict) else 'none'}")
    if not {"identity", "user-data"} & set(found):
        raise _bad("the autoinstall file makes no user, so the installer would ask for one", f"keys of autoinstall: {', '.join(map(str, found))}")
    return "YAML and its required keys"


def _kickstart(text):
    try:
        # Not above: with it comes a client for HTTP, several megabytes that every worker would be forked with.
        from pykickstart import errors, parser, version
    except ImportError:
        return None
    try:
        parser.KickstartParser(version.makeVersion(), missingIncludeIsFatal=False).readKickstartFromString(text)
    except errors.KickstartError as error:
        line = getattr(error, "lineno", None)
        raise _bad("the kickstart file is not valid", f"pykickstart: line {line}" if line else "pykickstart") from None
    return "pykickstart"


def _bad(what, seen):
    return BaremetalError(what, stage=STAGE, seen=seen, cure="correct the template of the answer file, or what it is rendered from")
