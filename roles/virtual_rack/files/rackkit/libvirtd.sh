#!/bin/sh
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Become the rack's libvirtd. Runs under `ip netns exec`, whose mount namespace is private: what is
# mounted here is seen by this process and its machines only and vanishes with them.
# /run as a whole is replaced, so that neither D-Bus nor systemd of the host is asked for anything.
set -eu
state=$1
mount --bind "$state/etc" /etc/libvirt
mount --bind "$state/lib" /var/lib/libvirt
mount --bind "$state/log" /var/log
mount --bind "$state/cache" /var/cache
mount --bind "$state/run" /run
exec /usr/sbin/libvirtd --config /etc/libvirt/libvirtd.conf
