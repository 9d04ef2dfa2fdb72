// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from "node:fs";
import path from "node:path";
import { loadRuns } from "../analysis/load.ts";
import { runsIn } from "../record/folders.ts";
import { reporters } from "../report/index.ts";
import type { FIGURE_FORMATS } from "../report/names.ts";
import { figures } from "../report/png.ts";
import { writeAll } from "../report/reporter.ts";
import { systemReason } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import { keepPhases } from "./known-phases.ts";
import { isComparison, redrawComparison } from "./redraw-comparison.ts";

/** Of the pictures. */
interface Look {
  format: readonly (typeof FIGURE_FORMATS)[number][];
  width?: number | undefined;
  dpi: number;
  titles: boolean;
}

const SCREEN: Look = { format: ["png"], dpi: 96, titles: true };

/** Draws runs and comparisons again from what they recorded. Returns the exit code: a report that could not be written comes before a record that is damaged. */
export async function redraw(dirs: readonly string[], look: Look = SCREEN): Promise<number> {
  const figuresOf = look.format.map((format) => ({ ...look, format, widthMm: look.width ?? null }));
  const compared = dirs.filter(isComparison);
  const { runs, damaged } = loadRuns(dirs.filter((dir) => !compared.includes(dir)).flatMap(runsIn));
  for (const dir of compared)
    for (const figure of figuresOf) {
      damaged.push(...(await redrawComparison(dir, figure)));
      process.stdout.write(`${path.join(dir, "compare.html")}\n`);
    }
  const failures: string[] = [];
  for (const one of runs) {
    const { dir, run, summary, series, cut } = one;
    const drawn = [
      ...Object.values(reporters).filter(({ name }) => name !== "terminal" && name !== "png"),
      ...figuresOf.map(figures),
    ];
    for (const { reporter, error } of await writeAll({ run, summary, series }, dir, drawn))
      failures.push(`Cannot write the ${reporter} report of '${dir}': ${systemReason(error)}`);
    keepPhases(one);
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
