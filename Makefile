# SPDX-License-Identifier: Apache-2.0
# Builds every C program into build/, each from its own folder. `make check` runs their unit tests under ASan and UBSan.
SUBDIRS := images/agent images/traffic lb/nfqueue lb/xdp

all check fuzz clean format: $(SUBDIRS)
$(SUBDIRS):
	+@$(MAKE) --no-print-directory -C $@ $(or $(MAKECMDGOALS),all)

.PHONY: all check fuzz clean format $(SUBDIRS)
