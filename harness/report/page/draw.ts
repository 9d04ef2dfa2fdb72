// SPDX-License-Identifier: Apache-2.0
// The graphs of a page, out of the definitions that it holds as JSON.
import type { ChartConfiguration, Chart as ChartType, Interaction, InteractionModeFunction, Plugin } from "chart.js";
import { marksPlugin } from "../marks.ts";
import { byId, readJson } from "./dom.ts";
import { addKeys, nearestPlace } from "./keys.ts";
import { drawLegend } from "./legend.ts";

/** The library, which the page holds before this script. */
declare const Chart: typeof ChartType & { Interaction: typeof Interaction };

declare module "chart.js" {
  interface InteractionModeMap {
    place: InteractionModeFunction;
  }
}

/** Of a definition (charts/chart.ts), the parts that are changed here. */
interface Config {
  type: "bar" | "line";
  data: { datasets: { data: { x: number | string | null; y: number | string | null }[]; hidden?: boolean }[] };
  options: {
    maintainAspectRatio?: boolean;
    interaction?: { mode: "place" };
    font?: { size: number; family: string };
    layout?: { padding: { right: number } };
    scales: { x: { title: { text: string } } };
    plugins: {
      legend: { display?: boolean };
      tooltip?: {
        callbacks: {
          title(items: readonly { label: string }[]): string | undefined;
          label(item: Item): string | undefined;
        };
      };
      marks?: { height?: number; ends?: unknown; zeroAt?: number };
      annotation: { annotations: Record<string, { label?: { font: { size: number }; content: string | string[] } }> };
    };
  };
}

/** Of a tooltip. */
interface Item {
  dataset: { label: string };
  parsed: { y: number };
}

const charts = new Map<HTMLCanvasElement, ChartType>();
Chart.Interaction.modes.place = nearestPlace;
// Its types name what it uses of the library, for which pictures have no browser.
Chart.register(marksPlugin as unknown as Plugin);

export const chartOf = (canvas: HTMLCanvasElement) => charts.get(canvas);

/** Of a picture with title, caption and legend, which a page has around it. */
const ROOM_FOR_TITLES = 130;

/** Draws every graph anew; what the reader has hidden stays hidden. */
export function drawCharts(dark: boolean): void {
  const darkColours = readJson<Record<string, string>>("dark-colours");
  const inScheme = (_: string, value: unknown) => (dark && typeof value === "string" && darkColours[value]) || value;
  const configs = JSON.parse(byId("charts").textContent, inScheme) as Record<string, Config>;
  for (const canvas of document.querySelectorAll<HTMLCanvasElement>("canvas[data-chart]")) {
    const config = configs[canvas.dataset.chart ?? ""];
    // A hidden place has no size: it is drawn when its tab is chosen.
    if (config && !canvas.closest("[hidden]")) drawChart(canvas, config);
  }
}

function drawChart(canvas: HTMLCanvasElement, config: Config): void {
  const old = charts.get(canvas);
  for (const [i, dataset] of config.data.datasets.entries())
    dataset.hidden = old !== undefined && !old.isDatasetVisible(i);
  old?.destroy();
  const { height } = config.options.plugins.marks ?? {};
  if (height !== undefined && canvas.parentElement) canvas.parentElement.style.height = `${height - ROOM_FOR_TITLES}px`;
  const chart = new Chart(canvas, interactive(config));
  charts.set(canvas, chart);
  drawLegend(chart, canvas);
  if (old === undefined) addKeys(canvas, () => charts.get(canvas));
}

/** The definition with what only a page needs: it follows the size of its place and has a tooltip. */
function interactive(config: Config): ChartConfiguration {
  const { options } = config;
  const timed = options.scales.x.title.text.endsWith("(s)");
  const small = innerWidth < 640;
  options.maintainAspectRatio = false;
  options.interaction = { mode: "place" };
  options.font = { size: small ? 11 : 12, family: getComputedStyle(document.body).fontFamily };
  options.plugins.legend.display = false;
  options.plugins.tooltip = {
    callbacks: {
      title: ([item]) => item && (timed ? `${item.label} s` : item.label),
      // Without an answer the library has its own text.
      label: ({ dataset, parsed }) => (parsed.y === options.plugins.marks?.zeroAt ? `${dataset.label}: 0` : undefined),
    },
  };
  if (small && options.plugins.marks?.ends) {
    // Names at the ends of lines would take the place of the lines; the legend has them.
    delete options.plugins.marks.ends;
    delete options.layout;
  }
  for (const { label } of Object.values(options.plugins.annotation.annotations)) {
    // Intervals and reference lines have no label.
    if (!label) continue;
    label.font.size = small ? 10 : 12;
    // On a narrow page two labels side by side would touch.
    if (small && typeof label.content === "string") label.content = label.content.split(/ (?=\S+$)/);
  }
  // A definition is a narrower type of ours than the library's.
  return config as unknown as ChartConfiguration;
}
