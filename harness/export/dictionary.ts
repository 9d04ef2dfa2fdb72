// SPDX-License-Identifier: Apache-2.0
// What each column means: written beside the tables, and part of results/README.md.
import { wrap } from "../util/wrap.ts";
import type { ColumnInfo, Table } from "./table.ts";

const WIDTH = 100;

export function dictionaryText(tables: readonly Table[]): string {
  return tables
    .map(({ name, about, columns }) =>
      [
        `### ${name}`,
        "",
        ...wrap(about, WIDTH),
        "",
        "| column | type | unit | content |",
        "|---|---|---|---|",
        ...columns.map(rowText),
        "",
      ].join("\n"),
    )
    .join("\n");
}

const rowText = ({ name, type, unit, about }: ColumnInfo) => `| \`${name}\` | ${type} | ${unit} | ${about} |`;
