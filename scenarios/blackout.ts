// SPDX-License-Identifier: Apache-2.0
import { EVENTS, type Scenario, UsageError } from "../harness/api/index.ts";

const LASTS_S = 2;

export const blackout: Scenario = {
  name: "blackout",
  summary: "Nothing passes between tester and routers for 2 s, from 4 s on: does any connection come back elsewhere?",
  routers: 1,
  plan({ routers, atS, durationS }) {
    const [begin = 4, end = begin + LASTS_S, ...more] = atS ?? [];
    if (more.length > 0 || end <= begin)
      throw new UsageError(`'blackout' begins and ends: --at takes one or two rising times, not '${atS?.join(" ")}'.`);
    const lasts = durationS ?? end + 5;
    if (lasts < end + 3)
      throw new UsageError(
        `Cannot run 'blackout' in ${lasts} s: TCP needs 3 s after its end at ${end} s to come back. Try a longer --duration.`,
      );
    const members = Array.from({ length: routers }, (_, i) => i + 1);
    return {
      mode: "stream",
      durationS: lasts,
      out: [],
      steps: [
        { atS: begin, event: EVENTS.blackout, members },
        { atS: end, event: EVENTS.blackout_end, members },
      ],
    };
  },
};
