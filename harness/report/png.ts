// SPDX-License-Identifier: Apache-2.0
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ChartConfiguration } from "chart.js";
import { wrap } from "../util/wrap.ts";
import type { Chart, ChartConfig } from "./charts/chart.ts";
import { allCharts } from "./charts/index.ts";
import { LIGHT } from "./palette.ts";
import type { Reporter } from "./reporter.ts";

export const PNG_WIDTH = 1200;
export const PNG_HEIGHT = 600;

export const png: Reporter = {
  name: "png",
  write: (data, dir) => drawPngs(allCharts(data), dir),
};

/** Each as `<id>.png`. */
export async function drawPngs(charts: readonly Chart[], dir: string): Promise<void> {
  // The canvas library takes a quarter of a second to load: only those who draw pay for it.
  const { ChartJSNodeCanvas } = await import("chartjs-node-canvas");
  const renderer = new ChartJSNodeCanvas({
    width: PNG_WIDTH,
    height: PNG_HEIGHT,
    backgroundColour: LIGHT.surface,
    plugins: { modern: ["chartjs-plugin-annotation"] },
  });
  for (const chart of charts) {
    // A definition is a narrower type of ours than the library's, which allows functions.
    const config = printed(chart) as unknown as ChartConfiguration;
    await writeFile(join(dir, `${chart.id}.png`), await renderer.renderToBuffer(config));
  }
}

/** The definition with title and caption in the picture; a picture gets separated from the text around it. */
function printed({ config, title, caption }: Chart): ChartConfig {
  const { options } = config;
  return {
    ...config,
    options: {
      ...options,
      layout: { padding: { top: 8, right: 24, bottom: 4, left: 8 } },
      plugins: {
        ...options.plugins,
        title: {
          display: true,
          align: "start",
          text: title,
          color: LIGHT.ink,
          font: { size: 17, weight: "bold" },
          padding: { bottom: 4 },
        },
        subtitle: {
          display: true,
          align: "start",
          text: wrap(caption, 172),
          color: LIGHT.ink,
          font: { size: 13 },
          padding: { bottom: 10 },
        },
      },
    },
  };
}
