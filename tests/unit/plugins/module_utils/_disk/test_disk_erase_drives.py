# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What drives say of erasing themselves, and making them do so, against tools that answer as the drives' specifications have it."""

from __future__ import annotations

import struct

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import ata, ata_sanitize, erase_disk, nvme, scsi, surface
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.commands import CommandTimeout
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given, settings
from hypothesis import strategies as st


class Tools:
    """Programs that answer from a script, and remember what they were called with."""

    def __init__(self, answers):
        self._answers, self.calls = answers, []

    def __call__(self, argv, *, stage=None, timeout=120, ok=(0,), failing=None):
        self.calls.append(argv)
        answer = self._answers(argv)
        if failing and isinstance(answer, str) and failing in answer:
            answer = BaremetalError("%s ended with code 0" % argv[0], seen=answer)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, bytes) else (answer or "").encode()

    def did(self, word):
        return [argv for argv in self.calls if any(word in part for part in argv)]


def nothing(_progress):
    """A report that nobody reads."""


# NVMe

def controller_data(oacs=0, fna=0, sanicap=0):
    data = bytearray(4096)
    struct.pack_into("<H", data, 256, oacs)
    data[524] = fna
    struct.pack_into("<I", data, 328, sanicap)
    return bytes(data)


def log_data(status, progress=0xFFFF, overwrite=0xFFFFFFFF, block=0xFFFFFFFF, crypto=0xFFFFFFFF):
    return struct.pack("<HHIIII", progress, status, 0, overwrite, block, crypto) + bytes(492)


@settings(deadline=None)
@given(st.integers(0, 0xFFFF), st.integers(0, 255), st.integers(0, 0xFFFFFFFF))
def test_identify_controller(oacs, fna, sanicap):
    found = nvme.parse_controller(controller_data(oacs, fna, sanicap))
    assert found["format"] == bool(oacs & 0b10)
    assert (found["format_all"], found["erase_all"], found["format_crypto"]) == (bool(fna & 1), bool(fna & 2), bool(fna & 4))
    assert set(found["sanitize"]) == {name for name, bit in (("crypto", 1), ("block", 2), ("overwrite", 4)) if sanicap & bit}


@settings(deadline=None)
@given(st.integers(0, 63), st.booleans(), st.integers(0, 3), st.booleans())
def test_a_format_keeps_the_format(lbaf, extended, pi, first):
    data = bytearray(4096)
    data[26] = lbaf & 15 | (lbaf >> 4) << 5 | extended << 4
    data[29] = pi | first << 3
    assert nvme.parse_namespace(bytes(data)) == {"lbaf": lbaf, "ms": int(extended), "pi": pi, "pil": int(first)}


@pytest.mark.parametrize("status,state", [
    (0, "never"), (1, "done"), (2, "running"), (3, "failed"), (4, "done"), (0x101, "done"), (0x0A, "running"), (7, "failed")])
def test_sanitize_status(status, state):
    found = nvme.parse_sanitize_log(log_data(status, 0x8000, block=90))
    assert (found["state"], found["seconds"]) == (state, {"overwrite": None, "block": 90, "crypto": None})
    assert found["progress"] == (0.5 if state == "running" else 1.0)


@settings(deadline=None)
@given(st.binary(max_size=31))
def test_answers_that_are_cut_off_are_refused(data):
    for parse in (nvme.parse_controller, nvme.parse_namespace, nvme.parse_sanitize_log):
        with pytest.raises(BaremetalError, match="is not whole"):
            parse(data)


def test_names_of_nvme_devices():
    assert nvme.controller("/dev/nvme12n3") == "/dev/nvme12"
    assert nvme.controller("/dev/nvme0n1p1") is None
    assert nvme.controller("/dev/sda") is None


@pytest.mark.parametrize("flbas, dps, fna, crypto, namespace, command", [
    (0x11, 0x09, 4, True, "2", 0x531), (0, 0, 0, False, "2", 0x200), (0x20, 0, 1, False, "0xffffffff", 0x1200)])
