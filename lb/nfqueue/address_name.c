// SPDX-License-Identifier: Apache-2.0
#include "address_name.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

const char *address_name(const uint8_t address[16], char name[ADDRESS_NAME])
{
	static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
	const bool ip4 = memcmp(address, mapped, sizeof(mapped)) == 0;

	return inet_ntop(ip4 ? AF_INET : AF_INET6, ip4 ? address + 12 : address, name, ADDRESS_NAME);
}
