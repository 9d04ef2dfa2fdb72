// SPDX-License-Identifier: Apache-2.0
// From point to point of a graph, by the arrow keys and by the pointer.
import type { ActiveElement, Chart } from "chart.js";

const STEPS: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowRight: 1,
  ArrowUp: -1,
  ArrowDown: 1,
  Home: Number.NEGATIVE_INFINITY,
  End: Number.POSITIVE_INFINITY,
  Escape: 0,
};

/** The arrow keys move the tooltip from point to point, Escape closes it. `chart`: the canvas' present one. */
export function addKeys(canvas: HTMLCanvasElement, chart: () => Chart | undefined): void {
  let at = -1;
  const activate = (active: ActiveElement[]) => {
    chart()?.tooltip?.setActiveElements(active, { x: 0, y: 0 });
    chart()?.update();
  };
  canvas.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    const drawn = chart();
    if (step === undefined || !drawn) return;
    event.preventDefault();
    const stops = pointsByPlace(drawn);
    at = Math.min(stops.length - 1, Math.max(0, at + step));
    const active = step === 0 ? [] : (stops[at] ?? []);
    drawn.setActiveElements(active);
    activate(active);
  });
  canvas.addEventListener("blur", () => activate([]));
}

/** The points that are drawn, those above each other together, from left to right. The band has none of its own. */
function pointsByPlace(chart: Chart): ActiveElement[][] {
  const places = new Map<number, ActiveElement[]>();
  for (const meta of chart.getSortedVisibleDatasetMetas()) {
    const dataset = chart.data.datasets[meta.index];
    if (!dataset || ("fill" in dataset && dataset.fill === "shape")) continue;
    for (const [index, element] of meta.data.entries()) {
      const point = dataset.data[index];
      if (typeof point === "object" && Object.values(point ?? {}).includes(null)) continue;
      const at = Math.round(placeOf(chart, element));
      places.set(at, [...(places.get(at) ?? []), { element, datasetIndex: meta.index, index }]);
    }
  }
  return [...places].sort(([a], [b]) => a - b).map(([, points]) => points);
}

/** Rows go downwards, all else to the right. */
const placeOf = (chart: Chart, { x, y }: { x: number | null; y: number | null }) =>
  (chart.options.indexAxis === "y" ? y : x) ?? 0;

/** For the pointer: the points at the place nearest to it. The library's own modes would stop at bars without height. */
export function nearestPlace(chart: Chart, pointer: { x: number | null; y: number | null }): ActiveElement[] {
  const distance = (points: readonly ActiveElement[]) =>
    Math.abs(placeOf(chart, points[0]?.element ?? pointer) - placeOf(chart, pointer));
  return pointsByPlace(chart).reduce(
    (best, points) => (best.length > 0 && distance(best) <= distance(points) ? best : points),
    [],
  );
}
