// SPDX-License-Identifier: Apache-2.0
// Tables of runs for other programs, with a dictionary of their columns beside them.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { loadWithRecord } from "../analysis/load.ts";
import { buildTimeline } from "../analysis/timeline.ts";
import { dictionaryText } from "../export/dictionary.ts";
import { tables } from "../export/index.ts";
import type { TABLE_FORMATS, TABLES } from "../export/names.ts";
import type { Source } from "../export/table.ts";
import { writeTable } from "../export/write.ts";
import { Damaged } from "../record/damage.ts";
import { runsIn } from "../record/folders.ts";
import { LabError } from "../runtime/runtime.ts";
import { systemReason } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import { makeDirs } from "../util/make-dirs.ts";
import { plural } from "../util/numbers.ts";

interface ExportOptions {
  run: readonly string[];
  format: (typeof TABLE_FORMATS)[number];
  table: readonly (typeof TABLES)[number][];
  out?: string | undefined;
}

/** Prints each file with its rows. Returns the exit code: what is damaged, or was cut, is said and is no data. */
export async function exportRuns({ run: dirs, format, table, out }: ExportOptions): Promise<number> {
  const found = dirs.flatMap(runsIn);
  let code: number = EXIT.passed;
  for (const dir of found) {
    try {
      const { source, cut } = sourceOf(dir);
      const to =
        out === undefined ? path.join(dir, "export") : path.join(out, found.length > 1 ? source.record.run.id : "");
      await exportRun(source, { format, table, to });
      if (cut === null) continue;
      process.stderr.write(`${cut}\n`);
    } catch (error) {
      if (!(error instanceof Damaged)) throw error;
      process.stderr.write(`${error.message}\n`);
    }
    code = EXIT.insufficient;
  }
  return code;
}

function sourceOf(dir: string): { source: Source; cut: string | null } {
  const { record, summary } = loadWithRecord(dir);
  const timeline = buildTimeline(record.events, record.run.targets, record.run.routers);
  return { source: { record, summary, timeline }, cut: record.cut };
}

async function exportRun(
  source: Source,
  { format, table: names, to }: Pick<ExportOptions, "format" | "table"> & { to: string },
): Promise<void> {
  const chosen = [...new Set(names)].map((name) => tables[name]);
  await writing(to, async () => makeDirs(to));
  for (const table of chosen) {
    const file = path.join(to, `${table.name}.${format}`);
    const written = await writing(file, () => writeTable(file, { format, columns: table.columns }, table.rows(source)));
    process.stdout.write(`${file}: ${plural(written, "row")}\n`);
  }
  const dictionary = path.join(to, "columns.md");
  const text = `# Columns of the tables of ${source.record.run.id}\n\n${dictionaryText(chosen)}`;
  await writing(dictionary, async () => writeFileSync(dictionary, text));
  process.stdout.write(`${dictionary}: what each column means\n`);
}

async function writing<T>(what: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).syscall === undefined) throw cause;
    throw new LabError(`Cannot write '${what}': ${systemReason(cause)}.`, { cause });
  }
}
