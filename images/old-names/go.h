// SPDX-License-Identifier: Apache-2.0
/* Values as Go's programs take them. */
#ifndef OLD_NAMES_GO_H
#define OLD_NAMES_GO_H

/* "1m30s", "500ms": seconds. Exits where it is none. */
double go_duration(const char *name, const char *text);

/* A number above 0. Exits where it is none. */
double go_number(const char *name, const char *text);

/* "10.0.0.1:5001", "[::]:5001", ":5001": the address, "" for all, and the port. Exits where it is none. */
struct listen {
	char address[64];
	const char *port;
};
struct listen go_listen(const char *name, const char *text);

#endif
