# SPDX-License-Identifier: Apache-2.0
# Builds the program and every C program into build/, the latter each from its own folder. `make check` runs their unit tests under the sanitizers.
PROGRAMS := images/agent images/drops images/evil images/tap images/traffic images/old-names lb/dpdk lb/loaded lb/nfqueue lb/nftables lb/xdp
SUBDIRS := lb/common $(PROGRAMS)

all check fuzz format: $(SUBDIRS)
# First, as all the others link it.
$(PROGRAMS): lb/common
$(SUBDIRS):
	+@$(MAKE) --no-print-directory -C $@ $(or $(MAKECMDGOALS),all)

# The program as JavaScript: see harness/cli/compile.ts. Without npm's modules it runs from its sources.
SOURCES := $(filter-out %.test.ts,$(shell find load-balancer.ts package.json harness lb scenarios -name '*.ts' -o -name package.json))
all: build/js/load-balancer.js
build/js/load-balancer.js: $(SOURCES)
	[ ! -d node_modules/tsx ] || node --import=tsx harness/cli/compile.ts

check: cycles
cycles:
	@lb/common/cycles.sh lb/common $(PROGRAMS)

clean: $(SUBDIRS)
	rm -rf build/obj build/test

.PHONY: all check cycles fuzz clean format $(SUBDIRS)
