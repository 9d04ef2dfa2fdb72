// SPDX-License-Identifier: Apache-2.0
// Connections of attackers beside the load, by the numbers of their 5-tuples.
import type { Family } from "../record/schema.ts";
import type { Load, Stream } from "./streams.ts";

const SAMPLE_MS = 1000;

export function attackStreams({ attacks = [] }: Pick<Load, "attacks">, vipOf: (family: Family) => string): Stream[] {
  return attacks.map(({ family, attacker, numbers }) => ({
    name: `ipv${family} attacker ${attacker}`,
    family,
    connections: numbers.length,
    rate: 0,
    part: { number: 1, of: 1 },
    vip: vipOf(family),
    visit: null,
    sampleMs: SAMPLE_MS,
    attack: { attacker, numbers },
  }));
}

/** As `traffic connect --only` takes them: 8 bytes each. */
export const numbersBytes = (numbers: readonly number[]): Uint8Array =>
  new Uint8Array(BigUint64Array.from(numbers, BigInt).buffer);
