// SPDX-License-Identifier: Apache-2.0
// A comparison drawn again from its folder: compare.json, theory.json of a sweep, and the folders of its runs.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { type LoadedRun, loadRuns } from "../analysis/load.ts";
import type { Comparison, Entry } from "../report/comparison/comparison.ts";
import { type Sweep, sweepSchema } from "../report/comparison/sweep.ts";
import { writeComparison } from "../report/comparison/write.ts";
import type { Figure } from "../report/figure.ts";
import { keepPhases } from "./known-phases.ts";

export const isComparison = (dir: string) =>
  existsSync(path.join(dir, "compare.json")) && !existsSync(path.join(dir, "run.json"));

/** Returns what was damaged, a sentence each. */
export async function redrawComparison(dir: string, figure: Figure): Promise<string[]> {
  const inside = readdirSync(dir).sort();
  const { runs, damaged } = loadRuns(
    inside.map((name) => path.join(dir, name)).filter((one) => existsSync(path.join(one, "run.json"))),
  );
  runs.forEach(keepPhases);
  const [first] = runs;
  if (first === undefined) return [...damaged, `There is no run in '${dir}' that could be compared.`];
  const theory = path.join(dir, "theory.json");
  const sweep = existsSync(theory) ? sweepSchema.parse(read(theory)) : null;
  const { scenario } = first.summary;
  const entries = entriesOf(runs, orderOf(dir), sweep);
  await writeComparison({ scenario, entries, sweep, commandLine: first.run.commandLine }, dir, figure);
  return damaged;
}

const read = (file: string): unknown => JSON.parse(readFileSync(file, "utf8"));

/** Backends as they were asked for. */
function orderOf(dir: string): string[] {
  const summaries = z.array(z.object({ backend: z.string() })).parse(read(path.join(dir, "compare.json")));
  return [...new Set(summaries.map(({ backend }) => backend))];
}

function entriesOf(runs: readonly LoadedRun[], order: readonly string[], sweep: Sweep | null): Comparison["entries"] {
  const entries = new Map<string, Entry & { runs: LoadedRun[] }>();
  for (const one of runs) {
    const { backend, kernel } = one.summary;
    const value = sweep === null ? null : valueIn(one, sweep.parameter);
    // One backend without a sweep was compared under several kernels.
    const name = order.length === 1 ? kernel : backend;
    const label = sweep === null ? name : `${backend} ${sweep.parameter}=${value}`;
    const entry = entries.get(label) ?? { label, backend, value, runs: [] };
    entry.runs.push(one);
    entries.set(label, entry);
  }
  const place = ({ backend }: Entry) => order.indexOf(backend);
  for (const { runs: repeats } of entries.values()) repeats.sort((a, b) => a.summary.seed - b.summary.seed);
  return [...entries.values()].sort((a, b) => (a.value ?? 0) - (b.value ?? 0) || place(a) - place(b));
}

const valueIn = ({ run }: LoadedRun, parameter: string) => Number({ ...run.backendOptions, ...run.options }[parameter]);
