// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { poolInUse } from "./pools.ts";
import { filledRegions, shareMoved } from "./regions.ts";

test("only the best priority with an active target gets new flows", (t) => {
  const priorities = [1, 1, 2];
  t.deepEqual(poolInUse({ priorities }, [0, 1, 2]), [0, 1]);
  t.deepEqual(poolInUse({ priorities }, [2]), [2]);
  t.deepEqual(poolInUse({}, [2, 0]), [2, 0]);
});

test("nftlb lets in one priority more for each better target that is down, and may let in none", (t) => {
  const pool = (priorities: readonly number[], active: readonly number[]) =>
    poolInUse({ priorities, standby: "nftlb" }, active);
  t.deepEqual(pool([1, 1, 2], [0, 1, 2]), [0, 1]);
  t.deepEqual(pool([1, 1, 2], [1, 2]), [1, 2]);
  t.deepEqual(pool([1, 1, 4, 4], [2, 3]), []);
  t.deepEqual(pool([1, 2, 3], [2]), [2]);
  t.deepEqual(pool([2, 2], [0, 1]), []);
});

test("a target that is never active counts as one that is down", (t) => {
  const priorities = [1, 1, 2];
  t.deepEqual(poolInUse({ priorities, standby: "nftlb", down: [0] }, [0, 1, 2]), [1, 2]);
  t.deepEqual(poolInUse({ down: [1] }, [0, 1, 2]), [0, 2]);
});

test("in slots by order the last ones take the places of those that are not in use", (t) => {
  const slots = (active: readonly number[], weights: readonly number[]) =>
    filledRegions({ weights }, [2, 0, 1], active, 100).regions.map(({ index, from, to }) => [index, from, to]);
  t.deepEqual(slots([0, 1, 2], [2, 4, 4]), [
    [2, 0, 40],
    [0, 40, 60],
    [1, 60, 100],
  ]);
  t.deepEqual(slots([0, 1], [2, 4, 4]), [
    [1, 0, 67],
    [0, 67, 100],
  ]);
  t.deepEqual(slots([], [1, 1, 1]), []);
});

test("of a target's flows those move whose regions another one has afterwards, wherever they lie", (t) => {
  const region = (index: number, from: number, to: number) => ({ index, from, to });
  const before = [region(0, 0, 10), region(1, 10, 20), region(0, 20, 30)];
  t.is(shareMoved([before], [region(0, 5, 25)], 0), 0.5);
  t.is(shareMoved([before, [region(0, 0, 5)]], [region(0, 0, 1)], 0), 0.8);
  t.is(shareMoved([before], before, 2), 0);
});
