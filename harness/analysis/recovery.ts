// SPDX-License-Identifier: Apache-2.0
// How long clients were without service: from the order of an event until the last connection that ended by it was open again.
import type { Established } from "./rows.ts";
import type { Timeline } from "./timeline.ts";

interface Recovery {
  /** Rows of a connection come in the order of its generations, as a record has them. */
  add(row: Established): void;
  /**
   * For each event, milliseconds from when it was asked for until every connection that was lost before the next event was
   * established anew; 0 when none was lost, null when one never came back while the traffic lasted.
   */
  ms(): (number | null)[];
}

export function recoveryOf({ scales, streams, endT: trafficEndT }: Timeline): Recovery {
  const until = scales.map((scale) => scale.requestedT);
  const cameBack = (event: number, t: number) => {
    until[event] = Math.max(until[event] ?? 0, t);
  };
  /** By stream and number: what was lost and is not open again yet. */
  const missing = new Map(
    [...streams.keys()].map((name) => [name, new Map<number, { event: number; endT: number }>()]),
  );
  return {
    add({ recorded: { stream, id, cause }, establishedT, endT }) {
      const lost = missing.get(stream);
      const before = lost?.get(id);
      if (before) cameBack(before.event, establishedT);
      if (before) lost?.delete(id);
      if (cause === "none") return;
      const event = scales.findLastIndex((scale) => scale.requestedT <= endT);
      if (event >= 0) lost?.set(id, { event, endT });
    },
    ms() {
      // What is lost in the last second has no time to come back.
      for (const lost of missing.values())
        for (const { event, endT } of lost.values())
          if (trafficEndT - endT >= 1e9) cameBack(event, Number.POSITIVE_INFINITY);
      return scales.map((scale, i) => {
        const ms = ((until[i] ?? 0) - scale.requestedT) / 1e6;
        return Number.isFinite(ms) ? ms : null;
      });
    },
  };
}
