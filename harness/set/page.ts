// SPDX-License-Identifier: Apache-2.0
// index.html of a set: every run in a table that can be filtered and sorted, each a link to its own report.
import { shellLine } from "../report/format.ts";
import { escapeText } from "../report/html/markup.ts";
import { loadAssets, renderPage } from "../report/html.ts";
import { columnsOf, type SetColumn } from "./columns.ts";
import { type Entry, lastOf, type RunSet } from "./set.ts";
import { STATE_WORDS, setHeadline } from "./text.ts";

type Key = (entry: Entry) => string;
const FILTERS: [name: string, key: Key][] = [
  ["Backend", (entry) => lastOf(entry).summary.backend],
  ["Scenario", (entry) => lastOf(entry).summary.scenario],
  ["Family", (entry) => lastOf(entry).summary.family],
  ["Protocol", (entry) => lastOf(entry).summary.protocol],
  ["Verdict", (entry) => entry.state],
];

export async function setPage(set: RunSet): Promise<string> {
  const body = `<header><h1>${escapeText(setHeadline(set))}</h1>
${set.missing.length === 0 ? "" : `<ul class="reasons">${set.missing.map((text) => `<li>${escapeText(text)}</li>`).join("")}</ul>`}</header>
${runsMarkup(set.entries)}
<section id="command"><h2>Command</h2><pre id="command-line" tabindex="0"><code>${escapeText(shellLine(set.commandLine))}</code></pre></section>`;
  return renderPage({ title: setHeadline(set), body, charts: [] }, await loadAssets());
}

/** A table of runs that can be filtered and sorted. */
export function runsMarkup(entries: readonly Entry[]): string {
  const filters = FILTERS.map(([name, key], i) => {
    const values = [...new Set(entries.map(key))].sort();
    const options = values.map((value) => `<option>${escapeText(value)}</option>`);
    return `<label>${name} <select data-filter="${i}"><option value="">all</option>${options.join("")}</select></label>`;
  });
  const { columns, common } = columnsOf(entries);
  return `<section id="runs" class="wide"><h2>Runs</h2>
${common.length === 0 ? "" : `<p class="parameters">${escapeText(common.join("; "))}</p>`}
<div class="filters" role="group" aria-label="Filters">${filters.join("\n")}<span id="shown" role="status"></span></div>
<div class="scroll stacks" role="region" tabindex="0" aria-label="Runs"><table id="set" data-sortable><thead><tr>${[VERDICT, CASE, ...columns].map(headMarkup).join("")}</tr></thead><tbody>
${entries.map((entry) => rowMarkup(entry, columns)).join("\n")}
</tbody></table></div></section>`;
}

const VERDICT = { name: "Verdict", sort: undefined };
const CASE = { name: "Case", sort: undefined };

const headMarkup = ({ name, sort }: Pick<SetColumn, "name" | "sort">) =>
  `<th scope="col"${sort ? ' class="number"' : ""}>${name}</th>`;

function rowMarkup(entry: Entry, columns: readonly SetColumn[]): string {
  const { summary, dir } = lastOf(entry);
  const data = FILTERS.map(([, key], i) => ` data-f${i}="${escapeText(key(entry))}"`).join("");
  const link = `<a href="${escapeText(dir.split("/").map(encodeURIComponent).join("/"))}/report.html">${escapeText(summary.case)}</a>`;
  const cells = columns.map(({ name, text, sort, narrow }) => {
    const key = sort ? ` data-sort="${sort(entry) ?? ""}"` : "";
    const kind = sort ? ' class="number"' : narrow ? ' class="narrow"' : "";
    return `<td data-name="${name}"${kind}${key}>${escapeText(text(entry))}</td>`;
  });
  return `<tr${data}><td data-name="Verdict"><span class="badge ${entry.state}">${STATE_WORDS[entry.state]}</span></td><td data-name="Case">${summary.verdict === "skip" ? escapeText(summary.case) : link}</td>${cells.join("")}</tr>`;
}
