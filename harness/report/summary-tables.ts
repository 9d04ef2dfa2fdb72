// SPDX-License-Identifier: Apache-2.0
// The tables that HTML, Markdown and the terminal share.

import type { RunInfo, Summary } from "../record/schema.ts";
import { count, NONE } from "../util/numbers.ts";
import { causes, eventLabel, interval, milliseconds, percent, share } from "./format.ts";
import type { Table } from "./table.ts";

export function eventTable(summary: Summary): Table {
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
      causes(event.byCause),
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
