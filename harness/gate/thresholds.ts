// SPDX-License-Identifier: Apache-2.0
// What a gate asks of runs: a small JSON file, every name checked.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { LATE_PERCENT } from "../analysis/integrity.ts";
import { ROOTS, rootCause } from "../record/base.ts";
import { jsonFault } from "../record/damage.ts";
import { systemReason, UsageError } from "../util/errors.ts";

const positive = z.number().positive();
const atLeast0 = z.number().min(0);

export const thresholds = z.strictObject({
  /** Probability that the whole gate, all its tests of chance together, fails a faultless balancer. */
  falseAlarm: z.number().gt(0).max(0.5).default(0.0005),
  /** Whether what a run itself calls a failure, and chance has no part in, fails the gate. */
  ownVerdict: z.boolean().default(true),
  /** Loss above the oracle's (above the ideal where there is no oracle), in percent of the live connections. */
  lossExcessPercent: z.number().min(0).max(100).default(0),
  /** What losses that no oracle predicts are judged against: the ideal, or nothing. */
  unjudgedLosses: z.enum(["ideal", "ignore"]).default("ideal"),
  lostOutsideEvents: z.int().min(0).default(0),
  /** Connections that may be lost by a root cause; causes that are not named are not limited. */
  causes: z.partialRecord(rootCause, z.int().min(0)).default({}),
  /** Connections lost because the balancer had forgotten them, beyond what its memory explains. */
  lostForgotten: z.int().min(0).default(0),
  /** false: the spread over the targets is not judged. */
  spread: z.boolean().default(true),
  /** Absent: no more than a healthy lab shows. */
  unaccountedPercent: z.number().min(0).max(100).optional(),
  /** Messages that no impairment that was asked for explains; `latePercent` of the answers while nothing else was late. */
  integrity: z
    .strictObject({
      corrupt: z.int().min(0).default(0),
      duplicates: z.int().min(0).default(0),
      reordered: z.int().min(0).default(0),
      latePercent: z.number().min(0).max(100).default(LATE_PERCENT),
    })
    .prefault({}),
  /** From the order of an event until the last connection lost at it is open again. */
  recoverMs: positive.optional(),
  latencyP99Ms: positive.optional(),
  /** Against the baseline: what a median may be of its own, by the interval of the ratio. 1.2 allows 20 % more. */
  recoverRatio: positive.optional(),
  latencyP50Ratio: positive.optional(),
  latencyP99Ratio: positive.optional(),
  /** Ratio to plain forwarding, by metric of `bench --json`: the least, or the most where less is better. */
  ratioToPlain: z.record(z.string(), atLeast0).default({}),
});
export type Thresholds = z.infer<typeof thresholds>;

/** null: the defaults. Throws UsageError that names the file and the field. */
export function readThresholds(file: string | null): Thresholds {
  return file === null ? thresholds.parse({}) : parseThresholds(readText(file), file);
}

/** "threshold 'lossExces'. There are: ..."; of causes, those. */
function unknownText({ keys, path }: { keys: readonly string[]; path: readonly PropertyKey[] }): string {
  const [what, known] = path[0] === "causes" ? ["cause", ROOTS] : ["threshold", Object.keys(thresholds.shape)];
  return `${what} ${keys.map((key) => `'${key}'`).join(", ")}. There are: ${[...known].sort().join(", ")}`;
}

export function parseThresholds(text: string, file: string): Thresholds {
  const parsed = thresholds.safeParse(parseJson(text, file));
  if (parsed.success) return parsed.data;
  throw new UsageError(
    parsed.error.issues
      .map((issue) =>
        issue.code === "unrecognized_keys"
          ? `'${file}': there is no ${unknownText(issue)}.`
          : `'${file}': ${issue.path.map(String).join(".") || "the file"}: ${issue.message}.`,
      )
      .join(" "),
  );
}

export function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new UsageError(`Cannot read '${file}': ${systemReason(cause)}.`, { cause });
  }
}

export function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { line, why } = jsonFault(text, cause as Error);
    throw new UsageError(`'${file}:${line}': ${why}.`, { cause });
  }
}
