// SPDX-License-Identifier: Apache-2.0
// When service was back after an event. Connections notice a loss at their own next message, all at other moments, and open
// again: each attempt is a probe. It lies between the last attempt that failed and the first one after it that did not.
import type { Row } from "./rows.ts";

/** TCP waits as long at least before it sends again: an attempt that took longer had lost a packet. */
const SLOW_NS = 200e6;

export type Restored = [atLeastMs: number, atMostMs: number];

export class Probes {
  readonly #requestedT: number;
  #lastBadT: number;
  /** By the millisecond in which they began, the one that was done first: there may be millions. */
  readonly #good = new Map<number, { startT: number; establishedT: number }>();

  constructor(requestedT: number) {
    this.#requestedT = requestedT;
    this.#lastBadT = requestedT;
  }

  /** An attempt of a connection that was lost at the event. */
  add({ startT, establishedT }: Pick<Row, "startT" | "establishedT">): void {
    const isBad = establishedT === null || establishedT - startT > SLOW_NS;
    if (isBad) this.#lastBadT = Math.max(this.#lastBadT, startT);
    if (establishedT === null) return;
    const good = { startT: isBad ? establishedT : startT, establishedT };
    const bin = Math.floor(good.startT / 1e6);
    const known = this.#good.get(bin);
    if (!known || establishedT < known.establishedT) this.#good.set(bin, good);
  }

  /** Since the order. null: nobody tried, or none succeeded any more. */
  between(): Restored | null {
    let first: number | null = null;
    for (const { startT, establishedT } of this.#good.values())
      if (startT > this.#lastBadT && (first === null || establishedT < first)) first = establishedT;
    return first === null ? null : [(this.#lastBadT - this.#requestedT) / 1e6, (first - this.#requestedT) / 1e6];
  }
}
