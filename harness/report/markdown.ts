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
  consistencyTable,
  datagramTable,
  environmentTable,
  eventTable,
  generatorTable,
  latencyTable,
  packetTable,
  phaseTable,
  storyTable,
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
  const head = [
    `# ${badge}: ${inline(summary.case)}`,
    inline(`${parameters(summary)}.`),
    inline(sentence),
    summary.reasons.map((reason) => `- ${inline(reason)}`).join("\n"),
  ];
  const command = `## Command\n\n${indented(shellLine(run.commandLine))}`;
  const environment: [string, Table] = ["Environment", environmentTable(run, summary)];
  if (summary.verdict === "skip") return joined([...head, section(environment), command]);
  const facts: [string, Table][] = [
    ["Connections", connectionTable(summary)],
    ...(summary.consistency ? [["Consistency", consistencyTable(summary)] as [string, Table]] : []),
    ...moreTables(summary).map(({ heading, table }): [string, Table] => [heading, table]),
    ["Latency", latencyTable(summary)],
    ...(summary.datagrams ? [["Datagrams", datagramTable(summary)] as [string, Table]] : []),
    ["Packets", packetTable(summary)],
    ["Generator", generatorTable(summary)],
    ["Phases", phaseTable(summary)],
    environment,
  ];
  return joined([
    ...head,
    inline(headline(summary)),
    inline(summary.machine.note ?? ""),
    summary.events.length === 0 ? "" : `## Events\n\n${tableText(eventTable(summary))}`,
    ...storyParts(data),
    ...allCharts(data).map(
      ({ id, heading, caption }) => `## ${heading}\n\n![${heading}](${id}.png)\n\n${inline(caption)}`,
    ),
    ...facts.map(section),
    command,
  ]);
}

/** Those that were lost outside the events, and one of each root cause at each event. */
function storyParts({ series: { stories } }: ReportData): string[] {
  return [
    ["Lost outside the events", stories.outside] as const,
    ["What ended connections", stories.examples] as const,
  ].flatMap(([heading, some]) => (some.length === 0 ? [] : section([heading, storyTable(some)])));
}

const section = ([heading, table]: [string, Table]) => `## ${heading}\n\n${tableText(table)}`;
const joined = (parts: readonly string[]) => `${parts.filter((part) => part !== "").join("\n\n")}\n`;

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
