// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { flowReader } from "../analysis/flows.ts";
import { flowsTo, guessed, hasSeed, isChosenByHash } from "./attack.ts";
import { hashFlow, makeOracle, type OracleSpec } from "./oracle.ts";

const maglev: OracleSpec = { strategy: "maglev", m: 997, seed: 5, ports: true };
const read = flowReader({ srcCidr: "50.0.0.0/16", dst: "10.0.0.0", dport: 5001, protocol: "tcp" });
const flowOf = (n: number) => read({ srcOffset: n % 65_534, sport: 1024 + (n % 1000) });
const wish = { wanted: 100, first: 0, targets: 4, flowOf };

/** Of these flows, those that the strategy really leads to the target. */
const arrived = (numbers: readonly number[], victim: number) => {
  const oracle = makeOracle(maglev, [0, 1, 2, 3]);
  return numbers.filter((n) => oracle.pick(hashFlow(maglev, flowOf(n))) === victim).length;
};

test("who knows the seed hits one target with every flow, and who does not with a quarter of them", (t) => {
  const known = flowsTo(2, maglev, wish);
  t.deepEqual([known.length, arrived(known, 2)], [100, 100]);
  const blind = flowsTo(2, guessed(maglev), wish);
  t.is(blind.length, 100);
  t.true(arrived(blind, 2) > 8 && arrived(blind, 2) < 43, `${arrived(blind, 2)}`);
});

test("a seed is found wherever it stands in a strategy, and a strategy without one has no secret", (t) => {
  t.true(hasSeed(maglev));
  t.true(hasSeed({ strategy: "stateful", flush: true, assign: maglev }));
  const sourceHash: OracleSpec = { strategy: "stateful", flush: true, assign: null };
  t.false(hasSeed(sourceHash));
  t.true(isChosenByHash(maglev, [4, 6]));
  t.false(isChosenByHash(sourceHash, [4]));
  t.false(isChosenByHash(null, [4]));
});

test("a target that never gets a flow ends the search", (t) => {
  t.deepEqual(flowsTo(7, maglev, { ...wish, wanted: 3 }), []);
});
