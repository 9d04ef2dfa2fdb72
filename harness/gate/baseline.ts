// SPDX-License-Identifier: Apache-2.0
// Results of an earlier state of things, with all that must be equal for a comparison to mean something.
import { z } from "zod";
import { isFields, issueText } from "../record/damage.ts";
import { UsageError } from "../util/errors.ts";
import { type Environment, type Group, sameText } from "./groups.ts";
import { parseJson, readText } from "./thresholds.ts";

const BASELINE_SCHEMA = 1;
const count = z.int().min(0);
const entry = z.strictObject({
  case: z.string(),
  parameters: z.record(z.string(), z.unknown()),
  seeds: z.array(z.int()).min(1),
  /** Connections over all repeats, event by event. */
  events: z.array(z.strictObject({ kind: z.string(), alive: count, lost: count })),
  lostOutsideEvents: count,
  /** One value for each repeat. */
  recoverMs: z.array(z.number()),
  latencyP50Ms: z.array(z.number()),
  latencyP99Ms: z.array(z.number()),
});
export const baselineSchema = z.strictObject({
  schema: z.literal(BASELINE_SCHEMA),
  gitRevision: z.string().nullable(),
  environment: z.strictObject({
    kernel: z.string(),
    runtime: z.string(),
    cpus: z.int().min(1),
    cpuModel: z.string(),
  }),
  entries: z.array(entry).min(1),
});
export type Baseline = z.infer<typeof baselineSchema>;
export type BaselineEntry = Baseline["entries"][number];

/** Throws UsageError that names the file. */
export function readBaseline(file: string): Baseline {
  const value = parseJson(readText(file), file);
  if (isFields(value) && typeof value.schema === "number" && value.schema > BASELINE_SCHEMA)
    throw new UsageError(
      `'${file}' was written by a newer version (schema ${value.schema}; this one reads ${BASELINE_SCHEMA}).`,
    );
  const parsed = baselineSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UsageError(
    `'${file}' is not a baseline of this version: ${issueText(parsed.error)}. Write it again with --update-baseline.`,
  );
}

/** Throws UsageError when there is nothing to keep, or the runs are of different environments. */
export function makeBaseline(groups: readonly Group[]): Baseline {
  const kept = groups.filter(({ summaries }) => summaries.some(counts));
  const [first] = kept;
  if (!first) throw new UsageError("No run passed, so there is no baseline to write.");
  for (const other of kept)
    refuseOther(
      first.environment,
      other.environment,
      "The runs are from different environments, so they cannot form a baseline",
    );
  const bad = kept.flatMap((group) => group.summaries.filter((s) => s.verdict === "fail").map(() => group.case));
  if (bad.length > 0) throw new UsageError(`Failed runs cannot form a baseline: ${[...new Set(bad)].join(", ")}.`);
  return {
    schema: BASELINE_SCHEMA,
    gitRevision: first.gitRevision,
    environment: first.environment,
    entries: kept.map((group) => measuredOf(group)),
  };
}

/** What a group's repeats have measured, added up or listed. */
export function measuredOf({ case: name, parameters, seeds, summaries }: Group): BaselineEntry {
  const judged = summaries.filter(counts);
  const values = (of: (s: (typeof judged)[number]) => number | null) => judged.flatMap((s) => of(s) ?? []);
  return {
    case: name,
    parameters,
    seeds,
    events: (judged[0]?.events ?? []).map(({ kind }, i) => ({
      kind,
      alive: judged.reduce((sum, s) => sum + (s.events[i]?.alive ?? 0), 0),
      lost: judged.reduce((sum, s) => sum + (s.events[i]?.lost ?? 0), 0),
    })),
    lostOutsideEvents: judged.reduce((sum, s) => sum + s.connections.lostOutsideEvents, 0),
    recoverMs: values((s) => {
      const ms = s.events.map((event) => event.recoveredMs);
      return ms.length === 0 || ms.includes(null) ? null : Math.max(...ms.map(Number));
    }),
    latencyP50Ms: values((s) => s.latencyMs.p50),
    latencyP99Ms: values((s) => s.latencyMs.p99),
  };
}

const counts = ({ verdict }: { verdict: string }) => ["pass", "unjudged", "fail"].includes(verdict);

/**
 * The baseline's entry for these runs; null when it has none for this case. Throws UsageError when it was taken in another
 * environment, or holds this case with other parameters only.
 */
export function entryFor(found: Baseline, group: Group): BaselineEntry | null {
  refuseOther(found.environment, group.environment, `The baseline cannot be compared with '${group.case}'`);
  const same = found.entries.filter((e) => e.case === group.case);
  const entry = same.find((e) => sameText(e.parameters) === sameText(group.parameters));
  const [other] = same;
  if (!entry && other)
    refuseOther(other.parameters, group.parameters, `The baseline has '${group.case}' with different parameters`);
  return entry ?? null;
}

function refuseOther(
  a: Environment | Record<string, unknown>,
  b: Environment | Record<string, unknown>,
  what: string,
): void {
  const [before, now] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  const other = [...new Set([...before.keys(), ...now.keys()])]
    .filter((key) => sameText(before.get(key)) !== sameText(now.get(key)))
    .map((key) => `${key} was ${JSON.stringify(before.get(key))} and is ${JSON.stringify(now.get(key))}`);
  if (other.length > 0) throw new UsageError(`${what}: ${other.join("; ")}.`);
}
