// SPDX-License-Identifier: Apache-2.0
// Charts as files: PNG, SVG and PDF, in the size of a column of a paper where that is asked for.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ChartConfiguration } from "chart.js";
import { LabError } from "../runtime/runtime.ts";
import { SETUP } from "../util/typed.ts";
import { wrap } from "../util/wrap.ts";
import type { Chart, ChartConfig } from "./charts/chart.ts";
import { marksPlugin } from "./marks.ts";
import type { FIGURE_FORMATS } from "./names.ts";
import { LIGHT } from "./palette.ts";

type Format = (typeof FIGURE_FORMATS)[number];

export interface Figure {
  format: Format;
  /** Of the whole figure; null: 1200 pixels wide, for a screen. */
  widthMm: number | null;
  /** Of a PNG with a width in millimetres. */
  dpi: number;
  /** Off for a paper, which has captions of its own. */
  titles: boolean;
}

const SCREEN: Figure = { format: "png", widthMm: null, dpi: 96, titles: true };
const WIDTH = 1200;
const HEIGHT = 600;
/** The charts' letters have 13 pixels; on paper they shall have so many points. */
const PAPER_POINTS = 7.5;
const CHART_PIXELS = 13;
const MM_PER_INCH = 25.4;
const TYPES = { png: "image/png", svg: "image/svg+xml", pdf: "application/pdf" } as const;

/**
 * Each as `<id>.<format>`. Without the canvas library no PNG for the screen is drawn, which is said once; throws LabError where
 * another figure was asked for.
 */
export async function drawFigures(charts: readonly Chart[], dir: string, figure: Figure = SCREEN): Promise<void> {
  const { format } = figure;
  const Canvas = await loadCanvas(figure);
  if (Canvas === null) return;
  for (const chart of charts) {
    const { width, height, scale } = sizeOf(chart, figure);
    const renderer = new Canvas({
      // The library lays the ground below what is drawn: in a vector file that would make a raster of all.
      ...(format === "png" ? { backgroundColour: LIGHT.surface } : { type: format }),
      width,
      height,
      plugins: { modern: ["chartjs-plugin-annotation", marksPlugin as never] },
    });
    // A definition is a narrower type of ours than the library's, which allows functions.
    const config = printed(chart, { ...figure, width, scale }) as unknown as ChartConfiguration;
    const drawn = renderer.renderToBufferSync(config, TYPES[format]);
    const bytes = format === "svg" ? inMillimetres(drawn.toString(), figure.widthMm) : drawn;
    await writeFile(join(dir, `${chart.id}.${format}`), bytes);
  }
}

let told = false;

/** The library takes a quarter of a second to load: only those who draw pay for it. npm leaves it out where it cannot be built. */
async function loadCanvas({ format, widthMm }: Figure) {
  try {
    return (await import("chartjs-node-canvas")).ChartJSNodeCanvas;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === "ERR_MODULE_NOT_FOUND" ? "is not installed" : `does not load: ${message.split("\n", 1)[0]}`;
    const sentence = `No pictures are drawn, as the npm module chartjs-node-canvas ${why}. Run '${SETUP}' to get them.`;
    if (format !== "png" || widthMm !== null) throw new LabError(sentence, { cause });
    if (!told) process.stderr.write(`${sentence}\n`);
    told = true;
    return null;
  }
}

/** Pixels of the layout, and how many pixels or points of the file one of them has. */
function sizeOf({ height = HEIGHT }: Chart, { format, widthMm, dpi }: Figure) {
  if (widthMm === null) return { width: WIDTH, height, scale: 1 };
  const perPoint = PAPER_POINTS / CHART_PIXELS;
  const width = Math.round(((widthMm / MM_PER_INCH) * 72) / perPoint);
  // A narrow figure is less flat; rows keep their height.
  const tall = height === HEIGHT ? Math.round(Math.max(width * 0.5, Math.min(HEIGHT, width * 0.75))) : height;
  return { width, height: tall, scale: format === "png" ? (perPoint * dpi) / 72 : perPoint };
}

/** The definition with title and caption in the picture; a picture gets separated from the text around it. */
function printed(
  { config, title, caption }: Chart,
  { titles, width, scale }: Pick<Figure, "titles"> & { width: number; scale: number },
): ChartConfig {
  const { options } = config;
  const right = (options.layout as { padding?: { right?: number } } | undefined)?.padding?.right ?? 24;
  const letters = Math.floor(width / 7);
  return {
    ...config,
    options: {
      ...options,
      devicePixelRatio: scale,
      layout: { padding: { top: 8, right, bottom: 4, left: 8 } },
      plugins: {
        ...options.plugins,
        title: {
          display: titles,
          align: "start",
          text: wrap(title, Math.floor(letters * 0.72)),
          color: LIGHT.ink,
          font: { size: 17, weight: "bold" },
          padding: { bottom: 4 },
        },
        subtitle: {
          display: titles,
          align: "start",
          text: wrap(caption, letters),
          color: LIGHT.ink,
          font: { size: 13 },
          padding: { bottom: 10 },
        },
      },
    },
  };
}

/** The size in the head of the file; what is drawn keeps its own units. */
function inMillimetres(svg: string, widthMm: number | null): string {
  if (widthMm === null) return svg;
  return svg.replace(/<svg[^>]*>/, (head) => {
    const [, width, height] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(head) ?? [];
    const tall = (widthMm * Number(height)) / Number(width);
    return head
      .replace(/ width="[^"]*"/, ` width="${widthMm}mm"`)
      .replace(/ height="[^"]*"/, ` height="${tall.toFixed(2)}mm"`);
  });
}
