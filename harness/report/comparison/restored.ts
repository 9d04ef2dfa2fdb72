// SPDX-License-Identifier: Apache-2.0
// When service was back, as far as the attempts of those who were lost tell.
import type { Summary } from "../../record/schema.ts";
import { NONE } from "../../util/numbers.ts";
import { milliseconds } from "../format.ts";
import { calmRuns, type Entry } from "./comparison.ts";

type Restored = [atLeastMs: number, atMostMs: number];

/** The longest of the events; null: nothing was lost that tried again, or in vain. */
export function restoredOf({ events }: Pick<Summary, "events">): Restored | null {
  const known = events.flatMap(({ restoredMs }) => (restoredMs ? [restoredMs] : []));
  return known.reduce<Restored | null>((most, one) => (most && most[1] >= one[1] ? most : one), null);
}

/** "at most 13 ms" where no attempt failed, "0.31 s" where it is known to 10 ms, else between which times. */
export function restoredText(entry: Entry): string {
  const runs = calmRuns(entry).map(({ summary }) => summary);
  const spans = runs
    .flatMap((summary): Restored[] => {
      const span = restoredOf(summary);
      return span ? [span] : [];
    })
    .sort((a, b) => a[1] - b[1]);
  const middle = spans[Math.floor(spans.length / 2)];
  if (middle) return spanText(middle);
  const lost = runs.flatMap(({ events }) => events.map((event) => event.lost));
  return lost.length > 0 && lost.every((n) => n === 0) ? "none lost" : NONE;
}

function spanText([low, high]: readonly [number, number]): string {
  if (low === 0) return `at most ${milliseconds(Math.ceil(high))}`;
  return high - low <= 10 ? milliseconds(high) : `${milliseconds(low)} to ${milliseconds(high)}`;
}
