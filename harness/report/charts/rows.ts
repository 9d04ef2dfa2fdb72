// SPDX-License-Identifier: Apache-2.0
// Bars in rows with their names beside them, in sections: many things side by side, each with its interval, mark and text.
import type { Hatch } from "../hatch.ts";
import type { Marks } from "../marks.ts";
import { LIGHT } from "../palette.ts";
import type { Table } from "../table.ts";
import { axis, type Chart, type Dataset, type JsonObject, LEGEND_LABELS, MARK_COLOURS } from "./chart.ts";

interface Part {
  name: string;
  colour: string;
  hatch: Hatch | null;
  value: number;
}

export interface Row {
  label: string;
  /** One behind the other; those of one name look alike. */
  parts: readonly Part[];
  interval: readonly [low: number, high: number] | null;
  mark: number | null;
  reference: number | null;
  /** Behind the bar. */
  text: string;
}

export interface Section {
  heading: string;
  rows: readonly Row[];
}

interface RowChart extends Pick<Chart, "id" | "heading" | "title" | "reading" | "caption"> {
  sections: readonly Section[];
  /** Title of the axis; null: sections differ in their units, and the texts say the numbers. */
  x: string | null;
  markName: string;
  referenceName: string | null;
  data: Table;
}

const ROW_PIXELS = 23;
const AROUND_PIXELS = 190;

export function rowChart({ sections, x, markName, referenceName, ...words }: RowChart): Chart {
  const lines = sections.flatMap(({ heading, rows }) => [
    { heading, row: null },
    ...rows.map((row) => ({ heading, row })),
  ]);
  const labels = lines.map(({ row }) => row?.label ?? "");
  const rows = lines.map(({ row }) => row);
  const place = (value: number | null | undefined, i: number) => ({ x: value || null, y: labels[i] ?? "" });
  const parts = new Map(rows.flatMap((row) => row?.parts ?? []).map((part) => [part.name, part]));
  const bars = [...parts].map(([name, look]): Dataset => {
    const of = (row: Row | null) => row?.parts.find((part) => part.name === name)?.value;
    return { type: "bar", label: name, data: rows.map((row, i) => place(of(row), i)), ...barLook(look) };
  });
  const marked = rows.some((row) => row?.mark != null);
  const most = Math.max(...rows.flatMap((row) => (row ? endOf(row) : 0)));
  return {
    ...words,
    height: AROUND_PIXELS + ROW_PIXELS * lines.length,
    config: {
      type: "bar",
      data: {
        labels,
        datasets: [
          ...bars,
          ...(marked
            ? [
                markDataset(
                  markName,
                  rows.map((row, i) => place(row?.mark, i)),
                ),
              ]
            : []),
          ...(referenceName === null ? [] : [referenceDataset(referenceName)]),
        ],
      },
      options: options(x, most, {
        ...marksOf(lines, most),
        ...(marked ? { whiskersBelow: bars.length } : {}),
        height: AROUND_PIXELS + ROW_PIXELS * lines.length,
      }),
    },
  };
}

const total = ({ parts }: Row) => parts.reduce((sum, { value }) => sum + value, 0);

function marksOf(lines: readonly { heading: string; row: Row | null }[], most: number): JsonObject {
  const marks = {
    whiskers: lines.flatMap(({ row }, i) =>
      row?.interval ? [{ row: i, low: row.interval[0], high: row.interval[1] }] : [],
    ),
    references: lines.flatMap(({ row }, i) => (row?.reference == null ? [] : [{ from: i, to: i, at: row.reference }])),
    texts: lines.map(({ heading, row }, i) =>
      row ? { row: i, at: clearOf(row, most), text: row.text } : { row: i, at: 0, text: heading, strong: true },
    ),
    ...MARK_COLOURS,
  } satisfies Marks;
  return marks;
}

/** Behind all that is drawn of a row, and behind its reference line where that would cross the text. */
function clearOf(row: Row, most: number): number {
  const end = endOf(row);
  return row.reference !== null && row.reference >= end && row.reference < end + most / 10 ? row.reference : end;
}

const endOf = (row: Row) => Math.max(total(row), row.mark ?? 0, row.interval?.[1] ?? 0);

const barLook = ({ colour, hatch }: Part) =>
  ({
    backgroundColor: colour,
    hatch,
    // Parts of one shade of grey are kept apart by the gap.
    borderColor: LIGHT.surface,
    borderWidth: 1,
    stack: "parts",
    order: 2,
    pointStyle: "rect",
  }) satisfies Partial<Dataset>;

function markDataset(label: string, data: Dataset["data"]): Dataset {
  return {
    type: "line",
    label,
    data,
    showLine: false,
    borderColor: LIGHT.ink,
    backgroundColor: LIGHT.surface,
    borderWidth: 1.5,
    pointRadius: 5,
    clip: 6,
    pointStyle: "rectRot",
    order: 0,
  };
}

/** For the legend: it is drawn row by row. */
function referenceDataset(label: string): Dataset {
  return {
    type: "line",
    label,
    data: [],
    borderColor: LIGHT.ideal,
    backgroundColor: LIGHT.ideal,
    borderDash: [2, 3],
    borderWidth: 2,
    pointStyle: "line",
  };
}

function options(x: string | null, most: number, marks: JsonObject): Chart["config"]["options"] {
  const across = x === null ? { ...axis(""), display: false } : axis(x);
  return {
    locale: "en-US",
    animation: false,
    indexAxis: "y",
    font: { size: 13 },
    color: LIGHT.ink,
    interaction: { mode: "nearest", axis: "y", intersect: false },
    scales: {
      x: { ...across, min: 0, suggestedMax: most * 1.2 || 1 },
      y: {
        ...axis(""),
        type: "category",
        ticks: { color: LIGHT.ink, autoSkip: false },
        grid: { display: false },
      },
    },
    plugins: {
      legend: {
        // Sections of their own units are named by their headings.
        display: x !== null,
        position: "bottom",
        labels: LEGEND_LABELS,
      },
      annotation: { annotations: {} },
      marks,
    },
  };
}
