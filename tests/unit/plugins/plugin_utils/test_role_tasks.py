# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks of roles, loaded ahead with what ansible-core loads them with."""

from __future__ import annotations

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.plugins.loader import init_plugin_loader
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
from ansible.vars.manager import VariableManager
from ansible_collections.rackwright.baremetal.plugins.plugin_utils._role_tasks import problem

FINE = "- ansible.builtin.debug:\n    msg: hello\n"
ENDS = "- name: Leave\n  ansible.builtin.meta: {}\n  when: false\n"


@pytest.fixture(scope="module", autouse=True)
def _collections():
    """Collections as ansible-playbook finds them; no longer than these tests need it."""
    init_plugin_loader([])
    yield
    _AnsibleCollectionFinder._remove()


@pytest.fixture
def look(tmp_path):
    """``look({path in roles: text}, role, tasks)``: what is wrong with it."""
    def look(files, role="site", tasks_from="main"):
        for path, text in files.items():
            (tmp_path / "roles" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "roles" / path).write_text(text)
        loader = DataLoader()
        loader.set_basedir(str(tmp_path))
        inventory = InventoryManager(loader, sources="localhost,")
        play = Play.load({"hosts": "all", "tasks": [{"block": [{"debug": {"msg": "x"}}]}]}, VariableManager(loader, inventory), loader)
        task, = (task for block in play.compile() for task in block.get_tasks() if task.action == "debug")
        return problem(role, tasks_from, task)
    return look


@pytest.mark.parametrize("files", [
    {"site/tasks/main.yml": FINE},
    {"site/tasks/main.yml": ""},
    {"site/tasks/main.yml": "- block:\n    - ansible.builtin.meta: flush_handlers\n  always:\n    - ansible.builtin.meta: end_role\n"},
    # What is known in the run only, and what is there only where it is needed.
    {"site/tasks/main.yml": "- ansible.builtin.include_tasks: '{{ x }}.yml'\n- ansible.builtin.include_role:\n    name: '{{ y }}'\n"},
    {"site/tasks/main.yml": "- ansible.builtin.include_tasks: lost.yml\n  when: false\n- ansible.builtin.include_role:\n    name: lost\n  when: false\n"},
    {"site/tasks/main.yml": "- ansible.builtin.import_tasks: '{{ role_path }}/tasks/more.yml'\n", "site/tasks/more.yml": FINE},
    # Around in a circle.
    {"site/tasks/main.yml": "- ansible.builtin.include_tasks: main.yml\n- ansible.builtin.include_role:\n    name: site\n"},
])
def test_what_can_be_run(look, files):
    assert look(files) is None


@pytest.mark.parametrize(("files", "said"), [
    ({"other/tasks/main.yml": FINE}, "the role 'site' was not found"),
    ({"site/tasks/other.yml": FINE}, "Could not find specified file in role: tasks/main"),
    ({"site/tasks/main.yml": "- name: [\n"}, "main.yml"),
    ({"site/tasks/main.yml": "hello: there\n"}, "must contain a list of tasks"),
    ({"site/tasks/main.yml": "- there_is_no_such_module_xyz:\n"}, "there_is_no_such_module_xyz"),
    ({"site/tasks/main.yml": FINE, "site/meta/main.yml": "dependencies: [lost]\n"}, "lost"),
    ({"site/tasks/main.yml": "- ansible.builtin.import_tasks: lost.yml\n"}, "lost.yml"),
    ({"site/tasks/main.yml": "- ansible.builtin.include_tasks: more.yml\n", "site/tasks/more.yml": "- name: [\n"}, "more.yml"),
    ({"site/tasks/main.yml": "- ansible.builtin.include_role:\n    name: other\n", "other/tasks/main.yml": "- name: [\n"}, "main.yml"),
    ({"site/tasks/main.yml": "\0"}, "main.yml"),
])
def test_what_cannot_be_loaded(look, files, said):
    assert said in look(files)


@pytest.mark.parametrize("end", ["end_host", "end_play", "end_batch"])
@pytest.mark.parametrize("files", [
    {"site/tasks/main.yml": ENDS},
    {"site/tasks/main.yml": "- block:\n    - ansible.builtin.debug:\n  rescue:\n    - meta: {}\n"},
    {"site/tasks/main.yml": "- ansible.builtin.import_tasks: more.yml\n", "site/tasks/more.yml": ENDS},
    {"site/tasks/main.yml": "- ansible.builtin.include_tasks: more.yml\n", "site/tasks/more.yml": ENDS},
    {"site/tasks/main.yml": "- ansible.builtin.include_tasks:\n    file: sub/more.yml\n", "site/tasks/sub/more.yml": "- include_tasks: less.yml\n",
     "site/tasks/sub/less.yml": ENDS},
    {"site/tasks/main.yml": "- ansible.builtin.include_role:\n    name: other\n    tasks_from: more\n", "other/tasks/more.yml": ENDS},
    {"site/tasks/main.yml": FINE, "site/meta/main.yml": "dependencies: [other]\n", "other/tasks/main.yml": ENDS},
])
def test_what_takes_the_node_out_of_the_play(look, end, files):
    assert "takes the node out of the play" in look({path: text.replace("{}", end) for path, text in files.items()})
