// SPDX-License-Identifier: Apache-2.0
// Where flows tell several services apart: each is judged for itself.
import { apartFailures, apartMerits, Counts } from "./apart.ts";
import type { AnalysisModule, Judged } from "./part.ts";

/** First connections by the flow that takes them at the start. */
export const services: AnalysisModule = ({ timeline, run }) => {
  const [first] = timeline.stages;
  const flows = first?.oracle?.services;
  if (!flows) return { part: () => ({}) };
  const counts = new Counts(flows.keys());
  return {
    row(row) {
      counts.take(row, first.oracle?.serviceOf?.(row.hash) ?? null);
    },
    part() {
      const judged = counts.judged(
        first.active,
        (flow) => new Map([...(flows.get(flow) ?? [])].map(([index, share]) => [run.targets[index] ?? "", share])),
      );
      return { summary: { flows: judged.map(({ key: flow, ...numbers }) => ({ flow, ...numbers })) } };
    },
  };
};

const keyed = ({ flows: all = [] }: Judged) => all.map(({ flow: key, ...numbers }) => ({ key, ...numbers }));

export const flowFailures = (summary: Judged) => apartFailures("Flow", keyed(summary));
export const flowMerits = (summary: Judged) => apartMerits("flow", keyed(summary));
