# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors that a person can act on. Private to the collection; may change at any time."""

from __future__ import annotations


def sentence(text):
    """A text as a sentence that another one may follow: on one line, with a full stop when it ends without punctuation.

    :param text: any object; what its str() gives.
    """
    # PostgreSQL keeps no NUL in a text.
    text = " ".join(str(text).replace("\0", "").split())
    return text if text.endswith((".", "!", "?")) else f"{text}."


class BaremetalError(Exception):
    """An expected failure: its text is one paragraph and needs no traceback.

    :param what: what failed, as a sentence.
    :param node: name of the node concerned.
    :param stage: the stage of the work in which it failed, for example ``boot device``.
    :param seen: the last fact that was seen.
    :param cure: what the operator does next.
    """

    def __init__(self, what, *, node=None, stage=None, seen=None, cure=None):
        self.what = what
        self.node = node
        self.stage = stage
        self.seen = seen
        self.cure = cure
        super().__init__(what)

    def __str__(self):
        where = "".join(f"{part}: " for part in (self.node, self.stage) if part)
        parts = [where + sentence(self.what)]
        if self.seen:
            parts.append("Seen: " + sentence(self.seen))
        if self.cure:
            parts.append("To do: " + sentence(self.cure))
        return " ".join(parts)

    def at(self, *, node=None, stage=None):
        """Fill in the node and the stage where they were not known when the error was raised.

        :returns: the error itself, so that ``raise error.at(node=name)`` reads well.
        """
        self.node = self.node or node
        self.stage = self.stage or stage
        return self


def missing_library(package, error):
    """The error for a Python package that is not installed.

    :param package: name of the package as pip knows it.
    :param error: the ImportError that was caught.
    """
    return BaremetalError(
        f"the Python package {package} cannot be imported ({error})",
        cure=f"install it for the Python that runs Ansible: python3 -m pip install '{package}'; "
             "for an execution environment, meta/ee-requirements.txt names everything that is needed",
    )
