// SPDX-License-Identifier: Apache-2.0
import { type Scenario, UsageError } from "../harness/api/index.ts";
import { seedIsSettable } from "./seed.ts";

/** Of the tier in front: what a balancer has by default where it takes the same hash. */
const FRONT_SEED = 1;

export const tiers: Scenario = {
  name: "tiers",
  summary:
    "A router in front spreads connections over the routers by a hash of its own: does each of them still reach every target?",
  routers: 2,
  missing: seedIsSettable,
  set: { hashSeed: `${FRONT_SEED + 1}` },
  plan({ atS, routers }) {
    if (atS !== null) throw new UsageError("'tiers' has no events, so --at has nothing to move.");
    if (routers < 2)
      throw new UsageError(`Cannot run 'tiers' with ${routers} router: there is nothing to choose. Try --routers 2.`);
    return { mode: "connect", durationS: 0, out: [], steps: [], front: { seed: FRONT_SEED } };
  },
};
