// SPDX-License-Identifier: Apache-2.0
// A running test: the server sends all there was, and then each point.
import type { LivePageState, Point } from "../../live/point.ts";
import { byId } from "./dom.ts";
import { chartOf } from "./draw.ts";

const write = (id: string, words: string) => {
  byId(id).textContent = words;
};

/** Nothing on a page that does not follow a run. */
export function followLive(): void {
  const canvas = document.querySelector<HTMLCanvasElement>('canvas[data-chart="live"]');
  if (!canvas) return;
  const source = new EventSource("events");
  source.addEventListener("state", ({ data }: MessageEvent<string>) => {
    showState(canvas, JSON.parse(data) as LivePageState);
    chartOf(canvas)?.update();
  });
  source.addEventListener("point", ({ data }: MessageEvent<string>) => {
    addPoint(canvas, JSON.parse(data) as Point);
    write("live-phase", "traffic");
    chartOf(canvas)?.update();
  });
  source.addEventListener("error", () => write("live-phase", "the program has ended"));
}

function showState(canvas: HTMLCanvasElement, state: LivePageState): void {
  for (const dataset of chartOf(canvas)?.data.datasets ?? []) dataset.data = [];
  byId("live-log").replaceChildren();
  write("live-title", state.case === null ? "Waiting for a run" : `${state.case}, seed ${state.seed}`);
  write("live-phase", state.phase);
  write("live-numbers", "");
  for (const point of state.points) addPoint(canvas, point);
  if (state.outcome) write("live-numbers", `${state.outcome.verdict.toUpperCase()}: ${state.outcome.headline}`);
}

function addPoint(canvas: HTMLCanvasElement, { s, alive, lost, note }: Point): void {
  const [first, second] = chartOf(canvas)?.data.datasets ?? [];
  first?.data.push({ x: s, y: alive });
  second?.data.push({ x: s, y: lost });
  write("live-numbers", `${alive} connections alive, ${lost} lost`);
  if (note === undefined) return;
  const item = document.createElement("li");
  item.textContent = `${s.toFixed(1)} s: ${note}`;
  byId("live-log").append(item);
}
