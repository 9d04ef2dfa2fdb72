// SPDX-License-Identifier: Apache-2.0
/* Tests of fragment.c and datagram.c; returns the number of failures. */
#ifndef TRAFFIC_TEST_FRAGMENT_H
#define TRAFFIC_TEST_FRAGMENT_H

int test_fragments(void);

#endif
