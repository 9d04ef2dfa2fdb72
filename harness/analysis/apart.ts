// SPDX-License-Identifier: Apache-2.0
// First connections by what they go to, each VIP or flow judged for itself.
import { count, plural, was } from "../util/numbers.ts";
import type { Row } from "./rows.ts";
import { chiSquareP } from "./statistics.ts";

const SPREAD_P = 0.001;

interface Numbers {
  planned: number;
  established: number;
  lost: number;
  lostOutsideEvents: number;
}

interface Counted extends Numbers {
  perTarget: Map<string, number>;
}

export interface Apart extends Numbers {
  perTarget: Record<string, number>;
  chi2P: number | null;
}

/** Counts the first connections of each key. */
export class Counts {
  readonly #of = new Map<string, Counted>();

  constructor(keys: Iterable<string>) {
    for (const key of keys)
      this.#of.set(key, { planned: 0, established: 0, lost: 0, lostOutsideEvents: 0, perTarget: new Map() });
  }

  take(row: Row, key: string | null): void {
    const of = key === null ? undefined : this.#of.get(key);
    if (!of || row.recorded.generation > 0) return;
    of.planned++;
    if (row.establishedT === null) return;
    of.established++;
    if (row.lossEvent !== null) of.lost++;
    if (row.lossEvent === "outside") of.lostOutsideEvents++;
    const { target } = row.connection;
    if (target !== null) of.perTarget.set(target, (of.perTarget.get(target) ?? 0) + 1);
  }

  /** By key, in order; `sharesOf` are those that its targets should get, null: that is not known. */
  judged(
    targets: Iterable<string>,
    sharesOf: (key: string) => ReadonlyMap<string, number> | null,
  ): (Apart & { key: string })[] {
    const names = [...targets].sort();
    const found = [...this.#of].map(([key, { perTarget, ...numbers }]) => {
      const shares = sharesOf(key);
      const own = shares ? names.filter((name) => (shares.get(name) ?? 0) > 0 || perTarget.has(name)) : names;
      const counts = own.map((name) => perTarget.get(name) ?? 0);
      const expected = own.map((name) => (shares?.get(name) ?? 0) * numbers.established);
      const chi2P = shares ? chiSquareP(counts, expected) : null;
      return { key, ...numbers, perTarget: Object.fromEntries(own.map((name, i) => [name, counts[i] ?? 0])), chi2P };
    });
    return found.sort((a, b) => a.key.localeCompare(b.key));
  }
}

/** A sentence for each that fares otherwise than it must; an uneven spread may be chance, and of several one is more likely to look so. */
export function apartFailures(
  noun: string,
  all: readonly (Apart & { key: string })[],
): [bad: true, text: string, part?: "chance"][] {
  const limit = SPREAD_P / all.length;
  return all.flatMap(({ key, planned, established, lostOutsideEvents, chi2P }) => {
    const sentences: [boolean, string, part?: "chance"][] = [
      [
        established < planned,
        `${noun} ${key}: ${count(planned - established)} of ${plural(planned, "connection")} ${was(planned - established)} not established.`,
      ],
      [
        lostOutsideEvents > 0,
        `${noun} ${key}: ${plural(lostOutsideEvents, "connection")} ${was(lostOutsideEvents)} lost outside the events.`,
      ],
      [
        chi2P !== null && chi2P < limit,
        `${noun} ${key}: the spread over the targets does not fit the expected shares (chi-square p = ${chi2P?.toExponential(1)}, limit ${limit}).`,
        "chance",
      ],
    ];
    return sentences.flatMap(([bad, ...rest]) => (bad ? [[true, ...rest] as [true, string, "chance"?]] : []));
  });
}

export function apartMerits(noun: string, all: readonly Apart[]): string[] {
  if (all.length === 0) return [];
  const lowest = Math.min(...all.flatMap(({ chi2P }) => chi2P ?? []));
  const spread = Number.isFinite(lowest)
    ? `, and spread as expected (lowest chi-square p = ${lowest.toPrecision(2)})`
    : "";
  return [`The connections to each of the ${all.length} ${noun}s were established${spread}.`];
}