def test_format_in_the_format_that_is(tmp_path, flbas, dps, fna, crypto, namespace, command):
    data = bytearray(4096)
    data[26], data[29] = flbas, dps
    (tmp_path / "class/block/nvme0n2").mkdir(parents=True)
    (tmp_path / "class/block/nvme0n2/nsid").write_text("2\n")
    tools = Tools(lambda argv: bytes(data) if "id-ns" in argv else controller_data(2, fna) if "id-ctrl" in argv else None)
    nvme.format_namespace("/dev/nvme0n2", crypto=crypto, timeout=600, runner=tools, sysfs=tmp_path)
    assert tools.calls[-1] == [
        "nvme", "admin-passthru", "/dev/nvme0n2", "--opcode=0x80", f"--namespace-id={namespace}", f"--cdw10={command:#x}", "--timeout=600000"]
    if fna != 1:
        with pytest.raises(BaremetalError, match="does not tell the number of the namespace"):
            nvme.format_namespace("/dev/nvme0n3", crypto=crypto, timeout=600, runner=tools, sysfs=tmp_path)


def test_sanitize_waits_for_one_that_runs_and_reports():
    logs = iter([log_data(2, 0x4000), log_data(3), log_data(2, 0x8000), log_data(1)])
    told = []
    tools = Tools(lambda argv: next(logs) if "sanitize-log" in argv else None)
    nvme.sanitize("/dev/nvme3n1", "block", timeout=60, report=told.append, runner=tools, sleep=nothing)
    assert told == [0.25, 0.5]
    assert tools.calls[2] == ["nvme", "sanitize", "/dev/nvme3", "--sanact=2"]


def test_the_time_of_a_sanitize_that_ran_before_does_not_count():
    nvme_logs = iter([log_data(2), log_data(1), log_data(2), log_data(1)])
    tools = Tools(lambda argv: next(nvme_logs) if "sanitize-log" in argv else None)
    times = iter([0, 50, 70, 100])
    nvme.sanitize("/dev/nvme0n1", "block", timeout=60, report=nothing, runner=tools, sleep=nothing, clock=lambda: next(times))
    assert len(tools.did("--sanact")) == 1
    running = sanitize_status(RUNNING, "Progress: 0x8000 (50%)")
    tools, times = sanitizing(running, SUCCEEDED, running, SUCCEEDED), iter([0, 50, 70, 100])
    ata_sanitize.sanitize("/dev/sda", "block", timeout=60, report=nothing, runner=tools, sleep=nothing, clock=lambda: next(times))
    assert len(tools.did("--sanitize-block-erase")) == 1


@pytest.mark.parametrize("status,state,unreadable", [(1, "done", False), (2, "running", True), (3, "failed", True)])
def test_what_an_nvme_drive_can_sanitize_now(status, state, unreadable):
    tools = Tools(lambda argv: log_data(status, block=90) if "sanitize-log" in argv else controller_data(oacs=2, sanicap=2))
    found = nvme.abilities("/dev/nvme0n1", runner=tools)
    assert (found["sanitize"], found["seconds"]["block"], found["state"]) == (["block"], 90, state)
    assert erase_disk.locked({"nvme": found}) is unreadable


@pytest.mark.parametrize("last,clock,message", [(3, [0, 0], "reports that its sanitize failed"), (2, [0, 0, 61], "did not end within 60 seconds")])
def test_sanitize_that_fails(last, clock, message):
    logs, times = iter([log_data(0), log_data(last)]), iter(clock)
    tools = Tools(lambda argv: next(logs) if "sanitize-log" in argv else None)
    with pytest.raises(BaremetalError, match=message):
        nvme.sanitize("/dev/nvme0n1", "crypto", timeout=60, report=nothing, runner=tools, sleep=nothing, clock=lambda: next(times))


# ATA

