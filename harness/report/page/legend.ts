// SPDX-License-Identifier: Apache-2.0
// A legend of buttons, each of which shows or hides its line.
import type { Chart } from "chart.js";
import { drawHatch, type Hatch } from "../hatch.ts";

export function drawLegend(chart: Chart, canvas: HTMLCanvasElement): void {
  const legend = document.createElement("ul");
  legend.className = "legend";
  legend.setAttribute("aria-label", "Show or hide lines and areas of the graph");
  for (const i of chart.data.datasets.keys()) {
    const item = document.createElement("li");
    item.append(legendButton(chart, i));
    legend.append(item);
  }
  const place = canvas.parentElement;
  const old = place?.nextElementSibling;
  if (old?.className === "legend") old.replaceWith(legend);
  else place?.after(legend);
}

function legendButton(chart: Chart, i: number): HTMLButtonElement {
  const dataset = chart.data.datasets[i];
  const button = document.createElement("button");
  button.type = "button";
  button.append(swatch(dataset as Swatch), dataset?.label ?? "");
  const tell = () => button.setAttribute("aria-pressed", String(chart.isDatasetVisible(i)));
  tell();
  button.addEventListener("click", () => {
    chart.setDatasetVisibility(i, !chart.isDatasetVisible(i));
    chart.update();
    tell();
  });
  return button;
}

/** Of a dataset (charts/chart.ts), what its mark in the legend shows. */
interface Swatch {
  pointStyle: string;
  backgroundColor: string | string[];
  hatch?: Hatch | null | (Hatch | null)[];
  borderColor?: string;
  borderDash?: number[];
  showLine?: boolean;
}

const GLYPHS: Readonly<Record<string, string>> = {
  circle: "\u25cf",
  triangle: "\u25b2",
  rectRounded: "\u25a0",
  rectRot: "\u25c6",
  crossRot: "\u2715",
  star: "\u2217",
};

const [WIDTH, HEIGHT] = [30, 12];

/** Drawn as the graph is: dashes and hatches too. */
function swatch({
  pointStyle,
  backgroundColor,
  borderColor = "",
  borderDash,
  hatch,
  showLine = true,
}: Swatch): HTMLElement {
  const mark = document.createElement("canvas");
  mark.className = "swatch";
  mark.ariaHidden = "true";
  mark.width = WIDTH * devicePixelRatio;
  mark.height = HEIGHT * devicePixelRatio;
  const ctx = mark.getContext("2d");
  if (!ctx) return mark;
  ctx.scale(devicePixelRatio, devicePixelRatio);
  const glyph = GLYPHS[pointStyle];
  const lined = pointStyle === "line" || (glyph !== undefined && showLine);
  if (lined) drawLine(ctx, borderColor, borderDash);
  if (glyph !== undefined) drawGlyph(ctx, borderColor, glyph);
  else if (!lined)
    drawArea(
      ctx,
      [backgroundColor].flat()[0] ?? "",
      [hatch].flat().find((one) => one != null),
    );
  return mark;
}

function drawLine(ctx: CanvasRenderingContext2D, colour: string, dash: readonly number[] = []): void {
  ctx.strokeStyle = colour;
  ctx.lineWidth = 3;
  ctx.setLineDash([...dash]);
  ctx.beginPath();
  ctx.moveTo(0, HEIGHT / 2);
  ctx.lineTo(WIDTH, HEIGHT / 2);
  ctx.stroke();
}

function drawGlyph(ctx: CanvasRenderingContext2D, colour: string, glyph: string): void {
  ctx.fillStyle = colour;
  ctx.font = `${HEIGHT + 2}px sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText(glyph, WIDTH / 2, HEIGHT / 2);
}

function drawArea(ctx: CanvasRenderingContext2D, colour: string, hatch: Hatch | undefined): void {
  const box = { left: 0, top: 0, width: WIDTH, height: HEIGHT };
  ctx.fillStyle = colour;
  ctx.fillRect(0, 0, WIDTH, HEIGHT);
  const { backgroundColor: surface, color: ink } = getComputedStyle(document.body);
  if (hatch) drawHatch(ctx, hatch, box, { surface, ink });
}
