# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bills of materials (SBOM) that lie beside the sources of images: they are published with them.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import json
import os
import tempfile

from .source import local_path
from .._errors import BaremetalError

# What the two usual forms are called beside a file, and the key that each of them begins with.
_FORMS = {".cdx.json": "bomFormat", ".spdx.json": "spdxVersion"}
_LIMIT = 256 * 1024 * 1024


def publish_sbom(src, directory, wanted, check_mode=False):
    """Make sure that the bill of materials of a source lies in the directory where its image is published.

    One that lies there stays: caches keep it as long as the image, and a build that came later may lie beside the source by now. A bill that tells
    of files with other checksums is that of such a build, and is left out.

    :param src: absolute path, file URL, http or https URL of the source. Only beside a file is a bill looked for, under its name with
        ``.cdx.json`` (CycloneDX) or ``.spdx.json`` (SPDX) behind it.
    :param directory: absolute path of the published directory.
    :param wanted: the :class:`.checksum.Checksum` of the source.
    :param check_mode: change nothing.
    :returns: ``(changed, name)``; name is that of the file in the directory, None when there is none.
    :raises BaremetalError: when the bill cannot be read or is none.
    :raises OSError: when it cannot be written.
    """
    for suffix in _FORMS:
        if os.path.exists(os.path.join(directory, "sbom" + suffix)):
            return False, "sbom" + suffix
    path = local_path(src)
    for suffix, key in _FORMS.items() if path else ():
        if os.path.isfile(path + suffix):
            data, bill = _read(path + suffix, key)
            if not _tells_of(bill, wanted):
                return False, None
            if not check_mode:
                _replace(os.path.join(directory, "sbom" + suffix), data)
            return True, "sbom" + suffix
    return False, None


def _tells_of(bill, wanted):
    """Whether a bill is of a file with this checksum; it is where it has none of that kind (CycloneDX 1.5, metadata.component)."""
    kind = {"sha256": "SHA-256", "sha512": "SHA-512"}[wanted.algorithm]
    try:
        whole = bill["metadata"]["component"]
        told = {one["content"].lower() for part in [whole, *whole.get("components", [])] for one in part.get("hashes", []) if one["alg"] == kind}
    except (AttributeError, KeyError, TypeError):
        return True
    return not told or wanted.hex in told


def _read(path, key):
    try:
        with open(path, "rb") as file:
            data = file.read(_LIMIT)
        bill = json.loads(data)
        known = key in bill
    except (OSError, ValueError, TypeError) as error:
        raise BaremetalError("the bill of materials beside the image cannot be read", stage="publish the image", seen=f"{path}: {error}",
                             cure="build the image again, or take the file away") from error
    if not known:
        raise BaremetalError("what lies beside the image is no bill of materials", stage="publish the image", seen=f"{path} has no {key}",
                             cure="build the image again, or take the file away")
    return data, bill


def _replace(path, data):
    descriptor, fresh = tempfile.mkstemp(prefix=".sbom-", dir=os.path.dirname(path))
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(fresh, 0o644)
        os.rename(fresh, path)
    except OSError:
        os.unlink(fresh)
        raise
