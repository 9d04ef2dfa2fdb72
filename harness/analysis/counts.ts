// SPDX-License-Identifier: Apache-2.0
import { isInOutage } from "./outage.ts";
import type { AnalysisModule } from "./part.ts";
import { hangs, pathOf } from "./path-mtu.ts";
import { isLostAgain } from "./reuse.ts";
import { foundNoRoom } from "./room.ts";
import type { Failed } from "./rows.ts";
import type { Timeline } from "./timeline.ts";

/** How many connections were planned, came about, and were lost. */
export const counts: AnalysisModule = ({ timeline, events }) => {
  const path = pathOf(events);
  const planned = [...timeline.streams.values()].reduce((sum, s) => sum + s.connections, 0);
  const firstT = timeline.scales[0]?.requestedT ?? Number.POSITIVE_INFINITY;
  const connections = { planned, established: 0, lost: 0, lostOutsideEvents: 0 };
  const evidence = { notInTime: planned, failedConnects: 0, unnamed: 0 };
  return {
    row(row) {
      if (row.establishedT === null) {
        if (hangs(path, row.stream.family) || isLostAgain(timeline, row) || foundNoRoom(timeline, row.recorded.cause)) {
          if (row.recorded.generation === 0) evidence.notInTime--;
        } else if (row.recorded.generation > 0 && !isExcused(timeline, row)) evidence.failedConnects++;
      } else if (row.recorded.generation === 0 && (row.establishedT < firstT || (row.stream.visit ?? 1) > 1))
        evidence.notInTime--;
    },
    established({ connection, lossEvent }) {
      connections.established++;
      if (connection.target === null) evidence.unnamed++;
      if (lossEvent !== null) connections.lost++;
      if (lossEvent === "outside") connections.lostOutsideEvents++;
    },
    part: () => ({ summary: { connections }, evidence }),
  };
};

/** Still trying when the traffic ended, or tried while an event was carried out or let nothing pass, or without a target. */
function isExcused(timeline: Timeline, row: Failed): boolean {
  const { scales, endT: trafficEndT } = timeline;
  const { recorded, startT, endT } = row;
  if (isInOutage(timeline, row)) return true;
  if (recorded.cause === "none") return trafficEndT - startT < 2e9;
  return scales.some(({ meaning, requestedT, effectiveT }, i) => {
    const undone = scales.slice(i + 1).find((later) => later.meaning.undoes === meaning.kind);
    const untilT = meaning.interrupts ? (undone?.effectiveT ?? trafficEndT) : effectiveT;
    return startT <= untilT && endT >= requestedT;
  });
}
