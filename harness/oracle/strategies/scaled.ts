// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { flowHash, hashesSourcesOnly, hashOf, hashSpace } from "../hashes/index.ts";
import { defineStrategy } from "./define.ts";
import { pools } from "./pools.ts";
import { filledRegions, type Regions, regionCells, regionOf, regionsOf, scaledRegions, shareMoved } from "./regions.ts";

/** Of all targets that have slots, where those that get no new flows leave theirs to the last ones; absent: regions are cut anew. */
const order = z.array(z.number()).readonly().optional();

/** The hash is multiplied down to the sum of the weights: HMARK, nftables' jhash and symhash. */
export const scaled = defineStrategy({
  schema: z.strictObject({ strategy: z.literal("scaled"), hash: flowHash.nullable(), order, ...pools }),
  hash: ({ hash }, flow) => hash && hashOf(hash, flow),
  space: ({ hash }) => hashSpace(hash),
  state: (spec, active): Regions =>
    spec.order
      ? filledRegions(spec, spec.order, active, hashSpace(spec.hash))
      : regionsOf(scaledRegions, spec, active, hashSpace(spec.hash)),
  pick: ({ regions }, hash) => regionOf(regions, hash),
  cells: (_, states) => regionCells(states),
  shares: ({ shares }) => shares,
  moved: (lived, after, target) =>
    shareMoved(
      lived.map(({ regions }) => regions),
      after.regions,
      target,
    ),
  affinityS: ({ hash }, family) => (hash && hashesSourcesOnly(hash, family) ? Number.POSITIVE_INFINITY : 0),
  simulation: { spec: () => ({ strategy: "scaled" as const, hash: null }), keys: "hashes" },
});
