// SPDX-License-Identifier: Apache-2.0
// Tables as text. One that is wider than its place breaks its words, and else becomes a list: nothing is cut off.
import { wrap } from "../util/wrap.ts";
import { numericColumns, type Table } from "./table.ts";

const BETWEEN = 2;
/** Of text: narrower columns are hard to read. */
const LEAST = 8;
/** In a pipe lines may be long: programs read them. */
const PIPE_COLUMNS = 200;

export const printedColumns = (): number => process.stdout.columns || PIPE_COLUMNS;

export function tableLines(table: Table, width: number): string[] {
  if (table.rows.length === 0) return [];
  const numeric = numericColumns(table);
  const sizes = fit(table, numeric, width);
  if (sizes === null) return listLines(table, width);
  const rowLines = (row: readonly string[]) => {
    const cells = sizes.map((size, i) => broken(row[i] ?? "", size));
    const height = Math.max(...cells.map((lines) => lines.length));
    return Array.from({ length: height }, (_, k) =>
      cells
        .map((lines, i) =>
          numeric[i] ? (lines[k] ?? "").padStart(sizes[i] ?? 0) : (lines[k] ?? "").padEnd(sizes[i] ?? 0),
        )
        .join(" ".repeat(BETWEEN))
        .trimEnd(),
    );
  };
  return [table.head, ...table.rows].flatMap(rowLines);
}

/** Widths of the columns; the widest texts give way. null: there is no room for the numbers. */
function fit({ head, rows }: Table, numeric: readonly boolean[], width: number): number[] | null {
  const cells = head.map((_, i) => rows.map((row) => row[i] ?? ""));
  const natural = head.map((name, i) => longest([name, ...(cells[i] ?? [])]));
  const least = head.map((name, i) =>
    numeric[i]
      ? Math.max(longest(cells[i] ?? []), longest(words(name)))
      : Math.min(natural[i] ?? 0, Math.max(LEAST, longest([name, ...(cells[i] ?? [])].flatMap(words)))),
  );
  const room = width - BETWEEN * (head.length - 1);
  if (sum(least) > room) return null;
  const sizes = [...natural];
  while (sum(sizes) > room) {
    const slack = sizes.map((size, i) => (size > (least[i] ?? 0) ? size : 0));
    const widest = slack.indexOf(Math.max(...slack));
    sizes[widest] = (sizes[widest] ?? 0) - 1;
  }
  return sizes;
}

const words = (text: string) => wrap(text, 1);
const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
const longest = (texts: readonly string[]) => Math.max(0, ...texts.map(({ length }) => length));

function broken(text: string, size: number): string[] {
  return text.length <= size ? [text] : wrap(text, size);
}

/** A paragraph for each row: its first cell, and below it the others with their names. */
function listLines({ head, rows }: Table, width: number): string[] {
  const column = longest(head.slice(1)) + BETWEEN;
  return rows.flatMap(([first = "", ...cells]) => [
    ...wrap(first, width),
    ...cells.flatMap((cell, i) =>
      cell === ""
        ? []
        : wrap(cell, Math.max(LEAST, width - column - BETWEEN)).map(
            (line, k) => `  ${(k === 0 ? (head[i + 1] ?? "") : "").padEnd(column)}${line}`,
          ),
    ),
  ]);
}
