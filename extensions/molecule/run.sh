#!/bin/sh
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs all molecule scenarios, from the root of the collection. Where the tools are missing it says so and is content.
set -eu

for tool in molecule podman mmdebstrap; do
    if ! command -v "$tool" >/dev/null; then
        echo "molecule: skipped, $tool is not installed (Debian: podman runc netavark mmdebstrap; pip: molecule)"
        exit 0
    fi
done
if ! podman info >/dev/null; then
    echo "molecule: skipped, podman does not work on this machine; it says why above"
    exit 0
fi
exec molecule test --all "$@"
