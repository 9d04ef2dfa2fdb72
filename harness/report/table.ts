// SPDX-License-Identifier: Apache-2.0
/** Cells are text already; HTML, Markdown and the terminal only lay them out. */
export interface Table {
  head: string[];
  rows: string[][];
}

/** Intervals too: "20.8 to 22.4 %". */
const NUMBER = /^[+-]?[\d.,]+(?: to [+-]?[\d.,]+)?(?: (?:%|ms|s|MiB))?$|^n\/a$|^$/;

/** Which columns hold numbers only and are aligned to the right. */
export function numericColumns(table: Table): boolean[] {
  return table.head.map(
    (_, column) => table.rows.length > 0 && table.rows.every((row) => NUMBER.test(row[column] ?? "")),
  );
}
