# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the image module: files on the boot server, the record in the registry."""

from __future__ import annotations

from .._door import Door
from .._image import publish
from .._image.formats import TYPES, WHOLE_DISK
from .._registry import images
from .._registry.store import open_registry
from ._options import REGISTRY

# What a node needs to be given the image: when one of these differs, the record is written anew.
_IDENTITY = ("digest", "manifest_digest", "virtual_size", "path")


def before(call):
    """Open the registry before hours of work would turn out to have no place to be recorded."""
    open_registry(call.registry_url, create=not call.check_mode, migrate=not call.check_mode)


def run(call):
    """Publish or withdraw the files; runs on the boot server."""
    name, root = call.params["name"], call.params["root"]
    known = publish.current(name, root)
    shown = {"name": name, "published": known["digest"] if known else None}
    if call.params["state"] == "absent":
        changed = publish.withdraw(name, root, check_mode=call.check_mode)
        return {"changed": changed, "image": None, "diff": {"before": shown, "after": {"name": name, "published": None}}}
    changed, image = publish.publish(
        name, call.params["src"], call.params["checksum"], root, check_mode=call.check_mode, log=call.log, image_type=call.params["type"])
    after_digest = image["digest"] if image else "known after publishing"
    return {"changed": changed, "image": image, "diff": {"before": shown, "after": {"name": name, "published": after_digest}}}


def after(call, result):
    """Let the registry say what is published now."""
    engine = open_registry(call.registry_url, create=not call.check_mode, migrate=not call.check_mode)
    name, image = call.params["name"], result["image"]
    known = images.get(engine, name) if engine is not None else None
    if "diff" in result:
        result["diff"]["before"]["registered"] = known["digest"] if known else None
        result["diff"]["after"]["registered"] = result["diff"]["after"]["published"]
    if call.params["state"] == "absent":
        differs = known is not None
    else:
        differs = image is None or known is None or any(known.get(key) != image[key] for key in _IDENTITY)
    if differs and not call.check_mode:
        if image is None:
            images.remove(engine, name)
        else:
            images.record(engine, image)
    result["changed"] = result["changed"] or differs


DOOR = Door(
    argument_spec={
        "name": {"type": "str", "required": True},
        "src": {"type": "str"},
        "checksum": {"type": "str"},
        "type": {"type": "str", "choices": list(TYPES), "default": WHOLE_DISK},
        "root": {"type": "path", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        **REGISTRY,
    },
    run=run,
    before=before,
    after=after,
    names_node=False,
    constraints={"required_if": [("state", "present", ("src", "checksum"))]},
)
