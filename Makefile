# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

PYTHON ?= python3
VENV := .venv
COLLECTIONS := build/collections
COLLECTION := $(COLLECTIONS)/ansible_collections/rackwright/baremetal
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/$(COLLECTIONS)

PACKAGES := bmap-tools cpio curl dbus dnsmasq-base dosfstools e2fsprogs efibootmgr fdisk gcc gdisk ipmitool ipxe ipxe-qemu iproute2 \
  libc6-dev libvirt-clients libvirt-daemon libvirt-daemon-driver-qemu libvirt-daemon-system libvirt-dev mmdebstrap mtools \
  nginx-light openipmi openssh-client openssl ovmf parted pkg-config procps python3-dev python3-venv qemu-system-x86 \
  qemu-utils shellcheck udev udhcpc xorriso zstd
# Apart from the others: the demo does not need them, and some start servers.
TEST_PACKAGES := busybox cryptsetup-bin dmsetup dropbear-bin fio kmod logrotate mdadm nvme-cli openvswitch-switch postgresql stress-ng
# The switch between a machine and its networks.
MATRIX_PACKAGES := ethtool openvswitch-switch
ARM64_PACKAGES := arch-test binfmt-support qemu-efi-aarch64 qemu-system-arm qemu-user-static
# What puts QEMU's block layer under a block device without a machine around it.
BENCH_PACKAGES := libnbd-bin
# What podman needs to run a container with a published port; without its recommendations it comes without a network.
MOLECULE_PACKAGES := iptables netavark podman runc

.PHONY: all apt tools collection demo demo-down test lint sanity unit emulators lifecycle boot-server rack rack-matrix molecule bench arm64 clean

all: test

# Package installation is skipped when everything is there, so that it costs nothing the second time.
install = dpkg-query -W -f '$${db:Status-Status}\n' $(1) 2>/dev/null | sort | uniq -c | grep -q "^ *$(words $(1)) installed$$" || \
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(1); }

apt:
	@$(call install,$(PACKAGES))

$(VENV)/.ready: requirements.txt tests/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install -q -r requirements.txt -r tests/requirements.txt
	touch $@

tools: apt $(VENV)/.ready

# Built and installed as a user gets it; everything is tested there.
collection: tools
	rm -rf build/tarball $(COLLECTIONS)
	ansible-galaxy collection build --output-path build/tarball
	ansible-galaxy collection install build/tarball/rackwright-baremetal-*.tar.gz -p $(COLLECTIONS) --offline --force

demo: collection
	$(VENV)/bin/python tests/virtual_rack/rack.py

# Every way to boot a node, partition images, software RAID, an abort, a discovery and a switch port, one after the other, each up to a login.
rack-matrix: collection
	@$(call install,$(MATRIX_PACKAGES))
	tests/run.sh $@

# A ramdisk and an image for arm64, built and booted here.
arm64: collection
	@$(call install,$(TEST_PACKAGES) $(ARM64_PACKAGES))
	$(VENV)/bin/python -m pip install -q 'virt-firmware>=24'
	tests/run.sh $@

demo-down:
	$(VENV)/bin/python tests/virtual_rack/rack.py down

test: collection
	@$(call install,$(TEST_PACKAGES))
	tests/run.sh

lint sanity unit emulators lifecycle boot-server rack: collection
	@$(call install,$(TEST_PACKAGES))
	tests/run.sh $@

# From here, not from the built collection: molecule finds scenarios below extensions/ only beside a galaxy.yml.
# The roles they run come from the built collection.
molecule: collection
	@$(call install,$(MOLECULE_PACKAGES))
	PYTHONPATH=$(COLLECTIONS) $(VENV)/bin/python extensions/molecule/run.py $(SCENARIO)

# All benchmarks, or one: make bench BENCH=deploy
bench: collection
	@$(call install,$(TEST_PACKAGES) $(BENCH_PACKAGES))
	set -e; for bench in $(or $(BENCH),$(basename $(notdir $(wildcard benchmarks/*.py)))); do \
	  $(VENV)/bin/python benchmarks/$$bench.py; done

clean: demo-down
	rm -rf build $(VENV)
