// SPDX-License-Identifier: Apache-2.0
// What JET's simulation of a data centre draws from (anchorhash/jetlb, simulations/event-driven/hadoop/data), and how.
import type { Distribution } from "../traffic/known-lifetimes.ts";

/** How long servers are away: simulations/event-driven/hadoop/data/downtime_upgrade_cdf.txt. */
export const AWAY: Distribution = [
  [60, 0.006833712984],
  [120.8016369, 0.04328018223],
  [130.7333965, 0.2150341686],
  [141.4817002, 0.3867881549],
  [153.1136803, 0.5585421412],
  [165.7019888, 0.7302961276],
  [179.3252506, 0.9020501139],
  [304.8130828, 0.9658314351],
  [671.6930555, 0.9817767654],
  [20_533.59424, 0.9977220957],
  [567_076.2339, 1],
];
/** KiB of a flow, ten packets each: hadoop_size_cdf.txt. */
export const KIB: Distribution = [
  [0.16, 0.0037],
  [0.213, 0.0093],
  [0.256, 0.0186],
  [0.29, 0.0445],
  [0.321, 0.0594],
  [0.327, 0.1373],
  [0.362, 0.141],
  [0.385, 0.1521],
  [0.393, 0.2041],
  [0.444, 0.2208],
  [0.482, 0.2616],
  [0.534, 0.2727],
  [0.591, 0.3098],
  [0.629, 0.3265],
  [0.642, 0.4583],
  [0.837, 0.5844],
  [1.31, 0.6252],
  [1.708, 0.6605],
  [7.573, 0.7069],
  [32.23, 0.7161],
  [45.59, 0.7495],
  [50.49, 0.8126],
  [72.89, 0.8293],
  [84.08, 0.8701],
  [280.2, 0.9555],
  [1320, 0.9777],
  [2244, 0.9852],
  [54_089, 0.9926],
  [271_020, 0.9981],
  [553_450, 1],
];

/** As there: all between two shares have the greater value. */
export const drawFrom = (points: Distribution, u: number): number =>
  (points.find(([, share]) => u < share) ?? (points.at(-1) as Distribution[number]))[0];

/** How many of n happen, each with probability p: exact where they are few, by the normal distribution where they are many. */
export function binomial(n: number, p: number, random: () => number): number {
  if (n <= 40) {
    let hits = 0;
    for (let i = 0; i < n; i++) if (random() < p) hits++;
    return hits;
  }
  const normal = Math.sqrt(-2 * Math.log1p(-random())) * Math.cos(2 * Math.PI * random());
  return Math.min(n, Math.max(0, Math.round(n * p + normal * Math.sqrt(n * p * (1 - p)))));
}

export function shuffle<T>(items: T[], random: () => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j] as T, items[i] as T];
  }
  return items;
}
