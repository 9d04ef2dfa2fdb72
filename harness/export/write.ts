// SPDX-License-Identifier: Apache-2.0
// Tables as files. One that cannot be written to its end is not there: rows go to a file of another name first.
import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import type { TABLE_FORMATS } from "./names.ts";
import type { Cells, ColumnInfo } from "./table.ts";

type Rows = Iterable<Cells>;
type Write = (file: string, columns: readonly ColumnInfo[], rows: Rows) => Promise<number>;

/** Returns the number of rows. Throws what the system throws. */
export async function writeTable(
  file: string,
  { format, columns }: { format: (typeof TABLE_FORMATS)[number]; columns: readonly ColumnInfo[] },
  rows: Rows,
): Promise<number> {
  const part = `${file}.part`;
  try {
    const written = await WRITERS[format](part, columns, rows);
    renameSync(part, file);
    return written;
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

const WRITERS: Readonly<Record<(typeof TABLE_FORMATS)[number], Write>> = {
  csv: (file, columns, rows) =>
    writeLines(file, rows, {
      head: `${columns.map(({ name }) => name).join(",")}\r\n`,
      line: (cells) => `${cells.map(csvCell).join(",")}\r\n`,
    }),
  ndjson: (file, columns, rows) =>
    writeLines(file, rows, {
      head: "",
      line: (cells) => `${JSON.stringify(Object.fromEntries(columns.map(({ name }, i) => [name, cells[i]])))}\n`,
    }),
  parquet: async (file, columns, rows) => (await import("./parquet.ts")).writeParquet(file, columns, rows),
};

/** RFC 4180; nothing where there is no value. */
function csvCell(cell: Cells[number]): string {
  const text = cell === null ? "" : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const CHUNK = 1 << 20;

async function writeLines(
  file: string,
  rows: Rows,
  { head, line }: { head: string; line: (cells: Cells) => string },
): Promise<number> {
  const fd = openSync(file, "w");
  let [text, written] = [head, 0];
  const flush = () => {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    text = "";
  };
  try {
    for (const cells of rows) {
      text += line(cells);
      written++;
      if (text.length > CHUNK) flush();
    }
    flush();
    return written;
  } finally {
    closeSync(fd);
  }
}
