// SPDX-License-Identifier: Apache-2.0
// How many connections were lost for which root cause, and the stories of some of them.
import type { ByRoot, RootCause } from "../record/schema.ts";
import type { Story } from "./causes/index.ts";
import type { AnalysisModule } from "./part.ts";

/** Of losses outside the events, so many are told; of each root cause at each event, one. */
const MOST_OUTSIDE = 10;

/** Adds one. */
export function addRoot(counts: ByRoot, root: RootCause): void {
  counts[root] = (counts[root] ?? 0) + 1;
}

export const rootCauses: AnalysisModule = ({ explainer, timeline: { t0 } }) => {
  const [causes, causesOutsideEvents]: [ByRoot, ByRoot] = [{}, {}];
  const [outside, tapped]: [Story[], Story[]] = [[], []];
  const examples = new Map<string, Story>();
  return {
    established(row) {
      const { root, lossEvent } = row;
      if (explainer.hasPackets(row)) tapped.push(explainer.storyOf(row));
      if (root === null) return;
      addRoot(causes, root);
      if (lossEvent === "outside") {
        addRoot(causesOutsideEvents, root);
        if (outside.length < MOST_OUTSIDE) outside.push(explainer.storyOf(row));
        return;
      }
      const key = `${lossEvent} ${root}`;
      if (!examples.has(key)) examples.set(key, explainer.storyOf(row));
    },
    part: () => ({
      summary: { causes, causesOutsideEvents },
      series: { stories: { outside, examples: [...examples.values()] }, tapped, t0 },
    }),
  };
};
