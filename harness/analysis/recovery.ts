// SPDX-License-Identifier: Apache-2.0
// How long clients were without service: from the order of an event until the last connection that ended by it was open again.
import { Probes, type Restored } from "./restored.ts";
import type { Established, Failed } from "./rows.ts";
import type { Timeline } from "./timeline.ts";

interface Recovery {
  /** Rows of a connection come in the order of its generations, as a record has them. */
  add(row: Established): void;
  /**
   * For each event, milliseconds from when it was asked for until every connection that was lost before the next event was
   * established anew; 0 when none was lost, null when one never came back while the traffic lasted.
   */
  ms(): (number | null)[];
  /** An attempt that came to nothing, in the same order. */
  failed(row: Failed): void;
  /** For each event, between which milliseconds service was back. */
  restored(): (Restored | null)[];
}

export function recoveryOf({ scales, streams, endT: trafficEndT }: Timeline): Recovery {
  const probes = scales.map((scale) => new Probes(scale.requestedT));
  const until = scales.map((scale) => scale.requestedT);
  const eventBefore = (t: number) => scales.findLastIndex((scale) => scale.requestedT <= t);
  /** What ended at `endT` was open again at `t`. */
  const cameBack = (endT: number, t: number) => {
    const event = eventBefore(endT);
    if (event >= 0) until[event] = Math.max(until[event] ?? 0, t);
  };
  // What comes and goes by a plan is never opened again.
  const lasting = [...streams].filter(([, { open }]) => !open);
  const missing = new Map(lasting.map(([name, { connections }]) => [name, new Times(connections)]));
  return {
    failed(row) {
      const before = missing.get(row.recorded.stream)?.at(row.recorded.id) ?? 0;
      if (before > 0) probes[eventBefore(before)]?.add(row);
    },
    restored: () => probes.map((one) => one.between()),
    add(row) {
      const { recorded, establishedT, endT } = row;
      const { stream, id, cause } = recorded;
      const lost = missing.get(stream);
      const before = lost?.at(id) ?? 0;
      if (before > 0) probes[eventBefore(before)]?.add(row);
      if (before > 0) cameBack(before, establishedT);
      if (before > 0 || cause !== "none") lost?.set(id, cause === "none" ? 0 : endT);
    },
    ms() {
      // What is lost in the last second has no time to come back.
      for (const lost of missing.values())
        for (const endT of lost.all()) if (trafficEndT - endT >= 1e9) cameBack(endT, Number.POSITIVE_INFINITY);
      return scales.map((scale, i) => {
        const ms = ((until[i] ?? 0) - scale.requestedT) / 1e6;
        return Number.isFinite(ms) ? ms : null;
      });
    },
  };
}

/** When connections were lost that are not open again, ns, by their number: 8 bytes each, as there may be ten million. */
class Times {
  #times = new Float64Array(0);
  readonly #connections: number;

  constructor(connections: number) {
    this.#connections = connections;
  }

  /** 0: it is not lost. */
  at(id: number): number {
    return this.#times[id] ?? 0;
  }

  set(id: number, t: number): void {
    if (id >= this.#connections) return;
    if (id >= this.#times.length) {
      const more = new Float64Array(Math.min(this.#connections, 2 * id + 1024));
      more.set(this.#times);
      this.#times = more;
    }
    this.#times[id] = t;
  }

  all(): Iterable<number> {
    return this.#times.filter((t) => t > 0);
  }
}
