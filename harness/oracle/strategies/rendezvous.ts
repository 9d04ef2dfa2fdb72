// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { murmur3 } from "../hash.ts";
import { seed } from "../hashes/seed.ts";
import { defineStrategy } from "./define.ts";
import { keyHash } from "./key-hash.ts";
import { sharesByWeight } from "./pools.ts";

/**
 * Rendezvous hashing (Thaler and Ravishankar 1998): a flow goes to the active target whose hash with it is the highest, so that only
 * the flows of a target that leaves move, n/N of all. No backend here works so; it is the bar for those that keep no state.
 */
export const rendezvous = defineStrategy({
  schema: z.strictObject({ strategy: z.literal("rendezvous"), seed, ports: z.boolean() }),
  hash: keyHash,
  state: ({ seed }, active) => ({ seed, active }),
  pick({ seed, active }, hash) {
    const pair = new Uint32Array(2);
    const bytes = new Uint8Array(pair.buffer);
    let best: number | null = null;
    let highest = -1;
    for (const index of active) {
      pair.set([hash, index]);
      const score = murmur3(bytes, seed);
      if (score > highest) [best, highest] = [index, score];
    }
    return best;
  },
  shares: ({ active }) => sharesByWeight(active, () => 1),
  affinityS: ({ ports }) => (ports ? 0 : Number.POSITIVE_INFINITY),
  simulation: { spec: (_, seed) => ({ strategy: "rendezvous" as const, seed, ports: true }), keys: "slots" },
});
