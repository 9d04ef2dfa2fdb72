// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { makeOracle } from "./oracle.ts";
import { type SimulationRequest, simulateLoss, simulations } from "./simulation.ts";

const moved = (strategy: string, M: number, removed: number, over: Partial<SimulationRequest> = {}) =>
  simulateLoss({ strategy, M, N: 10, removed, seed: 0, loops: 1, ...over }).outPercent;

const near = (t: { true(v: boolean, m: string): void }, value: number, wanted: number, error: number) =>
  t.true(Math.abs(value - wanted) <= error, `${value}, wanted ${wanted} +- ${error}`);

test("Maglev moves what the tables of its literature say", (t) => {
  near(t, moved("maglev", 997, 1, { loops: 30 }), 12.5, 0.8);
  near(t, moved("maglev", 997, 2, { loops: 30 }), 22.4, 0.8);
  near(t, moved("maglev", 16_381, 2, { loops: 3 }), 20.5, 0.4);
});

test("modulo moves nearly all, rendezvous n/N exactly, a resilient group n/N", (t) => {
  near(t, moved("modulo", 9973, 1, { loops: 5 }), 90, 1);
  near(t, moved("rendezvous", 9973, 2, { loops: 5 }), 20, 1);
  near(t, moved("resilient", 1000, 2, { loops: 3 }), 20, 0.1);
});

test("rendezvous moves the keys of a target that leaves, and no other", (t) => {
  const spec = { strategy: "rendezvous", seed: 7, ports: true } as const;
  const [before, after] = [makeOracle(spec, [0, 1, 2, 3]), makeOracle(spec, [0, 1, 3])];
  for (let hash = 0; hash < 1000; hash++) {
    const target = before.pick(hash);
    if (target === 2) t.not(after.pick(hash), 2);
    else t.is(after.pick(hash), target);
  }
  t.is(makeOracle(spec, []).pick(5), null);
});

test("Maglev as IPVS does it moves a little more than n/N, hash-threshold and scaling as much as their bounds do", (t) => {
  near(t, moved("ipvs", 4093, 1, { loops: 5 }), 11.5, 1.5);
  near(t, moved("scaled", 9973, 1, { loops: 20 }), moved("hash_threshold", 9973, 1, { loops: 20 }), 0.1);
  near(t, moved("remainder", 9973, 1, { loops: 5 }), moved("modulo", 9973, 1, { loops: 5 }), 0.1);
});

test("every strategy that can be simulated moves at least what must move, and loses nothing when nobody leaves", (t) => {
  for (const strategy of simulations().keys()) {
    const request = { strategy, M: 997, N: 10, removed: 3, seed: 5, loops: 2 };
    const { idealPercent, outPercent } = simulateLoss(request);
    t.true(outPercent > idealPercent - 4 && outPercent <= 100, `${strategy}: ${outPercent} %`);
    t.is(simulateLoss({ ...request, removed: 0 }).outPercent, 0, strategy);
  }
});
