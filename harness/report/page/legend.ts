// SPDX-License-Identifier: Apache-2.0
// A legend of buttons, each of which shows or hides its line.
import type { Chart } from "chart.js";

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

function swatch({ pointStyle, backgroundColor, borderColor, borderDash, showLine = true }: Swatch): HTMLElement {
  const mark = document.createElement("span");
  mark.className = "swatch";
  mark.ariaHidden = "true";
  const glyph = GLYPHS[pointStyle];
  const lined = pointStyle === "line" || (glyph !== undefined && showLine);
  if (lined) {
    const dash = borderDash?.[0] ?? 0;
    mark.style.borderTop = `3px ${dash === 0 ? "solid" : dash < 4 ? "dotted" : "dashed"} ${borderColor}`;
  }
  if (glyph !== undefined) {
    mark.classList.add("glyph");
    mark.style.color = borderColor ?? "";
    mark.textContent = glyph;
  } else if (!lined) {
    mark.style.height = "0.7rem";
    mark.style.background = [backgroundColor].flat()[0] ?? "";
  }
  return mark;
}
