// SPDX-License-Identifier: Apache-2.0
import type { ReportData } from "../reporter.ts";
import type { Chart, ChartDefinition } from "./chart.ts";
import { connections } from "./connections.ts";
import { latency } from "./latency.ts";
import { loss } from "./loss.ts";
import { spread } from "./spread.ts";

/** In the order of the report. */
const DEFINITIONS: readonly ChartDefinition[] = [loss, connections, spread, latency];

export function allCharts(data: ReportData): Chart[] {
  return DEFINITIONS.map((define) => define(data));
}
