# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bills of materials (SBOM) that lie beside the sources of images: they are published with them.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile

from .source import local_path
from .._errors import BaremetalError

# What the two usual forms are called beside a file, and the key that each of them begins with.
_FORMS = {".cdx.json": "bomFormat", ".spdx.json": "spdxVersion"}
_LIMIT = 256 * 1024 * 1024


def publish_sbom(src, directory, check_mode=False):
    """Make sure that the bill of materials of a source lies in the directory where its image is published.

    :param src: absolute path, file URL, http or https URL of the source. Only beside a file is a bill looked for, under its name with
        ``.cdx.json`` (CycloneDX) or ``.spdx.json`` (SPDX) behind it.
    :param directory: absolute path of the published directory.
    :param check_mode: change nothing.
    :returns: ``(changed, name)``; name is that of the file in the directory, None when there is none.
    :raises BaremetalError: when the bill cannot be read or is none.
    :raises OSError: when it cannot be written.
    """
    path = local_path(src)
    for suffix, key in _FORMS.items() if path else ():
        if os.path.isfile(path + suffix):
            data = _read(path + suffix, key)
            name = "sbom" + suffix
            changed = _differs(os.path.join(directory, name), data)
            if changed and not check_mode:
                _replace(os.path.join(directory, name), data)
            return changed, name
    return False, None


def _read(path, key):
    try:
        with open(path, "rb") as file:
            data = file.read(_LIMIT)
        known = key in json.loads(data)
    except (OSError, ValueError, TypeError) as error:
        raise BaremetalError("the bill of materials beside the image cannot be read", stage="publish the image", seen=f"{path}: {error}",
                             cure="build the image again, or take the file away") from error
    if not known:
        raise BaremetalError("what lies beside the image is no bill of materials", stage="publish the image", seen=f"{path} has no {key}",
                             cure="build the image again, or take the file away")
    return data


def _differs(path, data):
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        return file.read(_LIMIT) != data
    return True


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
