# SPDX-License-Identifier: Apache-2.0
# Builds every C program into build/, each from its own folder. `make check` runs their unit tests under the sanitizers.
PROGRAMS := images/agent images/drops images/evil images/tap images/traffic images/old-names lb/dpdk lb/loaded lb/nfqueue lb/nftables lb/xdp
SUBDIRS := lb/common $(PROGRAMS)

all check fuzz format: $(SUBDIRS)
# First, as all the others link it.
$(PROGRAMS): lb/common
$(SUBDIRS):
	+@$(MAKE) --no-print-directory -C $@ $(or $(MAKECMDGOALS),all)

check: cycles
cycles:
	@lb/common/cycles.sh lb/common $(PROGRAMS)

clean: $(SUBDIRS)
	rm -rf build/obj build/test

.PHONY: all check cycles fuzz clean format $(SUBDIRS)
