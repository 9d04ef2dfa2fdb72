// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { flowHash, hashesSourcesOnly, hashOf, hashSpace } from "../hashes/index.ts";
import { defineStrategy } from "./define.ts";
import { pools } from "./pools.ts";
import { type Regions, regionCells, regionOf, regionsOf, shareMoved, thresholdRegions } from "./regions.ts";

/** Regions at the kernel's hash-threshold bounds, in proportion to the weights (RFC 2992): Linux' multipath routes. */
export const hashThreshold = defineStrategy({
  schema: z.strictObject({ strategy: z.literal("hash_threshold"), hash: flowHash.nullable(), ...pools }),
  hash: ({ hash }, flow) => hash && hashOf(hash, flow),
  space: ({ hash }) => hashSpace(hash),
  state: (spec, active): Regions => regionsOf(thresholdRegions, spec, active, hashSpace(spec.hash)),
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
  simulation: { spec: () => ({ strategy: "hash_threshold" as const, hash: null }), keys: "hashes" },
});
