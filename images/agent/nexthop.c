// SPDX-License-Identifier: Apache-2.0
/* @nexthop-group: what ip(8) does with "nexthop add|replace .. group", which has no room for more than 126.
 */
#include <errno.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netlink/message.h"
#include "netlink/request.h"
#include "netlink_programs.h"

#define MAX_MEMBERS 8191     /* an attribute's length has 16 bits, a member 8 bytes */
#define TICKS_PER_SECOND 100 /* of times in netlink messages */

struct request {
	struct nlmsghdr header;
	struct nhmsg body;
	char attributes[NLA_HDRLEN + MAX_MEMBERS * sizeof(struct nexthop_grp) + 128];
};

/* "id,weight/id,weight"; returns their number, 0 when this is not such a list. */
static size_t parse_members(const char *at, struct nexthop_grp *members)
{
	size_t count = 0;

	for (; count < MAX_MEMBERS; at++) {
		unsigned id, weight;
		int length;

		if (sscanf(at, "%u,%u%n", &id, &weight, &length) != 2 || weight < 1 || weight > 256)
			return 0;
		members[count++] = (struct nexthop_grp){.id = id, .weight = (uint8_t)(weight - 1)};
		at += length;
		if (!*at)
			return count;
		if (*at != '/')
			return 0;
	}
	return 0;
}

static void add_resilient(struct nlmsghdr *message, uint16_t buckets, double idle_s, double unbalanced_s)
{
	uint32_t idle = (uint32_t)(idle_s * TICKS_PER_SECOND + 0.5);
	uint32_t unbalanced = (uint32_t)(unbalanced_s * TICKS_PER_SECOND + 0.5);
	struct nlattr *nest = message_nest(message, NHA_RES_GROUP);

	message_put(message, NHA_RES_GROUP_BUCKETS, &buckets, sizeof(buckets));
	message_put(message, NHA_RES_GROUP_IDLE_TIMER, &idle, sizeof(idle));
	message_put(message, NHA_RES_GROUP_UNBALANCED_TIMER, &unbalanced, sizeof(unbalanced));
	message_nest_end(message, nest);
}

/* False when it does not read "add|replace ID MEMBERS [BUCKETS IDLE UNBALANCED]". */
static bool parse_line(char *line, struct request *r, struct nexthop_grp *members)
{
	char *save, *verb = strtok_r(line, " ", &save), *id_text = strtok_r(NULL, " ", &save);
	char *list = strtok_r(NULL, " ", &save), *rest = strtok_r(NULL, "", &save);
	size_t count = list ? parse_members(list, members) : 0;
	unsigned buckets = 0;
	double idle = 0, unbalanced = 0;

	if (!count)
		return false;
	if (rest && (sscanf(rest, "%u %lf %lf", &buckets, &idle, &unbalanced) != 3 || !buckets ||
		     buckets > UINT16_MAX))
		return false;
	bool replace = !strcmp(verb, "replace");
	uint16_t type = buckets ? NEXTHOP_GRP_TYPE_RES : NEXTHOP_GRP_TYPE_MPATH;
	const struct nhmsg body = {0};
	uint32_t id = (uint32_t)strtoul(id_text, NULL, 10);

	message_begin(r, RTM_NEWNEXTHOP, NLM_F_ACK | NLM_F_CREATE | (replace ? NLM_F_REPLACE : NLM_F_EXCL),
		      &body, sizeof(body));
	message_put(&r->header, NHA_ID, &id, sizeof(id));
	message_put(&r->header, NHA_GROUP, members, count * sizeof(*members));
	message_put(&r->header, NHA_GROUP_TYPE, &type, sizeof(type));
	if (buckets)
		add_resilient(&r->header, (uint16_t)buckets, idle, unbalanced);
	return replace || !strcmp(verb, "add");
}

int nexthop_groups(void)
{
	static struct request request;
	static struct nexthop_grp members[MAX_MEMBERS];
	int fd = netlink_open(NETLINK_ROUTE), rc = 0;
	const char *words;
	char *line = NULL;
	size_t size = 0;

	if (fd < 0) {
		fprintf(stderr, "Cannot open a netlink socket: %s.\n", strerror(errno));
		return 1;
	}
	while (!rc && getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (parse_line(line, &request, members)) {
			rc = netlink_request(fd, &request.header, &words) != 0;
			if (rc)
				fprintf(stderr, "Cannot set a next-hop group: the kernel says '%s'.\n",
					words);
		} else {
			fprintf(stderr,
				"Cannot read the group '%.40s': wanted add|replace ID MEMBER,WEIGHT/.. "
				"[BUCKETS IDLE UNBALANCED] with at most %d members.\n",
				line, MAX_MEMBERS);
			rc = 1;
		}
	}
	free(line);
	close(fd);
	return rc;
}
