// SPDX-License-Identifier: Apache-2.0
// What consistent hashing promises: only who has to move does, and all get alike.
import test from "ava";
import { murmur3 } from "../hash.ts";
import { makeOracle, type OracleSpec } from "../oracle.ts";

const TARGETS = 24;
const FLOWS = 20_000;
const facts = { seed: 5, ports: true } as const;
/** With the busiest target's share as a multiple of the mean, at most: a ring is as even as its virtual nodes are many. */
const specs: readonly (readonly [spec: OracleSpec, busiest: number])[] = [
  [{ strategy: "rendezvous", ...facts }, 1.12],
  [{ strategy: "ring", replicas: 400, ...facts }, 1.3],
  [{ strategy: "anchor", capacity: 40, ...facts }, 1.12],
  [{ strategy: "dx", size: 64, ...facts }, 1.12],
];
const flows = Array.from({ length: FLOWS }, (_, i) => murmur3(Uint8Array.of(i, i >> 8, i >> 16), 1));
const all = Array.from({ length: TARGETS }, (_, i) => i);
const without = (...gone: number[]) => all.filter((i) => !gone.includes(i));
/** Sets of active targets, one after the other. */
const COURSE = [all, without(3), without(3, 7, 20), without(7, 20), without(7), without(7, 0, 1, 2), all];

for (const [spec, busiest] of specs) {
  const { strategy } = spec;
  const sets = COURSE.map((active) => new Set<number>(active));
  const states: ReturnType<typeof makeOracle>[] = [];
  for (const active of COURSE) states.push(makeOracle(spec, active, states.at(-1)));
  const picks = states.map((state) => flows.map((flow) => state.pick(flow) ?? -1));

  test(`${strategy}: flows move only off targets that leave, and only to targets that join`, (t) => {
    for (const [i, after] of picks.entries()) {
      const before = picks[i - 1];
      if (!before) continue;
      const [was, is] = [sets[i - 1], sets[i]];
      const needless = after.filter((to, flow) => {
        const from = before[flow] ?? -1;
        return from !== to && is?.has(from) && was?.has(to);
      });
      t.is(needless.length, 0, `change ${i}`);
      t.true(after.every((to) => is?.has(to)));
    }
  });

  test(`${strategy}: the busiest target has at most ${busiest} of the mean, also after changes`, (t) => {
    for (const [i, of] of picks.entries()) {
      const counts = new Map<number, number>();
      for (const target of of) counts.set(target, (counts.get(target) ?? 0) + 1);
      const mean = FLOWS / (COURSE[i]?.length ?? 1);
      t.true(Math.max(...counts.values()) / mean < busiest, `${Math.max(...counts.values()) / mean} at ${i}`);
      t.is(counts.size, sets[i]?.size ?? 0);
    }
  });
}

test("modulo is what they are better than: it moves nearly all flows", (t) => {
  const spec: OracleSpec = { strategy: "modulo", ...facts };
  const [before, after] = [makeOracle(spec, all), makeOracle(spec, without(3))];
  const moved = flows.filter((flow) => before.pick(flow) !== after.pick(flow)).length;
  t.true(moved > 0.9 * FLOWS, `${moved}`);
});
