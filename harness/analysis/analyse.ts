// SPDX-License-Identifier: Apache-2.0
// From the record to the summary: pure, so `report` makes the same again at any time. Rows are gone through once.
import { isExplained } from "../events/index.ts";
import type { Record as RunRecord } from "../record/read.ts";
import type { Connection, Event, RunInfo, Summary } from "../record/schema.ts";
import { isTester } from "../topology/topology.ts";
import { affinity } from "./affinity.ts";
import { arrivals } from "./arrivals.ts";
import { assignment } from "./assignment.ts";
import { explainer } from "./causes/index.ts";
import { collide } from "./collide.ts";
import { consistency } from "./consistency.ts";
import { machine } from "./contention.ts";
import { counts } from "./counts.ts";
import { culprits } from "./culprits.ts";
import { datagrams } from "./datagrams.ts";
import { direct } from "./direct.ts";
import { Differences, lostRows } from "./explain.ts";
import { flood } from "./flood.ts";
import { forgetter, forgotten } from "./forgotten.ts";
import { generator } from "./generator.ts";
import { integrity } from "./integrity.ts";
import { labFaults } from "./lab-faults.ts";
import { late } from "./late.ts";
import { latency } from "./latency.ts";
import { lossSteps } from "./loss-steps.ts";
import { losses } from "./losses.ts";
import { outage } from "./outage.ts";
import { packets } from "./packets.ts";
import type { AnalysisContext, AnalysisModule, Collector, Evidence, Judged, Part } from "./part.ts";
import { pathMtu } from "./path-mtu.ts";
import { phases } from "./phases.ts";
import { reuse } from "./reuse.ts";
import { room } from "./room.ts";
import { rootCauses } from "./root-causes.ts";
import { type Row, rowReader } from "./rows.ts";
import { emptySeries, log, overTime, type Series } from "./series.ts";
import { services } from "./services.ts";
import { snat } from "./snat.ts";
import { sources } from "./sources.ts";
import { split } from "./split.ts";
import { spread } from "./spread.ts";
import { spreadAfterEvents } from "./spread-after-events.ts";
import { emptySummary, skippedSummary } from "./summary.ts";
import { tiers } from "./tiers.ts";
import { buildTimeline } from "./timeline.ts";
import { judge } from "./verdict.ts";
import { vips } from "./vips.ts";

export interface Analysis {
  summary: Summary;
  series: Series;
}

/** Which target a connection got is explained before what became of it. */
const ANALYSES: readonly AnalysisModule[] = [
  counts,
  late,
  assignment,
  losses,
  consistency,
  rootCauses,
  split,
  arrivals,
  forgotten,
  lostRows,
  culprits,
  outage,
  pathMtu,
  reuse,
  direct,
  collide,
  flood,
  room,
  snat,
  sources,
  spread,
  spreadAfterEvents,
  tiers,
  vips,
  services,
  latency,
  datagrams,
  packets,
  integrity,
  generator,
  machine,
  phases,
  affinity,
  overTime,
  lossSteps,
  log,
];

export function analyse(run: RunInfo, record: RunRecord): Analysis {
  const { events } = record;
  const skipped = events.find((e) => e.kind === "skip");
  if (skipped) return { summary: skippedSummary(run, skipped.reasons), series: emptySeries() };
  const errors = errorsOf(events);
  const timeline = errors.unreadable ? null : buildTimeline(events, run.targets, run.routers, record.connections);
  if (!timeline) {
    const reasons = errors.texts.length > 0 ? errors.texts : ["The run ended before the traffic."];
    return { summary: errorSummary(emptySummary(run), reasons), series: emptySeries() };
  }
  const differences = new Differences();
  const own = events.filter((event) => !("stream" in event && timeline.aside.has(event.stream)));
  const parts = walk(record, {
    run,
    events: own,
    timeline,
    explainer: explainer({ run, events: own, timeline, packets: record.packets }),
    explain: differences.add,
  });
  const summary: Judged = Object.assign(emptySummary(run), ...parts.map((part) => part.summary));
  const series: Series = Object.assign(emptySeries(), ...parts.map((part) => part.series));
  const evidence: Evidence = Object.assign({}, ...parts.map((part) => part.evidence));
  errors.texts.push(...labFaults(events));
  if (errors.texts.length === 0 && !isWhole(events)) errors.texts.push("The record ends before the traffic.");
  if (errors.texts.length > 0) return { summary: errorSummary(summary, errors.texts), series };
  const verdict = judge({
    summary,
    evidence,
    differences: differences.sentences,
    faults: textsOf(events, "fault"),
    oracle: timeline.deployed.oracle,
  });
  return { summary: { ...summary, ...verdict }, series };
}

