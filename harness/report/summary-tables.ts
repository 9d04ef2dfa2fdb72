// SPDX-License-Identifier: Apache-2.0
// The tables that HTML, Markdown and the terminal share.

import type { Story } from "../analysis/causes/index.ts";
import type { RootCause, RunInfo, Summary } from "../record/schema.ts";
import { count, NONE } from "../util/numbers.ts";
import { assignments, causeName, causesAndEnds, eventLabel, interval, milliseconds, percent, share } from "./format.ts";
import type { Table } from "./table.ts";

export function eventTable(summary: Summary): Table {
  const hasTable = summary.events.some(({ entries }) => entries !== undefined);
  return {
    head: [
      "Event",
      "Asked",
      "In force",
      "Alive",
      "Lost",
      "Share",
      "Ideal",
      "Predicted",
      "Mispredicted",
      "Excess",
      "95 % interval",
      ...(hasTable ? ["Entries moved"] : []),
      "Causes",
    ],
    rows: summary.events.map((event) => [
      eventLabel(event),
      `${(event.askedMs / 1000).toFixed(3)} s`,
      `${(event.inForceMs / 1000).toFixed(3)} s`,
      count(event.alive),
      count(event.lost),
      share(event.lost, event.alive),
      count(event.ideal),
      count(event.predicted),
      count(event.mispredicted),
      `${event.excessPercent > 0 ? "+" : ""}${percent(event.excessPercent)}`,
      interval(event.interval95),
      ...(hasTable ? [event.entries ? share(event.entries.moved, event.entries.of) : NONE] : []),
      causesAndEnds(event),
    ]),
  };
}

/** Without rows where there were no events. */
export function consistencyTable({ consistency }: Summary): Table {
  if (!consistency) return facts([]);
  const { changes, minutes, violations, perMinute, perChange, ofConnections, ofRequests, unfairness } = consistency;
  return facts([
    ["Connections broken that no leaving target had", count(violations)],
    ["Per minute", `${number(perMinute)}, in ${number(minutes)} minutes`],
    ["Per change", `${number(perChange)}, at ${count(changes)}`],
    ["Of all connections", percent(100 * ofConnections)],
    ["Of all messages", percent(100 * ofRequests)],
    ...(unfairness
      ? ([
          ["Busiest target / mean", overWindows(unfairness.maxOverMean)],
          ["Standard deviation / mean", overWindows(unfairness.variation)],
        ] satisfies [string, string][])
      : []),
  ]);
}

const number = (value: number) => value.toFixed(value < 10 ? 2 : 1);
const overWindows = ({ mean, p99, max }: { mean: number; p99: number; max: number }) =>
  `${mean.toFixed(3)} on average, ${p99.toFixed(3)} in 99 % of all windows, ${max.toFixed(3)} at most`;

/** Losses by root cause, at each event, outside of all, and all together. */
export function causeTable({ causes: all = {}, causesOutsideEvents: outside = {}, events }: Summary): Table {
  const roots = (Object.entries(all) as [RootCause, number][]).sort(([, a], [, b]) => b - a);
  return {
    head: ["Cause", ...events.map(eventLabel), "Outside", "All"],
    rows: roots.map(([root, n]) => [
      causeName(root),
      ...events.map(({ causes: atEvent = {} }) => count(atEvent[root] ?? 0)),
      count(outside[root] ?? 0),
      count(n),
    ]),
  };
}

/** A row for each connection, with what ended it in the first place. */
export function storyTable(stories: readonly Story[]): Table {
  return {
    head: ["Time", "Connection", "Source", "Port", "Cause", "What happened"],
    rows: stories.map(({ s, stream, id, src, sport, root, sentence }) => [
      `${s.toFixed(3)} s`,
      `${stream} ${id}`,
      src,
      String(sport),
      root === null ? "" : causeName(root),
      sentence,
    ]),
  };
}

export function connectionTable({ connections, assigned, affinity, forgotten }: Summary): Table {
  return facts([
    ["Planned", count(connections.planned)],
    ["Established", count(connections.established)],
    ["Lost", count(connections.lost)],
    ["Lost outside the events", count(connections.lostOutsideEvents)],
    ...(forgotten
      ? ([
          ["Lost with the balancer's state", count(forgotten.lost)],
          ["Lost with the balancer's state, predicted", count(forgotten.predicted)],
        ] satisfies [string, string][])
      : []),
    ["First targets checked", count(assigned.checked)],
    ["First targets mispredicted", count(assigned.mispredicted)],
    ...(affinity
      ? ([
          ["Sources with several visits", count(affinity.sources)],
          ["Visits before the affinity expired", count(affinity.inTime.visits)],
          ["Moved to another target before it expired", count(affinity.inTime.moved)],
          ["Visits after it expired", count(affinity.late.visits)],
          [
            "Moved after it expired; expected by chance",
            `${count(affinity.late.moved)}; ${count(affinity.late.expected)}`,
          ],
        ] satisfies [string, string][])
      : []),
  ]);
}

export function latencyTable({ latencyMs }: Summary): Table {
  return facts([
    ["50 % (median)", milliseconds(latencyMs.p50)],
    ["99 %", milliseconds(latencyMs.p99)],
    ["99.9 %", milliseconds(latencyMs.p999)],
    ["Slowest", milliseconds(latencyMs.max)],
  ]);
}

