// SPDX-License-Identifier: Apache-2.0
#ifndef NFQUEUE_ADDRESS_NAME_H
#define NFQUEUE_ADDRESS_NAME_H

#include <stdint.h>

#define ADDRESS_NAME 46 /* INET6_ADDRSTRLEN */

/* An address of a flow's key, as it is written. */
const char *address_name(const uint8_t address[16], char name[ADDRESS_NAME]);

#endif
