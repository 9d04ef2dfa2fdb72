// SPDX-License-Identifier: Apache-2.0
// Envoy's benchmarks of Maglev: weights that change, and hosts that leave against its ring.
import { normalQuantile } from "../analysis/statistics.ts";
import { makeOracle } from "../oracle/oracle.ts";
import { simulateLoss } from "../oracle/simulation.ts";
import type { Figure, Simulation } from "./figure.ts";
import { OF_A_TABLE } from "./lab.ts";
import { indices, percentDifferent } from "./moved.ts";

const HOSTS = 500;
const TABLE = 65_537;
const WEIGHTED = "envoyproxy/envoy, pull request 2982: BM_MaglevLoadBalancerWeighted";

/** Percent of the 500 hosts whose weight changes, from what to what (others weigh 1), keys, percent of the keys that moved. */
const PUBLISHED = [
  [5, 1, 127, 1000, 80.8],
  [5, 127, 1, 10_000, 81.72],
  [50, 1, 127, 1000, 50.9],
  [50, 127, 1, 10_000, 50.14],
  [95, 1, 127, 1000, 6.5],
  [95, 127, 1, 10_000, 7.25],
  [95, 25, 75, 1000, 0.8],
] as const;

const weights = PUBLISHED.map(
  ([percent, from, to, keys, paper]): Figure => ({
    name: "envoy-weights",
    what: `keys that move when ${percent} % of ${HOSTS} hosts get weight ${to} instead of ${from}, Maglev, ${keys} keys`,
    source: WEIGHTED,
    unit: "%",
    paper,
    simulate: () => reweighed(percent, from, to, keys),
    lab: OF_A_TABLE,
  }),
);

/** The interval is that of so many keys at random, here and there. */
function reweighed(percent: number, from: number, to: number, keys: number): Simulation {
  const changing = (HOSTS * percent) / 100;
  const tableOf = (weight: number) => {
    const all = indices(HOSTS).map((i) => (i < changing ? weight : 1));
    return makeOracle({ strategy: "maglev", m: TABLE, seed: 1, ports: true, weights: all }, indices(HOSTS));
  };
  const value = percentDifferent(tableOf(from), tableOf(to), indices(TABLE));
  const half = normalQuantile(0.975) * Math.sqrt((value * (100 - value)) / keys);
  return { value, interval: [value - half, value + half] };
}

const LOOPS = 3;
const ring: Figure = {
  name: "envoy-ring",
  what: "keys that move when 1 or 3 of 100, 200 or 500 hosts leave, Maglev with a table of 65537 : ring",
  source: "Envoy, documentation of its load balancers: 'approximately double the keys will move' (pull request 2574)",
  unit: "times",
  paper: 2,
  simulate() {
    const settings = [100, 200, 500].flatMap((N) => [1, 3].map((removed) => ({ N, removed })));
    const ratios = settings.map(({ N, removed }) => {
      const request = { strategy: "maglev", M: TABLE, N, removed, seed: 1, loops: LOOPS };
      const { outPercent, idealPercent } = simulateLoss(request);
      // A ring moves the keys of those that leave, and no others.
      return outPercent / idealPercent;
    });
    const value = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
    return { value, interval: [Math.min(...ratios), Math.max(...ratios)] };
  },
  lab: OF_A_TABLE,
};

export const envoy: readonly Figure[] = [...weights, ring];
