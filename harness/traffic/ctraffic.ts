// SPDX-License-Identifier: Apache-2.0
// ctraffic's statistics and its three analyses. Pure: text in, text out; reads the original's files as well as ours.
import { z } from "zod";

const NS_PER_S = 1e9;

const connection = z.object({
  Started: z.number(),
  /** 0: never connected. */
  Connect: z.number(),
  Ended: z.number(),
  Err: z.string().default(""),
  Sent: z.number(),
  Received: z.number(),
  Dropped: z.number(),
  Retransmits: z.number(),
  Local: z.string().default(""),
  Remote: z.string().default(""),
  Host: z.string().default(""),
});

const sample = z.object({ Time: z.number(), Sent: z.number(), Received: z.number(), Dropped: z.number() });

const statistics = z.object({
  Started: z.string(),
  Duration: z.number(),
  Rate: z.number(),
  Connections: z.number(),
  PacketSize: z.number(),
  FailedConnections: z.number(),
  Sent: z.number(),
  Received: z.number(),
  Dropped: z.number(),
  Retransmits: z.number(),
  FailedConnects: z.number(),
  // Go writes an empty list as null.
  ConnStats: z
    .array(connection)
    .nullish()
    .transform((list) => list ?? []),
  Samples: z
    .array(sample)
    .nullish()
    .transform((list) => list ?? []),
});

/** All times in it are nanoseconds since Started. */
export type CtrafficStats = z.infer<typeof statistics>;

export const CTRAFFIC_ANALYSES = ["connections", "hosts", "throughput"] as const;
export type CtrafficAnalysis = (typeof CTRAFFIC_ANALYSES)[number];

export function parseCtraffic(text: string): CtrafficStats {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Error("Cannot read the statistics: the file is not JSON. Try a file written with '--output ctraffic'.", {
      cause,
    });
  }
  const parsed = statistics.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Error(`Cannot read the statistics: '${issue?.path.join(".")}': ${issue?.message}.`, {
      cause: parsed.error,
    });
  }
  return parsed.data;
}

/** The analysis as columns of text with a header, for a terminal or a plotting program. Throws as `checkAnalysis` does. */
export function analyzeCtraffic(analysis: CtrafficAnalysis, stats: CtrafficStats): string {
  checkAnalysis(analysis, stats);
  switch (analysis) {
    case "connections":
      return columns(connectionsPerSecond(stats));
    case "hosts":
      return columns(hosts(stats));
    case "throughput":
      return columns(throughput(stats));
  }
}

/** Throws where the file does not hold what the analysis is about: absent data is no measured zero. */
export function checkAnalysis(analysis: CtrafficAnalysis, stats: CtrafficStats): void {
  if (analysis !== "throughput") needsConnections(stats);
  else if (stats.Samples.length === 0) throw new Error("The file holds no samples: write it with '-stats all'.");
}

function needsConnections(stats: CtrafficStats): void {
  if (stats.ConnStats.length > 0 || stats.Connections === 0) return;
  throw new Error("The file holds no connections: write it with '-stats all'.");
}

/** One sentence for each total that the rows contradict. Failed connections that were opened again have a row each. */
export function contradictions(stats: CtrafficStats): string[] {
  const { ConnStats: rows } = stats;
  if (rows.length === 0) return [];
  const sum = (of: (row: CtrafficStats["ConnStats"][number]) => number) =>
    rows.reduce((total, row) => total + of(row), 0);
  const counted = {
    Sent: sum((row) => row.Sent),
    Received: sum((row) => row.Received),
    Dropped: sum((row) => row.Dropped),
    FailedConnections: sum((row) => (row.Connect > 0 && row.Err !== "" ? 1 : 0)),
  };
  return Object.entries(counted).flatMap(([name, count]) => {
    const total = stats[name as keyof typeof counted];
    return total === count ? [] : [`${name} is ${total}, but the connections add up to ${count}.`];
  });
}

/** Messages per second between two samples; `time` is the middle of the span. Of samples at one time the last one counts. */
export function throughput(stats: CtrafficStats) {
  let last = { Time: 0, Sent: 0, Received: 0, Dropped: 0 };
  const samples = stats.Samples.filter(({ Time }, i) => Time > 0 && Time !== stats.Samples[i + 1]?.Time);
  return samples.map((next) => {
    const seconds = (next.Time - last.Time) / NS_PER_S;
    const row = {
      time: (next.Time + last.Time) / 2 / NS_PER_S,
      sent: (next.Sent - last.Sent) / seconds,
      received: (next.Received - last.Received) / seconds,
      dropped: (next.Dropped - last.Dropped) / seconds,
    };
    last = next;
    return row;
  });
}

/**
 * For each second, named by its end: connections alive then, and how many were connected, lost and failed in it.
 * Lost had answered before; failed never did.
 */
export function connectionsPerSecond(stats: CtrafficStats) {
  const rows = Array.from({ length: Math.max(1, Math.ceil(stats.Duration / NS_PER_S)) }, (_, i) => ({
    time: i + 1,
    alive: 0,
    new: 0,
    lost: 0,
    failed: 0,
  }));
  /** An event on the boundary belongs to the second that it ends. */
  const secondOf = (ns: number) => rows[Math.min(rows.length - 1, Math.max(0, Math.ceil(ns / NS_PER_S) - 1))];
  for (const c of stats.ConnStats) {
    const end = secondOf(c.Ended);
    if (c.Connect === 0) {
      if (end && c.Err) end.failed++;
      continue;
    }
    const begin = secondOf(c.Connect);
    if (begin) begin.new++;
    if (end && c.Err) end.lost++;
  }
  let alive = 0;
  for (const row of rows) {
    alive += row.new - row.lost;
    row.alive = alive;
  }
  return rows;
}

/** Connections by the target that answered: those that broke, and those that lasted to the end. Who never connected has no target. */
export function hosts(stats: CtrafficStats) {
  const byHost = new Map<string, { host: string; lost: number; lasting: number }>();
  for (const c of stats.ConnStats) {
    if (c.Connect === 0) continue;
    const host = c.Host || "(unknown)";
    const row = byHost.get(host) ?? { host, lost: 0, lasting: 0 };
    if (c.Err) row.lost++;
    else row.lasting++;
    byHost.set(host, row);
  }
  return [...byHost.values()].sort((a, b) => a.host.localeCompare(b.host, "en", { numeric: true }));
}

function columns(rows: Record<string, string | number>[]): string {
  const names = Object.keys(rows[0] ?? {});
  const cells = [names, ...rows.map((row) => names.map((name) => cell(row[name] ?? "")))];
  const widths = names.map((_, i) => Math.max(...cells.map((line) => line[i]?.length ?? 0)));
  return cells
    .map(
      (line) =>
        `${line
          .map((text, i) => text.padEnd(widths[i] ?? 0))
          .join(" ")
          .trimEnd()}\n`,
    )
    .join("");
}

function cell(value: string | number): string {
  return typeof value === "string" ? value : String(Math.round(value * 10) / 10);
}
