// SPDX-License-Identifier: Apache-2.0
// Runs that belong together: what was planned, what came of it, and what is missing. Reporters of sets make one file of all.
import type { RunInfo, Summary, Verdict } from "../record/schema.ts";
import { plural } from "../util/numbers.ts";

/** "flaky": it failed and then passed; no pass and no failure, but a state of its own. */
export type State = Verdict | "flaky";

export interface Attempt {
  run: RunInfo;
  summary: Summary;
  /** The run's folder, relative to the set's. */
  dir: string;
  /** A report of this run could not be written. */
  unwritten?: true;
}

/** One run of a case, with its retries; the last attempt is what counts. */
export interface Entry {
  attempts: readonly [Attempt, ...Attempt[]];
  state: State;
}

export interface RunSet {
  entries: readonly Entry[];
  /** Sentences about what was planned and is not here. */
  missing: readonly string[];
  commandLine: readonly string[];
}

export function entryOf(attempts: readonly [Attempt, ...Attempt[]]): Entry {
  const { verdict } = lastOf({ attempts }).summary;
  const held = verdict === "pass" || verdict === "unjudged";
  return { attempts, state: held && attempts.length > 1 ? "flaky" : verdict };
}

export function lastOf({ attempts }: Pick<Entry, "attempts">): Attempt {
  return attempts.at(-1) ?? attempts[0];
}

/** For the exit code: what is flaky passed in the end, what is missing is no data. */
export function verdictsOf({ entries, missing }: RunSet): Verdict[] {
  return [
    ...entries.map(({ state }): Verdict => (state === "flaky" ? "pass" : state)),
    ...missing.map((): Verdict => "insufficient"),
  ];
}

export function countStates(entries: readonly Entry[]): { state: State; n: number }[] {
  const order: State[] = ["fail", "error", "insufficient", "flaky", "unjudged", "pass", "skip"];
  return order
    .map((state) => ({ state, n: entries.filter((entry) => entry.state === state).length }))
    .filter(({ n }) => n > 0);
}

/** "4 runs: 3 pass, 1 fail: ecmp_scale": the last line of a command, with the names of those that neither passed nor were skipped. */
export function totals({ entries, missing }: RunSet): string {
  const parts = countStates(entries).map(({ state, n }) => {
    const names = [...new Set(entries.flatMap((one) => (one.state === state ? [lastOf(one).summary.case] : [])))];
    return { text: `${n} ${state}`, names: state === "pass" || state === "skip" ? [] : names };
  });
  const good = parts.filter(({ names }) => names.length === 0);
  const rest = parts.filter(({ names }) => names.length > 0);
  const texts = [...good.map(({ text }) => text), ...rest.map(({ text, names }) => `${text}: ${names.join(" ")}`)];
  const lost = missing.length > 0 ? [`${missing.length} missing`] : [];
  return `${plural(entries.length, "run")}: ${[...texts, ...lost].join(", ") || "none"}`;
}

export interface SetReporter {
  name: string;
  write(set: RunSet, dir: string): Promise<void>;
}