def hdparm(enabled="not", locked="not", frozen="not", enhanced=True, times="2min for SECURITY ERASE UNIT. 4min for ENHANCED SECURITY ERASE UNIT."):
    return """
/dev/sda:

ATA device, with non-removable media
\tModel Number:       EXAMPLE SSD
Commands/features:
\tEnabled\tSupported:
\t   *\tSMART feature set
\t    \tSecurity Mode feature set
Security:\x20
\tMaster password revision code = 65534
\t\tsupported
\t%s\tenabled
\t%s\tlocked
\t%s\tfrozen
\tnot\texpired: security count
\t%s\tsupported: enhanced erase
\t%s
Logical Unit WWN Device Identifier: 5000c500a1b2c3d4
\tNAA\t\t: 5
Checksum: correct
""" % (enabled, locked, frozen, "" if enhanced else "not", times)


def test_security_as_hdparm_shows_it():
    assert ata.parse_security(hdparm(frozen="")) == {
        "supported": True, "enabled": False, "locked": False, "frozen": True, "expired": False, "enhanced": True, "minutes": 2, "enhanced_minutes": 4}
    assert ata.parse_security(hdparm(enabled="", locked="", enhanced=False, times="more than 508min for SECURITY ERASE UNIT.")) == {
        "supported": True, "enabled": True, "locked": True, "frozen": False, "expired": False, "enhanced": False, "minutes": 508, "enhanced_minutes": None}
    assert ata.parse_security("/dev/sdb:\n\nATA device\nChecksum: correct\n")["supported"] is False


@settings(deadline=None)
@given(st.text())
def test_no_text_breaks_the_parser(text):
    for place in (text, "\nSecurity:\n" + text):
        assert set(ata.parse_security(place)) == {"supported", "enabled", "locked", "frozen", "expired", "enhanced", "minutes", "enhanced_minutes"}


class Drive:
    """The security states of an ATA drive (ACS-3, 4.18), as hdparm shows them."""

    def __init__(self, *, password=None, locked=False, frozen=False, erases=True):
        self.password, self.locked, self.frozen, self.erases, self.erased = password, locked, frozen, erases, []

    def __call__(self, argv):
        if "-I" in argv:
            return hdparm("" if self.password else "not", "" if self.locked else "not", "" if self.frozen else "not")
        command, given_password = argv[3], argv[4]
        if self.frozen or command == "--security-set-pass" and self.locked:
            return BaremetalError("hdparm ended with code 5")
        if command == "--security-set-pass":
            self.password = given_password
        elif given_password != self.password:
            # hdparm tells of it and ends with success.
            return "SG_IO: bad/missing sense data"
        elif command == "--security-unlock":
            self.locked = False
        elif command == "--security-disable" and not self.locked:
            self.password = None
        elif command.startswith("--security-erase"):
            if not self.erases:
                self.locked = True
                return BaremetalError("hdparm ended with code 5", seen="SECURITY_ERASE: Input/output error")
            self.erased.append(command)
            self.password, self.locked = None, False
        return None


@pytest.mark.parametrize("state", [{}, {"password": "NULL"}, {"password": "NULL", "locked": True}])
@pytest.mark.parametrize("enhanced,command", [(False, "--security-erase"), (True, "--security-erase-enhanced")])
def test_secure_erase_from_any_state_that_an_erase_leaves(state, enhanced, command):
    drive = Drive(**state)
    ata.secure_erase("/dev/sda", enhanced=enhanced, timeout=60, report=nothing, runner=Tools(drive))
    assert (drive.erased, drive.password, drive.locked) == ([command], None, False)


def test_a_drive_locked_by_somebody_else_is_tried_once():
    tools = Tools(Drive(password="theirs", locked=True))
    with pytest.raises(BaremetalError, match="locked with a password that no erase of ours"):
        ata.secure_erase("/dev/sda", enhanced=False, timeout=60, report=nothing, runner=tools)
    assert len(tools.did("--security-unlock")) == 1
    assert not tools.did("--security-erase")


def test_a_frozen_drive_is_left_alone():
    tools = Tools(Drive(frozen=True))
    with pytest.raises(BaremetalError, match="Seen: frozen.*rtcwake"):
        ata.secure_erase("/dev/sda", enhanced=False, timeout=60, report=nothing, runner=tools)
    assert [argv[1] for argv in tools.calls] == ["-I"]


