// SPDX-License-Identifier: Apache-2.0
import { EVENTS, type Scenario, UsageError } from "../harness/api/index.ts";

/** Both ends find out by time-outs, one after the other: the first message that is lost takes some seconds. */
const LEAST_S = 6;
const MOST_TARGETS = 200;

export const pathLoss: Scenario = {
  name: "path_loss",
  summary:
    "A second path between clients and targets comes up at 5 s, and the first one dies at 12 s: does any association?",
  routers: 1,
  needs: "paths",
  protocol: { only: "sctp", why: "'path_loss' needs associations with two paths: try --protocol sctp." },
  plan({ targets, routers, atS, durationS }) {
    const [up = 5, loss = up + 7, ...more] = atS ?? [];
    if (more.length > 0 || loss < up + LEAST_S)
      throw new UsageError(
        `'path_loss' has one path come up and the other die ${LEAST_S} s later or more: --at takes one or two such times, not '${atS?.join(" ")}'.`,
      );
    const lasts = durationS ?? loss + 8;
    if (lasts < loss + LEAST_S)
      throw new UsageError(
        `Cannot run 'path_loss' in ${lasts} s: both ends need ${LEAST_S} s after ${loss} s to find the other path. Try a longer --duration.`,
      );
    if (targets > MOST_TARGETS)
      throw new UsageError(`'path_loss' has a second network with ${MOST_TARGETS} targets at most.`);
    const members = Array.from({ length: routers }, (_, i) => i + 1);
    return {
      mode: "stream",
      durationS: lasts,
      out: [],
      paths: 2,
      steps: [
        { atS: up, event: EVENTS.path_up, members },
        { atS: loss, event: EVENTS.path_loss, members },
      ],
    };
  },
};
