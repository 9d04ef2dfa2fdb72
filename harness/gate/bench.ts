// SPDX-License-Identifier: Apache-2.0
// What a gate reads of `bench --json`.
import { z } from "zod";
import { direct } from "../bench/direct.ts";
import { issueText } from "../record/damage.ts";
import { UsageError } from "../util/errors.ts";
import type { Finding } from "./finding.ts";
import { parseJson, readText } from "./thresholds.ts";

const row = z
  .object({
    backend: z.string(),
    metric: z.string(),
    /** false: the less the better, and a limit is the most that it may be. */
    higherIsBetter: z.boolean().optional(),
    /** Its name in files of 2026 and before. */
    more: z.boolean().default(true),
    ratioToPlain: z.number().nullable(),
    /** Of the ratio, round by round; null where too few rounds cannot give one. */
    ratioInterval95: z.tuple([z.number(), z.number()]).nullable().default(null),
    repeats: z.int().min(1),
  })
  .transform(({ more, higherIsBetter = more, ...rest }) => ({ ...rest, higherIsBetter }));
export type BenchRow = z.output<typeof row>;

/** Throws UsageError that names the file. */
export function readBench(file: string): BenchRow[] {
  const parsed = z.array(row).safeParse(parseJson(readText(file), file));
  if (parsed.success) return parsed.data;
  throw new UsageError(`'${file}' is not output of 'bench --json': ${issueText(parsed.error)}.`);
}

/** One fails when its whole interval is on the wrong side of the limit; without an interval it has no data. What is not limited is told. */
export function judgeBench(limits: Readonly<Record<string, number>>, rows: readonly BenchRow[]): Finding[] {
  const missing = Object.keys(limits).filter(
    (metric) => !rows.some((r) => r.metric === metric && r.ratioToPlain !== null),
  );
  return [
    ...missing.map(
      (metric): Finding => ({
        case: "",
        check: `ratio_${metric}`,
        state: "no_data",
        text: `No benchmark has '${metric}'. Add one with --bench.`,
      }),
    ),
    ...rows.flatMap((one): Finding[] => {
      const { backend, metric, higherIsBetter, ratioToPlain: ratio, ratioInterval95: interval, repeats } = one;
      // A lab without a router is a reference: nobody answers for it.
      if (ratio === null || backend === direct.name) return [];
      const limit = limits[metric];
      const range =
        interval === null ? "no interval" : `95 % interval ${interval.map((v) => v.toFixed(2)).join(" to ")}`;
      const text = `${ratio.toFixed(2)} of plain forwarding (${range}, ${repeats} repeats)`;
      const finding = { case: backend, check: `ratio_${metric}` };
      if (limit === undefined) return [{ ...finding, state: "info", text: `${text}; not judged.` }];
      if (interval === null) return [{ ...finding, state: "no_data", text: `${text}: too few repeats to judge.` }];
      const bad = higherIsBetter ? interval[1] < limit : interval[0] > limit;
      return [
        { ...finding, state: bad ? "failed" : "held", text: `${text}, ${higherIsBetter ? "least" : "most"} ${limit}.` },
      ];
    }),
  ];
}
