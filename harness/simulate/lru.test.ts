// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { mulberry32 } from "../util/random.ts";
import { LruTable } from "./lru.ts";

test("it forgets what was used least recently, as a map in the order of use does", (t) => {
  const random = mulberry32(4);
  const [table, map] = [new LruTable(20, 60), new Map<number, number>()];
  for (let i = 0; i < 5000; i++) {
    const key = Math.floor(random() * 60);
    const known = map.get(key);
    t.is(table.use(key), known ?? null);
    if (known !== undefined) map.delete(key);
    if (random() < 0.1) {
      table.delete(key);
      continue;
    }
    map.set(key, known ?? i);
    const oldest = map.size > 20 ? (map.keys().next().value as number) : null;
    if (oldest !== null) map.delete(oldest);
    t.is(table.set(key, known ?? i), oldest);
    t.is(table.size, map.size);
  }
});
