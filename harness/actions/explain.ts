// SPDX-License-Identifier: Apache-2.0
// Why connections of a run were lost: causes with counts, and the stories of single connections.
import { writeFileSync } from "node:fs";
import type { Decision } from "../analysis/causes/decision.ts";
import type { Story } from "../analysis/causes/index.ts";
import { dropText } from "../analysis/causes/kernel.ts";
import { addressText } from "../analysis/flows.ts";
import { loadWithRecord } from "../analysis/load.ts";
import type { Established } from "../analysis/rows.ts";
import type { Series } from "../analysis/series.ts";
import { storiesOf } from "../analysis/stories.ts";
import { readEndpoint } from "../plan/quantities.ts";
import { Damaged } from "../record/damage.ts";
import { oneRun } from "../record/folders.ts";
import type { EventOf, RootCause, Summary } from "../record/schema.ts";
import { causeName } from "../report/format.ts";
import { escapeText } from "../report/html/markup.ts";
import { pictureMarkup } from "../report/html/sections.ts";
import { loadAssets, renderPage } from "../report/html.ts";
import { headline } from "../report/prose.ts";
import { causeTable, storyTable } from "../report/summary-tables.ts";
import { printedColumns, tableLines } from "../report/terminal-table.ts";
import { hopText } from "../tap/journey.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import { wrap } from "../util/wrap.ts";

interface ExplainOptions {
  run: string;
  connection?: string | undefined;
  cause?: RootCause | undefined;
  most: number;
  page?: string | undefined;
  json: boolean;
}

/** Returns the exit code: a record that is damaged, or has no such connection, is no data. */
export async function explain({ run: dir, connection, cause, most, page, json }: ExplainOptions): Promise<number> {
  try {
    const { record, run, summary, series } = loadWithRecord(oneRun(dir));
    if (connection === undefined && cause === undefined) {
      const { outside, examples } = series.stories;
      print(json, { causes: causesOf(summary), stories: [...outside, ...examples] }, overview(summary, series.stories));
      return EXIT.passed;
    }
    const wanted = connection === undefined ? byCause(cause) : byName(connection);
    const stories = storiesOf(run, record, wanted, most);
    if (stories.length === 0) {
      process.stderr.write(`No established connection of '${dir}' is ${connection ?? `lost by ${cause}`}.\n`);
      return EXIT.insufficient;
    }
    const traced = record.events.filter((event) => event.kind === "trace");
    const whole = (story: Story) => wholeStory(story, series, traced);
    print(json, { stories }, connection === undefined ? storyLines(stories) : stories.flatMap(whole));
    if (page !== undefined) writeFileSync(page, await storyPage(summary, stories, { series, whole }));
    return EXIT.passed;
  } catch (error) {
    if (!(error instanceof Damaged)) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT.insufficient;
  }
}

function print(json: boolean, data: unknown, lines: readonly string[]): void {
  const plain = (key: string, value: unknown) => (key === "packet" || key === "data" ? undefined : value);
  process.stdout.write(json ? `${JSON.stringify(data, plain)}\n` : `${lines.join("\n")}\n`);
}

const byCause = (cause: RootCause | undefined) => (row: Established) => row.root === cause;

/** By number, number and generation, or source. Throws UsageError where it is none of these. */
export function byName(name: string): (row: Established) => boolean {
  const id = /^(?:(.+) )?(\d+)(?:\.(\d+))?$/.exec(name);
  if (id) {
    const [, stream, number, generation] = id;
    return ({ connection }) =>
      connection.id === Number(number) &&
      (generation === undefined || connection.generation === Number(generation)) &&
      (stream === undefined || connection.stream === stream);
  }
  const source = readEndpoint(name);
  if (!source)
    throw new UsageError(`'${name}' is no connection. Try a number as 17 or 17.1, or a source as 50.0.3.7:4711.`);
  const { address, port } = source;
  return ({ flow }) => flow.sport === port && addressText(flow.src) === address;
}

