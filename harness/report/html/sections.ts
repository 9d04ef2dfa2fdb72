// SPDX-License-Identifier: Apache-2.0
// The content of the page, top to bottom.

import type { Story } from "../../analysis/causes/index.ts";
import type { Series } from "../../analysis/series.ts";
import { count, NONE } from "../../util/numbers.ts";
import type { Chart } from "../charts/chart.ts";
import { causeName, share, shellLine } from "../format.ts";
import { moreTables } from "../more-tables.ts";
import { headline, parameters, VERDICT_WORDS } from "../prose.ts";
import type { ReportData } from "../reporter.ts";
import { sequenceMarkup } from "../sequence.ts";
import {
  connectionTable,
  consistencyTable,
  datagramTable,
  environmentTable,
  eventTable,
  generatorTable,
  integrityTable,
  optionTable,
  packetTable,
  phaseTable,
  storyTable,
} from "../summary-tables.ts";
import type { Table } from "../table.ts";
import { escapeText, tableMarkup } from "./markup.ts";

export function verdictMarkup({ summary }: ReportData): string {
  const { badge, sentence } = VERDICT_WORDS[summary.verdict];
  const reasons = summary.reasons.map((reason) => `<li>${escapeText(reason)}</li>`).join("\n");
  const fate = headline(summary);
  return `<header>
<h1><span class="badge ${summary.verdict}">${badge}</span> ${escapeText(summary.case)}</h1>
<p class="parameters">${escapeText(parameters(summary))}; backend ${escapeText(summary.backend)}, runtime ${escapeText(summary.runtime)}, kernel ${escapeText(summary.kernel)}</p>
<p>${sentence}</p>
${reasons === "" ? "" : `<ul class="reasons">\n${reasons}\n</ul>`}
${fate === "" ? "" : `<p class="headline">${escapeText(fate)}</p>\n`}${summary.machine.note === null ? "" : `<p class="note">${escapeText(summary.machine.note)}</p>\n`}</header>`;
}

/** Without anything to draw the caption says so; an empty graph would only raise questions. */
export function chartMarkup(chart: Chart, { captioned = true } = {}): string {
  const { id, heading, reading, caption, data } = chart;
  if (isEmpty(chart)) return section(id, heading, "", `<p>${escapeText(caption)}</p>`);
  return section(
    id,
    heading,
    reading,
    `<figure>
<div class="plot"><canvas data-chart="${id}" role="img" tabindex="0" aria-label="${escapeText(`${heading}. ${caption}`)}"></canvas></div>
${captioned ? `<figcaption>${escapeText(caption)}</figcaption>\n` : ""}</figure>
<details><summary>The numbers of this graph</summary>
${tableMarkup(data, `${heading}, numbers`)}
</details>`,
  );
}

export function isEmpty({ config, data }: Chart): boolean {
  return (
    data.rows.length === 0 ||
    config.data.datasets.every((dataset) => dataset.data.every(({ y }) => y === null || y === 0))
  );
}

export function eventsMarkup({ summary }: ReportData): string {
  if (summary.events.length === 0) return "";
  return section(
    "events",
    "Events",
    "Asked: time of the request. In force: time of the effect. Ideal: the loss of a perfect balancer without connection state. " +
      "Mispredicted: connections whose outcome differs from the prediction. Excess: loss above the ideal, in percent of the live connections.",
    tableMarkup(eventTable(summary), "Events", { stacks: true }),
  );
}

/** A filter above a table: the page's script hides the rows that do not contain its text. */
function filtered(table: string, label: string): string {
  return `<div class="filters"><label>${escapeText(label)} <input type="search" data-find autocomplete="off"></label><span role="status"></span></div>\n${table}`;
}

/** Bounded lists, so that a run of a million connections opens as fast as one of a thousand. */
export function lostMarkup({ summary, series }: ReportData): string {
  const { lost } = series;
  if (lost.length === 0) return "";
  const all = summary.connections.lost;
  const shown =
    lost.length < all ? `${count(lost.length)} of ${count(all)}, mispredicted ones first` : `all ${count(all)}`;
  const table: Table = {
    head: ["Time", "Connection", "Source", "Port", "Target", "Moved to", "Cause", "Ended by", "Event", "Predicted"],
    rows: lost.map((c) => [
      `${c.s.toFixed(2)} s`,
      `${c.stream} ${c.id}`,
      c.src,
      String(c.sport),
      c.target ?? NONE,
      c.movedTo ?? "",
      causeName(c.root),
      causeName(c.cause),
      c.event === null ? "outside" : String(c.event),
      c.predicted === null ? "no oracle" : c.predicted === 0 ? "no" : c.predicted === 1 ? "yes" : share(c.predicted, 1),
    ]),
  };
  return section(
    "lost",
    "Lost connections",
    `Shown: ${shown}. Destination and protocol are those of the run; the second number of a connection is its generation (0: first opened).`,
    `<details><summary>The list</summary>\n${filtered(tableMarkup(table, "Lost connections"), "Find")}\n</details>`,
  );
}