/** Without rows where no fragments were sent. */
export function datagramTable({ datagrams = [] }: Summary): Table {
  return {
    head: [
      "Fragments",
      "Sent",
      "Arrived",
      "Lost",
      "Incomplete",
      "of them delivered",
      "Corrupt",
      "Duplicates",
      "Wrong target",
    ],
    rows: datagrams.map((one) => [
      one.pattern.replaceAll("_", " "),
      count(one.sent),
      count(one.arrived),
      share(one.sent - one.arrived, one.sent),
      count(one.incompleteSent),
      count(one.incompleteDelivered),
      count(one.corrupt),
      count(one.duplicates),
      count(one.wrongTarget),
    ]),
  };
}

export function packetTable({ packets, userSpace }: Summary): Table {
  return facts([
    ["Sent", count(packets.sent)],
    ...(packets.relayed
      ? ([
          ["Ended at the proxy", count(packets.relayed.in)],
          ["Sent by the proxy", count(packets.relayed.out)],
        ] satisfies [string, string][])
      : []),
    ...(packets.probes ? [["Health checks", count(packets.probes)] satisfies [string, string]] : []),
    ["Received", count(packets.received)],
    ...Object.entries(packets.dropped).map(([name, n]): [string, string] => [
      `Dropped: ${name.replaceAll("_", " ")}`,
      count(n),
    ]),
    ...(packets.accounts === false
      ? ([["Accounts", "none, as the backend says"]] satisfies [string, string][])
      : ([["Unaccounted", count(packets.unaccounted)]] satisfies [string, string][])),
    ...(packets.duplicated ? [["Arrived, but never sent", count(packets.duplicated)] satisfies [string, string]] : []),
    ...(packets.noise === undefined
      ? []
      : [["Healthy labs show at most", count(packets.noise)] satisfies [string, string]]),
    ["Unaccounted share", share(packets.unaccounted, packets.sent)],
    ...(userSpace
      ? ([
          ["For the VIP, at the routers", count(userSpace.packets)],
          ["Of these to user space", count(userSpace.queued)],
          ["Share in user space", share(userSpace.queued, userSpace.packets)],
        ] satisfies [string, string][])
      : []),
  ]);
}

/** What was wrong with messages, in all, judged, and where it was. */
export function integrityTable({ judged, where, ...sum }: NonNullable<Summary["integrity"]>): Table {
  const names = { corrupt: "Corrupt", duplicates: "Twice", reordered: "Out of order", late: "Late" } as const;
  const columns = Object.keys(names) as (keyof typeof names)[];
  const row = (name: string, of: Record<keyof typeof names, number>) => [name, ...columns.map((key) => count(of[key]))];
  return {
    head: ["", ...columns.map((key) => names[key]), "Sent again", "No answer"],
    rows: [
      [...row(`${count(sum.checked)} messages`, sum), "", ""],
      [...row("Judged", judged), "", ""],
      ...where.map(({ target, family, ...one }) => [
        ...row(`${target ?? "no target"}, IPv${family}`, one),
        count(one.resent),
        count(one.unanswered),
      ]),
    ],
  };
}

export function generatorTable({ generator, machine }: Summary): Table {
  return facts([
    ["Late sends", count(generator.lateSends)],
    ["CPU time, of one CPU", percent(100 * generator.cpuShare)],
    ["CPUs of the whole lab", machine.busyCpus === null ? NONE : machine.busyCpus.toFixed(2)],
    ["Seconds disturbed by other programs", `${machine.disturbed.length} of ${machine.windows}`],
  ]);
}

export function phaseTable({ phasesMs }: Summary): Table {
  const names: Record<keyof Summary["phasesMs"], string> = {
    up: "Lab up",
    deploy: "Deploy",
    traffic: "Traffic",
    down: "Lab down",
    report: "Report",
    total: phasesMs.report > 0 ? "Total" : "Total before the report",
  };
  return facts(
    (Object.keys(names) as (keyof typeof names)[])
      .filter((phase) => phasesMs[phase] > 0)
      .map((phase) => [names[phase], `${count(Math.round(phasesMs[phase]))} ms`]),
  );
}

export function environmentTable(run: RunInfo, summary: Summary): Table {
  const { host } = run;
  return facts([
    ["Run", run.id],
    ["Started", run.startedAt],
    ["Git revision", run.gitRevision ?? NONE],
    ["Kernel under test", summary.kernel],
    ["Runtime", run.runtime],
    ["Host", `${host.hostname}, kernel ${host.kernel}`],
    ...(run.environment ? [["Variables", assignments(run.environment)] as [string, string]] : []),
    ["CPUs", `${host.cpus} x ${host.cpuModel}`],
    ["Memory", `${count(host.memoryMiB)} MiB`],
    ...Object.entries(run.tools).map(([tool, version]): [string, string] => [tool, version]),
  ]);
}

/** Options of the run and of its backend, as JSON values. */
export function optionTable(run: RunInfo): Table {
  const rows = (options: Record<string, unknown>, prefix: string): [string, string][] =>
    Object.entries(options).map(([name, value]) => [`${prefix}${name}`, JSON.stringify(value) ?? NONE]);
  return facts([...rows(run.options, ""), ...rows(run.backendOptions, `${run.backend}: `)]);
}

function facts(rows: [string, string][]): Table {
  return { head: ["", ""], rows };
}
