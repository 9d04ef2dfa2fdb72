// SPDX-License-Identifier: Apache-2.0
// Where connections go to several VIPs: each is judged for itself.
import { apartFailures, apartMerits, Counts } from "./apart.ts";
import type { AnalysisModule, Judged } from "./part.ts";

/** First connections by VIP; only where there is more than one in a family, and no flows tell services apart. */
export const vips: AnalysisModule = ({ timeline }) => {
  const { streams, shares, stages } = timeline;
  const all = new Set([...streams.values()].map(({ dst }) => dst));
  const families = new Set([...all].map((dst) => dst.includes(":")));
  if (all.size <= families.size || stages[0]?.oracle?.services) return { part: () => ({}) };
  const counts = new Counts(all);
  // Turns may be taken by all VIPs together: only a hash gives each of them its shares.
  let isByHash = true;
  return {
    row(row) {
      if (row.hash === null) isByHash = false;
      counts.take(row, row.stream.dst);
    },
    part() {
      const judged = counts.judged(stages[0]?.active ?? [], () => (isByHash ? shares : null));
      return { summary: { vips: judged.map(({ key: vip, ...numbers }) => ({ vip, ...numbers })) } };
    },
  };
};

const keyed = ({ vips: all = [] }: Judged) => all.map(({ vip: key, ...numbers }) => ({ key, ...numbers }));

export const vipFailures = (summary: Judged) => apartFailures("VIP", keyed(summary));
export const vipMerits = (summary: Judged) => apartMerits("VIP", keyed(summary));
