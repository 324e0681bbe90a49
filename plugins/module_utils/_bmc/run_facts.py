# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run knows of its BMCs, shared by its workers and handed over to modules on other hosts.

Facts are no secrets, neither as key nor as value. Whoever works with those of one BMC takes a dict, as far as get, [key] = and pop go.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading


class RunFacts:
    """The facts of all BMCs, in files.

    :param directory: the run's temporary directory, which ansible-playbook makes and removes itself and its workers share.
    :param place: the host that the BMCs are reached from, None for the controller: what is true there need not be true elsewhere.

    What cannot be read or written is not known, and is found out anew.
    """

    def __init__(self, directory, place=None):
        self._directory = directory
        self._place = place

    def about(self, address):
        """The facts of the BMC at an address."""
        return _Facts(os.path.join(self._directory, f"rackwright-known-{_digest((self._place, str(address)))}"))

    def to_hand_over(self, addresses):
        """What is known of some BMCs, for ``HandedOver``.

        :returns: dict of lists of ``[key, fact]`` by address; JSON can carry it.
        """
        return {address: self.about(address).items() for address in addresses}

    def take_back(self, before, after):
        """Learn what changed while the facts were somewhere else.

        :param before: what ``to_hand_over`` returned.
        :param after: what came back of it.
        """
        for address, old in before.items():
            facts, known = self.about(address), _by_key(old)
            new = _by_key(after.get(address) or [])
            for key in set(known) - set(new):
                facts.pop(key)
            for key, fact in new.items():
                if key not in known or known[key] != fact:
                    facts[key] = fact


class HandedOver:
    """The same facts where the run has handed them over: in memory.

    :param items: what ``to_hand_over`` returned.
    """

    def __init__(self, items):
        self._known = {address: _by_key(facts) for address, facts in items.items()}

    def about(self, address):
        """The facts of the BMC at an address."""
        return self._known.setdefault(str(address), {})

    def to_hand_back(self):
        """All facts, for ``RunFacts.take_back``."""
        return {address: [[list(key), fact] for key, fact in facts.items()] for address, facts in self._known.items()}


class _Facts:
    """The facts of one BMC by key, a tuple of texts; a file for each.

    Every node of a fleet looks for some, mostly in vain: pathlib would cost more than the looking.
    """

    def __init__(self, directory):
        self._directory = directory

    def _path(self, key):
        return os.path.join(self._directory, _digest(key))

    def get(self, key):
        """The fact, or None."""
        found = _read(self._path(key))
        return found[1] if found else None

    def items(self):
        """All facts as a list of ``[key, fact]``."""
        try:
            paths = [os.path.join(self._directory, name) for name in os.listdir(self._directory) if "." not in name]
        except OSError:
            return []
        return [found for found in map(_read, sorted(paths)) if found]

    def __setitem__(self, key, fact):
        path = self._path(key)
        fresh = f"{path}.{os.getpid()}.{threading.get_ident()}"
        with contextlib.suppress(OSError):
            with contextlib.suppress(FileExistsError):
                os.mkdir(self._directory, mode=0o700)
            with open(fresh, "w", encoding="utf-8") as file:
                json.dump([key, fact], file)
            os.replace(fresh, path)

    def pop(self, key, default=None):
        """Forget a fact that proved wrong."""
        with contextlib.suppress(OSError):
            os.unlink(self._path(key))
        return default


def _digest(key):
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]


def _read(path):
    """The ``[key, fact]`` in a file, or None."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        return found if isinstance(found, list) and len(found) == 2 and isinstance(found[0], list) else None
    except (OSError, ValueError):
        return None


def _by_key(items):
    return {tuple(key): fact for key, fact in items}
