#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: virtual_media
short_description: Insert an image into a node's virtual drive through its BMC, or eject it
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Has an image in a slot for virtual media, or no image, and reads the slot back. Only what the BMC shows in the end counts.
  - The slots of the system are used; those of its manager where the system has none.
  - BMCs disagree on what an insert must say. It is tried from the fullest request down to the bare image and then with protocol, method
    and credentials; then in the next slot that fits; at last by changing the slot's resource instead of the action.
  - The image must stay where it is as long as it is inserted, for most BMCs fetch its blocks when the machine reads them.
  - The node's boot device stays as it is, see M(rackwright.baremetal.boot_device).
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
      - The BMC is read and not told to do anything, so that an image which the BMC would refuse shows as a change.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - A BMC that tells neither the URL nor the name of what is inserted cannot be seen to hold the image already.
options:
  state:
    description:
      - V(inserted) has O(image) in one slot that fits. Nothing changes where it is there already.
      - V(ejected) empties the slots that O(slot), O(media_type) and O(image) choose, all slots when none of them is given.
      - An operating system that runs from the medium loses its file system with it. Power the node off first.
    type: str
    default: inserted
    choices: [inserted, ejected]
  image:
    description:
      - URL of the image, as the BMC can fetch it. Needed with O(state=inserted).
      - With O(state=ejected), only slots with this image are emptied.
      - Some BMCs take only URLs with a plain path that ends in C(.iso), without C(?) and C(=).
    type: str
  media_type:
    description:
      - What the image is for the machine. It chooses the slot; V(cd) and V(dvd) do for each other where there is no slot for the one.
      - With O(state=inserted) it is V(cd) when not given.
    type: str
    choices: [cd, dvd, floppy, usb]
  slot:
    description:
      - The only slot concerned, by its id or its whole path. Another image in it is replaced.
      - When not given, an image is inserted into a free slot for the O(media_type), and no other image is replaced.
    type: str
  write_protected:
    description:
      - Whether the machine may not write to the medium.
      - A BMC that inserts the image and tells the contrary gives a warning.
    type: bool
    default: true
  image_username:
    description: User name for the server that the image is on.
    type: str
  image_password:
    description: Password for the server that the image is on. It needs O(image_username).
    type: str
seealso:
  - module: rackwright.baremetal.boot_device
  - module: rackwright.baremetal.power
"""

EXAMPLES = r"""
- name: Boot the node from an image once
  block:
    - name: Insert the image
      rackwright.baremetal.virtual_media:
        image: http://192.0.2.1/images/rescue.iso

    - name: Boot from it
      rackwright.baremetal.power:
        state: rebooted
        boot_device:
          device: cdrom

- name: Insert a driver disk that needs a password into a slot
  rackwright.baremetal.virtual_media:
    image: https://192.0.2.1/images/drivers.img
    media_type: usb
    slot: "2"
    image_username: reader
    image_password: "{{ vaulted_image_password }}"

- name: Eject whatever is inserted
  rackwright.baremetal.virtual_media:
    state: ejected
"""

RETURN = r"""
slot:
  description: The slot that the image is in, with O(state=inserted).
  returned: success
  type: str
  sample: "1"
virtual_media:
  description: All slots as the BMC shows them at the end; in check mode, as they would be.
  returned: success
  type: list
  elements: dict
  sample:
    - slot: "1"
      media_types: [CD, DVD]
      inserted: true
      image: http://192.0.2.1/images/rescue.iso
      image_name: rescue.iso
      write_protected: true
  contains:
    slot:
      description: Id of the slot.
      type: str
      returned: always
    media_types:
      description: What the slot can be, as Redfish calls it.
      type: list
      elements: str
      returned: always
    inserted:
      description: Whether there is a medium in it.
      type: bool
      returned: always
    image:
      description: URL of the image, or nothing when the BMC does not tell.
      type: str
      returned: always
    image_name:
      description: Name of the image, or nothing when the BMC does not tell.
      type: str
      returned: always
    write_protected:
      description: Whether the machine may not write to it, or nothing when the BMC does not tell.
      type: bool
      returned: always
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
from ..module_utils._doors.virtual_media import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
