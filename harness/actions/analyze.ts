// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { analyzeCtraffic, type CtrafficAnalysis, parseCtraffic } from "../traffic/ctraffic.ts";
import { UsageError } from "../util/errors.ts";

/** One of ctraffic's analyses of a statistics file, ours or the original's. */
export function analyzeCommand(analysis: CtrafficAnalysis, file: string): number {
  try {
    process.stdout.write(analyzeCtraffic(analysis, parseCtraffic(readFileSync(file, "utf8"))));
    return 0;
  } catch (cause) {
    throw new UsageError(`Cannot analyse '${file}': ${(cause as Error).message}`, { cause });
  }
}
