// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { z } from "zod";
import { checkedSpec, hashFlow, makeOracle, oracleSpec } from "./oracle.ts";

/** As records of all times hold them. */
const recorded = [
  { strategy: "maglev", m: 997, seed: 0, ports: true },
  { strategy: "stateful", flush: true, assign: null },
  { strategy: "stateful", flush: true, assign: null, affinityS: 60 },
  {
    strategy: "stateful",
    flush: false,
    assign: null,
    midstream: false,
    shared: false,
    uneven: true,
    affinityS: "always",
  },
  { strategy: "stateful", flush: true, assign: { strategy: "maglev", m: 997, seed: 0, ports: true }, marks: ["tcp"] },
  { strategy: "scaled", hash: { kind: "hmark", seed: 1 }, weights: [1, 2], priorities: [1, 1] },
  { strategy: "resilient", hash: { kind: "fib_multipath", seed: 1, policy: "fields" }, buckets: 160 },
  { strategy: "hash_threshold", hash: null },
  { strategy: "remainder", hash: { kind: "nginx" } },
];

test("the oracles of all records fit the schema, and come out of it as they went in", (t) => {
  for (const spec of recorded) t.deepEqual(oracleSpec.parse(spec) as unknown, spec);
});

test("what no strategy takes is refused: another field, another value, another name, nested too", (t) => {
  for (const spec of [
    { strategy: "maglev", m: 997, seed: 0, ports: true, more: 1 },
    { strategy: "maglev", m: 0, seed: 0, ports: true },
    { strategy: "no_such", seed: 0 },
    { strategy: "remainder", hash: { kind: "no_such" } },
    { strategy: "stateful", flush: true, assign: { strategy: "maglev", m: "997", seed: 0, ports: true } },
    { strategy: "stateful", flush: true, assign: { strategy: "stateful", flush: true, assign: null } },
  ])
    t.false(oracleSpec.safeParse(spec).success, JSON.stringify(spec));
});

test("the schema is a JSON Schema too", (t) => {
  const text = JSON.stringify(z.toJSONSchema(oracleSpec, { io: "output" }));
  for (const { strategy } of recorded) t.true(text.includes(`"${strategy}"`), strategy);
});

test("a backend's oracle that does not fit is named, with the field", (t) => {
  const wrong = { strategy: "maglev", m: -1, seed: 0, ports: true } as const;
  t.throws(() => checkedSpec(wrong, "mine"), { message: /'mine' does not fit strategy 'maglev': 'm'/ });
  t.is(checkedSpec(null, "mine"), null);
});

test("a strategy of a backend's file that is not at hand is data, and cannot be asked", (t) => {
  const foreign = oracleSpec.parse({ strategy: "their-lb/ring", points: 4 });
  t.deepEqual(foreign as unknown, { strategy: "their-lb/ring", points: 4 });
  const flow = { src: new Uint8Array(16), dst: new Uint8Array(16), sport: 1, dport: 2, protocol: 6 };
  t.throws(() => hashFlow(foreign, flow), { message: /There is no strategy 'their-lb\/ring'/ });
  t.throws(() => makeOracle(foreign, [0]), { message: /There are: .*hash_threshold, / });
});
