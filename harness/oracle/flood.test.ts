// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { backlogRoom, type Crowd, missedIn } from "./flood.ts";

const attempts = Array.from({ length: 4000 }, (_, i) => ({
  atS: i / 500,
  family: i % 2 === 0 ? (4 as const) : (6 as const),
}));
const flood = { fromS: 0, untilS: 4, perS: 5000, families: [4, 6] as const };
const crowd = (over: Partial<Crowd>): Crowd => ({ table: null, backlog: null, flood, attempts, ...over });

test("where nothing is full nobody is crowded out", (t) => {
  t.is(missedIn(crowd({}), 1), 0);
  t.is(missedIn(crowd({ table: { most: 100_000, buckets: 65_536, held: 1000 } }), 1), 0);
  const backlog = { room: 60_000, listeners: { 4: 1, 6: 1 }, shared: false };
  t.is(missedIn(crowd({ backlog }), 1), 0);
});

test("a table of few entries in many buckets finds few that give way: the share of the closed form", (t) => {
  // 2,000 entries that may give way, each in two of 65,536 buckets, eight of which are looked through.
  const table = { most: 3000, buckets: 65_536, held: 1000 };
  const found = 1 - Math.exp((-8 * 2 * 2000) / 65_536);
  const late = attempts.filter(({ atS }) => atS > 1 && atS < 2);
  const missed = missedIn(crowd({ table, attempts: late }), 1) / late.length;
  t.true(Math.abs(missed - (1 - found)) < 0.06, `${missed} ${1 - found}`);
});

test("a table with as many buckets as entries always finds one that gives way", (t) => {
  t.is(missedIn(crowd({ table: { most: 4096, buckets: 4096, held: 1000 }, attempts: attempts.slice(0, 1000) }), 1), 0);
});

test("established connections never give way: a table that is full of them lets nobody in", (t) => {
  t.is(missedIn(crowd({ table: { most: 1000, buckets: 1024, held: 1000 } }), 1), attempts.length);
});

test("without SYN cookies all are crowded out once three quarters of the room are half open", (t) => {
  t.is(backlogRoom(256), 193);
  // 2,500 SYNs a second of each family over two listeners: full after 193 / 1250 s, 77 new connections later.
  const backlog = { room: 193, listeners: { 4: 2, 6: 2 }, shared: false };
  const served = attempts.length - missedIn(crowd({ backlog }), 1);
  t.true(Math.abs(served - 77) < 16, `${served}`);
  // One socket for both families is full in half of the time.
  const shared = attempts.length - missedIn(crowd({ backlog: { ...backlog, shared: true } }), 1);
  t.true(Math.abs(shared - 39) < 14, `${shared}`);
});

test("the same seed gives the same number", (t) => {
  const full = crowd({ table: { most: 3000, buckets: 65_536, held: 1000 } });
  t.is(missedIn(full, 7), missedIn(full, 7));
});
