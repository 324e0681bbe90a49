# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the YAML files beside this file, made by tests/unit/plugins/module_utils/_bmc/bundle_quirks.py.

Of a collection's module_utils only Python files travel with a module to the host that a task is delegated to.
"""

from __future__ import annotations

RULES = (
    {
        'name': 'ami-boot',
        'match': {'driver': 'redfish', 'vendor': '^(AMI|American Megatrends|ASRock|Giga)'},
        'behaviours': {'boot_full_request': True, 'boot_settings': True},
        'why': (
            'The override is taken only with target, enabled and mode in one request, and at the resource behind '
            '@Redfish.Settings.'
        ),
        'source': 'R55; Ironic VENDORS_REQUIRING_FULL_BOOT_REQUEST, Redfish-Tacklebox issues 111 and 144',
        'file': 'ami.yml',
    },
    {
        'name': 'ami-boot-dgx',
        'match': {'driver': 'redfish', 'vendor': '^NVIDIA', 'model': 'DGX'},
        'behaviours': {'boot_full_request': True, 'boot_settings': True},
        'why': 'As on other boards with AMI MegaRAC.',
        'source': 'R55; NVIDIA libredfish src/nvidia_viking.rs',
        'file': 'ami.yml',
    },
    {
        'name': 'dell-media-boot-old',
        'match': {'driver': 'redfish', 'vendor': '^Dell', 'manager': '^(?!17G)', 'firmware': '<6.00'},
        'behaviours': {
            'boot_cd_attributes': {
                'paths': ['Oem/Dell/DellAttributes/{id}', 'Attributes'],
                'device': 'ServerBoot.1.FirstBootDevice',
                'cdrom': 'VCD-DVD',
                'other': 'Normal',
                'once': 'ServerBoot.1.BootOnce',
            },
        },
        'why': (
            'An iDRAC9 before 6.00 takes the boot override Cd and does not boot virtual media; its own attribute '
            'does.'
        ),
        'source': (
            'R17; Ironic drivers/modules/redfish/boot.py and its release note on the virtual media version range,'
            ' aiohmi redfish/oem/dell'
        ),
        'file': 'dell.yml',
    },
    {
        'name': 'dell-media-boot-idrac10',
        'match': {'driver': 'redfish', 'vendor': '^Dell', 'manager': '^17G'},
        'behaviours': {
            'boot_cd_attributes': {
                'paths': ['Oem/Dell/DellAttributes/{id}', 'Attributes'],
                'device': 'ServerBoot.1.FirstBootDevice',
                'cdrom': 'VCD-DVD',
                'other': 'Normal',
                'once': 'ServerBoot.1.BootOnce',
            },
        },
        'why': 'As with an iDRAC9 before 6.00; only 6.x and 7.x do as the standard says.',
        'source': (
            'R17; Ironic drivers/modules/redfish/boot.py and its release note on the virtual media version range,'
            ' aiohmi redfish/oem/dell'
        ),
        'file': 'dell.yml',
    },
    {
        'name': 'dell-media-slot',
        'match': {'driver': 'redfish', 'vendor': '^Dell', 'manager': '^17G'},
        'behaviours': {'media_slot': '1'},
        'why': 'iDRAC10 boots virtual media only from slot 1.',
        'source': 'R18; Launchpad bug 2125571',
        'file': 'dell.yml',
    },
    {
        'name': 'dell-boot-settings',
        'match': {'driver': 'redfish', 'vendor': '^Dell', 'model': '^PowerEdge [A-Z]+\\d7\\d{1,2}\\b'},
        'behaviours': {'boot_settings': True},
        'why': (
            'With an iDRAC10 the boot properties of the System are read-only and belong to the resource behind '
            '@Redfish.Settings.'
        ),
        'source': 'R19; sushy release notes on iDRAC10, gofish SetBoot',
        'file': 'dell.yml',
    },
    {
        'name': 'dell-media-eject',
        'match': {'driver': 'redfish', 'vendor': '^Dell'},
        'behaviours': {'media_eject_retry': 3, 'media_eject_needs_off': True},
        'why': (
            'An eject is answered before it is done (5xx or still inserted for some seconds), and it takes the '
            'medium away from a ramdisk that runs on it.'
        ),
        'source': 'R23 (OpenStack story 2008504), R24 (Launchpad bug 2160374)',
        'file': 'dell.yml',
    },
    {
        'name': 'dell-transient-pause',
        'match': {'driver': 'redfish', 'vendor': '^Dell'},
        'behaviours': {'transient_pause': 20},
        'why': (
            'An iDRAC9 with 5.x needs longer until its data sources are back after a job (SYS518). The firmware '
            'is not looked at, for it cannot be read then.'
        ),
        'source': 'R25; sushy release note on increased server side retries',
        'file': 'dell.yml',
    },
    {
        'name': 'dell-bios-apply',
        'match': {'driver': 'redfish', 'vendor': '^Dell'},
        'behaviours': {'bios_apply_time': 'OnReset', 'bios_job_holds': True},
        'why': (
            'A BIOS change needs ApplyTime OnReset, which makes the job by itself; a second job is refused, and '
            'so is it to take back what a job holds.'
        ),
        'source': 'R27; OpenStack story 2008163, redhat-performance/quads issue 726',
        'file': 'dell.yml',
    },
    {
        'name': 'dell-serial',
        'match': {'driver': 'redfish', 'vendor': '^Dell'},
        'behaviours': {'serial_property': 'SKU'},
        'why': 'SerialNumber is that of the board; the service tag that is on the label is SKU.',
        'source': 'R32; Launchpad bug 2146585',
        'file': 'dell.yml',
    },
    {
        'name': 'dell-bad-firmware-virtual-console',
        'match': {'driver': 'redfish', 'vendor': '^Dell', 'manager': '^1[45]G', 'firmware': '==4.40.00.00'},
        'behaviours': {
            'firmware_known_bad': {
                'status': 'warn',
                'problem': (
                    'with eHTML5 as plug-in of the virtual console, which is its default, virtual media cannot be '
                    'inserted'
                ),
                'cure': (
                    'update the iDRAC, or set Configuration, Virtual Console, Plug-in Type to HTML5 in its web interface'
                ),
            },
        },
        'why': 'Inserting virtual media fails while the plug-in of the virtual console is eHTML5.',
        'source': 'U64; openshift-docs pull requests 29321 and 32022',
        'file': 'dell.yml',
    },
    {
        'name': 'dell-bad-firmware-power-on',
        'match': {'driver': 'redfish', 'vendor': '^Dell', 'model': '^PowerEdge R650\\b', 'firmware': '==5.10.10.05'},
        'behaviours': {
            'firmware_known_bad': {
                'status': 'warn',
                'problem': 'the machine was seen to stay off although the iDRAC had taken a power on',
                'cure': 'update the iDRAC to 5.10.30.00 or newer',
            },
        },
        'why': (
            'A power on over Redfish is taken without an error and not done; reported of an R650, and to be '
            'better with 5.10.30.00.'
        ),
        'source': 'U64; redhat-performance/jetlag issue 245',
        'file': 'dell.yml',
    },
    {
        'name': 'hpe-boot-disable',
        'match': {'driver': 'redfish', 'vendor': '^(HPE|Hewlett)'},
        'behaviours': {'boot_disable_keeps_target': True},
        'why': 'A disabled override with the target None is refused; the target has to stay what it is.',
        'source': 'R43; ironcore-dev/metal-operator issue 998',
        'file': 'hpe.yml',
    },
    {
        'name': 'hpe-media-insert-ilo4',
        'match': {'driver': 'redfish', 'vendor': '^(HPE|Hewlett)', 'model': 'Gen[89]($| )'},
        'behaviours': {'media_insert_omit': ['Inserted', 'WriteProtected']},
        'why': 'iLO 4 knows neither property of InsertMedia.',
        'source': 'R44; ansible-collections/community.general issue 4595',
        'file': 'hpe.yml',
    },
    {
        'name': 'hpe-boot-mode',
        'match': {'driver': 'redfish', 'vendor': '^(HPE|Hewlett)', 'model': 'Gen9'},
        'behaviours': {'boot_mode_omit': True},
        'why': 'Gen9 has no BootSourceOverrideMode.',
        'source': 'R46; Ironic drivers/modules/redfish/management.py',
        'file': 'hpe.yml',
    },
    {
        'name': 'hpe-connection',
        'match': {'driver': 'redfish', 'vendor': '^(HPE|Hewlett)', 'model': 'Gen[89]($| )'},
        'behaviours': {'connection_close': True},
        'why': 'A kept connection is reset in the middle of the next request.',
        'source': 'R48; NVIDIA libredfish src/network.rs',
        'file': 'hpe.yml',
    },
    {
        'name': 'hpe-boot-minimal',
        'match': {'driver': 'redfish', 'vendor': '^(HPE|Hewlett)', 'model': 'DL160 Gen10'},
        'behaviours': {'boot_enabled': 'on_change', 'boot_mode_omit': True},
        'why': 'The full set of boot properties is refused, the target alone is taken.',
        'source': 'R49; bmc-toolbox/bmclib pull request 459',
        'file': 'hpe.yml',
    },
    {
        'name': 'hpe-reset-loop',
        'match': {'driver': 'redfish', 'vendor': '^(HPE|Hewlett)', 'model': 'DL3(85|60)'},
        'behaviours': {'reset_method': 'off_on'},
        'why': 'A reset can end in a loop of power changes.',
        'source': 'Launchpad bug 2112206 (U21)',
        'file': 'hpe.yml',
    },
    {
        'name': 'hpe-bad-firmware-ilo4-reset',
        'match': {'driver': 'redfish', 'vendor': '^(HPE|Hewlett)', 'manager': '^iLO 4$', 'firmware': '<2.31'},
        'behaviours': {
            'firmware_known_bad': {
                'status': 'warn',
                'problem': 'a reset of the iLO while the machine is early in POST can leave both without an answer',
                'cure': 'update the iLO to 2.31 or newer, and do not reset it while the machine starts',
            },
        },
        'why': 'The SPI bus can lock up when the iLO is reset in early POST.',
        'source': 'U64; seveas/python-hpilo pull request 97, which tells what HPE says of 2.31',
        'file': 'hpe.yml',
    },
    {
        'name': 'lenovo-media-insert',
        'match': {'driver': 'redfish', 'vendor': '^Lenovo', 'firmware': '<2.50'},
        'behaviours': {'media_insert': 'patch'},
        'why': 'The slots have no action InsertMedia; Image is patched, together with Inserted.',
        'source': 'R50; sushy release note fix-virtual-media-fallback, lenovo/python-redfish-lenovo issue 9',
        'file': 'lenovo.yml',
    },
    {
        'name': 'lenovo-media-insert-sd530',
        'match': {'driver': 'redfish', 'vendor': '^Lenovo', 'model': 'SD530'},
        'behaviours': {'media_insert': 'patch'},
        'why': 'The slots have no action InsertMedia; Image is patched, together with Inserted.',
        'source': 'R50; sushy release note fix-virtual-media-fallback',
        'file': 'lenovo.yml',
    },
    {
        'name': 'lenovo-media-slots',
        'match': {'driver': 'redfish', 'vendor': '^Lenovo'},
        'behaviours': {'media_slots_skip': '^(RDOC|Remote)'},
        'why': 'The slots RDOC and Remote belong to the remote console.',
        'source': 'R51; bmclib providers/lenovo, community.general redfish_utils.py',
        'file': 'lenovo.yml',
    },
    {
        'name': 'lenovo-boot-order',
        'match': {'driver': 'redfish', 'vendor': '^Lenovo'},
        'behaviours': {'boot_order_one_writer': True},
        'why': (
            "When the operating system's NVRAM entries and the BMC's boot order are both written, the firmware "
            'stops at Boot Option Restoration.'
        ),
        'source': 'R52; Launchpad bug 2053064',
        'file': 'lenovo.yml',
    },
    {
        'name': 'lenovo-reset',
        'match': {'driver': 'redfish', 'vendor': '^Lenovo', 'model': 'SR675 V3'},
        'behaviours': {'reset_method': 'off_on'},
        'why': 'ForceRestart hangs; off, wait, on works.',
        'source': 'R53; NVIDIA libredfish src/lenovo.rs',
        'file': 'lenovo.yml',
    },
    {
        'name': 'lenovo-sessions',
        'match': {'driver': 'redfish', 'vendor': '^Lenovo'},
        'behaviours': {'session_limit': 16},
        'why': 'An XCC takes 16 sessions.',
        'source': 'R51; community.general redfish_utils.py',
        'file': 'lenovo.yml',
    },
    {
        'name': 'nokia-media-insert',
        'match': {'driver': 'redfish', 'vendor': '^Nokia'},
        'behaviours': {'media_insert_extra': {'TransferProtocolType': 'HTTP', 'TransferMethod': 'Stream'}},
        'why': 'InsertMedia is refused without the protocol and the method.',
        'source': 'R56; sushy release notes on TransferProtocolType and TransferMethod',
        'file': 'others.yml',
    },
    {
        'name': 'dgx-media-insert',
        'match': {'driver': 'redfish', 'vendor': '^NVIDIA', 'model': 'DGX'},
        'behaviours': {
            'media_insert_extra': {
                'TransferProtocolType': 'HTTP',
                'TransferMethod': 'Stream',
                'UserName': 'none',
                'Password': 'none',
            },
        },
        'why': 'InsertMedia is refused without the protocol and without some user name and password.',
        'source': 'R56; Launchpad bug 2071945',
        'file': 'others.yml',
    },
    {
        'name': 'cisco-reset',
        'match': {'driver': 'redfish', 'vendor': '^Cisco'},
        'behaviours': {'reset_method': 'off_on'},
        'why': 'A reset is answered and the machine does not restart.',
        'source': 'Launchpad bug 2028000 (U21)',
        'file': 'others.yml',
    },
    {
        'name': 'old-connections',
        'match': {'driver': 'redfish', 'vendor': '^(Huawei|Inspur|Quanta)'},
        'behaviours': {'connection_close': True},
        'why': 'The BMC drops kept connections without a word.',
        'source': 'R58; sushy release note on Connection close',
        'file': 'others.yml',
    },
    {
        'name': 'openbmc-account-roles',
        'match': {'driver': 'redfish', 'manager': '^OpenBmc'},
        'behaviours': {'account_roles': {'ReadOnly': 'User'}},
        'why': 'Old releases call the role ReadOnly User.',
        'source': 'R59; openbmc issue 3547',
        'file': 'others.yml',
    },
    {
        'name': 'huawei-account-roles',
        'match': {'driver': 'redfish', 'vendor': '^Huawei'},
        'behaviours': {'account_roles': {'ReadOnly': 'Commonuser'}},
        'why': 'The role ReadOnly is called Commonuser.',
        'source': 'R59; Huawei, FusionServer Tools uREST User Guide, Setting a User Role',
        'file': 'others.yml',
    },
    {
        'name': 'supermicro-boot-enabled',
        'match': {'driver': 'redfish', 'vendor': '^Super ?micro'},
        'behaviours': {'boot_enabled': 'always', 'boot_mode_resync': True},
        'why': (
            'BootSourceOverrideEnabled falls back to Once when it is not sent each time, and a change of the '
            'device sets the boot mode back.'
        ),
        'source': 'R1 (OpenStack story 2008547), R3 (stories 2008252 and 2008712)',
        'file': 'supermicro.yml',
    },
    {
        'name': 'supermicro-boot-mode',
        'match': {'driver': 'redfish', 'vendor': '^Super ?micro'},
        'behaviours': {'boot_full_request': True},
        'why': 'Without the mode UEFI in the same request the override is taken for Legacy.',
        'source': 'R4; Redfishtool issue 106, metal-operator bmc/redfish_supermicro.go',
        'file': 'supermicro.yml',
    },
    {
        'name': 'supermicro-boot-mode-x10',
        'match': {'driver': 'redfish', 'vendor': '^Super ?micro', 'system_type': 'ComputerSystem\\.v1_3_'},
        'behaviours': {'boot_full_request': False, 'boot_mode_omit': True},
        'why': 'X10 boards (their System has schema version 1.3) refuse a request with BootSourceOverrideMode.',
        'source': 'R4; metal-operator bmc/redfish_supermicro.go',
        'file': 'supermicro.yml',
    },
    {
        'name': 'supermicro-media-boot',
        'match': {'driver': 'redfish', 'vendor': '^Super ?micro'},
        'behaviours': {'boot_cd_target': 'UsbCd'},
        'why': 'Virtual media of X11 and X12 boards is the boot target UsbCd, and Cd boots nothing.',
        'source': 'R6; sushy release note change-bootdev-smc',
        'file': 'supermicro.yml',
    },
    {
        'name': 'supermicro-media-boot-grace',
        'match': {'driver': 'redfish', 'vendor': '^Super ?micro', 'model': 'ARS-111GL-NHR'},
        'behaviours': {'boot_cd_target': 'Cd'},
        'why': 'This model wants Cd all the same.',
        'source': 'R7; sushy resources/system/system.py',
        'file': 'supermicro.yml',
    },
    {
        'name': 'supermicro-media-insert',
        'match': {'driver': 'redfish', 'vendor': '^Super ?micro'},
        'behaviours': {'media_insert_omit': ['Inserted', 'WriteProtected'], 'media_url_plain': True},
        'why': (
            'InsertMedia fails with properties that are read-only there; an address with a question mark or an '
            'equals sign is refused.'
        ),
        'source': (
            'R8 (sushy release note fix-insert-media-payload), R9 (Ironic release note, redhat-performance/jetlag'
            ' issue 68)'
        ),
        'file': 'supermicro.yml',
    },
    {
        'name': 'supermicro-bios-pending',
        'match': {'driver': 'redfish', 'vendor': '^Super ?micro'},
        'behaviours': {'bios_pending_clear': False},
        'why': 'Pending BIOS settings cannot be taken back.',
        'source': 'R12; NVIDIA libredfish src/supermicro.rs',
        'file': 'supermicro.yml',
    },
    {
        'name': 'supermicro-boot-order',
        'match': {'driver': 'redfish', 'vendor': '^Super ?micro'},
        'behaviours': {'boot_order_oem': 'FixedBootOrder'},
        'why': 'Some boards have no BootOrder and only a resource of their own.',
        'source': 'R13; NVIDIA libredfish src/supermicro.rs and issue 12',
        'file': 'supermicro.yml',
    },
    {
        'name': 'supermicro-lockdown',
        'match': {'driver': 'redfish', 'vendor': '^Super ?micro', 'model': 'ARS-121L-DNR'},
        'behaviours': {'boot_order_lockdown': True},
        'why': 'With system lockdown the order that Redfish tells differs from the one in the firmware.',
        'source': 'R14; NVIDIA infra-controller issues 503 and 505',
        'file': 'supermicro.yml',
    },
    {
        'name': 'supermicro-ipmi-boot',
        'match': {'driver': 'ipmi', 'vendor': '^Super ?micro'},
        'behaviours': {'ipmi_uefi_disk_selector': 36},
        'why': 'A UEFI disk is the boot selector 0x24.',
        'source': 'I1; Ironic drivers/modules/ipmitool.py, Supermicro FAQ 25559',
        'file': 'supermicro.yml',
    },
    {
        'name': 'supermicro-ipmi-guid',
        'match': {'driver': 'ipmi', 'vendor': '^Super ?micro'},
        'behaviours': {'ipmi_guid_unrelated': True},
        'why': 'The BMC tells a system GUID of its own, also where the machine has another UUID or none.',
        'source': 'I19; Travis Paul, Trying to Shake UUIDs out of a Lunch Box (A1SRI-2758F, A1SAI-2750F)',
        'file': 'supermicro.yml',
    },
)