def test_a_failed_erase_leaves_no_lock():
    drive = Drive(erases=False)
    with pytest.raises(BaremetalError, match="Input/output error"):
        ata.secure_erase("/dev/sda", enhanced=False, timeout=60, report=nothing, runner=Tools(drive))
    assert (drive.password, drive.locked) == (None, False)


def test_an_erase_that_takes_too_long_says_how_it_goes_on():
    drive = Drive()
    tools = Tools(lambda argv: CommandTimeout("hdparm did not end") if "--security-erase" in argv else drive(argv))
    with pytest.raises(BaremetalError, match="within 60 seconds. Seen: it estimated 120 s.*unlocks the drive and erases again"):
        ata.secure_erase("/dev/sda", enhanced=False, timeout=60, report=nothing, estimate=120, runner=tools)


def test_a_drive_that_takes_no_password_does_not_erase_itself():
    """hdparm ends with success, and the drive had no password before and has none afterwards."""
    drive = Drive()
    tools = Tools(lambda argv: drive(argv) if "-I" in argv else "SG_IO: bad/missing sense data")
    with pytest.raises(BaremetalError, match="took no password, without which it does not erase itself"):
        ata.secure_erase("/dev/sda", enhanced=False, timeout=60, report=nothing, runner=tools)
    assert not tools.did("--security-erase")


def test_a_drive_that_does_not_answer_after_it_took_a_password_is_opened_again():
    drive = Drive()
    tools = Tools(lambda argv: BaremetalError("no answer") if "-I" in argv and drive.password else drive(argv))
    with pytest.raises(BaremetalError, match="no answer"):
        ata.secure_erase("/dev/sda", enhanced=False, timeout=60, report=nothing, runner=tools)
    assert drive.password is None


def test_success_with_the_password_still_set_is_none():
    drive = Drive()
    tools = Tools(lambda argv: None if "--security-erase" in argv else drive(argv))
    with pytest.raises(BaremetalError, match="has not erased itself"):
        ata.secure_erase("/dev/sda", enhanced=False, timeout=60, report=nothing, runner=tools)
    assert drive.password is None


# ATA SANITIZE, as hdparm 9.65 shows it

# The features of an SSD of a data centre, in which all actions are, and what follows them.
FEATURES = """
/dev/sda:

ATA device, with non-removable media
Commands/features:
\tEnabled\tSupported:
\t   *\tSMART feature set
\t    \tSecurity Mode feature set
\t   *\tSCT Data Tables (AC5)
\t   *\tSANITIZE_ANTIFREEZE_LOCK_EXT command
\t   *\tSANITIZE feature set
\t   *\tCRYPTO_SCRAMBLE_EXT command
\t   *\tOVERWRITE_EXT command
\t   *\tBLOCK_ERASE_EXT command
\t   *\treserved 69[2]
\t   *\tDeterministic read ZEROs after TRIM
Security:\x20
\tMaster password revision code = 65534
"""


def sanitize_status(state="SD0 Sanitize Idle", *lines):
    return "\n/dev/sda:\nIssuing SANITIZE_STATUS command\nSanitize status:\n    State:    %s\n%s" % (state, "".join("    %s\n" % line for line in lines))


RUNNING = "SD2 Sanitize operation In Process"
SUCCEEDED = sanitize_status("SD0 Sanitize Idle", "Last Sanitize Operation Completed Without Error")
# The words of hdparm as commands.run joins them, where the drive aborts the command.
FAILED = BaremetalError("hdparm ended with code 5", seen="SANITIZE failed: Input/output error SANITIZE device error reason: "
                        "Last Sanitize Command completed unsuccessfully Drive in SD3 Sanitize Operation Failed state")


def features(*names):
    """The features of a drive that has not more than these."""
    known = ("SANITIZE_ANTIFREEZE_LOCK_EXT", "CRYPTO_SCRAMBLE_EXT", "OVERWRITE_EXT", "BLOCK_ERASE_EXT", "SANITIZE feature")
    gone = [name for name in known if name not in names]
    return "".join(line + "\n" for line in FEATURES.splitlines() if not any(name in line for name in gone))


