# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Published images, as the registry knows them. Private to the collection; may change at any time."""

from __future__ import annotations

from .tables import IMAGES

try:
    from sqlalchemy import delete, insert, select, update
except ImportError:
    select = None


def get(engine, name):
    """The record of an image, or None.

    :returns: dict with at least name, digest, manifest_digest, path and virtual_size (bytes).
    """
    with engine.begin() as connection:
        return read(connection, name)


def read(connection, name):
    """The same, inside a transaction of the caller."""
    row = connection.execute(select(IMAGES.c.record).where(IMAGES.c.name == name)).one_or_none()
    return dict(row.record) if row else None


def list_images(engine):
    """All image records, by name."""
    with engine.begin() as connection:
        return [dict(row.record) for row in connection.execute(select(IMAGES.c.record).order_by(IMAGES.c.name))]


def record(engine, image):
    """Keep the record of a published image; a name points to the newest content.

    :param image: dict with name, digest and published_at, and whatever the publisher knows.
    :returns: whether anything changed.
    """
    values = {"digest": image["digest"], "published_at": image["published_at"], "record": image}
    with engine.begin() as connection:
        row = connection.execute(select(IMAGES.c.record).where(IMAGES.c.name == image["name"])).one_or_none()
        if row is None:
            connection.execute(insert(IMAGES).values(name=image["name"], **values))
        elif row.record == image:
            return False
        else:
            connection.execute(update(IMAGES).where(IMAGES.c.name == image["name"]).values(**values))
    return True


def remove(engine, name):
    """Forget an image.

    :returns: whether there was one.
    """
    with engine.begin() as connection:
        return connection.execute(delete(IMAGES).where(IMAGES.c.name == name)).rowcount > 0
