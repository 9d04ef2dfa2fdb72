// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { poolInUse } from "./pools.ts";

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
