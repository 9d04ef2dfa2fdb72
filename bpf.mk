# SPDX-License-Identifier: Apache-2.0
# A program with BPF objects in it: they need clang for BPF and libbpf. Set before: common.mk. CAN says "yes" where they are there.
TRIPLET := $(shell $(CC) -print-multiarch 2>/dev/null)

# Everything in one function, which the verifier follows best; and clang's own headers, as there is no libc for BPF.
BPF_FLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -ffreestanding -fno-strict-aliasing \
	-mllvm -inline-threshold=100000 -idirafter /usr/include/$(TRIPLET) -I$(ROOT)lb/common
STATIC_BPF := $(shell pkg-config --static --libs libbpf libelf 2>/dev/null || echo -lbpf -lelf -lz)
LIBELF_SEARCH := $(ROOT)lb/xdp/libelf_search.c
CAN := $(shell printf '\043include <bpf/libbpf.h>\nint main(void) { return libbpf_num_possible_cpus() < 1; }\n' | \
	$(CC) -D_GNU_SOURCE -x c - $(LIBELF_SEARCH) -static -o /dev/null $(STATIC_BPF) 2>/dev/null && \
	printf 'int x;\n' | $(CLANG) -target bpf -x c -c - -o /dev/null 2>/dev/null && echo yes)

$(OBJ)/bpf/%.bpf.o: %.bpf.c Makefile $(ROOT)bpf.mk
	@mkdir -p $(@D)
	$(CLANG) $(BPF_FLAGS) -MMD -MP -c -o $@ $<
