// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { flowHash, hashesSourcesOnly, hashOf, hashSpace } from "../hashes/index.ts";
import { defineStrategy } from "./define.ts";
import { pools } from "./pools.ts";
import { type Regions, regionOf, regionsOf, scaledRegions, shareMoved } from "./regions.ts";

/** The hash is multiplied down to the sum of the weights: HMARK, nftables' jhash and symhash. */
export const scaled = defineStrategy({
  schema: z.strictObject({ strategy: z.literal("scaled"), hash: flowHash.nullable(), ...pools }),
  hash: ({ hash }, flow) => hash && hashOf(hash, flow),
  space: ({ hash }) => hashSpace(hash),
  state: (spec, active): Regions => regionsOf(scaledRegions, spec, active, hashSpace(spec.hash)),
  pick: ({ regions }, hash) => regionOf(regions, hash),
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
