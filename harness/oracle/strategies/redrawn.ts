// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import type { Change } from "../loss.ts";
import { defineStrategy } from "./define.ts";
import { poolInUse, pools, sharesByWeight, weightsOf } from "./pools.ts";

type Shares = ReadonlyMap<number, number>;

/**
 * A hash whose seed is drawn anew with each set of rules, on each router, and told to nobody: nft's `jhash` without `seed`
 * (nft_hash.c, `autogen_seed`). Every change of targets, and every other router, chooses anew for all flows.
 */
export const redrawn = defineStrategy({
  schema: z.strictObject({
    strategy: z.literal("redrawn"),
    /** Flows of one source share their luck: no port is hashed. */
    bySource: z.boolean(),
    ...pools,
  }),
  hash: () => null,
  state: (spec, active): Shares => sharesByWeight(poolInUse(spec, active), weightsOf(spec)),
  pick: () => null,
  shares: (shares) => shares,
  loss: (_, change, { target }) => elsewhere(change, target),
  lossBounds(spec, change, { target }) {
    const probability = elsewhere(change, target);
    return spec.bySource && probability > 0 && probability < 1 ? [0, 1] : [probability, probability];
  },
  affinityS: ({ bySource }) => (bySource ? Number.POSITIVE_INFINITY : 0),
});

function elsewhere(change: Change<Shares>, target: number | null): number {
  const { subject, reroutedShare, before, after, activeBefore, activeAfter } = change;
  const isSame =
    activeBefore.size === activeAfter.size &&
    [...activeBefore].every((index) => activeAfter.has(index) && before.shares.get(index) === after.shares.get(index));
  if (target === null || (subject === "targets" && isSame)) return 0;
  const others = 1 - (after.shares.get(target) ?? 0);
  return subject === "routers" ? reroutedShare * others : others;
}
