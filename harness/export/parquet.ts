// SPDX-License-Identifier: Apache-2.0
import type { SchemaElement } from "hyparquet";
import { fileWriter, ParquetWriter } from "hyparquet-writer";
import type { Cells, ColumnInfo } from "./table.ts";

/** Of a row group: a million connections are never in memory at once. */
const GROUP_ROWS = 100_000;

const TYPES: Readonly<Record<ColumnInfo["type"], Partial<SchemaElement>>> = {
  text: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  integer: { type: "INT64" },
  real: { type: "DOUBLE" },
};

/** Returns the number of rows. */
export async function writeParquet(
  file: string,
  columns: readonly ColumnInfo[],
  rows: Iterable<Cells>,
): Promise<number> {
  const writer = new ParquetWriter({
    writer: fileWriter(file),
    schema: [
      { name: "root", num_children: columns.length },
      ...columns.map(({ name, type }): SchemaElement => ({ name, repetition_type: "OPTIONAL", ...TYPES[type] })),
    ],
    kvMetadata: columns.map(({ name, unit, about }) => ({
      key: name,
      value: [about, unit].filter(Boolean).join("; "),
    })),
    createdBy: "load-balancer",
  });
  let [group, written] = [[] as Cells[], 0];
  const flush = async () => {
    if (group.length === 0) return;
    const columnData = columns.map(({ name, type }, i) => ({
      name,
      data: group.map((cells) => stored(type, cells[i] ?? null)),
    }));
    await writer.write({ columnData, rowGroupSize: GROUP_ROWS });
    group = [];
  };
  for (const cells of rows) {
    group.push(cells);
    written++;
    if (group.length === GROUP_ROWS) await flush();
  }
  await flush();
  await writer.finish();
  return written;
}

const stored = (type: ColumnInfo["type"], cell: Cells[number]) =>
  type === "integer" && cell !== null ? BigInt(cell) : cell;
