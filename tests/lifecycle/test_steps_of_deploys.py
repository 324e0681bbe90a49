# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps of deploys and services, and steps that are aborted or killed: the real playbooks with steps of a site, on simulated nodes."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import time

import pytest
from ansible_collections.rackwright.baremetal.tests.lifecycle.steps_site import note, notes, play, record, steps_site


@pytest.fixture(scope="module", name="site")
def _site():
    with steps_site() as site:
        yield site


def test_a_deploy_with_steps_and_a_service(site):
    code, output = play(site, "provide", "node4,node5")
    assert code == 0, output
    code, output = play(site, "deploy", "node5", deploy_traits=["CUSTOM_NOTED"])
    assert code != 0
    assert "the node lacks the trait CUSTOM_NOTED" in output
    assert record(site, "node5")["provision_state"] == "available"

    code, output = play(site, "deploy", "node4", deploy_traits=["CUSTOM_NOTED"], deploy_steps=[])
    assert code == 0, output
    assert (record(site, "node4")["provision_state"], notes(site, "node4")) == ("active", ["before the image"])
    image = site.disk("node4")
    # The network that its record describes, since the play describes none.
    assert json.dumps(record(site, "node4")["network_data"], sort_keys=True, indent=1).encode() in gzip.decompress(base64.b64decode(image["config_drive"]))
    boots = len(site.simulator.show(3)["boots"])

    code, output = play(site, "service", "node4", service_steps=[note("serviced")])
    assert code == 0, output
    node = record(site, "node4")
    assert (node["provision_state"], node["lock"]) == ("active", None)
    assert (notes(site, "node4"), site.disk("node4")) == (["before the image", "serviced"], image)
    assert len(site.simulator.show(3)["boots"]) == boots


def test_a_deploy_of_an_image_that_is_not_published_and_its_rebuild(site):
    address, checksum = "https://images.example.com/appliance.raw", "sha256:" + "c" * 64
    code, output = play(site, "provide", "node5")
    assert code == 0, output
    code, output = play(site, "deploy", "node5", image=address)
    assert code != 0
    assert "an image that is not published needs its checksum" in output
    # A file system; its partitions are given as text, as a survey does.
    code, output = play(site, "deploy", "node5", image=address, image_checksum=checksum, deploy_partitions='{"root_gb": 4}')
    assert code == 0, output
    assert {"role": "root", "size_mb": 4096} in record(site, "node5")["instance"]["partitions"]
    assert site.disk("node5")["source"] == [address, None]
    node = record(site, "node5")
    assert (node["provision_state"], node["instance"]["image"], node["instance"]["image_digest"]) == ("active", address, checksum)
    code, output = play(site, "deploy", "node5", image=address, image_checksum=checksum, deploy_partitions={"root_gb": 4})
    assert code == 0 and "changed=0" in output, output
    # As group_vars would have it: nothing but the instance itself says what it is.
    code, output = play(site, "rebuild", "node5", deploy_image="", deploy_partitions={"root_gb": 4})
    assert code == 0, output
    assert (site.disk("node5")["source"], record(site, "node5")["instance"]["image_digest"]) == ([address, None], checksum)


def test_a_deploy_that_is_held_behind_the_image(site):
    code, output = play(site, "provide", "node6")
    assert code == 0, output
    steps = [{"step": "hold", "priority": 50}, {**note("after the hold"), "priority": 40}]
    code, output = play(site, "deploy", "node6", deploy_steps=steps)
    assert code == 0, output
    held = record(site, "node6")
    assert (held["provision_state"], notes(site, "node6")) == ("deploy hold", [])
    assert site.disk("node6")["whole"] is True
    code, output = play(site, "unhold", "node6")
    assert code == 0, output
    code, output = play(site, "deploy", "node6", deploy_steps=steps)
    assert code == 0, output
    node = record(site, "node6")
    assert (node["provision_state"], node["instance"]["uuid"], notes(site, "node6")) == ("active", held["instance"]["uuid"], ["after the hold"])


def machine_file(site, node, name):
    return site.boot_root / "machines" / f"{site.address(node)}.{name}"


