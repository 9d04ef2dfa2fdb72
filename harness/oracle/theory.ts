// SPDX-License-Identifier: Apache-2.0
import { murmur3 } from "./hash.ts";
import { makeOracle, type OracleSpec } from "./oracle.ts";
import { hashValues } from "./strategies/registry.ts";

const SAMPLES = 65_536;

/**
 * Share of all connections that a strategy moves, and so loses, when exactly these targets are active and then those: what is
 * expected of flows that nobody knows yet. null where the strategy leaves it open.
 */
export function expectedLoss(
  spec: OracleSpec | null,
  before: readonly number[],
  after: readonly number[],
): number | null {
  if (spec === null) return null;
  if (spec.strategy === "stateful") {
    const { shares } = makeOracle(spec, before);
    const gone = before.filter((index) => !after.includes(index));
    if (spec.flush && shares.size === 0) return null;
    return spec.flush ? gone.reduce((sum, index) => sum + (shares.get(index) ?? 0), 0) : 0;
  }
  const first = makeOracle(spec, before);
  const second = makeOracle(spec, after, first);
  const divisor = 2 ** 32 / hashValues(spec);
  let moved = 0;
  for (let i = 0; i < SAMPLES; i++) {
    const hash = Math.floor(murmur3(Uint8Array.of(i & 255, i >> 8), 1) / divisor);
    if (first.pick(hash) !== second.pick(hash)) moved++;
  }
  return moved / SAMPLES;
}
