// SPDX-License-Identifier: Apache-2.0
import { isUndoing } from "../events/meaning.ts";
import type { Timeline } from "./timeline.ts";

type Scales = Pick<Timeline, "scales">;

/** The event that takes event i back; undefined: none does. */
export function undoingOf({ scales }: Scales, i: number): Timeline["scales"][number] | undefined {
  return scales.slice(i + 1).find((later) => isUndoing(later.meaning, scales[i]?.meaning.kind ?? ""));
}

/** When an event is over: what interrupts lasts until it is undone. Monotonic ns. */
export function overT(timeline: Pick<Timeline, "scales" | "endT">, i: number): number {
  const { meaning, effectiveT } = timeline.scales[i] as Timeline["scales"][number];
  return meaning.interrupts ? (undoingOf(timeline, i)?.effectiveT ?? timeline.endT) : effectiveT;
}

/**
 * When targets or routers return, connections from before they left were never theirs, or are lost already: only those opened
 * since then have to make room. For every other event all connections count.
 */
export function movableSince({ scales }: Pick<Timeline, "scales">, i: number): number {
  const event = scales[i];
  if (event?.meaning.effect !== "join") return 0;
  const left = scales
    .slice(0, i)
    .filter((s) => isUndoing(event.meaning, s.meaning.kind) && s.machines.some((m) => event.machines.includes(m)));
  return left.at(-1)?.requestedT ?? 0;
}
