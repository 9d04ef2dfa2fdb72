// SPDX-License-Identifier: Apache-2.0
// Lines of a fault test, as Markdown tables: for the terminal and docs/reliability.md.

/** One line of a table; the first two cells say which it is. */
export interface Line {
  cells: readonly string[];
  passed: boolean;
}

const KEYS = 2;

export const lineText = ({ cells }: Pick<Line, "cells">) =>
  `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;

export const headText = (columns: readonly string[]) =>
  `${lineText({ cells: columns })}\n|${columns.map(() => "---").join("|")}|`;

/** Which line it is. */
const keyOf = (text: string) => text.split(" | ").slice(0, KEYS).join(" | ");

/**
 * Puts lines into the table between `<!-- name -->` and `<!-- end of name -->`: each takes the place of the one with the same first
 * cells, or comes behind. Throws Error when the marks are not there.
 */
export function mergeTable(page: string, name: string, columns: readonly string[], lines: readonly Line[]): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`There is no '${begin}' with an end.`);
  const head = headText(columns);
  const before = page.slice(from + begin.length, to).trim();
  // A table of other columns is made anew.
  const kept = before.startsWith(head) ? before.slice(head.length).trim().split("\n").filter(Boolean) : [];
  const all = new Map([...kept, ...lines.map(lineText)].map((text) => [keyOf(text), text]));
  return `${page.slice(0, from + begin.length)}\n\n${[head, ...all.values()].join("\n")}\n\n${page.slice(to)}`;
}
