// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { flowReader } from "../analysis/flows.ts";
import { EVENTS } from "../events/index.ts";
import { coursesOf } from "../oracle/course.ts";
import { flowKey, murmur3 } from "../oracle/hash.ts";
import { lossProbability } from "../oracle/loss.ts";
import { hashValues } from "../oracle/strategies/registry.ts";
import { SPECS, TARGETS } from "../testing/strategies.ts";
import { Fates, NO_TARGET } from "./fates.ts";
import { keyHasher } from "./flows.ts";
import { TupleSpace } from "./tuples.ts";

test("5-tuples are those of the traffic program", (t) => {
  const drawn = (seed: number, index: number, sources?: number) => {
    const space = new TupleSpace({ hostBits: 16, sources, seed });
    space.draw(index);
    return [space.offset, space.port];
  };
  // As a run with that seed had them.
  t.deepEqual([drawn(1, 0), drawn(1, 1), drawn(1, 99_999)], KNOWN);
  const few = new Set(Array.from({ length: 64_512 }, (_, i) => drawn(7, i, 1).join(" ")));
  t.is(few.size, 64_512, "each port of one source once");
});

const KNOWN = [
  [13_792, 26_202],
  [8434, 39_917],
  [3683, 42_616],
];

test("the quick hash of a flow key is the hash of the flow key", (t) => {
  for (const [srcCidr, dst] of [
    ["50.0.0.0/16", "10.0.0.0"],
    ["2000::/112", "1000::"],
  ] as const)
    for (const ports of [true, false]) {
      const flowOf = flowReader({ srcCidr, dst, dport: 5003, protocol: "tcp" });
      const quick = keyHasher(flowOf({ srcOffset: 0, sport: 0 }), { seed: 9, ports });
      for (const [srcOffset, sport] of [
        [1, 1024],
        [65_534, 65_535],
        [12_345, 50_000],
      ] as const)
        t.is(quick(srcOffset, sport), murmur3(flowKey(flowOf({ srcOffset, sport }), ports), 9));
    }
});

const all = Array.from({ length: TARGETS }, (_, i) => i);
const events = [
  { meaning: EVENTS.scale_in, members: [0] },
  { meaning: EVENTS.scale_out, members: [0] },
  { meaning: EVENTS.scale_in, members: [2, 3] },
  { meaning: EVENTS.scale_in, members: [5] },
  { meaning: EVENTS.deadline, members: [5] },
];

test("what is decided once for many is what the oracle decides for each", (t) => {
  for (const spec of SPECS) {
    const [course] = coursesOf(spec, { routers: 1, start: all, events });
    if (!course) throw new Error("course");
    const fates = new Fates(spec, course, { protocol: "tcp", targets: TARGETS });
    for (let i = 0; i < 300; i++) {
      const word = murmur3(Uint8Array.of(i, i >> 8), 5) / 2 ** 32;
      const opened = { hash: Math.floor(word * hashValues(spec)), chance: word, span: i % 3 };
      const target = fates.targetOf(opened);
      const picked = course.spans[opened.span]?.oracle?.pick(opened.hash) ?? null;
      if (picked !== null) t.is(target, picked, spec.strategy);
      else if (target !== NO_TARGET) t.true(course.spans[opened.span]?.active.has(target), spec.strategy);
      const certain = course.changes.findIndex((change, k) => {
        if (!change || k < opened.span) return false;
        const hash = picked === null ? null : opened.hash;
        const alive = { protocol: "tcp" as const, hash, target, lived: course.lived(opened.span, k) };
        const probability = lossProbability(spec, change, { ...alive, knownToReturning: false });
        return probability > 0;
      });
      const lostAt = fates.lostAt(opened, target);
      const first = certain < 0 ? events.length : certain;
      if (target !== NO_TARGET) t.true(picked === null ? lostAt >= first : lostAt === first, spec.strategy);
    }
  }
});
