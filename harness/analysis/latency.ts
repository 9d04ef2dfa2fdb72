// SPDX-License-Identifier: Apache-2.0
import { Histogram } from "./histogram.ts";
import type { AnalysisModule } from "./part.ts";

/** Round trips of the whole run. */
export const latency: AnalysisModule = ({ events }) => {
  const hist = new Histogram();
  for (const e of events) if (e.kind === "sample") hist.add(e.hist);
  const latencyMs = hist.percentilesMs() ?? { p50: null, p99: null, p999: null, max: null };
  return { part: () => ({ summary: { latencyMs } }) };
};
