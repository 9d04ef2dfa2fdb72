// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import {
  analyzeCtraffic,
  type CtrafficAnalysis,
  checkAnalysis,
  contradictions,
  parseCtraffic,
} from "../traffic/ctraffic.ts";
import { ctrafficLines } from "../traffic/ctraffic-lines.ts";
import { systemReason, UsageError } from "../util/errors.ts";

interface Asked {
  analysis: CtrafficAnalysis;
  file: string;
  /** ctraffic's own lines, or columns of ours. */
  format: "ctraffic" | "table";
}

/** One of ctraffic's analyses of a statistics file, ours or the original's. */
export function analyze({ analysis, file, format }: Asked): number {
  try {
    const stats = parseCtraffic(readFileSync(file, "utf8"));
    checkAnalysis(analysis, stats);
    process.stdout.write((format === "table" ? analyzeCtraffic : ctrafficLines)(analysis, stats));
    for (const text of contradictions(stats)) process.stderr.write(`'${file}' contradicts itself: ${text}\n`);
    return 0;
  } catch (cause) {
    throw new UsageError(`Cannot analyse '${file}': ${systemReason(cause).replace(/\.$/, "")}.`, { cause });
  }
}
