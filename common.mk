# SPDX-License-Identifier: Apache-2.0
# Shared by every folder with C: where things go and how strict the compiler is. Include it first.
ROOT := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
OUT := $(ROOT)build
CC ?= cc
CLANG ?= clang
CSTD := -std=gnu11 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -D_GNU_SOURCE -I$(ROOT)lb/common
CFLAGS ?= -O2 -g
SAN := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
.DEFAULT_GOAL := all
export ASAN_OPTIONS := detect_leaks=1:abort_on_error=0
export UBSAN_OPTIONS := print_stacktrace=1

$(OUT):
	mkdir -p $@
