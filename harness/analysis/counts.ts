// SPDX-License-Identifier: Apache-2.0
import { isRouterDeath } from "../events/meaning.ts";
import type { StreamStart } from "../record/schema.ts";
import { overT } from "./changes.ts";
import { isInOutage } from "./outage.ts";
import type { AnalysisModule, Judged } from "./part.ts";
import { hangs, pathOf } from "./path-mtu.ts";
import { isLostAgain } from "./reuse.ts";
import { foundNoRoom } from "./room.ts";
import type { Failed, Row } from "./rows.ts";
import type { Timeline } from "./timeline.ts";

/** How many connections were planned, came about, and were lost. */
export const counts: AnalysisModule = ({ timeline, events }) => {
  const path = pathOf(events);
  const planned = [...timeline.streams.values()].reduce((sum, s) => sum + (s.arrivals ? 0 : s.connections), 0);
  const isWarm = warmUp(timeline);
  const isInTime = firstInTime(timeline, path);
  const connections = { planned, established: 0, lost: 0, lostOutsideEvents: 0 };
  const evidence = { notInTime: planned, failedConnects: 0, unnamed: 0 };
  return {
    row(row) {
      if (row.recorded.generation === 0) {
        if (isInTime(row)) evidence.notInTime--;
      } else if (row.establishedT === null && !isExpected(timeline, row, path) && !isExcused(timeline, row))
        evidence.failedConnects++;
    },
    established(row) {
      const { connection, lossEvent } = row;
      connections.established++;
      if (connection.target === null) evidence.unnamed++;
      if (lossEvent !== null) connections.lost++;
      if (lossEvent === "outside" && isWarm(row)) connections.lostOutsideEvents++;
    },
    part: () => ({ summary: { connections, ...openPart(timeline) }, evidence }),
  };
};

function openPart({ streams }: Timeline): Pick<Judged, "open"> {
  const [open] = [...streams.values()].flatMap((stream) => stream.open ?? []);
  return open ? { open: { peak: open.peak, warmUpMs: open.warmUpUs / 1000 } } : {};
}

/** What is known beforehand to be refused: too large for the path, its 5-tuple or the room for it taken. */
const isExpected = (timeline: Timeline, row: Failed, path: Path): boolean =>
  hangs(path, row.stream.family) || isLostAgain(timeline, row) || foundNoRoom(timeline, row.recorded.cause);

/** Whether a first connection (generation 0) was there before the first event, or need not have been. */
export function firstInTime(timeline: Timeline, path: Path): (row: Row) => boolean {
  const firstT = timeline.scales[0]?.requestedT ?? Number.POSITIVE_INFINITY;
  const isWarm = warmUp(timeline);
  return (row) => {
    if (row.establishedT !== null) return row.establishedT < firstT || comesLater(row.stream);
    return isExpected(timeline, row, path) || (!!row.stream.open && (!isWarm(row) || isExcused(timeline, row)));
  };
}

type Path = ReturnType<typeof pathOf>;
const comesLater = ({ visit = 1, open }: StreamStart) => open !== undefined || visit > 1;

/** Whether what became of a connection counts: it ended after the warm-up, where there is one. */
export function warmUp({ streams }: Pick<Timeline, "streams">): (row: Pick<Row, "stream" | "endT">) => boolean {
  const untilT = new Map([...streams.values()].map((one) => [one, one.t + (one.open?.warmUpUs ?? 0) * 1000]));
  return ({ stream, endT }) => endT >= (untilT.get(stream) ?? 0);
}

/** Still trying when the traffic ended, or tried while an event was carried out or let nothing pass, or without a target. */
export function isExcused(timeline: Timeline, row: Failed): boolean {
  const { scales, endT: trafficEndT } = timeline;
  const { recorded, startT, endT } = row;
  if (isInOutage(timeline, row)) return true;
  const during = scales.filter(({ requestedT }, i) => startT <= overT(timeline, i) && endT >= requestedT);
  if (recorded.cause !== "none") return during.length > 0;
  return trafficEndT - startT < 2e9 || during.some(({ meaning }) => isRouterDeath(meaning) && meaning.interrupts);
}
