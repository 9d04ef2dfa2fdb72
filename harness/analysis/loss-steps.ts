// SPDX-License-Identifier: Apache-2.0
// The loss over time as steps, at the rows' own microseconds; rows that ended close together make one step.
import type { AnalysisModule } from "./part.ts";

/** So many steps a run has at most. */
const MOST_STEPS = 2000;

export interface LossStep {
  /** Seconds since the start of the traffic: the last end among its rows. */
  s: number;
  /** Connections lost until then. */
  total: number;
}

export const lossSteps: AnalysisModule = ({ timeline: { t0, endT } }) => {
  const widthNs = Math.max(1e6, Math.ceil((endT - t0) / MOST_STEPS));
  const bins = new Map<number, { endT: number; lost: number }>();
  return {
    established({ recorded: { cause }, endT: rowEndT }) {
      if (cause === "none") return;
      const bin = Math.floor((rowEndT - t0) / widthNs);
      const known = bins.get(bin);
      if (!known) bins.set(bin, { endT: rowEndT, lost: 1 });
      else {
        known.lost++;
        known.endT = Math.max(known.endT, rowEndT);
      }
    },
    part() {
      let total = 0;
      const steps = [...bins.values()]
        .sort((a, b) => a.endT - b.endT)
        .map(({ endT: lastT, lost }): LossStep => {
          total += lost;
          return { s: (lastT - t0) / 1e9, total };
        });
      return { series: { lossSteps: steps } };
    },
  };
};