@pytest.mark.parametrize("text,actions,antifreeze", [
    (FEATURES, ["crypto", "block", "overwrite"], True),
    (features("SANITIZE feature", "BLOCK_ERASE_EXT"), ["block"], False),
    (features(), [], False),
    # An action that is listed and not supported, and one of a drive that does not have the feature set.
    (FEATURES.replace("*\tCRYPTO", " \tCRYPTO"), ["block", "overwrite"], True),
    (features("BLOCK_ERASE_EXT"), [], False),
    ("/dev/sdb:\n\nATA device\nChecksum: correct\n", [], False),
])
def test_sanitize_commands_of_a_drive(text, actions, antifreeze):
    assert ata_sanitize.parse_features(text) == {"actions": actions, "antifreeze": antifreeze}


@pytest.mark.parametrize("text,expected", [
    (SUCCEEDED, {"state": "idle", "progress": 1.0, "succeeded": True}),
    (sanitize_status(), {"state": "idle", "progress": 1.0, "succeeded": False}),
    (sanitize_status("SD1 Sanitize Frozen", "Antifreeze bit set"), {"state": "frozen", "progress": 1.0, "succeeded": False}),
    (sanitize_status(RUNNING, "Progress: 0x41c2 (25%)"), {"state": "running", "progress": 0x41C2 / 65536, "succeeded": False}),
    (sanitize_status("SD4 Sanitize Operation succeeded", "Last Sanitize Operation Completed Without Error"),
     {"state": "idle", "progress": 1.0, "succeeded": True}),
])
def test_state_of_a_sanitize(text, expected):
    assert ata_sanitize.parse_status(text) == expected


@settings(deadline=None)
@given(st.text())
def test_no_text_breaks_the_parsers_of_sanitize(text):
    assert set(ata_sanitize.parse_features(text)) == {"actions", "antifreeze"}
    try:
        assert ata_sanitize.parse_status(text)["state"] in ("idle", "frozen", "running", "failed")
    except BaremetalError as error:
        assert "no state" in error.what


def sanitizing(*statuses, identity=FEATURES):
    """A drive that tells these states one after the other."""
    left = iter(statuses)
    return Tools(lambda argv: identity if "-I" in argv else next(left) if "--sanitize-status" in argv else None)


@pytest.mark.parametrize("status,state", [(SUCCEEDED, "idle"), (sanitize_status("SD1 Sanitize Frozen"), "frozen"), (FAILED, "failed")])
def test_what_a_drive_can_sanitize_now(status, state):
    found = ata_sanitize.abilities("/dev/sda", runner=sanitizing(status))
    assert found["state"] == state
    # What gives no data is not read before it is sanitized.
    assert erase_disk.locked({"ata_sanitize": found}) is (state == "failed")
    # A drive without the commands is not asked for their state.
    assert ata_sanitize.abilities("/dev/sda", runner=sanitizing(identity=features())) == {"actions": [], "antifreeze": False, "state": "idle"}


@pytest.mark.parametrize("action,options", [
    ("crypto", ["--sanitize-crypto-scramble"]), ("block", ["--sanitize-block-erase"]),
    ("overwrite", ["--sanitize-overwrite-passes", "1", "--sanitize-overwrite", "hex:00000000"])])
def test_sanitize_of_an_ata_drive(action, options):
    told = []
    # One that was cut off before runs still, and fails; the one that is meant follows.
    tools = sanitizing(sanitize_status(RUNNING, "Progress: 0xe899 (90%)"), FAILED, sanitize_status(RUNNING, "Progress: 0x4000 (25%)"), SUCCEEDED)
    ata_sanitize.sanitize("/dev/sda", action, timeout=60, report=told.append, runner=tools, sleep=nothing)
    assert told == [0xE899 / 65536, 0.25]
    begun = [argv for argv in tools.calls if "--yes-i-know-what-i-am-doing" in argv]
    assert begun == [["hdparm", "--yes-i-know-what-i-am-doing", *options, "/dev/sda"]]
    # Firmware that freezes the drive at a reset in the middle is refused.
    assert tools.calls[tools.calls.index(begun[0]) - 1] == ["hdparm", "--sanitize-antifreeze-lock", "/dev/sda"]


