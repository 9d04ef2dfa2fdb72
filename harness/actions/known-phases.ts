// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import path from "node:path";
import type { LoadedRun } from "../analysis/load.ts";
import { Damaged } from "../record/damage.ts";
import { readSummary } from "../record/read.ts";

/** How long the run's own report took is the one thing that its events do not tell: its summary does, if it can be read. */
export function keepPhases({ dir, summary }: LoadedRun): void {
  if (!existsSync(path.join(dir, "summary.json"))) return;
  try {
    summary.phasesMs = readSummary(dir).phasesMs;
  } catch (error) {
    if (!(error instanceof Damaged)) throw error;
  }
}
