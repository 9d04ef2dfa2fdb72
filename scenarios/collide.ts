// SPDX-License-Identifier: Apache-2.0
import { isChosenByHash, type Scenario, UsageError } from "../harness/api/index.ts";

export const collide: Scenario = {
  name: "collide",
  summary:
    "An attacker who knows the balancer's hash and seed, and one who does not know the seed, choose connections for one target: who can?",
  routers: 1,
  unfit: (oracle, families) =>
    isChosenByHash(oracle, families)
      ? null
      : "No hash of a connection that could be known chooses its target: there is nothing that an attacker could work out.",
  plan({ targets, scale, durationS, atS }) {
    if (durationS !== null || atS !== null)
      throw new UsageError("'collide' ends when every connection was made: it takes no --duration and no --at.");
    if (targets < 2) throw new UsageError("With 1 target all connections are its own anyway. Try --targets 10.");
    const [victim = 1] = scale;
    if (victim > targets) throw new UsageError(`There is no target ${victim} to be attacked. Try --scale 1.`);
    return { mode: "connect", durationS: 0, attack: { victim }, out: [], steps: [] };
  },
};
