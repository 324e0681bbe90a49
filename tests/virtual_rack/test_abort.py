# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An erase that would take minutes is ended by abort.yml while it runs (make rack-matrix)."""

from __future__ import annotations

import json
import subprocess
import time

from steps import MACHINES, installed, nodes, power, run


def test_an_erase_that_runs_is_ended(available):
    settings = {"clean_steps": [{"step": "deploy.erase_devices"}], "clean_disks": "all", "clean_grade": "clear", "clean_methods": ["overwrite"]}
    log = available.BUILD / "abort.log"
    run(available, "manage.yml", "-l", "mirror")
    command = available.playbook_command("clean.yml", "-l", "mirror", "-e", json.dumps(settings), inside=True)
    try:
        with open(log, "w", encoding="utf-8") as output, subprocess.Popen(
                command, cwd=available.SITE, env=available.environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT) as erasing:
            try:
                deadline = time.monotonic() + 1200
                while "Wait until everything is erased and verified" not in log.read_text() and erasing.poll() is None and time.monotonic() < deadline:
                    time.sleep(1)
                assert erasing.poll() is None, log.read_text()
                told = run(available, "abort.yml", "-l", "mirror")
                ended = time.monotonic()
                assert erasing.wait(300) != 0
                print(f"the run has ended {time.monotonic() - ended:.0f} s after abort.yml")
            except BaseException:
                erasing.terminate()
                raise
        node = nodes(available)["mirror"]
        assert "the run that is at work on the node ends it" in told
        assert (node["provision_state"], node["lock"], node["fault"], node["maintenance"]) == ("clean failed", None, None, False)
        assert "the disks were not erased: ended by request of" in node["last_error"]
        # Nothing goes on in the ramdisk, which is there for somebody to look.
        job = json.loads(installed(available, MACHINES["mirror"]["address"], "cat /run/rackwright/disk_image.json", user="root"))
        assert job["state"] == "failed" and 0 < job["done"] < job["total"]
        assert installed(available, MACHINES["mirror"]["address"], f"test -e /proc/{job['pid']} || echo gone", user="root").strip() == "gone"
    finally:
        power(available, "mirror", "off")
