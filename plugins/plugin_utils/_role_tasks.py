# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loads the tasks of a role ahead, as Ansible will when they are included. Private; may change at any time.

At tasks that cannot be loaded Ansible ends the run of all nodes, and at some that can it leaves a node in the middle of its work,
without a failure that could be recorded (plugins/strategy/linear.py, __init__.py of ansible-core).
"""

from __future__ import annotations

import os

from ansible import constants
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.playbook.block import Block
from ansible.playbook.helpers import load_list_of_blocks
from ansible.playbook.role import Role
from ansible.playbook.role.include import RoleInclude

# What takes hosts out of the play.
_ENDS = ("end_batch", "end_host", "end_play")


def problem(role, tasks_from, task):
    """Why a tasks file of a role cannot be run as a part of the work on one node.

    :param role: name of the role.
    :param tasks_from: name of the tasks file.
    :param task: a task of the play that the role will be included in; roles are found as that one would find them.
    :returns: a text, or None where nothing is wrong with it.
    """
    try:
        return _of_role(role, tasks_from, task, set())
    except AnsibleError as error:
        # Where it stands, without the lines themselves: they may hold anything.
        place = (getattr(error, "_formatted_source_context", None) or "").partition("\n")[0].removeprefix("Origin: ")
        return f"{place}: {error}" if place else str(error)
    except Exception as error:
        # Ansible has many exceptions for files that are not what they should be, and includes them no better.
        return f"{type(error).__name__}: {error}"


def _of_role(role, tasks_from, task, seen):
    play, manager, loader = _play(task), task.get_variable_manager(), task.get_loader()
    included = RoleInclude.load(role, play=play, variable_manager=manager, loader=loader, collection_list=task.collections)
    found = Role.load(included, play, from_files={"tasks": tasks_from}, from_include=True, validate=False, static=False)
    if found.get_role_path() in seen:
        return None
    return _of_blocks(found.compile(play=play), found, {*seen, found.get_role_path()})


def _of_blocks(blocks, role, seen):
    return next(filter(None, (_of_task(task, role, seen) for task in _tasks(blocks))), None)


def _tasks(blocks):
    for item in blocks:
        if isinstance(item, Block):
            yield from _tasks([*item.block, *item.rescue, *item.always])
        else:
            yield item


def _of_task(task, role, seen):
    """What is wrong with a task, or with what it includes under a name that is known already."""
    if task.action in constants._ACTION_META and task.args.get("_raw_params") in _ENDS:
        return f"the task {task.get_name()} ({task.get_path()}) takes the node out of the play, so nothing could be recorded after it"
    if task.action in constants._ACTION_INCLUDE_ROLE:
        return _of_included_role(task, seen)
    if task.action in constants._ACTION_INCLUDE_TASKS:
        return _of_included_file(task, role, seen)
    return None


def _of_included_role(task, seen):
    name, tasks_from = task._role_name, task._from_files.get("tasks", "main")
    if "{{" in name + tasks_from:
        return None
    try:
        return _of_role(name, tasks_from, task, seen)
    except AnsibleParserError:
        raise
    except AnsibleError:
        # A role that is not there fails when it comes to that, if it does; the failure is that of one node.
        return None


def _of_included_file(task, role, seen):
    name = task.args.get("_raw_params") or task.args.get("file") or ""
    places = [os.path.dirname((task.get_path() or "").rpartition(":")[0]), os.path.join(role.get_role_path(), "tasks")]
    path = next((path for path in (os.path.join(place, name) for place in places) if os.path.isfile(path)), None)
    # The same goes for a file.
    if not path or path in seen:
        return None
    data = task.get_loader().load_from_file(path, trusted_as_template=True)
    if not isinstance(data, list):
        return None
    blocks = load_list_of_blocks(data, play=_play(task), role=role, loader=task.get_loader(), variable_manager=task.get_variable_manager())
    return _of_blocks(blocks, role, {*seen, path})


def _play(task):
    """The play that a task is in; its outermost block knows."""
    parent = task._parent
    while not isinstance(parent, Block) or parent._play is None:
        parent = parent._parent
    return parent._play
