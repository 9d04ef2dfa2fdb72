// SPDX-License-Identifier: Apache-2.0
// Others that send from sources that never answer: what they cost new connections, against what a model of the tables says that they fill.
import { backlogRoom, type Crowd, missedIn } from "../oracle/flood.ts";
import type { EventOf, FloodSummary } from "../record/schema.ts";
import { count, plural, was } from "../util/numbers.ts";
import type { Check } from "./failures.ts";
import { FULL_QUEUE } from "./full-queue.ts";
import { counted } from "./packets.ts";
import type { AnalysisContext, AnalysisModule, Judged } from "./part.ts";
import type { Row } from "./rows.ts";

/** TCP sends a SYN again after a second; what took less lost no packet. */
const FIRST_SYN_NS = 950e6;
const SIMULATIONS = 20;
const SIGMAS = 4;
/** The model may be off by so much. */
const SHARE = 0.1;
/** Of the packets asked for, so many have to be sent. */
const ENOUGH = 0.9;

type Flood = EventOf<"flood">;

export const flood: AnalysisModule = (context) => {
  const event = context.events.find((e): e is Flood => e.kind === "flood");
  if (!event) return { part: () => ({}) };
  const attempts: { atS: number; family: 4 | 6 }[] = [];
  let missed = 0;
  return {
    arrival(row) {
      if (row.startT < event.fromT || isUntold(row)) return;
      attempts.push({ atS: (row.startT - event.fromT) / 1e9, family: row.stream.family });
      missed += Number(!isServed(row));
    },
    part: () => ({ summary: { flood: summaryOf(event, context, { attempts, missed }) } }),
  };
};

const isServed = ({ establishedT, startT }: Row) => establishedT !== null && establishedT - startT < FIRST_SYN_NS;

/** The traffic ended before its answer could be missed. */
const isUntold = ({ establishedT, endT, startT, recorded }: Row) =>
  establishedT === null && recorded.cause === "none" && endT - startT < FIRST_SYN_NS;

/** Whether an attempt came to nothing because something was full, as was predicted. */
export const isCrowdedOut = ({ timeline, events }: Pick<AnalysisContext, "timeline" | "events">) => {
  const event = events.find((e): e is Flood => e.kind === "flood");
  const fromT = event && fillsOf(event, timeline.deployed).length > 0 ? event.fromT : Number.POSITIVE_INFINITY;
  return ({ startT }: Pick<Row, "startT">) => startT >= fromT;
};

function summaryOf(
  event: Flood,
  { events, timeline: { t0, deployed } }: AnalysisContext,
  found: { attempts: Crowd["attempts"][number][]; missed: number },
): FloodSummary {
  const { of, perS, fromT, untilT, sent } = event;
  const attempts = found.attempts.sort((a, b) => a.atS - b.atS);
  const tracks = deployed.tracks === true;
  const fills = fillsOf(event, deployed, attempts.length);
  const heard = isAnswered(event, deployed) ? 0 : sent;
  const lasts = (untilT - fromT) / 1e9;
  const families = [...new Set(attempts.map(({ family }) => family))].sort((a, b) => a - b);
  const crowd: Crowd = {
    table: fills.includes("conntrack") ? tableOf(event) : null,
    backlog: fills.includes("backlog") ? backlogOf(event) : null,
    flood: { fromS: 0, untilS: lasts, perS: sent / lasts, families },
    attempts,
  };
  const [table] = event.tables;
  const { mean: predicted, interval } = fills.length > 0 ? byChance(crowd) : { mean: 0, interval: [0, 0] as const };
  const queues = counted(events)
    .flatMap(({ deltas }) => deltas)
    .reduce((sum, [name, delta]) => sum + (FULL_QUEUE.test(name) ? delta : 0), 0);
  return {
    of,
    perS,
    fromMs: (fromT - t0) / 1e6,
    untilMs: (untilT - t0) / 1e6,
    sent,
    due: Math.round(perS * lasts),
    attempts: attempts.length,
    missed: found.missed,
    predicted,
    interval: [...interval],
    fills,
    ...(isAnswered(event, deployed) ? { shielded: true as const } : {}),
    ...(tracks && table
      ? {
          entries: {
            most: table.most,
            before: table.before,
            after: table.after,
            predicted: Math.min(table.most, table.before + heard + attempts.filter(({ atS }) => atS <= lasts).length),
          },
        }
      : {}),
    overrun: event.overrun + queues,
  };
}

/** Of as many runs with other seeds. */
function byChance(crowd: Crowd): { mean: number; interval: [number, number] } {
  const runs = Array.from({ length: SIMULATIONS }, (_, seed) => missedIn(crowd, seed + 1));
  const mean = runs.reduce((sum, n) => sum + n, 0) / SIMULATIONS;
  const deviation = Math.sqrt(runs.reduce((sum, n) => sum + (n - mean) ** 2, 0) / SIMULATIONS);
  const spread = Math.max(SHARE * mean, SIGMAS * deviation + 1);
  return { mean, interval: [Math.max(0, Math.floor(mean - spread)), Math.ceil(mean + spread)] };
}

type Deployed = Pick<EventOf<"deployed">, "tracks" | "answersSyns">;

/** The balancer answers, and tells nobody. */
const isAnswered = ({ of }: Flood, { answersSyns }: Deployed): boolean => of === "syn" && answersSyns === true;

