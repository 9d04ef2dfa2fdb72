// SPDX-License-Identifier: Apache-2.0
// How many flows a change of targets moves.
import { normalQuantile } from "../analysis/statistics.ts";
import { murmur3 } from "../oracle/hash.ts";
import { makeOracle, type Oracle, type OracleSpec } from "../oracle/oracle.ts";
import { hashValues } from "../oracle/strategies/registry.ts";
import type { Simulation } from "./figure.ts";

const EXACT = 65_536;

export const percentMoved = (spec: OracleSpec, [before, after]: Change, hashes: Iterable<number>): number =>
  percentDifferent(makeOracle(spec, before), makeOracle(spec, after), hashes);

/** Of flows with these hashes, those that get another target. */
export function percentDifferent(full: Oracle, less: Oracle, hashes: Iterable<number>): number {
  let [moved, all] = [0, 0];
  for (const hash of hashes) {
    all++;
    if (full.pick(hash) !== less.pick(hash)) moved++;
  }
  return (100 * moved) / all;
}

export type Change = readonly [before: readonly number[], after: readonly number[]];

/** Of evenly spread hashes: for strategies that cut the hash into regions. */
export function movedRegions(spec: OracleSpec, change: Change): Simulation {
  const step = hashValues(spec) / EXACT;
  const hashes = Array.from({ length: EXACT }, (_, i) => Math.floor((i + 0.5) * step));
  const value = percentMoved(spec, change, hashes);
  return { value, interval: [value, value] };
}

/** Of so many flows at random, as there were others in the paper. */
export function movedFlows(spec: OracleSpec, change: Change, flows: number): Simulation {
  const value = percentMoved(spec, change, randomHashes(flows));
  const half = normalQuantile(0.975) * Math.sqrt((2 * value * (100 - value)) / flows);
  return { value, interval: [value - half, value + half] };
}

export function* randomHashes(count: number, seed = 1): Generator<number> {
  for (let i = 0; i < count; i++) yield murmur3(Uint8Array.of(i, i >> 8, i >> 16), seed);
}

export const indices = (count: number) => Array.from({ length: count }, (_, i) => i);
export const without = (count: number, gone: number) => indices(count).filter((i) => i !== gone);
