# SPDX-License-Identifier: Apache-2.0
# A program of one folder: NAME, built static of all its sources; its tests (NAME_test.c) of PURE, the parts without I/O, under the
# sanitizers. Set before: NAME, PURE (where there are tests), LINK and LIBRARIES (words for
# the linker, before and behind the objects), SHARED (sources of other folders).
ifndef ROOT
include $(dir $(lastword $(MAKEFILE_LIST)))common.mk
endif

T := $(OUT)/test/$(NAME)
SOURCES := $(filter-out %_test.c %_fuzz.c %.bpf.c,$(wildcard *.c))
TESTS := $(patsubst %.c,$(T)/%,$(wildcard *_test.c))

all: $(OUT)/$(NAME)

$(OUT)/$(NAME): $(call objects,release,$(SOURCES) $(SHARED)) $(call common,release)
	$(CC.release) $(LINK) -static -o $@ $(INPUTS) $(LIBRARIES)

check: $(TESTS)
	@for t in $(TESTS); do $$t || exit 1; done

$(T)/%_test: $(OBJ)/san/$(HERE)/%_test.o $(call objects,san,$(PURE)) $(call common,san) | $(T)
	$(CC.san) -o $@ $(INPUTS)

$(T):
	mkdir -p $@

fuzz:

clean:
	rm -rf $(OUT)/$(NAME) $(T)

format:
	clang-format -i *.c *.h

.PHONY: all check fuzz clean format
