// SPDX-License-Identifier: Apache-2.0
import { type Scenario, UsageError } from "../harness/api/index.ts";
import { ARRIVALS } from "./arrivals.ts";

const [FROM_S, UNTIL_S, AFTER_S] = [4, 8, 4] as const;

export const flood: Scenario = {
  name: "flood",
  summary:
    "From 4 to 8 s others send --flood SYNs or datagrams a second, each from a source of its own: what do they cost connections that are meant?",
  routers: 1,
  plan({ atS, durationS, routers }) {
    if (routers > 1) throw new UsageError("'flood' is judged with one router, whose tables it fills. Try --routers 1.");
    const [fromS = FROM_S, untilS = UNTIL_S, ...more] = atS ?? [FROM_S, UNTIL_S];
    if (more.length > 0 || (atS && atS.length < 2) || untilS <= fromS)
      throw new UsageError("'flood' begins and ends: --at takes two rising times, as in --at '4 8'.");
    const lasts = durationS ?? untilS + AFTER_S;
    if (lasts < untilS + 1)
      throw new UsageError(
        `Cannot run 'flood' in ${lasts} s: new connections need a second after its end at ${untilS} s. Try a longer --duration.`,
      );
    return { mode: "stream", durationS: lasts, arrivals: ARRIVALS, flood: { fromS, untilS }, out: [], steps: [] };
  },
};
