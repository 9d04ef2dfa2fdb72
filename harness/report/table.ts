// SPDX-License-Identifier: Apache-2.0
/** Cells are text already; HTML, Markdown and the terminal only lay them out. */
export interface Table {
  head: string[];
  rows: string[][];
}

const NUMBER = /^[+-]?[\d.,]+(?: (?:%|ms|s|MiB))?$|^n\/a$|^$/;

/** Which columns hold numbers only and are aligned to the right. */
export function numericColumns(table: Table): boolean[] {
  return table.head.map(
    (_, column) => table.rows.length > 0 && table.rows.every((row) => NUMBER.test(row[column] ?? "")),
  );
}
