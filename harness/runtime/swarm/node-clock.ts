// SPDX-License-Identifier: Apache-2.0
// The clock of a node, as far as it is known from here: by the quickest round trips, each of which bounds it from both sides.

/** What clocks of machines may gain or lose on each other: quartz, and what adjusts it. */
const DRIFT = 1e-4;
const KEPT = 64;

/** A question that was sent and answered at these times of ours, and the answer: the node's own. All ns. */
export interface RoundTrip {
  sentT: number;
  answeredT: number;
  nodeT: number;
}

export interface Relation {
  /** The node's clock less ours. */
  offsetNs: number;
  /** It is no farther from that. */
  errorNs: number;
}

export class NodeClock {
  #trips: RoundTrip[] = [];

  add(trip: RoundTrip): void {
    this.#trips = [...this.#trips.slice(1 - KEPT), trip];
  }

  /** At this time of ours. Of one clock for both the offset is 0: what is measured is no more than the error. */
  relation(nowT: number): Relation {
    let best: Relation = { offsetNs: 0, errorNs: Number.POSITIVE_INFINITY };
    for (const { sentT, answeredT, nodeT } of this.#trips) {
      const age = Math.max(0, nowT - answeredT);
      const errorNs = (answeredT - sentT) / 2 + DRIFT * age;
      if (errorNs < best.errorNs) best = { offsetNs: nodeT - (sentT + answeredT) / 2, errorNs };
    }
    const errorNs = Math.ceil(best.errorNs);
    return { offsetNs: Math.abs(best.offsetNs) <= errorNs ? 0 : Math.round(best.offsetNs), errorNs };
  }
}
