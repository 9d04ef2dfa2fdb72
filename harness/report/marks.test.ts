// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { marksPlugin } from "./marks.ts";

test("the text of the longest bar ends within the picture, the others stand beside their bars", (t) => {
  const drawn: { text: string; left: number }[] = [];
  const nothing = () => {};
  const ctx = {
    save: nothing,
    restore: nothing,
    setLineDash: nothing,
    strokeText: nothing,
    fillText: (text: string, left: number) => void drawn.push({ text, left }),
    measureText: (text: string) => ({ width: 7 * text.length }),
  };
  const scale = { getPixelForValue: (value: number) => value };
  const chart = {
    ctx,
    width: 390,
    chartArea: { bottom: 90 },
    scales: { x: scale, y: scale },
    options: {},
    data: { datasets: [] },
  };
  const texts = [
    { row: 0, at: 0, text: "Latency: 99 % of the messages; diamond: median", strong: true },
    { row: 1, at: 100, text: "27.4 ms" },
    { row: 2, at: 330, text: "120 ms, median 0.412 ms" },
  ];
  marksPlugin.afterDatasetsDraw(chart as never, null, { texts, whiskersBelow: 0 });
  t.deepEqual(
    drawn.map(({ left }) => left),
    [2, 109, 390 - 3 - 7 * 23],
  );
});
