// SPDX-License-Identifier: Apache-2.0
// Labels of events above their lines: one that would touch another goes to a line below. Pixels decide, as a phone, a column of a paper
// and a screen have room for as many of them.

interface Label {
  content: string | string[];
  font: { size: number };
  yAdjust?: number;
}

interface Labelled {
  ctx: { font: string; measureText(text: string): { width: number } };
  scales: { [name: string]: { getPixelForValue(value: number): number } };
  chartArea: { left: number; right: number };
  options: { font?: { family?: string } };
  config: { options: { plugins: { annotation?: { annotations: Record<string, { xMin?: number; label?: Label }> } } } };
}

/** Of a label: within its frame beside and above the text, and between two of them. */
const [BESIDE, ABOVE, APART] = [6, 3, 4];

/** Sets how far down each label is. Called when the layout is known, before labels are drawn. */
export function placeEventLabels({ ctx, scales, chartArea, options, config }: Labelled): void {
  /** Where the last label of each line ends. */
  const ends: number[] = [];
  for (const { xMin = 0, label } of Object.values(config.options.plugins.annotation?.annotations ?? {})) {
    if (!label || !scales.x) continue;
    const lines = [label.content].flat();
    ctx.font = `${label.font.size}px ${options.font?.family ?? "sans-serif"}`;
    const width = Math.max(...lines.map((text) => ctx.measureText(text).width)) + 2 * BESIDE;
    const middle = scales.x.getPixelForValue(xMin);
    // The library keeps labels within the graph.
    const left = Math.max(chartArea.left, Math.min(middle - width / 2, chartArea.right - width));
    const free = ends.findIndex((end) => end + APART <= left);
    const level = free < 0 ? ends.length : free;
    ends[level] = left + width;
    label.yAdjust = level * (lines.length * label.font.size * 1.2 + 2 * ABOVE + APART);
  }
}
