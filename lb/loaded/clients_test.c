// SPDX-License-Identifier: Apache-2.0
/* Who gets which target, for how long, and what becomes of clients whose target leaves. */
#include "clients.h"

#include <string.h>

#include "address.h"
#include "util/check.h"

static struct targets targets;

static void address_of(uint32_t number, uint8_t address[16])
{
	memcpy(address, address_mapped, sizeof(address_mapped));
	number = htonl(number);
	memcpy(address + 12, &number, 4);
}

static struct clients *open_with(enum target_scheduler scheduler, uint32_t n, uint32_t limit, uint32_t idle_ms)
{
	uint8_t address[16];

	targets_init(&targets, scheduler);
	for (uint32_t i = 0; i < n; i++) {
		address_of(0xc0a80101 + i, address);
		CHECK(targets_add(&targets, address, false) == i && targets_find(&targets, address) == i);
		targets_set_state(&targets, i, TARGET_ACTIVE);
	}
	return clients_open(&targets, limit, idle_ms);
}

static enum client_outcome take(struct clients *clients, uint32_t number, uint32_t now_ms, uint32_t *target)
{
	uint8_t address[16];

	address_of(number, address);
	return clients_take(clients, address, now_ms, target);
}

static void test_in_turn(void)
{
	struct clients *clients = open_with(SCHEDULER_RR, 3, 1000, 10);
	uint32_t target;

	for (uint32_t i = 0; i < 300; i++)
		CHECK(take(clients, i, 0, &target) == CLIENT_NEW && target == i % 3);
	for (uint32_t i = 0; i < 300; i++)
		CHECK(take(clients, i, 1, &target) == CLIENT_KNOWN && target == i % 3);
	CHECK(clients_count(clients) == 300 && targets.list[1].clients == 100);
	clients_close(clients);
}

static void test_fewest(void)
{
	struct clients *clients = open_with(SCHEDULER_WEIGHTED, 3, 1000, 10);
	uint32_t target;

	targets_set_state(&targets, 2, TARGET_GONE);
	for (uint32_t i = 0; i < 100; i++)
		take(clients, i, 0, &target);
	CHECK(targets.list[0].clients == 50 && targets.list[1].clients == 50);
	/* It has none: it gets all until it has as many. */
	targets_set_state(&targets, 2, TARGET_ACTIVE);
	for (uint32_t i = 100; i < 150; i++)
		CHECK(take(clients, i, 0, &target) == CLIENT_NEW && target == 2);
	take(clients, 150, 0, &target);
	CHECK(targets.list[2].clients == 50 + (target == 2));
	clients_close(clients);
}

static void test_forgetting(void)
{
	struct clients *clients = open_with(SCHEDULER_RR, 2, 100, 10);
	uint32_t target;
	uint8_t address[16];

	take(clients, 1, 5, &target);
	take(clients, 2, 8, &target);
	CHECK(clients_expire(clients, 14) == 0);
	CHECK(clients_expire(clients, 15) == 1 && clients_count(clients) == 1 && targets.list[0].clients == 0);
	address_of(1, address);
	CHECK(clients_target(clients, address) == NO_TARGET);
	address_of(2, address);
	CHECK(clients_target(clients, address) == 1);
	/* A thread whose clock is a moment ahead. */
	CHECK(take(clients, 2, 16, &target) == CLIENT_KNOWN && clients_expire(clients, 15) == 0);
	/* Silent for too long, although nobody has swept. */
	targets_set_state(&targets, 1, TARGET_DRAINED);
	CHECK(take(clients, 2, 41, &target) == CLIENT_MOVED && target == 0 && clients_count(clients) == 1);
	clients_close(clients);
}

static void test_leaving(void)
{
	struct clients *clients = open_with(SCHEDULER_RR, 2, 100, 10);
	uint32_t target;

	for (uint32_t i = 0; i < 20; i++)
		take(clients, i, 0, &target);
	targets_set_state(&targets, 0, TARGET_DRAINED);
	CHECK(take(clients, 0, 0, &target) == CLIENT_KNOWN && target == 0);
	CHECK(take(clients, 20, 0, &target) == CLIENT_NEW && target == 1);
	targets_set_state(&targets, 0, TARGET_GONE);
	/* Between the state and the sweep. */
	CHECK(take(clients, 0, 0, &target) == CLIENT_MOVED && target == 1);
	CHECK(clients_forget_gone(clients) == 9 && clients_count(clients) == 12);
	CHECK(targets.list[0].clients == 0 && targets.list[1].clients == 12);
	targets_set_state(&targets, 1, TARGET_GONE);
	CHECK(take(clients, 1, 0, &target) == CLIENT_NO_TARGET);
	CHECK(take(clients, 99, 0, &target) == CLIENT_NO_TARGET && clients_count(clients) == 12);
	clients_close(clients);
}

static void test_bound(void)
{
	struct clients *clients = open_with(SCHEDULER_RR, 2, 100, 10);
	uint32_t target, refused = 0;

	for (uint32_t i = 0; i < 200; i++)
		refused += take(clients, i, 0, &target) == CLIENT_NO_ROOM;
	CHECK(clients_count(clients) == 100 && refused == 100);
	CHECK(take(clients, 0, 5, &target) == CLIENT_KNOWN);
	CHECK(clients_expire(clients, 10) == 99);
	for (uint32_t i = 1000; i < 1099; i++)
		CHECK(take(clients, i, 11, &target) == CLIENT_NEW);
	CHECK(take(clients, 2000, 11, &target) == CLIENT_NO_ROOM);
	clients_close(clients);
}

/* Another router answers echoes too, and what it forwards keeps its source. */
static void test_unproven(void)
{
	struct clients *clients = open_with(SCHEDULER_RR, 1, 100, 10);
	uint8_t address[16];
	uint32_t target;

	address_of(0xc0a801ca, address);
	CHECK(targets_add(&targets, address, true) == 1 && !targets_has(&targets, address));
	CHECK(take(clients, 1, 0, &target) == CLIENT_NEW && target == 0);
	CHECK(take(clients, 2, 0, &target) == CLIENT_NEW && target == 0);
	targets_set_state(&targets, 1, TARGET_ACTIVE);
	CHECK(targets_has(&targets, address));
	targets_set_state(&targets, 1, TARGET_GONE);
	CHECK(targets_has(&targets, address));
	clients_close(clients);
}

static void test_families(void)
{
	struct clients *clients = open_with(SCHEDULER_RR, 2, 100, 10);
	uint8_t address[16];
	uint32_t target;

	address_parse("2000::1", address);
	CHECK(clients_take(clients, address, 0, &target) == CLIENT_NO_TARGET);
	CHECK(!address_parse("2000::x", address) && !address_parse("", address));
	clients_close(clients);
}

int main(void)
{
	test_in_turn();
	test_fewest();
	test_forgetting();
	test_leaving();
	test_bound();
	test_unproven();
	test_families();
	return check_report("clients");
}
