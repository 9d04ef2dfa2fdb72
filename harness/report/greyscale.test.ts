// SPDX-License-Identifier: Apache-2.0
// Pictures without colours: two areas look alike where neither their shades of grey nor their textures differ.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { type ByCause, type ByRoot, CAUSES, ROOTS } from "../record/schema.ts";
import type { Chart, Dataset } from "./charts/chart.ts";
import { allCharts } from "./charts/index.ts";
import { lossBars } from "./comparison/loss-bars.ts";
import { drawFigures } from "./figure.ts";
import { scaleRun } from "./fixture.ts";
import type { ReportData } from "./reporter.ts";

/** Mean grey (0 to 255), and its mean change to the neighbour to the right, below, and along both diagonals. */
type Texture = readonly number[];

const SHADE_DIFFERS = 40;
const CHANGE_DIFFERS = 8;

/** A bar of a chart as the library hands it to a plugin. */
interface Bar {
  getProps(names: string[]): { x: number; y: number; base: number; width: number; height: number };
  horizontal?: boolean;
}
interface Drawn {
  ctx: { getImageData(x: number, y: number, width: number, height: number): { data: Uint8ClampedArray } };
  data: { datasets: Dataset[] };
  getDatasetMeta(i: number): { type: string; data: (Bar & { x: number; y: number })[] };
}

/** A piece of a layer between two lines, before anything happens. */
function layerAt(upper: readonly { x: number; y: number }[], lower: readonly { x: number; y: number }[]): Bar[] {
  const at = Math.floor(upper.length / 6);
  const [above, below] = [upper[at], lower[at]];
  if (!above || !below || upper === lower) return [];
  return [{ getProps: () => ({ x: above.x, y: above.y, base: below.y, width: 40, height: 0 }) }];
}

/** Each bar of a picture, by its dataset and, where there are several, its place. */
async function textures(t: ExecutionContext, chart: Chart): Promise<Map<string, Texture>> {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-grey-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const found = new Map<string, Texture>();
  const reader = {
    id: "reader",
    afterDraw(drawn: Drawn) {
      for (const [i, { label }] of drawn.data.datasets.entries()) {
        const { type, data } = drawn.getDatasetMeta(i);
        const below = drawn.getDatasetMeta(Math.max(0, i - 1)).data;
        for (const [k, bar] of (type === "bar" ? data : layerAt(data, below)).entries()) {
          const texture = textureOf(drawn, bar);
          if (texture) found.set(`${label} ${k}`, texture);
        }
      }
    },
  };
  await drawFigures([{ ...chart, config: Object.assign({ plugins: [reader] }, chart.config) }], dir);
  return found;
}

/** Of the inner half of a bar; null: too small to have one. */
function textureOf({ ctx }: Drawn, bar: Bar): Texture | null {
  const { x, y, base, width, height } = bar.getProps(["x", "y", "base", "width", "height"]);
  const [wide, tall] = bar.horizontal ? [Math.abs(x - base), height] : [width, Math.abs(y - base)];
  const [cx, cy] = bar.horizontal ? [(x + base) / 2, y] : [x, (y + base) / 2];
  const [w, h] = [Math.floor(wide / 2), Math.floor(tall / 2)];
  if (!(w >= 8 && h >= 8)) return null;
  const { data } = ctx.getImageData(Math.round(cx - w / 2), Math.round(cy - h / 2), w, h);
  const grey = (px: number, py: number) => {
    const at = 4 * (py * w + px);
    return 0.2126 * (data[at] ?? 0) + 0.7152 * (data[at + 1] ?? 0) + 0.0722 * (data[at + 2] ?? 0);
  };
  const inside = Array.from({ length: (w - 2) * (h - 2) }, (_, i) => [1 + (i % (w - 2)), 1 + Math.floor(i / (w - 2))]);
  const mean = (of: (px: number, py: number) => number) =>
    inside.reduce((sum, [px = 0, py = 0]) => sum + of(px, py), 0) / inside.length;
  const change = (dx: number, dy: number) => mean((px, py) => Math.abs(grey(px + dx, py + dy) - grey(px, py)));
  return [mean(grey), change(1, 0), change(0, 1), change(1, 1), change(1, -1)];
}

function alike(found: ReadonlyMap<string, Texture>): string[] {
  const all = [...found];
  return all.flatMap(([name, a], i) =>
    all
      .slice(i + 1)
      .filter(([, b]) => a.every((n, k) => Math.abs(n - (b[k] ?? 0)) < (k === 0 ? SHADE_DIFFERS : CHANGE_DIFFERS)))
      .map(([other]) => `${name} and ${other}`),
  );
}

/** The palette before areas had hatches. */
function coloursOnly({ config, ...chart }: Chart): Chart {
  const datasets = config.data.datasets.map((dataset) => ({ ...dataset, hatch: null }));
  return { ...chart, config: { ...config, data: { ...config.data, datasets } } };
}

/** One event, at which as many are lost by each cause. */
function lostByEachCause(): ReportData {
  const data = scaleRun();
  const ends = CAUSES.filter((cause) => cause !== "none");
  const byCause: ByCause = Object.fromEntries(ends.map((cause) => [cause, 1200]));
  const causes: ByRoot = Object.fromEntries(ROOTS.slice(0, 8).map((root) => [root, 1200]));
  const events = data.summary.events.slice(0, 1).map((event) => ({ ...event, lost: 9600, byCause, causes }));
  const lossPerSecond = data.series.lossPerSecond.map((bin) => ({
    ...bin,
    byCause: bin.s === 5 ? byCause : {},
    causes: bin.s === 5 ? causes : {},
  }));
  return { ...data, summary: { ...data.summary, events }, series: { ...data.series, lossPerSecond } };
}

const lossPicture = () => allCharts(lostByEachCause()).find(({ id }) => id === "loss") as Chart;
const comparisonPicture = () =>
  lossBars({
    scenario: "scale",
    entries: [{ label: "a", backend: "a", value: null, runs: [lostByEachCause()] }],
    sweep: null,
    commandLine: ["compare"],
  });

for (const [name, picture, pair] of [
  ["loss", lossPicture, /target_dead|target dead/],
  ["comparison", comparisonPicture, /target_dead|target dead/],
] as const)
  test(`causes are told apart in a picture of ${name} without colours`, async (t) => {
    const found = await textures(t, picture());
    t.is(found.size, CAUSES.length - 1, [...found.keys()].join());
    t.deepEqual(alike(found), []);
    t.true(alike(await textures(t, coloursOnly(picture()))).some((both) => pair.test(both)));
  });

test("layers of targets that leave are told apart from those of targets that stay without colours", async (t) => {
  const picture = allCharts(scaleRun()).find(({ id }) => id === "connections") as Chart;
  const mixed = async (chart: Chart) =>
    alike(await textures(t, chart)).filter((pair) => /vm-00[12]/.test(pair) && /vm-00[3-9]|vm-010/.test(pair));
  t.is((await textures(t, picture)).size, 9, "all layers but the first");
  t.deepEqual(await mixed(picture), []);
  t.true((await mixed(coloursOnly(picture))).length > 0);
});

test("targets that leave are told apart from those that stay without colours", async (t) => {
  const spread = allCharts(scaleRun()).find(({ id }) => id === "spread") as Chart;
  const likeFirst = async (chart: Chart) => alike(await textures(t, chart)).filter((pair) => / 0 and /.test(pair));
  t.is((await likeFirst(spread)).length, 1, "vm-001 and vm-002 leave");
  t.true((await likeFirst(coloursOnly(spread))).length > 1);
});