def test_a_drive_that_knows_no_antifreeze_lock_is_sanitized_without():
    tools = sanitizing(SUCCEEDED, SUCCEEDED, identity=features("SANITIZE feature", "BLOCK_ERASE_EXT"))
    ata_sanitize.sanitize("/dev/sda", "block", timeout=60, report=nothing, runner=tools, sleep=nothing)
    assert not tools.did("antifreeze")


@pytest.mark.parametrize("statuses,clock,message", [
    ([SUCCEEDED, FAILED], [0, 0], "reports that its sanitize failed"),
    ([SUCCEEDED, sanitize_status()], [0, 0], "reports that its sanitize failed"),
    ([SUCCEEDED, sanitize_status(RUNNING, "Progress: 0x8000 (50%)")], [0, 0, 61], "within 60 seconds. Seen: 50 % are done.*over a power cycle"),
])
def test_a_sanitize_of_an_ata_drive_that_fails(statuses, clock, message):
    times = iter(clock)
    with pytest.raises(BaremetalError, match=message):
        ata_sanitize.sanitize("/dev/sda", "block", timeout=60, report=nothing, runner=sanitizing(*statuses), sleep=nothing, clock=lambda: next(times))


REFUSED = "SG_IO: bad/missing sense data, sb[]:  70 00 05 00 00 00 00 0a"


def refusing(*statuses):
    """A drive of whose answer to a sanitize hdparm can make nothing."""
    left = iter(statuses)
    return Tools(lambda argv: FEATURES if "-I" in argv else next(left) if "--sanitize-status" in argv else
                 REFUSED if "--yes-i-know-what-i-am-doing" in argv else None)


def test_a_sanitize_that_a_drive_refuses_is_not_taken_for_the_one_before():
    with pytest.raises(BaremetalError, match="bad/missing sense data"):
        ata_sanitize.sanitize("/dev/sda", "block", timeout=60, report=nothing, runner=refusing(SUCCEEDED, SUCCEEDED), sleep=nothing)
    # One that is seen to run was not refused.
    running = sanitize_status(RUNNING, "Progress: 0x8000 (50%)")
    ata_sanitize.sanitize("/dev/sda", "block", timeout=60, report=nothing, runner=refusing(SUCCEEDED, running, running, SUCCEEDED), sleep=nothing)


def test_a_state_that_hdparm_could_not_read_is_none():
    with pytest.raises(BaremetalError, match="bad/missing sense data"):
        ata_sanitize.abilities("/dev/sda", runner=sanitizing(REFUSED + "\n" + SUCCEEDED))
    # But of a drive that aborts even this question: it does so after a sanitize that failed.
    aborted = REFUSED.replace("70 00 05", "f0 00 0b") + "\n" + SUCCEEDED
    assert ata_sanitize.abilities("/dev/sda", runner=sanitizing(aborted))["state"] == "failed"
    with pytest.raises(BaremetalError, match="reports that its sanitize failed"):
        ata_sanitize.sanitize("/dev/sda", "block", timeout=60, report=nothing, runner=sanitizing(SUCCEEDED, aborted), sleep=nothing)
    with pytest.raises(BaremetalError, match="70 00 05"):
        ata_sanitize.sanitize("/dev/sda", "block", timeout=60, report=nothing, runner=refusing(SUCCEEDED, REFUSED), sleep=nothing)


def test_a_drive_with_frozen_sanitize_commands_is_left_alone():
    tools = sanitizing(sanitize_status("SD1 Sanitize Frozen"))
    with pytest.raises(BaremetalError, match="Seen: frozen.*loses power"):
        ata_sanitize.sanitize("/dev/sda", "block", timeout=60, report=nothing, runner=tools, sleep=nothing)
    assert [argv[1] for argv in tools.calls] == ["--sanitize-status"]


# SCSI

