// SPDX-License-Identifier: Apache-2.0
import type { Timeline } from "./timeline.ts";

/**
 * When targets or routers return, connections from before they left were never theirs, or are lost already: only those opened
 * since then have to make room. For every other event all connections count.
 */
export function movableSince({ scales }: Pick<Timeline, "scales">, i: number): number {
  const event = scales[i];
  if (event?.meaning.effect !== "join") return 0;
  const left = scales
    .slice(0, i)
    .filter((s) => s.meaning.kind === event.meaning.undoes && s.machines.some((m) => event.machines.includes(m)));
  return left.at(-1)?.requestedT ?? 0;
}
