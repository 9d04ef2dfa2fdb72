// SPDX-License-Identifier: Apache-2.0
// What a metric is. Everything is counted where it arrives.
import type { Testbed } from "../testbed.ts";

export interface Metric {
  name: string;
  unit: string;
  higherIsBetter: boolean;
  summary: string;
  /** Plain forwarding has nothing like it: there is no ratio. */
  noBaselineRatio?: true;
  /** Not measured: what the CPU of this one (1/s for each busy core) is above that of a lab without a router. */
  beyondDirect?: string;
}

/** One measurement, which may have several metrics. */
export interface Probe {
  metrics: readonly Metric[];
  /** Needs a lab that nothing was measured in: what others left behind would count. */
  needsFreshLab?: true;
  /** Values by the metric's name; what cannot be had is left out. Throws LabError when the traffic fails. */
  measure(bed: Testbed): Promise<Record<string, number>>;
}

/** A rate: the higher the better. */
export function rate(name: string, unit: string, summary: string): Metric {
  return { name, unit, higherIsBetter: true, summary };
}

/** The less the better. */
export function cost(name: string, unit: string, summary: string): Metric {
  return { name, unit, higherIsBetter: false, summary };
}
