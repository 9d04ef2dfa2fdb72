// SPDX-License-Identifier: Apache-2.0
// Published figures that follow from a strategy's definition alone.
import { normalQuantile } from "../analysis/statistics.ts";
import type { OracleSpec } from "../oracle/oracle.ts";
import { simulateLoss } from "../oracle/simulation.ts";
import { cheetah } from "./cheetah.ts";
import { envoy } from "./envoy.ts";
import { type Figure, overSeeds, type Simulation } from "./figure.ts";
import { fragments } from "./fragments.ts";
import { jet } from "./jet.ts";
import { type Change, indices, movedFlows, movedRegions, percentMoved, randomHashes, without } from "./moved.ts";

const SEEDS = 5;
const FLOWS = 1e6;
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
};

const PACKET_BALANCE = "PacketBalance, experiment 5: 10^6 flows over targets of weights 1, 1, 2, 4";
const weights = [1, 1, 2, 4, 1];
const byRemainder: OracleSpec = { strategy: "remainder", hash: { kind: "murmur3", seed: 1, ports: true }, weights };
const packetBalance: readonly Figure[] = [
  {
    name: "packetbalance-weights",
    what: "flows that move when the target of weight 2 is removed, modulo",
    source: PACKET_BALANCE,
    unit: "%",
    paper: 58.36,
    simulate: () => movedFlows(byRemainder, [indices(4), without(4, 2)], FLOWS),
  },
  {
    name: "packetbalance-weights",
    what: "flows that move when a target of weight 1 is added, modulo",
    source: PACKET_BALANCE,
    unit: "%",
    paper: 69.41,
    simulate: () => movedFlows(byRemainder, [indices(4), indices(5)], FLOWS),
  },
  {
    name: "packetbalance-weights",
    what: "flows that move when the target of weight 2 is removed, Maglev, table of 65537",
    source: PACKET_BALANCE,
    unit: "%",
    paper: 25.09,
    simulate: () => byMaglev([indices(4), without(4, 2)]),
  },
  {
    name: "packetbalance-weights",
    what: "flows that move when a target of weight 1 is added, Maglev, table of 65537",
    source: PACKET_BALANCE,
    unit: "%",
    paper: 11.11,
    simulate: () => byMaglev([indices(4), indices(5)]),
  },
];

/** Of so many flows with other hashes and another table each time. */
function byMaglev(change: Change): Simulation {
  const spec = (seed: number) => ({ strategy: "maglev" as const, m: 65_537, seed, ports: true, weights });
  return overSeeds(SEEDS, (seed) => percentMoved(spec(seed), change, randomHashes(FLOWS / 5, seed)));
}

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