@contextlib.contextmanager
def under_way(site, node, verb, begun, **variables):
    """Begin something on a machine that takes its time; yields the process of the run."""
    machine_file(site, node, "slow").touch()
    machine_file(site, node, "stopped").unlink(missing_ok=True)
    site.fill_disk(node, {})
    with site.start(verb, "-l", node, "-e", json.dumps(variables), ANSIBLE_ROLES_PATH=str(site.directory / "roles")) as process:
        try:
            deadline = time.monotonic() + 600
            while not begun(site.disk(node)) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
            yield process
        except BaseException:
            # Else the machine that takes its time would be waited for.
            process.kill()
            raise


def aborted(site, node, verb, begun, *, first=lambda: None, **variables):
    """Abort what is under way, and return the node's record and what the run said. first: what is done before the abort."""
    with under_way(site, node, verb, begun, **variables) as process:
        first()
        code, output = site.play("abort", "-l", node)
        assert code == 0 and "ends it where it next reports anything" in output, output
        output = process.communicate(timeout=600)[0]
    assert process.returncode != 0 and "ended by request of" in output
    return record(site, node), output


def test_an_abort_tells_that_it_knows_no_ramdisk_and_the_next_one_stops_a_burn_in(site):
    log = site.boot_root / "log" / "http.log"

    def in_vain():
        log.rename(log.with_suffix(".away"))
        code, output = site.play("abort", "-l", "node7")
        log.with_suffix(".away").rename(log)
        assert code == 0 and "Nothing was stopped in the ramdisk, for the boot server has seen no call of it." in " ".join(output.split()), output
        assert not machine_file(site, "node7", "stopped").exists()

    node = aborted(site, "node7", "clean", lambda disk: disk.get("burnt_in"), first=in_vain,
                   clean_steps=[{"step": "deploy.burnin_memory"}, note("never")])[0]
    assert (node["provision_state"], node["lock"], node["maintenance"], node["fault"]) == ("clean failed", None, False, None)
    assert "burnin: ended by request of" in node["last_error"] and notes(site, "node7") == []


def test_an_abort_stops_what_a_killed_run_left_in_the_ramdisk(site):
    with under_way(site, "node7", "clean", lambda disk: disk.get("burnt_in"), clean_steps=[{"step": "deploy.burnin_memory"}]) as process:
        process.kill()
        process.wait()
        code, output = site.play("abort", "-l", "node7")
    assert code == 0, output
    assert "ended by request of" in machine_file(site, "node7", "stopped").read_text()
    node = record(site, "node7")
    assert (node["provision_state"], node["lock"], node["fault"]) == ("clean failed", None, "clean failure")


def test_an_abort_stops_an_image_that_is_written_and_the_same_command_goes_on(site):
    code, output = play(site, "provide", "node8")
    assert code == 0, output
    node = aborted(site, "node8", "deploy", lambda disk: disk.get("whole") is False)[0]
    assert (node["provision_state"], node["lock"], site.disk("node8")["whole"]) == ("deploy failed", None, False)
    assert "disk_image: ended by request of" in node["last_error"]
    machine_file(site, "node8", "slow").unlink()
    code, output = play(site, "deploy", "node8")
    assert code == 0, output
    assert (record(site, "node8")["provision_state"], site.disk("node8")["whole"]) == ("active", True)


# At the begin of: the task of the first step, and of the wait.
@pytest.mark.parametrize("boundary", [9, 11])
@pytest.mark.parametrize(("verb", "name", "end"), [("clean", "node3", "manageable"), ("service", "node4", "active")])
def test_killed_between_steps_and_run_again(site, verb, name, end, boundary):
    if verb == "clean":
        code, output = play(site, "manage", name)
        assert code == 0, output
    texts = [f"{verb} {boundary} first", f"{verb} {boundary} second"]
    variables = {f"{verb}_steps": [note(texts[0]), {"step": "wait", "args": {"seconds": 1}}, note(texts[1])]}
    command = (verb, "-l", name, "-e", json.dumps(variables))
    code, output = site.play(*command, ANSIBLE_ROLES_PATH=str(site.directory / "roles"), RACKWRIGHT_KILL_AT=str(boundary))
    assert code != 0 and "killed at the begin of" in output, output
    assert record(site, name)["lock"] and texts[1] not in notes(site, name)
    code, output = site.play(*command, ANSIBLE_ROLES_PATH=str(site.directory / "roles"))
    assert code == 0, output
    node = record(site, name)
    assert (node["provision_state"], node["lock"], node["maintenance"], node["fault"], node["last_error"]) == (end, None, False, None, None)
    assert notes(site, name)[-2:] == texts
