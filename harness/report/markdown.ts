// SPDX-License-Identifier: Apache-2.0
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { allCharts } from "./charts/index.ts";
import { shellLine } from "./format.ts";
import { moreTables } from "./more-tables.ts";
import { headline, parameters, VERDICT_WORDS } from "./prose.ts";
import type { ReportData, Reporter } from "./reporter.ts";
import {
  connectionTable,
  datagramTable,
  environmentTable,
  eventTable,
  generatorTable,
  latencyTable,
  packetTable,
  phaseTable,
} from "./summary-tables.ts";
import { numericColumns, type Table } from "./table.ts";

export const markdown: Reporter = {
  name: "markdown",
  async write(data, dir) {
    await writeFile(join(dir, "summary.md"), renderMarkdown(data));
  },
};

/** A summary for a pull request or a job page; the pictures lie beside it. */
export function renderMarkdown(data: ReportData): string {
  const { run, summary } = data;
  const { badge, sentence } = VERDICT_WORDS[summary.verdict];
  const facts: [string, Table][] = [
    ["Connections", connectionTable(summary)],
    ...moreTables(summary).map(({ heading, table }): [string, Table] => [heading, table]),
    ["Latency", latencyTable(summary)],
    ...(summary.datagrams ? [["Datagrams", datagramTable(summary)] as [string, Table]] : []),
    ["Packets", packetTable(summary)],
    ["Generator", generatorTable(summary)],
    ["Phases", phaseTable(summary)],
    ["Environment", environmentTable(run, summary)],
  ];
  const parts = [
    `# ${badge}: ${inline(summary.case)}`,
    inline(`${parameters(summary)}.`),
    inline(sentence),
    summary.reasons.map((reason) => `- ${inline(reason)}`).join("\n"),
    inline(headline(summary)),
    inline(summary.machine.note ?? ""),
    summary.events.length === 0 ? "" : `## Events\n\n${tableText(eventTable(summary))}`,
    ...allCharts(data).map(
      ({ id, heading, caption }) => `## ${heading}\n\n![${heading}](${id}.png)\n\n${inline(caption)}`,
    ),
    ...facts.map(([heading, table]) => `## ${heading}\n\n${tableText(table)}`),
    `## Command\n\n${indented(shellLine(run.commandLine))}`,
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

export function tableText(table: Table): string {
  const numeric = numericColumns(table);
  const line = (cells: string[]) => `| ${cells.map(inline).join(" | ")} |`;
  return [
    line(table.head),
    `| ${numeric.map((right) => (right ? "--:" : "---")).join(" | ")} |`,
    ...table.rows.map(line),
  ].join("\n");
}

/** Text that Markdown shows as it is: on one line, without tags, cells, links or emphasis of its own. */
export function inline(text: string): string {
  return text
    .replace(/[\p{Cc}\s]+/gu, " ")
    .replace(/[\\`*_[\]|#<>~]/g, (c) => `\\${c}`)
    .replaceAll("&", "&amp;");
}

function indented(text: string): string {
  return text.replace(/^/gm, "    ");
}
