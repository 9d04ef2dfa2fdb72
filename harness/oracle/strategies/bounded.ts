// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { seed } from "../hashes/seed.ts";
import { defineStrategy } from "./define.ts";
import { placeOf, type Ring, ringOf } from "./ring.ts";

const FACTOR = 1.25;

interface Bounded {
  ring: Ring;
  factor: number;
}

/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, arXiv 1608.01350) on a ring: a new connection goes to the
 * first target behind its hash that has less than `factor` times the mean, rounded up, of all that live then. It stays there. Where a flow
 * goes hangs on who else lives, so that no flow is known by itself.
 */
export const bounded = defineStrategy({
  schema: z.strictObject({
    strategy: z.literal("bounded"),
    seed,
    /** Virtual nodes of each target. */
    replicas: z.int().min(1),
    factor: z.number().gt(1),
  }),
  hash: () => null,
  state: ({ seed, replicas, factor }, active): Bounded => ({ ring: ringOf(active, replicas, seed), factor }),
  // While nobody is full.
  pick: ({ ring }, hash) => ring.owners[placeOf(ring.points, hash)] ?? null,
  chooseByLoad({ ring: { active, points, owners }, factor }, hash, loads) {
    const most = Math.ceil((factor * (loads.all + 1)) / active.length);
    const first = placeOf(points, hash);
    for (let i = 0; i < points.length; i++) {
      const owner = owners[(first + i) % points.length] as number;
      if (loads.of(owner) < most) return owner;
    }
    return null;
  },
  shares: () => new Map(),
  loss: (_, { activeBefore, activeAfter }, { target }) =>
    target !== null && activeBefore.has(target) && !activeAfter.has(target) ? 1 : 0,
  remembers: () => "mark",
  simulation: {
    options: z.strictObject({
      factor: z.coerce
        .number()
        .gt(1)
        .default(FACTOR)
        .describe("no target gets a connection that has so many times the mean already"),
    }),
    spec: (slots, seed, targets, { factor = FACTOR }) => ({
      strategy: "bounded" as const,
      seed,
      replicas: Math.max(1, Math.round(slots / targets)),
      factor: Number(factor),
    }),
    keys: "hashes",
  },
});
