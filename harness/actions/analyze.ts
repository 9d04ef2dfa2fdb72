// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { analyzeCtraffic, type CtrafficAnalysis, contradictions, parseCtraffic } from "../traffic/ctraffic.ts";
import { systemReason, UsageError } from "../util/errors.ts";

/** One of ctraffic's analyses of a statistics file, ours or the original's. */
export function analyze({ analysis, file }: { analysis: CtrafficAnalysis; file: string }): number {
  try {
    const stats = parseCtraffic(readFileSync(file, "utf8"));
    process.stdout.write(analyzeCtraffic(analysis, stats));
    for (const text of contradictions(stats)) process.stderr.write(`'${file}' contradicts itself: ${text}\n`);
    return 0;
  } catch (cause) {
    throw new UsageError(`Cannot analyse '${file}': ${systemReason(cause).replace(/\.$/, "")}.`, { cause });
  }
}
