# SPDX-License-Identifier: Apache-2.0
# Shared by every folder with C: where things go, how strict the compiler is, and how an object is made. Include it first.
# Objects are build/obj/VARIANT/PATH.o, each with the headers that it was made of, so a change rebuilds what it must.
ROOT := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
OUT := $(ROOT)build
OBJ := $(OUT)/obj
HERE := $(patsubst $(ROOT)%,%,$(CURDIR))
CC ?= cc
CLANG ?= clang
CSTD := -std=gnu11 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -D_GNU_SOURCE -pthread -I$(ROOT)lb/common
CFLAGS ?= -O2 -g
SAN := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# ThreadSanitizer knows no fences; what they order is atomic here.
TSAN := -O1 -g -fsanitize=thread -Wno-tsan
# What a fuzzer feeds may be wrong, and then a program exits: fuzz_exit() ends the input instead.
FUZZ := -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Dexit=fuzz_exit
.DEFAULT_GOAL := all
export ASAN_OPTIONS := detect_leaks=1:abort_on_error=0
export UBSAN_OPTIONS := print_stacktrace=1
export TSAN_OPTIONS := halt_on_error=1:exitcode=66

CC.release = $(CC) $(CSTD) $(CFLAGS)
CC.san = $(CC) $(CSTD) $(SAN)
CC.tsan = $(CC) $(CSTD) $(TSAN)
CC.fuzz = $(CLANG) $(CSTD) $(FUZZ)
VARIANTS := release san tsan fuzz

COMMON_SOURCES := $(filter-out %_test.c %_fuzz.c %_bench.c %_stress.c %_cases.c,$(wildcard $(ROOT)lb/common/*/*.c))

# $(call objects,VARIANT,SOURCES): of sources in this folder, or with a path.
objects = $(patsubst $(ROOT)%.c,$(OBJ)/$1/%.o,$(abspath $2))
# $(call common,VARIANT): the library of lb/common.
common = $(OBJ)/$1/libcommon.a

# LOCAL: flags of a folder's own objects.
define rules
$(OBJ)/$1/$(HERE)/%.o: FLAGS = $$(LOCAL.$1) $$(LOCAL)
$(OBJ)/$1/%.o: $(ROOT)%.c $(ROOT)common.mk
	@mkdir -p $$(@D)
	$$(CC.$1) $$(FLAGS) -MMD -MP -c -o $$@ $$<

$(call common,$1): $(call objects,$1,$(COMMON_SOURCES))
	@rm -f $$@
	$(AR) rcs $$@ $$^
endef
$(foreach variant,$(VARIANTS),$(eval $(call rules,$(variant))))
# What a program is linked of: libraries last.
INPUTS = $(filter %.o,$^) $(filter %.a,$^)

# Objects are kept, whatever made them.
.SECONDARY:

# $(call run_fuzzer,build/test/X/NAME_fuzz): from corpus/NAME.tar.gz of the folder, which is what `-merge=1` left of 10^8 executions,
# and the seeds in seeds-NAME beside the program. An input that takes 30 s is a fault; beside labs a fuzzer may have to wait for 3.
run_fuzzer = $(call run_fuzzer_named,$1,$(dir $1),$(patsubst %_fuzz,%,$(notdir $1)))
run_fuzzer_named = mkdir -p $2corpus-$3 && tar -xzf corpus/$3.tar.gz -C $2seeds-$3 && \
	$1 -max_total_time=$(FUZZ_SECONDS) -timeout=30 -max_len=4096 -print_final_stats=1 \
	-close_fd_mask=3 -artifact_prefix=$2 $2corpus-$3 $2seeds-$3

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
