// SPDX-License-Identifier: Apache-2.0
// What a generator would have told of its live connections over time.

import type { ByCause, Connection, StreamStart } from "../record/schema.ts";
import type { Sample } from "../record/stream-events.ts";

/** A sample at each of the stream's ticks, of connections as they were recorded. */
export function samplesOf(start: StreamStart, connections: readonly Connection[]): Sample[] {
  const tickUs = start.sampleUs ?? 250_000;
  const { durationUs = 0, intervalUs } = start;
  const ticks = Math.ceil(durationUs / tickUs);
  const tickOf = (us: number) => Math.min(ticks, Math.ceil(us / tickUs));
  /** By tick, how many more than at the one before. */
  const none = () => new Int32Array(ticks + 1);
  const opened = none();
  const live = new Map<string, Int32Array>();
  const lost = new Map<string, Int32Array>();
  const at = (counts: Map<string, Int32Array>, key: string) => {
    const found = counts.get(key) ?? none();
    counts.set(key, found);
    return found;
  };
  for (const { target, cause, establishedUs, endUs } of connections) {
    if (target === null || establishedUs === null) continue;
    const [from, to] = [tickOf(establishedUs), tickOf(endUs)];
    add(opened, from, 1);
    add(at(live, target), from, 1);
    if (cause !== "none") add(at(lost, cause), to, 1);
    // Who lives to the end is in the last sample.
    if (endUs < durationUs || cause !== "none") add(at(live, target), to, -1);
  }
  const total = connections.reduce((sum, { sent }) => sum + sent, 0);
  let [established, sent] = [0, 0];
  const now = new Map([...live.keys()].map((name) => [name, 0]));
  const gone = new Map([...lost.keys()].map((cause) => [cause, 0]));
  return Array.from({ length: ticks + 1 }, (_, tick): Sample => {
    established += opened[tick] ?? 0;
    for (const [name, counts] of live) now.set(name, (now.get(name) ?? 0) + (counts[tick] ?? 0));
    for (const [cause, counts] of lost) gone.set(cause, (gone.get(cause) ?? 0) + (counts[tick] ?? 0));
    const alive = [...now.values()].reduce((sum, n) => sum + n, 0);
    sent = tick === ticks ? total : Math.min(total, sent + (alive * tickUs) / Math.max(1, intervalUs));
    const messages = Math.round(sent);
    return {
      kind: "sample",
      t: start.t + tick * tickUs * 1000,
      stream: start.stream,
      alive,
      connecting: 0,
      established,
      failedConnects: 0,
      lost: Object.fromEntries(gone) as ByCause,
      sent: messages,
      received: messages,
      lateSends: 0,
      maxLateUs: 0,
      perTarget: Object.fromEntries(now),
      hist: [],
    };
  });
}

function add(counts: Int32Array, tick: number, by: number): void {
  counts[tick] = (counts[tick] as number) + by;
}