@pytest.mark.parametrize("support,expected", [(0, False), (1, False), (3, True), (5, True), (0x83, True)])
def test_supported_operation_codes(support, expected):
    assert scsi.parse_supported(bytes([0, support, 0, 10]) + bytes(10)) is expected


@settings(deadline=None)
@given(st.binary(max_size=1))
def test_an_empty_answer_supports_nothing(data):
    assert scsi.parse_supported(data) is False


def test_actions_of_a_scsi_drive():
    tools = Tools(lambda argv: bytes([0, 3 if argv[4] in ("--sa=3", "--sa=1") else 1, 0, 0]))
    assert scsi.abilities("/dev/sda", runner=tools) == ["crypto", "overwrite"]
    assert scsi.abilities("/dev/sda", runner=Tools(lambda argv: BaremetalError("sg_opcodes ended with code 9"))) == []


def test_sanitize_of_a_scsi_drive():
    answers = iter(["Progress indication: 12.50% done\n", "Progress indication: 75.00% done\n", ""])
    told = []
    tools = Tools(lambda argv: next(answers) if argv[0] == "sg_requests" else None)
    scsi.sanitize("/dev/sda", "overwrite", timeout=60, report=told.append, runner=tools, sleep=nothing)
    assert tools.calls[0] == ["sg_sanitize", "--quick", "--early", "--overwrite", "--zero", "/dev/sda"]
    assert told == [0.125, 0.75]
    assert tools.calls[-1] == ["sg_turs", "/dev/sda"]


def test_a_scsi_drive_that_was_reset_is_asked_again():
    """Its first answers tell of the reset; the sanitize goes on."""
    answers = iter(["Progress indication: 12.50% done\n", "", "", "Progress indication: 30.00% done\n", ""])
    ready = iter([BaremetalError("sg_turs ended with code 6", seen="unit attention"), BaremetalError("sg_turs ended with code 2", seen="not ready"), None])
    told = []
    tools = Tools(lambda argv: {"sg_requests": lambda: next(answers), "sg_turs": lambda: next(ready)}.get(argv[0], lambda: None)())
    scsi.sanitize("/dev/sda", "block", timeout=60, report=told.append, runner=tools, sleep=nothing)
    assert told == [0.125, 0.3]


def test_a_scsi_drive_that_is_not_ready_afterwards_has_failed():
    tools = Tools(lambda argv: BaremetalError("sg_turs ended with code 2", seen="not ready") if argv[0] == "sg_turs" else None)
    with pytest.raises(BaremetalError, match="not ready after its sanitize"):
        scsi.sanitize("/dev/sda", "block", timeout=60, report=nothing, runner=tools, sleep=nothing)


# Samples

@settings(deadline=None)
@given(st.integers(surface.SAMPLE // 512, 1 << 36), st.integers(1, 300), st.integers())
def test_samples_lie_on_the_disk_and_everywhere_on_it(sectors, count, seed):
    size = sectors * 512
    found = surface.sample_offsets(size, count, seed)
    assert found == sorted(set(found)) == surface.sample_offsets(size, count, seed)
    assert (found[0], found[-1]) == (0, size - surface.SAMPLE)
    assert all(offset % 512 == 0 and offset + surface.SAMPLE <= size for offset in found)
    assert max(later - earlier for earlier, later in zip(found, found[1:] + [size])) <= 2 * (size // min(count, size // surface.SAMPLE) + surface.SAMPLE)


SEEN = st.sampled_from(["zero", "ones", "a", "b", None])


@settings(deadline=None)
@given(st.lists(st.tuples(SEEN, SEEN)), st.booleans())
def test_what_samples_prove(pairs, zeroes):
    found = surface.compare_samples([old for old, _new in pairs], [new for _old, new in pairs], zeroes=zeroes)
    wrong = [number for number, (old, new) in enumerate(pairs) if new is None or (new != "zero" if zeroes else new in "ab" and new == old)]
    assert found["failed"] == wrong
    assert found["passed"] == found["taken"] - len(wrong) == len(pairs) - len(wrong)
