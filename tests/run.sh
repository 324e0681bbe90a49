#!/usr/bin/env bash
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Runs the checks named on the command line, or all of them, on the collection as `make collection` built it.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
tree=$root/build/collections/ansible_collections/rackwright/baremetal
export PATH=$root/.venv/bin:$PATH ANSIBLE_COLLECTIONS_PATH=$root/build/collections PYTHONPATH=$root/build/collections
# Colours and a locale that the machine lacks only make the output harder to read.
export ANSIBLE_FORCE_COLOR=0 LC_ALL=C.UTF-8

pytest() {
    python -m pytest -p no:ansible -p no:cacheprovider -q "$@"
}

lint() {
    yamllint .
    ansible-lint --offline --profile production
    antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=self --skip-rstcheck .
    antsibull-changelog lint
    find roles tests -name '*.sh' -print0 | xargs -0r shellcheck
}

sanity() {
    # ansible-test fetches a script that installs pip into the environments of its checks; this one does the
    # same from the Python that is there, so that no further host is needed.
    mkdir -p ~/.ansible/test/cache
    for version in 24_2 25_2; do
        [ -e ~/.ansible/test/cache/get_pip_$version.py ] || cp tests/get_pip.py ~/.ansible/test/cache/get_pip_$version.py
    done
    # ansible-test asks git what belongs to the collection, and the checkout around this tree ignores all of build/.
    [ -d .git ] || git init -q .
    ansible-test sanity --python "$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')" --color no
}

unit() {
    pytest -n 2 tests/unit
}

emulators() {
    local venv=$root/build/emulators-venv
    if [ ! -e "$venv/.ready" ]; then
        python3 -m venv "$venv"
        "$venv/bin/python" -m pip install -q -r tests/emulators/requirements.txt "libvirt-python==$(pkg-config --modversion libvirt)"
        touch "$venv/.ready"
    fi
    # More workers than cores: boards take their time, and most of the tests wait for them.
    RACKWRIGHT_EMULATOR_VENV=$venv pytest -n 4 --dist loadfile tests/emulators
}

lifecycle() {
    # Whole runs on simulated nodes; most of the time goes into starting ansible-playbook, and some into waiting for machines that boot.
    pytest -n 3 --dist loadfile tests/lifecycle
}

molecule() {
    # Some of those on simulated nodes, from where molecule finds them; `make molecule` runs all.
    (cd "$root" && python extensions/molecule/run.py networks ramdisk_boot)
}

boot-server() {
    pytest tests/boot_server
}

rack() {
    # The main job first, then what bad input gets on the same rack.
    RACKWRIGHT_CHECKOUT=$root pytest -s -x tests/virtual_rack/test_main_job.py tests/virtual_rack/test_bad_input.py
}

on_rack() {
    local rack=$1 status=0
    shift
    RACKWRIGHT_CHECKOUT=$root RACKWRIGHT_RACK=$rack pytest -s "$@" || status=$?
    # 2 is an interrupt, after which pytest has taken the rack down.
    [ "$status" != 2 ] || exit 2
    return "$status"
}

rack-matrix() {
    local failed=0
    on_rack boot_ways tests/virtual_rack/test_boot_ways.py || failed=$?
    # The other ways have no machine in this rack.
    on_rack boot_ways_ipv6 tests/virtual_rack/test_boot_ways.py -k 'test_ipxe or test_virtual_media' || failed=$?
    on_rack ramdisk_work tests/virtual_rack/test_{abort,disk_layouts,discovery,switch_ports}.py || failed=$?
    return "$failed"
}

arm64() {
    RACKWRIGHT_CHECKOUT=$root pytest -s tests/arm64
}

# What waits most runs beside everything else: the machines of the virtual rack, and the clients of the boot server. What they printed comes last.
all() {
    # Not local: the trap below outlives the function.
    beside=(rack boot-server)
    jobs=()
    local name job failed=0
    trap 'for job in "${jobs[@]}"; do kill -INT -- "-$job" 2>/dev/null || true; done; wait "${jobs[@]}" || true
          echo "what ran beside printed: $(printf "$root/build/%s.log " "${beside[@]}")"' EXIT
    # As jobs they are told of an interrupt, and take down what they made, also when the others fail; a job that reads from the terminal would stand still.
    set -m
    for name in "${beside[@]}"; do
        env --default-signal=INT "$root/tests/run.sh" "$name" </dev/null >"$root/build/$name.log" 2>&1 &
        jobs+=("$!")
    done
    set +m
    "$root/tests/run.sh" lint sanity unit emulators lifecycle molecule
    for job in "${jobs[@]}"; do
        wait "$job" || failed=$?
    done
    trap - EXIT
    for name in "${beside[@]}"; do
        cat "$root/build/$name.log"
    done
    return "$failed"
}

cd "$tree"
for name in "${@:-all}"; do
    printf '\n=== %s\n' "$name"
    started=$SECONDS
    "$name"
    printf '=== %s: %d s\n' "$name" $((SECONDS - started))
done
