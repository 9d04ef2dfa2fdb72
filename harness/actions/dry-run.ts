// SPDX-License-Identifier: Apache-2.0
// What a command would run, and how long that takes: nothing is started.
import { duration, seconds } from "../report/format.ts";
import { plural } from "../util/numbers.ts";

/** Bring-up, deployment, end and report of a run with namespaces; a guest takes longer. */
const AROUND_S = 5;

interface Dry {
  name: string;
  seed: number;
  trafficS: number;
}

/** The same for programs; times in seconds. */
export const dryRunJson = (runs: readonly Dry[]): string =>
  `${JSON.stringify({ runs, trafficS: trafficOf(runs), aboutS: aboutOf(runs) }, null, 2)}\n`;

const LAB_TIME =
  "Seconds are the lab's: in virtual time a guest takes as many of yours as the load needs (docs/virtual-time.md).";

/** The line of the sum: the traffic's time is exact, the rest an estimate. `isLabTime`: neither is what a clock on the wall will say. */
export function dryRunText(runs: readonly Dry[], isLabTime = false): string {
  return [
    ...runs.map(({ name, seed, trafficS }) => `${name}, seed ${seed}: ${seconds(trafficS)} of traffic`),
    `${plural(runs.length, "run")}: about ${duration(aboutOf(runs))}, ${duration(trafficOf(runs))} of it traffic. Nothing was run.`,
    ...(isLabTime ? [LAB_TIME] : []),
    "",
  ].join("\n");
}

const trafficOf = (runs: readonly Dry[]) => runs.reduce((total, { trafficS }) => total + trafficS, 0);
const aboutOf = (runs: readonly Dry[]) => Math.round(trafficOf(runs) + runs.length * AROUND_S);
