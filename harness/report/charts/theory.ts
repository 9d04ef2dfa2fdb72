// SPDX-License-Identifier: Apache-2.0
// The lines of the loss chart that come from theory. All are totals: each event adds its part to what came before.

import type { Series } from "../../analysis/series.ts";
import { LIGHT } from "../palette.ts";
import type { Dataset, Point } from "./chart.ts";

type Event = Series["events"][number];

const STYLE = {
  // Wide and below: where both agree, the measured line runs inside it.
  predicted: { label: "predicted in total (wide)", borderDash: [], borderWidth: 7, order: 1 },
  ideal: { label: "ideal in total (dotted)", borderDash: [2, 4], borderWidth: 2, order: 0 },
} as const;

/** A step at each event. A line without a value for an event ends there; without any value there is no line. */
export function theoryLine(events: readonly Event[], which: keyof typeof STYLE, end: number): Dataset[] {
  const points: Point[] = [{ x: 0, y: 0 }];
  let total: number | null = 0;
  for (const event of events) {
    const part: number | null = event[which];
    total = total === null || part === null ? null : total + part;
    points.push({ x: event.s, y: total });
  }
  if (events.length === 0 || events[0]?.[which] === null) return [];
  points.push({ x: end, y: total });
  return [
    {
      ...STYLE[which],
      type: "line",
      data: points,
      stepped: "before",
      borderColor: LIGHT[which],
      backgroundColor: LIGHT[which],
      borderDash: [...STYLE[which].borderDash],
      pointRadius: 0,
      pointStyle: "line",
    },
  ];
}

/**
 * The 95 % interval of the loss, added up over the events, as one closed outline. The events are independent of each other, so the distances of
 * the limits from the loss add up as the root of the sum of their squares.
 */
export function intervalBand(events: readonly Event[]): Dataset[] {
  const lower: Point[] = [];
  const upper: Point[] = [];
  let [centre, below, above] = [0, 0, 0];
  for (const { s, untilS, lost, interval } of events) {
    const [low, high] = interval;
    centre += lost;
    below = Math.hypot(below, lost - low);
    above = Math.hypot(above, high - lost);
    lower.push({ x: s, y: Math.max(0, centre - below) }, { x: untilS, y: Math.max(0, centre - below) });
    upper.push({ x: s, y: centre + above }, { x: untilS, y: centre + above });
  }
  if (events.length === 0) return [];
  return [
    {
      type: "line",
      label: "95 % interval",
      data: [...lower, ...upper.reverse()],
      fill: "shape",
      backgroundColor: LIGHT.band,
      borderWidth: 0,
      pointRadius: 0,
      pointStyle: "rect",
      order: 3,
    },
  ];
}
