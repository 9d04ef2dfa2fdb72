// SPDX-License-Identifier: Apache-2.0
import type { ReportData } from "../reporter.ts";
import type { Chart, ChartDefinition } from "./chart.ts";
import { connections } from "./connections.ts";
import { latency } from "./latency.ts";
import { loss } from "./loss.ts";
import { spread } from "./spread.ts";

/** In the order of the report. */
const DEFINITIONS: readonly ChartDefinition[] = [loss, connections, spread, latency];

/** A run that was skipped has none. */
export function allCharts(data: ReportData): Chart[] {
  return data.summary.verdict === "skip" ? [] : DEFINITIONS.map((define) => define(data));
}
