// SPDX-License-Identifier: Apache-2.0
#include "packet/flow_cases.h"

/* clang-format off: packets read best when a header stays on its line. */

/* 50.0.0.1 -> 10.0.0.0 and 2000::1 -> 1000::, ports 12345 -> 5001. */
#define SRC4 "32000001"
#define DST4 "0a000000"
#define SRC6 "20000000000000000000000000000001"
#define DST6 "10000000000000000000000000000000"
#define MAPPED "00000000000000000000ffff"
#define PORTS "30391389"
#define SWAPPED "13893039"

#define V4_FROM_TO(length, fragment, protocol, src, dst)                                                     \
	"4500" length "0000" fragment "40" protocol "0000" src dst
#define V4(length, fragment, protocol) V4_FROM_TO(length, fragment, protocol, SRC4, DST4)
#define V6_FROM_TO(payload, next, src, dst) "60000000" payload next "40" src dst
#define V6(payload, next) V6_FROM_TO(payload, next, SRC6, DST6)

#define KEY4(ports, protocol) MAPPED SRC4 MAPPED DST4 ports protocol
#define KEY6(ports, protocol) SRC6 DST6 ports protocol
#define NO_PORTS "00000000"

#define TCP PORTS "00000000000000005010ffff00000000"
#define UDP PORTS "00080000"
#define ECHO(type) type "00000012340001"
#define ZERO8 "0000000000000000"

/* Extension headers of 8 and 16 bytes, and a fragment header. */
#define EXT8(next) next "00010400000000"
#define EXT16(next)                                                                                          \
	next "01010c0000000000"                                                                              \
	     "00000000000000"
#define FRAGMENT(next, offset) next "00" offset "00000001"

#define FOUR(x) x x x x

/* A packet that a target sent, quoted in an error that goes to the VIP. */
#define QUOTED4(length, protocol) V4_FROM_TO(length, "0000", protocol, DST4, SRC4)
#define QUOTED6(payload, next) V6_FROM_TO(payload, next, DST6, SRC6)
#define TOO_BIG4 "0304000000000500"
#define TOO_BIG6 "0200000000000500"

/* clang-format on */

