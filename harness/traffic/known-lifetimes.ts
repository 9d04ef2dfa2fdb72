// SPDX-License-Identifier: Apache-2.0
// Published distributions of how long connections live: data, with their sources.

/** Seconds, and the share of all connections that live no longer; both rise, the share to 1. */
export type Distribution = readonly (readonly [seconds: number, share: number])[];

export interface KnownLifetimes {
  source: string;
  points: Distribution;
}

/** By the name that `--lifetimes` takes. */
export const KNOWN_LIFETIMES = {
  hadoop: {
    source:
      "flows of Hadoop hosts: Roy et al., Inside the Social Network's (Datacenter) Network, SIGCOMM 2015, figure 7, in the numbers of anchorhash/jetlb, simulations/event-driven/hadoop/data/hadoop_cdf.txt",
    points: [
      [0.001, 0.2933579336],
      [0.002001660865, 0.3782287823],
      [0.002989009054, 0.405904059],
      [0.008934175126, 0.4520295203],
      [0.02549699459, 0.4760147601],
      [0.3100950157, 0.5018450185],
      [10.27643336, 0.5479704797],
      [10.43614193, 0.7601476015],
      [22.91478965, 0.8985239852],
      [36.39509637, 0.9280442804],
      [100.7122436, 0.9483394834],
      [214.4188863, 0.9575645756],
      [228.0621963, 0.9981549815],
      [602.5595861, 1],
    ],
  },
  requests: {
    source:
      "answers of the servers of Barbette et al., Cheetah, NSDI 2020: cheetahlb/experiments, includes/duration_high.path, 908 requests",
    points: [
      [0.001015, 0.1861],
      [0.001969, 0.2302],
      [0.003031, 0.2445],
      [0.004811, 0.2544],
      [0.036184, 0.3128],
      [0.060153, 0.3436],
      [0.075787, 0.3778],
      [0.127945, 0.3965],
      [0.151566, 0.4405],
      [0.203091, 0.4593],
      [0.544234, 0.522],
      [1.329675, 0.6211],
      [2.578524, 0.6619],
      [20.309176, 0.7258],
      [50.389626, 0.7974],
      [51.17173, 0.8392],
      [81.226735, 0.9042],
      [139.255612, 0.9692],
      [150.403355, 1],
    ],
  },
} as const satisfies Record<string, KnownLifetimes>;
