// SPDX-License-Identifier: Apache-2.0
import type { Summary } from "../record/schema.ts";
import { count, list, plural } from "../util/numbers.ts";
import { wrap } from "../util/wrap.ts";
import { causeName, causes, eventLabel, interval, percent, share } from "./format.ts";
import { headline, parameters, VERDICT_WORDS } from "./prose.ts";
import type { ReportData, Reporter } from "./reporter.ts";
import { datagramTable, latencyTable, optionTable } from "./summary-tables.ts";
import type { Table } from "./table.ts";
import { lossGraph } from "./terminal-graph.ts";
import { tableLines } from "./terminal-table.ts";

export interface TerminalOptions {
  color: boolean;
  columns: number;
  /** What happened when, and all options. */
  verbose?: boolean;
}

export const terminal: Reporter = {
  name: "terminal",
  async write(data) {
    const { stdout, env } = process;
    const color = stdout.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb";
    stdout.write(renderTerminal(data, { color, columns: stdout.columns || 80 }));
  },
};

const STYLES = {
  pass: "1;32",
  unjudged: "1;33",
  fail: "1;31",
  error: "1;31",
  insufficient: "1;33",
  skip: "1;36",
  dim: "2",
} as const;
type Style = keyof typeof STYLES;
/** Wider lines are harder to read, not easier. */
const MOST_COLUMNS = 120;

export function renderTerminal(data: ReportData, { color, columns, verbose = false }: TerminalOptions): string {
  const { run, summary, series } = data;
  const width = Math.min(columns, MOST_COLUMNS);
  const paint = (style: Style, text: string) => (color ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text);
  const { badge, sentence } = VERDICT_WORDS[summary.verdict];
  const dim = (lines: string[]) => lines.map((line) => paint("dim", line));
  const blocks = [
    [`${paint(summary.verdict, badge)} ${plain(summary.case)}`, ...dim(wrap(plain(parameters(summary)), width))],
    summary.reasons.length === 0
      ? summary.verdict === "pass"
        ? []
        : wrap(sentence, width)
      : summary.reasons.flatMap((reason) =>
          wrap(plain(reason), width - 2).map((line, i) => `${i === 0 ? "-" : " "} ${line}`),
        ),
    ...(summary.verdict === "skip"
      ? []
      : [
          wrap(headline(summary), width),
          summary.machine.note === null ? [] : dim(wrap(summary.machine.note, width)),
          lossGraph(series, width),
          tableLines(eventTable(data), width),
          tableLines(datagramTable(summary), width),
          factLines(data, width),
        ]),
    ...(verbose ? [logLines(data), tableLines(optionTable(run), width)] : []),
  ];
  const text = blocks.filter((block) => block.length > 0).map((block) => block.join("\n"));
  return `\n${text.join("\n\n")}\n\n`;
}

/** Seconds since the start of the traffic. */
const logLines = ({ series }: ReportData): string[] =>
  series.log.map(({ s, text }) => `${s.toFixed(3).padStart(8)} s  ${plain(text)}`);

function eventTable({ summary }: ReportData): Table {
  return {
    head: ["Event", "Alive", "Lost", "", "Ideal", "Predicted", "95 % interval"],
    rows: summary.events.map((event) => [
      eventLabel(event),
      count(event.alive),
      count(event.lost),
      share(event.lost, event.alive),
      count(event.ideal),
      count(event.predicted),
      interval(event.interval95),
    ]),
  };
}

/** One line for each subject that the run has numbers about. */
function factLines({ summary, series }: ReportData, width: number): string[] {
  const { spread, packets, generator, phasesMs, assigned } = summary;
  const numbers = series.spread.map(({ connections }) => connections);
  const mean = numbers.reduce((sum, n) => sum + n, 0) / Math.max(1, numbers.length);
  const ends = new Set(
    summary.events.flatMap(({ byCause }) => Object.entries(byCause).flatMap(([cause, n]) => (n > 0 ? [cause] : []))),
  );
  const total = (cause: string) =>
    summary.events.reduce((sum, { byCause }) => sum + (byCause[cause as keyof typeof byCause] ?? 0), 0);
  const facts: [string, string][] = [
    ["Causes", Object.keys(summary.causes ?? {}).length === 0 ? "" : causes(summary.causes ?? {})],
    ["Ended by", [...ends].map((cause) => `${causeName(cause)} ${count(total(cause))}`).join(", ")],
    [
      "Assigned",
      assigned.checked === 0
        ? ""
        : `${count(assigned.checked)} checked, ${count(assigned.mispredicted)} not to the predicted target`,
    ],
    ["Broken", brokenText(summary)],
    [
      "Spread",
      numbers.length === 0
        ? ""
        : `${plural(numbers.length, "target")}, ${count(Math.min(...numbers))} to ${count(Math.max(...numbers))} connections each, mean ${count(mean)}` +
          (spread.chi2P === null ? "" : `, chi-square p = ${spread.chi2P.toPrecision(3)}`),
    ],
    [
      "Latency",
      summary.latencyMs.p50 === null
        ? ""
        : latencyTable(summary)
            .rows.map(([name, value]) => `${name?.toLowerCase()} ${value}`)
            .join(", "),
    ],
    ["Packets", packets.sent === 0 ? "" : list(packetParts(summary))],
    [
      "Generator",
      `${plural(generator.lateSends, "late send")}, CPU time ${percent(100 * generator.cpuShare)} of one CPU`,
    ],
    [
      "Phases",
      Object.entries(phasesMs)
        .filter(([, ms]) => ms > 0)
        .map(([name, ms]) => `${name} ${(ms / 1000).toFixed(2)} s`)
        .join(", "),
    ],
  ];
  const column = 11;
  return facts
    .filter(([, value]) => value !== "")
    .flatMap(([name, value]) =>
      wrap(value, width - column).map((line, i) => `${(i === 0 ? name : "").padEnd(column)}${line}`),
    );
}

/** Connections that no leaving target had. */
function brokenText({ consistency }: Summary): string {
  if (!consistency) return "";
  const { violations, perMinute, perChange, unfairness } = consistency;
  const uneven = unfairness
    ? `; busiest target ${unfairness.maxOverMean.p99.toFixed(2)} x mean in 99 % of the time`
    : "";
  return `${count(violations)} connections that no leaving target had: ${perMinute.toFixed(1)} per minute, ${perChange.toFixed(1)} per change${uneven}`;
}

function packetParts({ packets }: Summary): string[] {
  const dropped = Object.entries(packets.dropped).map(
    ([name, n]) => `${count(n)} dropped (${name.replaceAll("_", " ")})`,
  );
  return [
    `${count(packets.sent)} sent`,
    ...(packets.relayed
      ? [`${count(packets.relayed.in)} ended at the proxy, which sent ${count(packets.relayed.out)}`]
      : []),
    ...(packets.probes ? [`${count(packets.probes)} of health checks`] : []),
    `${count(packets.received)} received`,
    ...dropped,
    ...(packets.accounts === false
      ? ["not accounted for, as the backend says"]
      : packets.duplicated
        ? [`${count(packets.duplicated)} more than the tester sent`]
        : [`${count(packets.unaccounted)} unaccounted`]),
  ];
}

/** Without control characters: text of a run must not steer the terminal. */
function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, "\uFFFD");
}
