// SPDX-License-Identifier: Apache-2.0
// A queue from which a balancer in user space takes packets, and that was full: of the kernel for NFQUEUE, of AF_XDP.

/** As counters name it, with "drop." before it or without: NFQUEUE's or its reader's socket; AF_XDP's without a free frame, or room in its ring. */
export const FULL_QUEUE = /(^|[._])((queue|user|rx)_dropped|socket_(no_buffer|ring_full))$/;