const causesOf = ({ events, causes, causesOutsideEvents }: Summary) => ({
  all: causes ?? {},
  events: events.map((event) => event.causes ?? {}),
  outside: causesOutsideEvents ?? {},
});

function overview(summary: Summary, { outside, examples }: Record<"outside" | "examples", Story[]>): string[] {
  const width = printedColumns();
  const part = (heading: string, stories: readonly Story[]) =>
    stories.length === 0 ? [] : ["", `${heading}:`, ...storyLines(stories)];
  return [
    ...wrap(headline(summary), width),
    "",
    ...tableLines(causeTable(summary), width),
    ...part("Lost outside the events, the first ones", outside),
    ...part("One of each cause at each event", examples),
  ];
}

const storyLines = (stories: readonly Story[]) => tableLines(storyTable(stories), printedColumns());

/** A page of these connections, drawn as in the report. */
async function storyPage(
  { case: name }: Summary,
  stories: readonly Story[],
  { series, whole }: { series: Series; whole: (story: Story) => string[] },
): Promise<string> {
  const parts = stories.map((story) => {
    const lines = whole(story).map(escapeText).join("\n");
    return `<pre>${lines}</pre>\n${pictureMarkup(story, series)}`;
  });
  const body = `<h1>${escapeText(name)}</h1>\n${parts.join("\n")}`;
  return renderPage({ title: `${name}: connections`, body, charts: [] }, await loadAssets());
}

type Trace = EventOf<"trace">;

/** Rules that its packets met, where they were traced: "vm-201 ip mangle PREROUTING rule ip daddr 10.0.0.0 queue to 0 (verdict queue)". */
const ruleLines = ({ src, sport }: Story, traced: readonly Trace[]) =>
  traced
    .filter((trace) => trace.src === src && trace.sport === sport)
    .flatMap(({ machine, lines }) =>
      lines.map(({ t, text }) => ({ t, text: `${machine} ${text.replace(TRACE_ID, "")}` })),
    )
    .filter(({ text }) => !NO_RULE.test(text));

const TRACE_ID = /^trace id \S+ /;
/** The packet's own fields, which the hops have, and the table that asks for the trace. */
const NO_RULE = / packet: |load_balancer_trace/;

/** "  5.0123 s  vm-221 -> vm-201  SYN", and what kernels said: "  5.0124 s  vm-201 dropped it: IP_RPFILTER in ip_rcv_finish_core". */
function hopLines(story: Story, { t0 }: Series, traced: readonly Trace[]): string[] {
  const { hops, drops } = story;
  return [
    ...hops.map((hop) => ({ t: hop.t, text: `${hop.from} -> ${hop.to ?? "?"}  ${hopText(hop)}` })),
    ...drops.map((drop) => ({ t: drop.t, text: dropText(drop) })),
    ...ruleLines(story, traced),
  ]
    .sort((a, b) => a.t - b.t)
    .map(({ t, text }) => `  ${((t - t0) / 1e9).toFixed(4).padStart(9)} s  ${text}`);
}

function wholeStory(story: Story, series: Series, traced: readonly Trace[]): string[] {
  const { stream, id, src, sport, dst, dport, root, sentence, decisions, event } = story;
  const host = (address: string) => (address.includes(":") ? `[${address}]` : address);
  const decision = (when: string, { table, target, slot }: Decision) =>
    `  ${when.padEnd(7)} table ${table}: ${target ?? "not predictable"}${slot === null ? "" : ` (${slot})`}`;
  return [
    `${stream} ${id}: ${host(src)}:${sport} -> ${host(dst)}:${dport}`,
    ...(decisions ? [decision("before", decisions.before), decision("after", decisions.after)] : []),
    ...(root === null ? [] : [`  cause   ${causeName(root)}${event === null ? "" : `, at event ${event}`}`]),
    ...wrap(sentence, printedColumns() - 2).map((line) => `  ${line}`),
    ...hopLines(story, series, traced),
  ];
}
