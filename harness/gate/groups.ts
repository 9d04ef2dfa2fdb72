// SPDX-License-Identifier: Apache-2.0
// Runs of one case with the same parameters are repeats: they differ in their seeds only, and are judged together.
import { SIMULATED } from "../record/run-info.ts";
import type { RunInfo, Summary } from "../record/schema.ts";
import type { ReportData } from "../report/reporter.ts";

/** What must be equal for two results to be compared at all. */
export interface Environment {
  kernel: string;
  runtime: string;
  cpus: number;
  cpuModel: string;
}

export interface Group {
  case: string;
  parameters: Record<string, unknown>;
  environment: Environment;
  gitRevision: string | null;
  seeds: number[];
  summaries: Summary[];
}

function environmentOf({ run, summary }: Pick<ReportData, "run" | "summary">): Environment {
  const { cpus, cpuModel } = run.host;
  return { kernel: summary.kernel, runtime: run.runtime, cpus, cpuModel };
}

/** Its records come from the oracle itself. */
export const isSimulated = ({ environment }: Group): boolean => environment.runtime === SIMULATED;

/** All options but the seed; the backend's under their own name. */
function parametersOf(run: RunInfo): Record<string, unknown> {
  const { seed: _, ...options } = run.options;
  return { ...options, backendOptions: run.backendOptions };
}

export function groupRuns(runs: readonly Pick<ReportData, "run" | "summary">[]): Group[] {
  const groups = new Map<string, Group>();
  for (const data of runs) {
    const parameters = parametersOf(data.run);
    const environment = environmentOf(data);
    const key = sameText([data.run.case, parameters, environment]);
    const group = groups.get(key) ?? {
      case: data.run.case,
      parameters,
      environment,
      gitRevision: data.run.gitRevision,
      seeds: [],
      summaries: [],
    };
    group.seeds.push(data.run.seed);
    group.summaries.push(data.summary);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** JSON with the names in order: equal values give equal texts. */
export function sameText(value: unknown): string {
  return JSON.stringify(value, (_, v: unknown) =>
    v !== null && typeof v === "object" && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );
}
