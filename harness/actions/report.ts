// SPDX-License-Identifier: Apache-2.0
import { existsSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { loadRuns } from "../analysis/load.ts";
import { Damaged } from "../record/damage.ts";
import { readSummary } from "../record/read.ts";
import type { Summary } from "../record/schema.ts";
import { reporters } from "../report/index.ts";
import type { FIGURE_FORMATS } from "../report/names.ts";
import { figures } from "../report/png.ts";
import { writeAll } from "../report/reporter.ts";
import { systemReason, UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";

/** Of the pictures. */
interface Look {
  format: readonly (typeof FIGURE_FORMATS)[number][];
  width?: number | undefined;
  dpi: number;
  titles: boolean;
}

const SCREEN: Look = { format: ["png"], dpi: 96, titles: true };

/** Draws runs again from what they recorded. Returns the exit code: a report that could not be written comes before a record that is damaged. */
export async function redraw(dirs: readonly string[], look: Look = SCREEN): Promise<number> {
  const missing = dirs.find((dir) => !statSync(dir, { throwIfNoEntry: false })?.isDirectory());
  if (missing !== undefined) throw new UsageError(`There is no folder '${missing}'.`);
  const { runs, damaged } = loadRuns(dirs);
  const failures: string[] = [];
  for (const { dir, run, summary, series, cut } of runs) {
    const drawn = [
      ...Object.values(reporters).filter(({ name }) => name !== "terminal" && name !== "png"),
      ...look.format.map((format) => figures({ ...look, format, widthMm: look.width ?? null })),
    ];
    for (const { reporter, error } of await writeAll({ run, summary, series }, dir, drawn))
      failures.push(`Cannot write the ${reporter} report of '${dir}': ${systemReason(error)}`);
    // How long the run's own report took is the one thing that its events do not tell.
    const known = earlierSummary(dir);
    if (known) summary.phasesMs = known.phasesMs;
    try {
      writeFileSync(path.join(dir, "summary.json"), `${JSON.stringify(summary, null, 2)}\n`);
    } catch (error) {
      failures.push(`Cannot write summary.json of '${dir}': ${systemReason(error)}`);
    }
    if (cut) damaged.push(...summary.reasons);
    process.stdout.write(`${path.join(dir, "report.html")}\n`);
  }
  for (const text of [...damaged, ...failures]) process.stderr.write(`${text}\n`);
  if (failures.length > 0) return EXIT.infrastructure;
  return damaged.length > 0 ? EXIT.insufficient : EXIT.passed;
}

/** null: there is none that could be read. */
function earlierSummary(dir: string): Summary | null {
  try {
    return existsSync(path.join(dir, "summary.json")) ? readSummary(dir) : null;
  } catch (error) {
    if (error instanceof Damaged) return null;
    throw error;
  }
}