function fillsOf(event: Flood, deployed: Deployed, attempts = 0): FloodSummary["fills"] {
  const { sent, synBacklog, synCookies = "off", of, tables } = event;
  const [table] = tables;
  if (isAnswered(event, deployed)) return [];
  const isTableFull = deployed.tracks && table !== undefined && table.before + sent + attempts > table.most;
  const isBacklogFull = of === "syn" && synBacklog !== undefined && synCookies === "off";
  return [...(isTableFull ? (["conntrack"] as const) : []), ...(isBacklogFull ? (["backlog"] as const) : [])];
}

function tableOf({ tables }: Flood): Crowd["table"] {
  const [table] = tables;
  return table ? { most: table.most, buckets: table.buckets, held: table.before } : null;
}

/** A proxy's own sockets, where the router has some: then the flood ends there. */
function backlogOf({ listeners, tables, synBacklog }: Flood): Crowd["backlog"] {
  if (synBacklog === undefined) return null;
  const routers = new Set(tables.map(({ machine }) => machine));
  const proxies = listeners.filter(({ machine }) => routers.has(machine));
  const all = proxies.length > 0 ? proxies : listeners;
  const sum = (of: "ipv4" | "ipv6" | "both") => all.reduce((total, one) => total + one[of], 0);
  const both = sum("both");
  return {
    room: backlogRoom(synBacklog),
    listeners: { 4: sum("ipv4") + both, 6: sum("ipv6") + both },
    shared: both > 0,
  };
}

const isOverrun = ({ overrun, missed, interval: [, high] }: FloodSummary) => overrun > 0 && missed > high;

type Flooded = Pick<Judged, "flood" | "clock">;

const remedy = (clock: Judged["clock"]) =>
  clock === "virtual"
    ? "That is as many as one processor of 1000 MIPS carries. Try a lower --flood, or another machine in real time"
    : "Try a lower --flood, or --runtime vm, which carries some thousands a second however busy the machine is";

const tooSlow = ({ overrun }: FloodSummary, clock: Judged["clock"]) =>
  `${plural(overrun, "packet")} ${was(overrun)} more than the machine was quick enough for. ${remedy(clock)}.`;

/** Why what became of new connections is no result. */
export function floodGaps({ flood: found, clock }: Flooded): string[] {
  if (!found) return [];
  const { sent, due } = found;
  return [
    ...(sent < ENOUGH * due
      ? [`The flood was to be ${count(due)} packets, and ${count(sent)} were sent. ${remedy(clock)}.`]
      : []),
    ...(isOverrun(found) ? [tooSlow(found, clock)] : []),
  ];
}

/**
 * Why what else failed is no result: where queues ran over, packets of connections that last were among those dropped. null: none ran
 * over, or more connections were lost than packets.
 */
export const drowned = ({ flood: found, clock, connections }: Flooded & Pick<Judged, "connections">): string | null =>
  found && found.overrun > 0 && connections.lostOutsideEvents <= found.overrun ? tooSlow(found, clock) : null;

const WHAT: Readonly<Record<FloodSummary["of"], string>> = { syn: "SYN", datagram: "datagram" };

function said({ of, sent, fromMs, untilMs, attempts, missed }: FloodSummary): string {
  return `Beside ${plural(sent, WHAT[of])} from sources that never answer (${(fromMs / 1000).toFixed(1)} to ${(untilMs / 1000).toFixed(1)} s) ${count(missed)} of ${plural(attempts, "new connection")} had no answer to ${of === "syn" ? "the first SYN" : "the datagram"}`;
}

function expected({ fills, predicted, interval: [low, high], entries, shielded }: FloodSummary): string {
  if (shielded) return "none was to, as the balancer answers SYNs itself";
  if (fills.length === 0)
    return `none was to, as ${entries ? "the connection table has room for all" : "no table that fills up is asked"}`;
  const full = fills.map((what) =>
    what === "conntrack"
      ? `conntrack's table of ${count(entries?.most ?? 0)} is full`
      : "listeners have no room for half-open connections",
  );
  return `${count(Math.round(predicted))} predicted (${count(low)} to ${count(high)}), as ${full.join(" and ")}`;
}

export function floodFailures({ flood: found, clock }: Pick<Judged, "flood" | "clock">): Check[] {
  if (!found || floodGaps({ flood: found, clock }).length > 0) return [];
  const {
    missed,
    interval: [low, high],
    fills,
    entries,
  } = found;
  const off = entries ? Math.abs(entries.after - entries.predicted) : 0;
  const wrong = `${said(found)}; ${expected(found)}.`;
  const isWrong = missed < low || missed > high;
  return [
    fills.length > 0 ? [isWrong, wrong, "chance"] : [isWrong, wrong],
    [
      entries !== undefined && off > SHARE * entries.predicted,
      `Conntrack's table had ${count(entries?.after ?? 0)} entries at the end of the flood, ${count(entries?.predicted ?? 0)} predicted.`,
    ],
  ];
}

export function floodMerits({ flood: found }: Pick<Judged, "flood">): string[] {
  if (!found) return [];
  const { entries } = found;
  const table = entries
    ? ` Conntrack's table had ${count(entries.after)} entries at its end, ${count(entries.predicted)} predicted.`
    : "";
  return [`${said(found)}; ${expected(found)}.${table} No connection that lasts was lost.`];
}
