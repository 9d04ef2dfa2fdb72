// SPDX-License-Identifier: Apache-2.0
import type { Series } from "../analysis/series.ts";
import { count } from "../util/numbers.ts";
import { eventLabel } from "./format.ts";

const ROWS = 6;
const EIGHTHS = " ▁▂▃▄▅▆▇█";
const WIDEST_BAR = 5;

/** Connections lost in each second as bars of block characters, with a time axis and a mark under each event. */
export function lossGraph(series: Series, width: number): string[] {
  const perSecond = series.lossPerSecond.map(({ byCause }) => Object.values(byCause).reduce((sum, n) => sum + n, 0));
  // More seconds than a call may have arguments.
  const most = perSecond.reduce((a, b) => Math.max(a, b), 0);
  if (most === 0) return [];
  const label = count(most).length;
  const room = width - label - 2;
  const secondsPerBar = Math.ceil(perSecond.length / room);
  // The worst second of a bar, so that the scale stays "per second".
  const bars = Array.from({ length: Math.ceil(perSecond.length / secondsPerBar) }, (_, i) =>
    perSecond.slice(i * secondsPerBar, (i + 1) * secondsPerBar).reduce((a, b) => Math.max(a, b), 0),
  );
  const wide = Math.min(WIDEST_BAR, Math.max(1, Math.floor(room / bars.length)));
  const column = (s: number) => Math.floor((s / secondsPerBar) * wide);
  const margin = " ".repeat(label);
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const row = ROWS - 1 - i;
    const name = (row === ROWS - 1 ? count(most) : row === 0 ? "0" : "").padStart(label);
    return `${name} │${bars.map((n) => bar(n / most, row, wide)).join("")}`.trimEnd();
  });
  return [
    "Connections lost per second",
    ...rows,
    `${margin} └${"─".repeat(bars.length * wide)}`,
    `${margin}  ${timeAxis(perSecond.length, column, bars.length * wide)}`,
    ...series.events.map((event) => `${margin}  ${mark(column(event.s), `${eventLabel(event)}`, room)}`),
  ];
}

/** The part of a bar that lies in a row; a gap of one column separates bars that are wide enough. Any loss shows. */
function bar(part: number, row: number, wide: number): string {
  const eighths = Math.max(part > 0 ? 1 : 0, Math.round(part * ROWS * 8));
  const full = Math.min(8, Math.max(0, eighths - row * 8));
  const block = EIGHTHS[full] ?? " ";
  return wide === 1 ? block : `${block.repeat(wide - 1)} `;
}

/** A number about every ten columns, at round seconds. */
function timeAxis(seconds: number, column: (s: number) => number, width: number): string {
  const step =
    [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400].find((s) => column(s) >= 8) ?? 432_000;
  let line = "";
  for (let s = 0; s <= seconds; s += step) {
    const text = s + step > seconds ? `${s} s` : String(s);
    if (column(s) + text.length <= width + 4) line = line.padEnd(column(s)) + text;
  }
  return line;
}

/** "▲ label" under its second; near the right edge the label stands before the mark. */
function mark(at: number, label: string, room: number): string {
  const before = at + 2 + label.length > room && at > label.length;
  return before ? `${" ".repeat(at - label.length - 1)}${label} ▲` : `${" ".repeat(at)}▲ ${label}`;
}
