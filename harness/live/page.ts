// SPDX-License-Identifier: Apache-2.0
import { type Chart, chartOptions, type Dataset } from "../report/charts/chart.ts";
import { loadAssets, NO_SCRIPT, renderPage } from "../report/html.ts";
import { LIGHT, seriesStyle } from "../report/palette.ts";

/** The look of every report; page/live.ts of the reports fills it from /events. */
export async function livePage(): Promise<string> {
  const line = (label: string, colour: string): Dataset => ({
    type: "line",
    label,
    data: [{ x: 0, y: 0 }],
    borderColor: colour,
    backgroundColor: colour,
    borderWidth: 2.5,
    pointRadius: 0,
    pointStyle: "line",
  });
  const chart: Chart = {
    id: "live",
    heading: "Connections",
    title: "A running test",
    reading: "",
    caption: "",
    config: {
      type: "line",
      data: { datasets: [line("alive", seriesStyle(2).colour), line("lost in total", LIGHT.ink)] },
      options: chartOptions({
        x: "Time since the start of the traffic (s)",
        y: "Connections",
        xScale: { type: "linear", min: 0 },
        yScale: { min: 0, suggestedMax: 10 },
      }),
    },
    data: { head: [], rows: [] },
  };
  const body = `<header><h1 id="live-title">Waiting for a run</h1><p class="parameters" id="live-phase" role="status"></p><p class="headline" id="live-numbers"></p></header>
${NO_SCRIPT}
<section id="connections"><figure><div class="plot"><canvas data-chart="live" role="img" tabindex="0" aria-label="Connections alive and lost"></canvas></div></figure></section>
<section id="log"><h2>Events</h2><ul class="reasons" id="live-log"></ul></section>
<p class="reading">For Prometheus: /metrics. When the run has ended its report is in its folder.</p>`;
  return renderPage({ title: "A running test", body, charts: [chart], live: true }, await loadAssets());
}