/** What happened to single connections, in a sentence each. */
export function storiesMarkup({ summary, series }: ReportData): string {
  const { outside, examples } = series.stories;
  const told = (stories: readonly Story[], heading: string) =>
    tableMarkup(storyTable(stories), heading, { stacks: true }) + pictures(stories, series);
  const all = summary.connections.lostOutsideEvents;
  const shown = outside.length < all ? `The first ${count(outside.length)} of ${count(all)}.` : `All ${count(all)}.`;
  return [
    outside.length === 0
      ? ""
      : section(
          "outside",
          "Lost outside the events",
          `${shown} No event of the run was to cost them.`,
          told(outside, "Lost outside the events"),
        ),
    examples.length === 0
      ? ""
      : section(
          "stories",
          "What ended connections",
          "One of each root cause at each event.",
          told(examples, "What ended connections"),
        ),
  ].join("\n");
}

/** What happened when, and what was installed in the routers. */
export function logMarkup({ series }: ReportData): string {
  const log: Table = { head: ["Time", "What"], rows: series.log.map(({ s, text }) => [`${s.toFixed(3)} s`, text]) };
  const rules = series.rules.map(
    ({ machine, text }) =>
      `<details><summary>${escapeText(machine)}</summary>\n<pre tabindex="0" class="tall"><code>${escapeText(text)}</code></pre>\n</details>`,
  );
  return [
    series.log.length === 0
      ? ""
      : tableSection("log", "Timeline", "Seconds since the start of the traffic; negative before it.", log),
    rules.length === 0
      ? ""
      : section(
          "rules",
          "Rules in force",
          "Rules of each router's kernel after the traffic, as its tools print them.",
          rules.join("\n"),
        ),
  ].join("\n");
}

export function factsMarkup({ summary }: ReportData): string {
  return [
    `<div class="columns">`,
    tableSection(
      "opened",
      "Connections opened",
      "Each established connection is checked against the target that the balancer should have chosen.",
      connectionTable(summary),
    ),
    ...(summary.consistency
      ? [
          tableSection(
            "consistency",
            "Consistency",
            "Connections broken that no leaving target had, at events and between them; and how unevenly the live ones were spread, second by second.",
            consistencyTable(summary),
          ),
        ]
      : []),
    ...moreTables(summary).map(({ id, heading, reading, table }) => tableSection(id, heading, reading, table)),
    ...(summary.datagrams
      ? [
          tableSection(
            "datagrams",
            "Datagrams",
            "By the order of their fragments. Incomplete datagrams lack a fragment or have inconsistent ones: they must do no harm.",
            datagramTable(summary),
          ),
        ]
      : []),
    tableSection(
      "packets",
      "Packets",
      "Each sent packet must be received, or dropped by a named counter; the rest is unaccounted for.",
      packetTable(summary),
    ),
    ...(summary.integrity
      ? [
          tableSection(
            "integrity",
            "Messages",
            "Each carries its number and a checksum. Judged is what no event, impairment that was asked for, or lateness of this machine explains.",
            integrityTable(summary.integrity),
          ),
        ]
      : []),
    tableSection(
      "generator",
      "Traffic generator",
      "Many late sends, or a CPU time near 100 %, mean that the generator was the limit, not the balancer.",
      generatorTable(summary),
    ),
    tableSection("phases", "Phases", "Wall time of each phase of the run.", phaseTable(summary)),
    "</div>",
  ].join("\n");
}

/** What was asked for, and of which machine. */
export function originMarkup({ run, summary }: ReportData): string {
  return [
    section(
      "command",
      "Command",
      "The same command with the same seed opens the same connections.",
      `<pre id="command-line" tabindex="0"><code>${escapeText(shellLine(run.commandLine))}</code></pre>`,
    ),
    `<div class="columns">`,
    tableSection("environment", "Environment", "Machine and versions of the run.", environmentTable(run, summary)),
    tableSection("options", "Options", "All options in force, defaults included.", optionTable(run)),
    "</div>",
  ].join("\n");
}

/** The packets of each, as far as they were kept. */
const pictures = (stories: readonly Story[], series: Series): string =>
  stories.map((story) => storyMarkup(story, series)).join("\n");

/** One connection: its packets as a diagram, behind a line that opens. Empty where none were kept. */
function storyMarkup(story: Story, series: Series): string {
  const picture = pictureMarkup(story, series);
  if (picture === "") return "";
  return `<details><summary>Packets of ${escapeText(`${story.stream} ${story.id}`)}</summary>
<p>${escapeText(story.sentence)}</p>
${picture}
</details>`;
}

/** The diagram, which scrolls where it has no room. */
export function pictureMarkup(story: Story, series: Series): string {
  const picture = sequenceMarkup(story, series);
  return picture === "" ? "" : `<div class="scroll tall" tabindex="0">${picture}</div>`;
}

function tableSection(id: string, heading: string, reading: string, table: Table): string {
  return section(id, heading, reading, tableMarkup(table, heading));
}

function section(id: string, heading: string, reading: string, body: string): string {
  const how = reading === "" ? "" : `<p class="reading">${escapeText(reading)}</p>\n`;
  return `<section id="${id}">\n<h2>${escapeText(heading)}</h2>\n${how}${body}\n</section>`;
}
