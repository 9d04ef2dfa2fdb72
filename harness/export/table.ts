// SPDX-License-Identifier: Apache-2.0
// A table for other programs: named columns with their units, and rows that are made as they are written.
import type { Timeline } from "../analysis/timeline.ts";
import type { WholeRecord } from "../record/read.ts";
import type { Summary } from "../record/schema.ts";

/** What a run's tables are made of. */
export interface Source {
  record: WholeRecord;
  summary: Summary;
  /** null: the run ended before there was traffic, and has no rows. */
  timeline: Timeline | null;
}

type Cell = string | number | null;
export type Cells = readonly Cell[];

export interface ColumnInfo {
  name: string;
  type: "text" | "integer" | "real";
  unit: string;
  about: string;
}

export interface Table {
  name: string;
  about: string;
  columns: readonly ColumnInfo[];
  rows(source: Source): Iterable<Cells>;
}

export interface Column<R> extends ColumnInfo {
  of: (row: R, source: Source) => Cell;
}

const column =
  (type: ColumnInfo["type"]) =>
  <R>(name: string, [unit, about]: readonly [unit: string, about: string], of: Column<R>["of"]): Column<R> => ({
    name,
    type,
    unit,
    about,
    of,
  });
export const text = column("text");
export const integer = column("integer");
export const real = column("real");

interface Definition<R> {
  name: string;
  about: string;
  columns: readonly Column<R>[];
  rows(source: Source & { timeline: Timeline }): Iterable<R>;
}

/** Every table begins with the run, so that tables of many runs can be put together. */
export function defineTable<R>(definition: Definition<R>): Table {
  const { name, about } = definition;
  const run = text<R>("run", ["", "name of the run's folder"], (_, { record }) => record.run.id);
  const all = [run, ...definition.columns];
  return {
    name,
    about,
    columns: all,
    *rows(source) {
      const { timeline } = source;
      if (timeline)
        for (const row of definition.rows({ ...source, timeline })) yield all.map(({ of }) => of(row, source));
    },
  };
}

/** Whole microseconds since the start of the traffic: the clock of every table. */
export const sinceStartUs = ({ timeline }: Source, t: number): number => Math.round((t - (timeline?.t0 ?? 0)) / 1000);
