// What a gate reads of `bench --json`.
import { z } from "zod";
import { UsageError } from "../backend.ts";
import { parseJson, readText } from "./thresholds.ts";

const row = z.object({
  backend: z.string(),
  metric: z.string(),
  median: z.number(),
  interval95: z.tuple([z.number(), z.number()]),
  ratioToPlain: z.number().nullable(),
  repeats: z.int().min(1),
});

export interface BenchRow {
  backend: string;
  metric: string;
  ratioToPlain: number | null;
  /** Of the ratio: the median's interval, in the same proportion. */
  interval: [low: number, high: number];
  repeats: number;
}

/** Throws UsageError that names the file. */
export function readBench(file: string): BenchRow[] {
  const parsed = z.array(row).safeParse(parseJson(readText(file), file));
  if (!parsed.success) throw new UsageError(`'${file}' is not what 'bench --json' prints.`);
  return parsed.data.map(({ backend, metric, median, interval95, ratioToPlain, repeats }) => {
    const scale = (ratioToPlain ?? 0) / (median || 1);
    return { backend, metric, ratioToPlain, interval: [interval95[0] * scale, interval95[1] * scale], repeats };
  });
}