const struct flow_case flow_cases[] = {
	{"TCP over IPv4", V4("0028", "4000", "06") TCP, KEY4(PORTS, "06"), .kind = FLOW_PORTS},
	{"UDP over IPv4", V4("001c", "0000", "11") UDP, KEY4(PORTS, "11"), .kind = FLOW_PORTS},
	{"SCTP over IPv4", V4("0020", "0000", "84") PORTS ZERO8, KEY4(PORTS, "84"), .kind = FLOW_PORTS},
	{"DCCP over IPv4", V4("0020", "0000", "21") PORTS ZERO8, KEY4(PORTS, "21"), .kind = FLOW_PORTS},
	{"UDP-Lite over IPv6", V6("0008", "88") UDP, KEY6(PORTS, "88"), .kind = FLOW_PORTS},
	{"TCP over IPv6", V6("0014", "06") TCP, KEY6(PORTS, "06"), .kind = FLOW_PORTS},
	{"UDP over IPv6", V6("0008", "11") UDP, KEY6(PORTS, "11"), .kind = FLOW_PORTS},
	{"IPv4 options are skipped",
	 "4600002000004000401100003200"
	 "0001" DST4 "01010101" UDP,
	 KEY4(PORTS, "11"), .kind = FLOW_PORTS},
	{"padding after the packet is ignored", V4("001c", "0000", "11") UDP "ffffffff", KEY4(PORTS, "11"),
	 .kind = FLOW_PORTS},
	{"padding is not payload", V4("0014", "0000", "11") UDP, KEY4(NO_PORTS, "00"), .kind = FLOW_PORTS,
	 .fault_with_ports = FLOW_MALFORMED},
	{"IPv6 padding is not payload", V6("0000", "11") UDP, KEY6(NO_PORTS, "00"), .kind = FLOW_PORTS,
	 .fault_with_ports = FLOW_MALFORMED},
	{"GRE over IPv4", V4("001c", "0000", "2f") ZERO8, KEY4(NO_PORTS, "2f"), .kind = FLOW_OTHER_PROTOCOL},
	{"ESP over IPv6", V6("0008", "32") ZERO8, KEY6(NO_PORTS, "32"), .kind = FLOW_OTHER_PROTOCOL},
	{"no next header", V6("0000", "3b"), KEY6(NO_PORTS, "3b"), .kind = FLOW_OTHER_PROTOCOL},
	{"ICMP inside IPv6 is another protocol", V6("0008", "01") ECHO("08"), KEY6(NO_PORTS, "01"),
	 .kind = FLOW_OTHER_PROTOCOL},

	{"ICMP echo request", V4("001c", "0000", "01") ECHO("08"), KEY4("12340000", "01"),
	 .kind = FLOW_ICMP_ECHO},
	{"ICMPv6 echo request", V6("0008", "3a") ECHO("80"), KEY6("12340000", "3a"), .kind = FLOW_ICMP_ECHO},
	{"ICMP echo reply", V4("001c", "0000", "01") ECHO("00"), NULL, .kind = FLOW_UNMATCHED},
	{"neighbour solicitation", V6("0018", "3a") ECHO("87") DST6, NULL, .kind = FLOW_UNMATCHED},
	{"ICMP header cut short", V4("001b", "0000", "01") "08000000123400", NULL, .kind = FLOW_MALFORMED},
	{"ICMP header missing", V4("0014", "0000", "01"), NULL, .kind = FLOW_MALFORMED},

	{"too big for IPv4, about TCP",
	 V4("0038", "0000", "01") TOO_BIG4 QUOTED4("05dc", "06") SWAPPED "00000000", KEY4(PORTS, "06"),
	 .kind = FLOW_ICMP_ERROR},
	{"too big for IPv6, about TCP", V6("0038", "3a") TOO_BIG6 QUOTED6("05b4", "06") SWAPPED "00000000",
	 KEY6(PORTS, "06"), .kind = FLOW_ICMP_ERROR},
	{"redirect about UDP",
	 V4("0038", "0000", "01") "0501000032000001" QUOTED4("001c", "11") SWAPPED "00080000",
	 KEY4(PORTS, "11"), .kind = FLOW_ICMP_ERROR},
	{"time exceeded about an echo reply",
	 V4("0038", "0000", "01") "0b00000000000000" QUOTED4("001c", "01") ECHO("00"), KEY4("12340000", "01"),
	 .kind = FLOW_ICMP_ERROR},
	{"time exceeded about an echo request",
	 V6("0038", "3a") "0300000000000000" QUOTED6("0008", "3a") ECHO("80"), KEY6("00001234", "3a"),
	 .kind = FLOW_ICMP_ERROR},
	{"error about GRE", V4("0038", "0000", "01") TOO_BIG4 QUOTED4("05dc", "2f") ZERO8,
	 KEY4(NO_PORTS, "2f"), .kind = FLOW_ICMP_ERROR},
	{"error about a fragment",
	 V4("0038", "0000", "01") TOO_BIG4 V4_FROM_TO("05dc", "2001", "11", DST4, SRC4) UDP,
	 KEY4(NO_PORTS, "00"), .kind = FLOW_ICMP_ERROR},
	{"error about a first fragment",
	 V4("0038", "0000", "01") TOO_BIG4 V4_FROM_TO("05dc", "2000", "11", DST4, SRC4) SWAPPED "00080000",
	 KEY4(PORTS, "11"), .kind = FLOW_ICMP_ERROR},
	{"error about a first IPv6 fragment",
	 V6("0040", "3a") TOO_BIG6 QUOTED6("05b4", "2c") FRAGMENT("11", "0001") SWAPPED "00080000",
	 KEY6(PORTS, "11"), .kind = FLOW_ICMP_ERROR},
	{"error about a later IPv6 fragment",
	 V6("0040", "3a") TOO_BIG6 QUOTED6("05b4", "2c") FRAGMENT("11", "0009") SWAPPED "00080000",
	 KEY6(NO_PORTS, "00"), .kind = FLOW_ICMP_ERROR},
	{"error about extension headers",
	 V6("0040", "3a") TOO_BIG6 QUOTED6("05b4", "3c") EXT8("11") SWAPPED "00000000", KEY6(PORTS, "11"),
	 .kind = FLOW_ICMP_ERROR},
	{"error without a quoted packet", V4("001c", "0000", "01") TOO_BIG4, NULL, .kind = FLOW_MALFORMED},
	{"error whose quoted ports are cut", V4("0032", "0000", "01") TOO_BIG4 QUOTED4("05dc", "06") "1389",
	 KEY4(NO_PORTS, "00"), .kind = FLOW_ICMP_ERROR, .fault_with_ports = FLOW_MALFORMED},
	{"error that quotes another IP version", V4("0044", "0000", "01") TOO_BIG4 QUOTED6("0008", "11"),
	 NULL, .kind = FLOW_MALFORMED},
	{"error that quotes a bad header length",
	 V4("0030", "0000", "01") TOO_BIG4 "44000028000000004006000000000000"
					   "00000000",
	 NULL, .kind = FLOW_MALFORMED},

	{"first IPv4 fragment", V4("001c", "2000", "11") UDP, KEY4(NO_PORTS, "00"), .kind = FLOW_FRAGMENT},
	{"last IPv4 fragment", V4("001c", "0001", "11") ZERO8, KEY4(NO_PORTS, "00"), .kind = FLOW_FRAGMENT},
	{"don't fragment is no fragment", V4("001c", "4000", "11") UDP, KEY4(PORTS, "11"),
	 .kind = FLOW_PORTS},
	{"first IPv6 fragment: its header is not ports", V6("0010", "2c") FRAGMENT("11", "0001") UDP,
	 KEY6(NO_PORTS, "00"), .kind = FLOW_FRAGMENT},
	{"later IPv6 fragment", V6("0010", "2c") FRAGMENT("11", "0008") ZERO8, KEY6(NO_PORTS, "00"),
	 .kind = FLOW_FRAGMENT},
	{"atomic IPv6 fragment", V6("0010", "2c") FRAGMENT("11", "0000") UDP, KEY6(PORTS, "11"),
	 .kind = FLOW_PORTS},
	{"reserved bits do not make a fragment", V6("0010", "2c") FRAGMENT("11", "0006") UDP,
	 KEY6(PORTS, "11"), .kind = FLOW_PORTS},
	{"first fragment whose next header is a fragment", V6("0010", "2c") FRAGMENT("2c", "0001") UDP,
	 KEY6(NO_PORTS, "00"), .kind = FLOW_FRAGMENT},
	{"endless atomic fragments", V6("0088", "2c") FOUR(FOUR(FRAGMENT("2c", "0000"))) UDP, NULL,
	 .kind = FLOW_MALFORMED},
	{"fragment header cut short", V6("0004", "2c") "11000000", NULL, .kind = FLOW_MALFORMED},

	{"hop-by-hop of 8 bytes", V6("001c", "00") EXT8("06") TCP, KEY6(PORTS, "06"), .kind = FLOW_PORTS},
	{"8-byte extension headers of every kind",
	 V6("0048", "00") EXT8("2b") EXT8("3c") EXT8("87") EXT8("8b") EXT8("8c") FRAGMENT("33", "0000")
		 EXT8("3c") EXT8("11") UDP,
	 KEY6(PORTS, "11"), .kind = FLOW_PORTS},
	{"extension header of 16 bytes", V6("0018", "3c") EXT16("11") UDP, KEY6(PORTS, "11"),
	 .kind = FLOW_PORTS},
	{"AH counts in words of 4 bytes",
	 V6("0014", "33") "1101000000000000"
			  "00000000" UDP,
	 KEY6(PORTS, "11"), .kind = FLOW_PORTS},
	{"16 extension headers",
	 V6("0088", "3c") FOUR(EXT8("3c") EXT8("3c") EXT8("3c")) EXT8("3c") EXT8("3c") EXT8("3c") EXT8("11")
		 UDP,
	 KEY6(PORTS, "11"), .kind = FLOW_PORTS},
	{"17 extension headers", V6("0090", "3c") FOUR(FOUR(EXT8("3c"))) EXT8("11") UDP, NULL,
	 .kind = FLOW_MALFORMED},
	{"extension header longer than the packet", V6("0010", "3c") "11ff010400000000" UDP, NULL,
	 .kind = FLOW_MALFORMED},
	{"extension header beyond the copy", V6("0810", "3c") "11ff010400000000" UDP, NULL,
	 .kind = FLOW_SHORT, .length = 2104},
	{"ports beyond the copy", V4("0028", "0000", "06") "3039", KEY4(NO_PORTS, "00"), .kind = FLOW_PORTS,
	 .fault_with_ports = FLOW_SHORT, .length = 40},
	{"ports beyond packet and copy", V4("0016", "0000", "06"), KEY4(NO_PORTS, "00"), .kind = FLOW_PORTS,
	 .fault_with_ports = FLOW_MALFORMED, .length = 22},

	{"empty packet", "", NULL, .kind = FLOW_MALFORMED},
	{"one byte", "45", NULL, .kind = FLOW_MALFORMED},
	{"IP version 5", "55000028", NULL, .kind = FLOW_MALFORMED},
	{"IPv4 header cut short",
	 "45000014000000004006000032000001"
	 "0a0000",
	 NULL, .kind = FLOW_MALFORMED},
	{"IPv4 header length below 20", "44000028000040004006000032000001" DST4 TCP, NULL,
	 .kind = FLOW_MALFORMED},
	{"IPv4 options beyond the packet", "4f000014000040004006000032000001" DST4, NULL,
	 .kind = FLOW_MALFORMED},
	{"IPv4 total length beyond the packet", V4("0029", "0000", "06") TCP, NULL, .kind = FLOW_MALFORMED},
	{"IPv4 total length below the header", V4("0013", "0000", "06") TCP, NULL, .kind = FLOW_MALFORMED},
	{"IPv6 header cut short", "6000000000083a40" SRC6 "10", NULL, .kind = FLOW_MALFORMED},
	{"IPv6 payload length beyond the packet", V6("0009", "11") UDP, NULL, .kind = FLOW_MALFORMED},
	{"BIG TCP over IPv4 has length 0", V4("0000", "0000", "06") TCP, KEY4(PORTS, "06"),
	 .kind = FLOW_PORTS, .length = 100000},
	{"BIG TCP over IPv6 has length 0", V6("0000", "06") TCP, KEY6(PORTS, "06"), .kind = FLOW_PORTS,
	 .length = 100000},
};

const size_t flow_cases_n = sizeof(flow_cases) / sizeof(*flow_cases);
