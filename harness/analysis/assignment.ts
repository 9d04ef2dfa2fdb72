// SPDX-License-Identifier: Apache-2.0
import type { AnalysisModule } from "./part.ts";
import { pickOf } from "./predict.ts";
import type { Established } from "./rows.ts";
import type { Stage } from "./timeline.ts";

/** Which target answered first, against the stages that were, or may have been, in force while the connection was set up. */
export const assignment: AnalysisModule = ({ run, timeline, explain }) => {
  const assigned = { checked: 0, mispredicted: 0 };
  const evidence = { onInactiveTarget: 0 };
  return {
    established(row) {
      const { target } = row.connection;
      if (target === null) return;
      const possible = stagesAtSetup(row);
      if (!possible.some((stage) => stage.active.has(target))) {
        evidence.onInactiveTarget++;
        explain(row, `answered by ${target}, which was not active then`);
      }
      if (!timeline.deployed.oracle) return;
      const expected = possible.map((stage) => pickOf(stage, row.hash, run.targets));
      if (expected.includes(null)) return;
      assigned.checked++;
      if (expected.includes(target)) return;
      assigned.mispredicted++;
      explain(row, `answered by ${target}, predicted ${expected.join(" or ")}`);
    },
    part: () => ({ summary: { assigned }, evidence }),
  };
};

function stagesAtSetup({ view: { stages }, startT, establishedT }: Established): Stage[] {
  return stages.filter((stage, i) => {
    const next = stages[i + 1];
    return stage.requestedT <= establishedT && (next === undefined || next.effectiveT > startT);
  });
}