/** Each analysis sees each row once. */
function walk({ connections }: RunRecord, context: AnalysisContext): Part[] {
  const collectors = ANALYSES.map((begin) => begin(context));
  const [onRow, onEstablished] = [handlers(collectors, "row"), handlers(collectors, "established")];
  const onArrival = handlers(collectors, "arrival");
  const onAside = handlers(collectors, "aside");
  const toVips = apart(connections, context.timeline.aside, (one) => {
    for (const handle of onAside) handle(one);
  });
  const arrivalStreams = new Map([...context.timeline.streams].filter(([, stream]) => stream.arrivals));
  const read = rowReader(context.timeline);
  const lasting = apart(toVips, arrivalStreams, (one) => {
    const row = read(one);
    for (const handle of row ? onArrival : []) handle(row as Row);
  });
  for (const row of rowsOf(lasting, context)) {
    for (const handle of onRow) handle(row);
    if (row.establishedT !== null) for (const handle of onEstablished) handle(row);
  }
  return collectors.map((collector) => collector.part());
}

/** Connections without those of these streams, each of which is handed over on the way. */
function* apart(
  connections: Iterable<Connection>,
  streams: ReadonlyMap<string, unknown>,
  take: (connection: Connection) => void,
): Generator<Connection> {
  for (const connection of connections)
    if (streams.has(connection.stream)) take(connection);
    else yield connection;
}

type Known = Pick<AnalysisContext, "run" | "events" | "timeline" | "explainer">;

/** The rows of a record, but for arrivals, each with the event that its loss belongs to and what ended it in the first place. */
export function* rowsOf(
  connections: Iterable<Connection>,
  { run, events, timeline, explainer }: Known,
): Generator<Row> {
  const read = rowReader(timeline);
  const attributed = forgetter(timeline, events, run.targets);
  for (const connection of connections) {
    const recorded = read(connection);
    if (!recorded || recorded.stream.arrivals) continue;
    const row = attributed(recorded);
    if (row.establishedT !== null) row.root = explainer.rootOf(row);
    yield row;
  }
}

function handlers<K extends "row" | "established" | "aside" | "arrival">(collectors: readonly Collector[], name: K) {
  return collectors.flatMap((collector) => collector[name] ?? []) as NonNullable<Collector[K]>[];
}

const textsOf = (events: readonly Event[], kind: "fault" | "error") =>
  events.flatMap((e) => (e.kind === kind ? [e.text] : []));

/** What the record itself says went wrong, or makes it say nothing at all. */
function errorsOf(events: readonly Event[]): { texts: string[]; unreadable: boolean } {
  const foreign = events.flatMap((e) =>
    e.kind === "scale" && !isExplained({ ...e, kind: e.action }) ? [e.action] : [],
  );
  const unknown = [...new Set(foreign)].map(
    (kind) => `The record has events of the unknown kind '${kind}' without their meaning.`,
  );
  return { texts: [...textsOf(events, "error"), ...unknown], unreadable: unknown.length > 0 };
}

function errorSummary(summary: Judged, reasons: string[]): Summary {
  return { ...summary, verdict: "error", reasons, deterministicFailures: [] };
}

/** Every generator has ended and the packets were counted afterwards. */
function isWhole(events: readonly Event[]): boolean {
  const streams = (kind: "stream_start" | "stream_end") =>
    events.flatMap((e) => (e.kind === kind ? [e.stream] : [])).length;
  return (
    streams("stream_start") === streams("stream_end") &&
    events.some((e) => e.kind === "counters" && e.moment === "after" && isTester(e.machine))
  );
}
