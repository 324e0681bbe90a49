#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bmc_account
short_description: Accounts and passwords of a node's BMC
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Brings about an account of a BMC with its role and its password, or its absence.
  - A new password is believed only when a login with it works.
    An answer that does not tell, such as that of a web server whose BMC still starts, is no proof.
  - Access is not lost. The account that the module logs in with is neither deleted, nor disabled, nor given another role. When its own
    password changes, a way back stays open until a second connection has logged in with the new password; where that fails, the old
    password is set again. Over Redfish the way back is a session. A BMC that opens none gets nothing sent, nor does
    one without room for the second connection.
  - When the BMC is lost in the middle of that, one login with the new password and one with the old one tell which of them is good, and the
    result or the error says so. Keep both until the result is written down; the same task finds out anew after a run that was killed.
  - A BMC that wants its factory password changed before anything else does not tell before whose it is. It is asked as soon as the new one
    is proved; when it belongs to another machine, the old password is set again and the module fails.
  - An account that the BMC has locked after wrong passwords is unlocked when its password is set, over Redfish and where the BMC allows it.
    One that stays locked is an error, and no login is tried.
  - A password that the BMC cannot keep whole, such as one of more than 20 bytes with IPMI, is refused before anything is sent.
  - Where the registry keeps the password of this account encrypted, the new one takes its place as soon as it is proved, encrypted with the
    vault secret of the run. A run that is killed in between leaves the old one there; the same task then finds the new password in the BMC
    and puts it into the registry. A reference to an environment variable or a file is not touched; RV(outdated_credential) says that it
    names an old password.
  - A new password that only the run itself knows is lost with the run. Let it come from where it is kept, such as a vaulted variable or
    the lookup P(ansible.builtin.password#lookup) with a file.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.controller
  - rackwright.baremetal.node
  - rackwright.baremetal.bmc
  - rackwright.baremetal.fleet
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
    details:
      - Nothing is changed. Whether the account has the password already is found out with a login, which the BMC may count as a failed one.
  diff_mode:
    support: full
    details:
      - A password shows only as changed.
  idempotent:
    support: partial
    details:
      - The password of an account that is disabled or locked cannot be compared and is set each time, unless O(update_password=on_create).
      - Some BMCs do not tell whether an account is enabled. There O(enabled=true) is reached when a login with O(password) works; otherwise, and
        with O(enabled=false), it is asked for each time.
options:
  username:
    description: User name of the account, in the upper and lower case of the BMC. IPMI takes at most 16 bytes.
    type: str
    required: true
  state:
    description:
      - Whether there is such an account.
      - Over IPMI a BMC may have fixed the name of an account, often that of its first user. V(absent) switches such an account off and is an
        error then; O(enabled=false) is what can be reached.
    type: str
    choices: [present, absent]
    default: present
  password:
    description:
      - Password that the account must have. Needed for a new account; when not given, the password is left alone.
      - IPMI takes at most 20 bytes.
    type: str
  update_password:
    description:
      - V(always) sets the password unless it is the right one already; V(on_create) leaves that of an account alone that is there.
      - Whether it is the right one is found out without the old one, by a login. A BMC that locks accounts may count that as a wrong one,
        once for each run of the module that changes the password.
      - Some BMCs (Dell) take another O(role) only along with the password. With V(on_create) that is an error there, because the password that the
        account has is not known.
    type: str
    choices: [always, on_create]
    default: always
  role:
    description:
      - V(Administrator), V(Operator), V(ReadOnly), or with Redfish another role of the BMC, in any case of letters. Needed for a new account;
        when not given, it is left alone.
      - It is sent as the BMC calls it, which for some makers is another name; one that it does not offer is refused before anything is sent.
      - Over IPMI these are the privilege levels administrator, operator and user on the channel of the connection, which are taken as well.
    type: str
  enabled:
    description: Whether the account may log in. A new account may; when not given, it is left alone.
    type: bool
notes:
  - To change the password of the account that everything logs in with, run the module, then put the new password where the node's BMC is
    told, the host variable C(baremetal_bmc) or what the registry's reference names; what the registry keeps encrypted is replaced for you.
    When a run was lost in between, the same task finds the new password in place.
  - The safest rotation logs in with a second administrator's account, given as O(bmc).
  - With O(nodes) all of them get the same password. One of its own for each board takes a task per host. Each node is rotated by itself, with its own
    way back; the registry learns the new passwords when the last node is done, and a run that is killed before is made good by the same task.
seealso:
  - module: rackwright.baremetal.node
"""

EXAMPLES = r"""
- name: An account for the monitoring
  rackwright.baremetal.bmc_account:
    username: monitor
    password: "{{ lookup('ansible.builtin.env', 'MONITOR_PASSWORD') }}"
    role: ReadOnly

- name: Rotate the password of the account that everything logs in with
  rackwright.baremetal.bmc_account:
    username: operator
    password: "{{ lookup('ansible.builtin.env', 'NEW_BMC_PASSWORD') }}"
  register: rotation

- name: No account of the factory
  rackwright.baremetal.bmc_account:
    username: factory
    state: absent
"""

RETURN = r"""
account:
  description: The account as the BMC tells it at the end, nothing when there is none; in check mode, as it would be.
  returned: success
  type: dict
  sample:
    id: "3"
    name: monitor
    role: ReadOnly
    enabled: true
    locked: false
  contains:
    id:
      description: C(Id) of the account; over IPMI the user's number; nothing in check mode for a new one.
      type: str
      returned: always
    name:
      description: User name.
      type: str
      returned: always
    role:
      description: Role; nothing when it has none.
      type: str
      returned: always
    enabled:
      description: Whether it may log in; nothing when the BMC does not tell.
      type: bool
      returned: always
    locked:
      description: Whether the BMC has locked it after wrong passwords; over IPMI always V(false).
      type: bool
      returned: always
password_changed:
  description: Whether the password was set, or in check mode would be.
  returned: success
  type: bool
  sample: true
outdated_credential:
  description:
    - Whether the password that the module was given to log in with, or that the registry's reference for this account names, is good no
      more, so that it must be replaced in the option O(bmc), in the host variable C(baremetal_bmc), or in what the registry's reference
      names, before the next task talks to this BMC.
  returned: success
  type: bool
  sample: false
nodes:
  description: With O(nodes), the result of each node by its name.
  returned: when O(nodes) was given
  type: dict
  sample:
    node1:
      changed: false
    node2:
      changed: false
      failed: true
      msg: "node2: BMC connection: the BMC at https://192.0.2.12 does not answer. To do: check that the address is right."
      cause: "BMC connection: the BMC does not answer. To do: check that the address is right."
failed_nodes:
  description: With O(nodes), the names of those that failed.
  returned: when O(nodes) was given
  type: list
  elements: str
  sample: [node2]
"""

from ..module_utils._door import module_main
from ..module_utils._doors.bmc_account import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
