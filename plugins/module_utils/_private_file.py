# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that their owner alone may read.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import os
import tempfile


def write_private(path, content):
    """Write a file with mode 0600, whole or not at all.

    :param path: pathlib.Path; what is there is replaced.
    :param content: text, or bytes.
    :raises OSError: when it cannot be written.
    """
    with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as new:
        try:
            new.write(content.encode() if isinstance(content, str) else content)
            new.flush()
            os.fsync(new.fileno())
            os.replace(new.name, path)
        except BaseException:
            os.unlink(new.name)
            raise
