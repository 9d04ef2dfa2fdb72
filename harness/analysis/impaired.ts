// SPDX-License-Identifier: Apache-2.0
// What a link did to packets because it was asked to: it is named, and nobody else is blamed for it.
import { count, list, plural, was } from "../util/numbers.ts";
import type { Evidence, Judged } from "./part.ts";

type Path = NonNullable<Judged["packets"]["path"]>;

function deedsOf({ received, lost, copied, damaged, ahead }: Path): string {
  const deeds = [
    [lost, "dropped"],
    [copied, "sent twice"],
    [damaged, "damaged"],
    [ahead, "sent ahead of others"],
  ] as const;
  const done = deeds.flatMap(([n, what]) => (n > 0 ? [`${count(n)} ${what}`] : []));
  return `of ${plural(received, "packet")} ${done.length === 0 ? "all were delayed" : list(done)}`;
}

/** Packets that a link dropped or damaged by order: no more connections can miss an answer because of it. */
export const spoiltOnTheWay = ({ packets: { path, dropped } }: Judged): number =>
  (path ? path.lost + path.damaged : 0) + (dropped.netem ?? 0);

/** Connections that fell silent outside of the events while a link dropped packets by order. */
export const lostOnTheWay = (summary: Judged): number =>
  spoiltOnTheWay(summary) > 0 ? (summary.causesOutsideEvents?.link_loss ?? 0) : 0;

/** Why there is no result about the balancer; empty: there is. */
export function impairedGaps(summary: Judged, { notInTime, failedConnects }: Evidence): string[] {
  const spoilt = spoiltOnTheWay(summary);
  if (spoilt === 0) return [];
  const { path } = summary.packets;
  const deeds = path ? deedsOf(path) : `${plural(spoilt, "packet")} dropped`;
  const missed = [
    [lostOnTheWay(summary), "lost outside the events"],
    [notInTime, "not established in time"],
    [failedConnects, "lost and could not be opened again"],
  ] as const;
  return missed.flatMap(([n, what]) =>
    n > 0
      ? [
          `${plural(n, "connection")} ${was(n)} ${what} because the link was impaired (${deeds}): that is not the balancer's. Try a smaller --loss, or more time (--stall, --at, --duration).`,
        ]
      : [],
  );
}

export function impairedMerits({ packets: { path } }: Judged): string[] {
  return path ? [`The impaired link did what it was asked to: ${deedsOf(path)}.`] : [];
}
