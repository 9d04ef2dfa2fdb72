// SPDX-License-Identifier: Apache-2.0
#include "packet/checksum.h"

#include "packet/bytes.h"

enum { ETHERNET = 14, TCP = 6, UDP = 17, TCP_CHECKSUM = 16, UDP_CHECKSUM = 6, LATER_FRAGMENT_OR_MORE = 0x3fff };

static uint64_t add(uint64_t sum, const uint8_t *data, size_t size)
{
	for (size_t at = 0; at + 1 < size; at += 2)
		sum += load_be16(data + at);
	return size & 1 ? sum + (data[size - 1] << 8) : sum;
}

static uint32_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)sum;
}

bool checksum_finish(uint8_t *frame, size_t size, uint32_t start, uint32_t offset)
{
	uint32_t sum;

	if (start >= size || offset + 2 > size - start)
		return false;
	sum = ~fold(add(0, frame + start, size - start)) & 0xffff;
	/* For UDP 0 means that there is none. */
	if (sum == 0 && offset == UDP_CHECKSUM)
		sum = 0xffff;
	frame[start + offset] = sum >> 8;
	frame[start + offset + 1] = sum;
	return true;
}

/* Where addresses, transport header and end are. */
struct transport {
	const uint8_t *addresses;
	size_t addresses_size, start, end;
	uint8_t protocol;
};

static bool find_transport(const uint8_t *frame, size_t size, struct transport *found)
{
	const uint8_t *ip = frame + ETHERNET;

	if (size >= ETHERNET + 20 && load_be16(frame + 12) == 0x0800) {
		if (load_be16(ip + 6) & LATER_FRAGMENT_OR_MORE)
			return false;
		*found = (struct transport){ip + 12, 8, ETHERNET + 4u * (ip[0] & 15), ETHERNET + load_be16(ip + 2), ip[9]};
	} else if (size >= ETHERNET + 40 && load_be16(frame + 12) == 0x86dd) {
		*found = (struct transport){ip + 8, 32, ETHERNET + 40, ETHERNET + 40 + load_be16(ip + 4), ip[6]};
	} else {
		return false;
	}
	return found->end <= size && found->start < found->end;
}

bool checksum_finish_partial(uint8_t *frame, size_t size)
{
	struct transport found;
	size_t offset;
	uint64_t pseudo;

	if (!find_transport(frame, size, &found) || (found.protocol != TCP && found.protocol != UDP))
		return false;
	offset = found.protocol == TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
	if (offset + 2 > found.end - found.start)
		return false;
	pseudo = add(found.protocol + found.end - found.start, found.addresses, found.addresses_size);
	/* A finished one of the same value is made anew, and is the same again. */
	return load_be16(frame + found.start + offset) == fold(pseudo) &&
	       checksum_finish(frame, found.end, found.start, offset);
}
