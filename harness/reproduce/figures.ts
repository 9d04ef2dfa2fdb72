// SPDX-License-Identifier: Apache-2.0
// Published figures that follow from a strategy's definition alone.
import { normalQuantile } from "../analysis/statistics.ts";
import { simulateLoss } from "../oracle/simulation.ts";
import { cheetah } from "./cheetah.ts";
import { envoy } from "./envoy.ts";
import { type Figure, overSeeds } from "./figure.ts";
import { fragments } from "./fragments.ts";
import { jet } from "./jet.ts";
import { change, lostOf, lostPercent, OF_A_TABLE } from "./lab.ts";
import { indices, movedRegions, without } from "./moved.ts";
import { packetBalance } from "./packetbalance.ts";

const SEEDS = 5;
const MAGLEV = "Eisenbud et al., Maglev, NSDI 2016, section 5.3 and figure 12";
const maglevChanges = (
  [
    [65_537, 1, 0.67],
    [65_537, 10, 3.32],
    [655_373, 10, 1.58],
  ] as const
).map(
  ([M, removed, paper]): Figure => ({
    name: "maglev-changes",
    what: `entries that change when ${removed} of 1000 targets fail, table of ${M}`,
    source: MAGLEV,
    unit: "%",
    paper,
    simulate: () =>
      overSeeds(SEEDS, (seed) => simulateLoss({ strategy: "maglev", M, N: 1000, removed, seed, loops: 1 }).outPercent),
    lab: OF_A_TABLE,
  }),
);

const RFC = [50, 41.1, 34.4, 30, 27.8, 27.8, 30, 34.4, 41.1, 50];
const rfc2992 = RFC.map(
  (paper, gone): Figure => ({
    name: "rfc2992",
    what: `flows that move when next hop ${gone + 1} of 10 is removed`,
    source: "RFC 2992, section 3: the nearer to the middle, the fewer",
    unit: "%",
    paper,
    simulate: () => movedRegions({ strategy: "hash_threshold", hash: null }, [indices(10), without(10, gone)]),
    // An edge and one in the middle: each takes a lab of its own.
    lab:
      gone === 0 || gone === 4
        ? lostPercent({
            backend: "ecmp",
            scenario: "scale_in",
            options: change(2000, { targets: 10, scale: `${gone + 1}` }),
          })
        : "Of the ten next hops the first one and the fifth are measured, an edge and one in the middle.",
  }),
);

const xcluster: Figure = {
  name: "xcluster",
  what: "connections lost of 100 when 2 of 10 targets leave, Maglev with M=997",
  source: "Nordix/xcluster, load balancer of ovl/load-balancer: the example's graph",
  unit: "connections",
  paper: 26,
  simulate() {
    const { outPercent } = simulateLoss({ strategy: "maglev", M: 997, N: 10, removed: 2, seed: 1, loops: 50 });
    const half = normalQuantile(0.975) * Math.sqrt((outPercent * (100 - outPercent)) / 100);
    return { value: outPercent, interval: [outPercent - half, outPercent + half] };
  },
  lab: {
    cases: [{ backend: "nfqueue", scenario: "scale_in", options: change(100, { targets: 10 }), set: ["M=997"] }],
    of: ([summary]) => lostOf(summary, 100),
  },
};

export const FIGURES: readonly Figure[] = [
  ...maglevChanges,
  ...rfc2992,
  xcluster,
  ...packetBalance,
  ...envoy,
  ...fragments,
  ...cheetah,
  ...jet,
];
