// SPDX-License-Identifier: Apache-2.0
import type { NamedEvent } from "../events/index.ts";
import type { ByCause, ByRoot, Event, Sample } from "../record/schema.ts";
import type { Story } from "./causes/index.ts";
import type { LostConnection } from "./explain.ts";
import { Histogram } from "./histogram.ts";
import type { LossStep } from "./loss-steps.ts";
import type { AnalysisModule } from "./part.ts";
import { addRoot } from "./root-causes.ts";
import type { Timeline } from "./timeline.ts";

/** What the charts draw: plain numbers over time, seconds counted from the start of the traffic. Pure function of the events. */
export interface Series {
  /** One entry per sample, all streams added. */
  samples: {
    s: number;
    alive: number;
    connecting: number;
    perTarget: Record<string, number>;
    /** Messages per second since the previous sample. */
    sentPerS: number;
    receivedPerS: number;
    /** null: no round trip ended in this span. */
    latencyMs: { p50: number; p99: number; p999: number; max: number } | null;
  }[];
  /** One entry per whole second: connections that ended by loss in it. */
  lossPerSecond: { s: number; byCause: ByCause; causes: ByRoot; failedConnects: number }[];
  /** The loss as it grew. */
  lossSteps: LossStep[];
  events: (NamedEvent & {
    machines: string[];
    s: number;
    /** Second at which the next event begins, or the traffic ends. */
    untilS: number;
    alive: number;
    lost: number;
    ideal: number;
    predicted: number | null;
    /** 95 % interval of the loss, in connections. */
    interval: [number, number];
  })[];
  /** Established first connections by target, with the number that the oracle expects (null: it states none). */
  spread: { target: string; connections: number; expected: number | null }[];
  /** A sample of the lost connections. */
  lost: LostConnection[];
  /** Of the first that were lost outside the events, and of one for each root cause at each event. */
  stories: { outside: Story[]; examples: Story[] };
  /** Of all connections whose packets were kept. */
  tapped: Story[];
  /** Start of the traffic, monotonic ns: packets have their own times. */
  t0: number;
  /** What happened when, besides the traffic. */
  log: { s: number; text: string }[];
  /** What was installed in each router's kernel after the traffic. */
  rules: { machine: string; text: string }[];
}

export function emptySeries(): Series {
  return {
    samples: [],
    lossPerSecond: [],
    lossSteps: [],
    events: [],
    spread: [],
    lost: [],
    stories: { outside: [], examples: [] },
    tapped: [],
    t0: 0,
    log: [],
    rules: [],
  };
}

/** Of most seconds, which are millions in a long run. */
const NONE: Pick<Series["lossPerSecond"][number], "byCause" | "causes"> = { byCause: {}, causes: {} };

export const overTime: AnalysisModule = ({ events, timeline }) => {
  const { t0, endT } = timeline;
  const seconds = Math.max(1, Math.ceil((endT - t0) / 1e9));
  const lossPerSecond = Array.from({ length: seconds }, (_, s): Series["lossPerSecond"][number] => ({
    s,
    ...NONE,
    failedConnects: 0,
  }));
  return {
    row(row) {
      const { cause } = row.recorded;
      const bin = lossPerSecond[Math.floor((row.endT - t0) / 1e9)];
      if (cause === "none" || !bin) return;
      if (row.establishedT === null) {
        bin.failedConnects++;
        return;
      }
      // Most seconds share one that is empty.
      if (bin.byCause === NONE.byCause) Object.assign(bin, { byCause: {}, causes: {} });
      bin.byCause[cause] = (bin.byCause[cause] ?? 0) + 1;
      addRoot(bin.causes, row.root ?? "unknown");
    },
    part: () => ({ series: { samples: sampleSeries(timeline, events), lossPerSecond } }),
  };
};

/** What happened besides the traffic, and what was installed in the routers. */
export const log: AnalysisModule = ({ events, timeline }) => ({
  part: () => ({
    series: {
      log: events.flatMap((e) => {
        const text = logText(e);
        return text === null ? [] : [{ s: (e.t - timeline.t0) / 1e9, text }];
      }),
      rules: events.flatMap((e) => (e.kind === "rules" ? [{ machine: e.machine, text: e.text }] : [])),
    },
  }),
});

function logText(e: Event): string | null {
  switch (e.kind) {
    case "phase":
      return `${e.phase} ${e.edge === "begin" ? "begins" : "ends"}`;
    case "lab_up":
      return `${e.machines.length} machines up in ${e.runtime}`;
    case "deployed":
      return `${e.backend} deployed with ${e.active.length} active targets`;
    case "scale":
      return `${e.action} of ${e.machines.join(", ")}, asked ${((e.effectiveT - e.requestedT) / 1e6).toFixed(1)} ms before`;
    case "all_established":
      return `${e.stream}: ${e.established} established, ${e.failed} failed`;
    case "stream_start":
      return `${e.stream}: ${e.connections} ${e.protocol} connections to ${e.dst} port ${e.dport}`;
    case "warning":
    case "fault":
    case "error":
      return `${e.kind}: ${e.text}`;
    default:
      return null;
  }
}

/** Streams sample on their own clocks: the last state of each is carried on to the next tick, as wide as they are apart. */
function sampleSeries(timeline: Timeline, events: readonly Event[]): Series["samples"] {
  const tickNs = Math.max(...[...timeline.streams.values()].map(({ sampleUs }) => sampleUs ?? 250e3)) * 1000;
  const ticks = new Map<number, Sample[]>();
  for (const e of events) {
    if (e.kind !== "sample") continue;
    const tick = Math.round((e.t - timeline.t0) / tickNs);
    ticks.set(tick, [...(ticks.get(tick) ?? []), e]);
  }
  const latest = new Map<string, Sample>();
  let before = { sent: 0, received: 0, tick: 0 };
  return [...ticks]
    .sort(([a], [b]) => a - b)
    .map(([tick, samples]) => {
      for (const sample of samples) latest.set(sample.stream, sample);
      const all = [...latest.values()];
      const sum = (of: (s: Sample) => number) => all.reduce((total, s) => total + of(s), 0);
      const now = { sent: sum((s) => s.sent), received: sum((s) => s.received), tick };
      const seconds = (Math.max(1, tick - before.tick) * tickNs) / 1e9;
      const perTarget: Record<string, number> = {};
      for (const s of all)
        for (const [name, n] of Object.entries(s.perTarget)) perTarget[name] = (perTarget[name] ?? 0) + n;
      const hist = new Histogram();
      for (const s of samples) hist.add(s.hist);
      const point = {
        s: (tick * tickNs) / 1e9,
        alive: sum((s) => s.alive),
        connecting: sum((s) => s.connecting),
        perTarget,
        sentPerS: (now.sent - before.sent) / seconds,
        receivedPerS: (now.received - before.received) / seconds,
        latencyMs: hist.percentilesMs(),
      };
      before = now;
      return point;
    });
}
