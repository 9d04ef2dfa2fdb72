// SPDX-License-Identifier: Apache-2.0
// What a command would run, and how long that takes: nothing is started.
import { seconds } from "../report/format.ts";
import { plural } from "../util/numbers.ts";

/** Bring-up, deployment, end and report of a run with namespaces; a guest takes longer. */
const AROUND_S = 5;

/** The last line is the sum: the traffic's time is exact, the rest an estimate. */
export function dryRunText(runs: readonly { name: string; seed: number; trafficS: number }[]): string {
  const sum = runs.reduce((total, { trafficS }) => total + trafficS, 0);
  return [
    ...runs.map(({ name, seed, trafficS }) => `${name}, seed ${seed}: ${seconds(trafficS)} of traffic`),
    `${plural(runs.length, "run")}: about ${seconds(Math.round(sum + runs.length * AROUND_S))}, ${seconds(sum)} of it traffic. Nothing was run.`,
    "",
  ].join("\n");
}
