// SPDX-License-Identifier: Apache-2.0
// ctraffic's three analyses line by line as it prints them, for scripts that cut these up. Pure.
import type { CtrafficAnalysis, CtrafficStats } from "./ctraffic.ts";

const NS_PER_S = 1e9;

/** Throws where the file does not hold what the analysis is about. */
export function ctrafficLines(analysis: CtrafficAnalysis, stats: CtrafficStats): string {
  switch (analysis) {
    case "throughput":
      return throughputLines(stats);
    case "connections":
      return connectionLines(stats);
    case "hosts":
      return hostLines(stats);
  }
}

/** As Go prints a number: the fewest digits, and an exponent below 0.0001 and from 1e21 on. */
export function goFloat(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-4 && size < 1e21)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}

const seconds = (ns: number) => Math.trunc(ns / NS_PER_S) + (ns % NS_PER_S) / NS_PER_S;

/** KB/s received between two samples, in its whole numbers of 32 bits; the time is the middle of the two. */
function throughputLines({ Samples: samples, PacketSize: size }: CtrafficStats): string {
  const lines = ["Time Throughput"];
  let last = samples[0];
  for (const sample of samples.slice(1)) {
    if (!last) break;
    const ns = sample.Time - last.Time;
    const kilobytes = Math.floor((Math.imul(sample.Received - last.Received, size) >>> 0) / 1024);
    lines.push(`${goFloat(seconds(last.Time + Math.trunc(ns / 2)))} ${goFloat(kilobytes / seconds(ns))}`);
    last = sample;
  }
  return `${lines.join("\n")}\n`;
}

/** By whole seconds before the end; the time is the middle of each. One that failed is still there in the second in which it ends. */
function connectionLines({ ConnStats: connections, Duration: duration }: CtrafficStats): string {
  const lines = ["Time Active New Failed Connecting"];
  for (let end = NS_PER_S; end < duration; end += NS_PER_S) {
    const begin = end - NS_PER_S;
    const count = { active: 0, fresh: 0, failed: 0, connecting: 0 };
    for (const { Started: started, Connect: connected, Ended: ended, Err: error } of connections) {
      if (ended < begin) continue;
      if (ended < end) {
        if (error !== "") count.failed++;
      } else if (started <= end) {
        if (started > begin) count.fresh++;
        count[connected === 0 || connected > end ? "connecting" : "active"]++;
      }
    }
    const { active, fresh, failed, connecting } = count;
    lines.push(`${goFloat(seconds(begin + NS_PER_S / 2))} ${active} ${fresh} ${failed} ${connecting}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Who has no host is not counted. */
function hostLines({ ConnStats: connections }: CtrafficStats): string {
  const named = connections.filter(({ Host }) => Host !== "");
  const part = (title: string, of: typeof named) => {
    const byHost = new Map<string, number>();
    for (const { Host } of of) byHost.set(Host, (byHost.get(Host) ?? 0) + 1);
    const sorted = [...byHost].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return [`${title} connections: ${of.length}`, ...sorted.map(([host, n]) => `  ${host} ${n}`)];
  };
  const lost = part(
    "Lost",
    named.filter(({ Err }) => Err !== ""),
  );
  const lasting = part(
    "Lasting",
    named.filter(({ Err }) => Err === ""),
  );
  return `${[...lost, ...lasting].join("\n")}\n`;
}
