// SPDX-License-Identifier: Apache-2.0
// Text to markup. Everything that comes from a run passes through `escapeText` or `inlineJson`.

import { numericColumns, type Table } from "../table.ts";

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** For element content and quoted attributes, in HTML and XML. Characters that XML forbids become U+FFFD. */
export function escapeText(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD")
    .replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c);
}

/** JSON inside a script element: without "<" neither an end tag nor a comment can begin. */
export function inlineJson(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

/** A table that scrolls by itself, by keyboard too, when it is wider or longer than its place. One that `stacks` is a list of rows on a phone. */
export function tableMarkup(table: Table, label: string, { stacks = false } = {}): string {
  const numeric = numericColumns(table);
  const kind = (column: number) => (numeric[column] ? ' class="number"' : "");
  const named = (column: number) => (stacks ? ` data-name="${escapeText(table.head[column] ?? "")}"` : "");
  const titled = table.head.some((text) => text !== "");
  const head = titled
    ? `<thead><tr>${table.head.map((text, i) => `<th scope="col"${kind(i)}>${escapeText(text)}</th>`).join("")}</tr></thead>`
    : "";
  const cell = (text: string, i: number) =>
    i === 0 && !titled
      ? `<th scope="row">${escapeText(text)}</th>`
      : `<td${kind(i)}${named(i)}>${escapeText(text)}</td>`;
  const rows = table.rows.map((row) => `<tr>${row.map(cell).join("")}</tr>`).join("\n");
  return `<div class="scroll${stacks ? " stacks" : ""}" role="region" tabindex="0" aria-label="${escapeText(label)}"><table>${head}<tbody>\n${rows}\n</tbody></table></div>`;
}
