// SPDX-License-Identifier: Apache-2.0
// Which hashes sent, and when: for strategies whose tables depend on what is idle.
import type { CourseOptions } from "../oracle/course.ts";
import type { Flow } from "../oracle/hash.ts";
import { hashFlow, needsUse, type OracleSpec } from "../oracle/oracle.ts";
import type { Connection, StreamStart } from "../record/schema.ts";
import { flowReader } from "./flows.ts";

interface Sources {
  streams: readonly StreamStart[];
  connections: Iterable<Connection>;
  /** null: there is one router. */
  routerOf: ((flow: Flow) => number) | null;
  /** When each span begins, and the last one ends. */
  spans: readonly number[];
}

/** When one connection sent. Times are monotonic ns. */
interface Sender {
  startT: number;
  endT: number;
  /** 0: nothing between its first packet and its last. */
  intervalNs: number;
}

/** null: the strategy does not depend on it. */
export function useOf(spec: OracleSpec | null, sources: Sources): NonNullable<CourseOptions["use"]> | null {
  if (!needsUse(spec)) return null;
  const byRouter = sendersOf(spec, sources);
  return (router, span) => ({
    fromT: sources.spans[span] ?? 0,
    untilT: sources.spans[span + 1] ?? Number.POSITIVE_INFINITY,
    lastSent: (hash, t) => latest(byRouter.get(router)?.get(hash) ?? [], t),
  });
}

/** By router, then by hash. */
function sendersOf(spec: OracleSpec, { streams, connections, routerOf }: Sources): Map<number, Map<number, Sender[]>> {
  const read = new Map(streams.map((start) => [start.stream, { start, flowOf: flowReader(start) }]));
  const byRouter = new Map<number, Map<number, Sender[]>>();
  for (const row of connections) {
    const stream = read.get(row.stream);
    if (!stream) continue;
    const flow = stream.flowOf(row);
    const hash = hashFlow(spec, flow);
    if (hash === null) continue;
    const atNs = (us: number) => stream.start.t + us * 1000;
    const sender = { startT: atNs(row.startUs), endT: atNs(row.endUs), intervalNs: stream.start.intervalUs * 1000 };
    const router = routerOf?.(flow) ?? 0;
    const byHash = byRouter.get(router) ?? new Map<number, Sender[]>();
    byRouter.set(router, byHash);
    const senders = byHash.get(hash);
    if (senders) senders.push(sender);
    else byHash.set(hash, [sender]);
  }
  return byRouter;
}

function latest(senders: readonly Sender[], t: number): number | null {
  let last: number | null = null;
  for (const { startT, endT, intervalNs } of senders) {
    if (startT > t) continue;
    const since = intervalNs > 0 ? Math.floor((t - startT) / intervalNs) * intervalNs : 0;
    last = Math.max(last ?? 0, endT <= t ? endT : startT + since);
  }
  return last;
}
