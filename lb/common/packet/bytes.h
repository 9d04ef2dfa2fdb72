// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * Words of a packet. Joined by hand they are right on any byte order and alignment, and compilers make one
 * load of it; but not clang for BPF, which takes no alignment for granted and would go byte by byte.
 */
#ifndef LB_BYTES_H
#define LB_BYTES_H

#include <stddef.h>
#include <stdint.h>

#if defined(__bpf__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LB_LOAD_WHOLE 1
#endif

static inline uint32_t load_le32(const uint8_t *p)
{
#ifdef LB_LOAD_WHOLE
	return *(const uint32_t *)p;
#else
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
#endif
}

static inline uint32_t load_be16(const uint8_t *p)
{
#ifdef LB_LOAD_WHOLE
	return __builtin_bswap16(*(const uint16_t *)p);
#else
	return (uint32_t)p[0] << 8 | p[1];
#endif
}

/* n is constant and even. */
static inline __attribute__((always_inline)) void copy_bytes(uint8_t *to, const uint8_t *from, size_t n)
{
#ifdef LB_LOAD_WHOLE
	for (; n >= 4; n -= 4, to += 4, from += 4)
		*(uint32_t *)to = *(const uint32_t *)from;
	if (n)
		*(uint16_t *)to = *(const uint16_t *)from;
#else
	__builtin_memcpy(to, from, n);
#endif
}

#endif
