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
    [3, 109, 390 - 3 - 7 * 23],
  );
});

const measured = { font: "", measureText: (text: string) => ({ width: 7 * text.length }) };

test("the axis goes on until each text fits behind its bar, and bars do not vanish", (t) => {
  const max = (width: number, text: string) => {
    const scale = { axis: "x", max: 120 };
    const chart = { ctx: measured, width, scales: { y: { width: 100 } }, options: {} };
    marksPlugin.afterDataLimits(chart as never, { scale }, { texts: [{ row: 0, at: 100, text }] });
    return scale.max;
  };
  t.is(max(1100, "76.8 ms, median 1.1 ms"), 120);
  const narrow = max(350, "76.8 ms, median 1.1 ms");
  t.true((100 / narrow) * 250 + 9 + 7 * 22 + 3 <= 250);
  t.is(max(350, "76.8 ms, median 1.1 ms, and much more than this"), 400);
});

test("labels of events that would touch are on lines of their own, and only these", (t) => {
  const yAdjusts = (right: number, ...xMins: number[]) => {
    const label = () => ({ content: "vm-001 vm-002 leave", font: { size: 12 }, yAdjust: -1 });
    const annotations = Object.fromEntries(xMins.map((xMin, i) => [`event${i}`, { xMin, label: label() }]));
    const scales = { x: { getPixelForValue: (s: number) => (right * s) / 20 } };
    const config = { options: { plugins: { annotation: { annotations } } } };
    marksPlugin.afterLayout({ ctx: measured, scales, chartArea: { left: 0, right }, options: {}, config } as never);
    return Object.values(annotations).map(({ label: { yAdjust } }) => yAdjust);
  };
  t.deepEqual(yAdjusts(1100, 5, 15), [0, 0]);
  const [first, second = 0, third] = yAdjusts(300, 5, 10, 19);
  t.deepEqual([first, third], [0, 0]);
  t.true(second > 12);
});

test("a logarithmic axis has its lower end for 0 where that is asked for, and else its own ticks", (t) => {
  const ticksOf = (axis: string, marks: { zeroAt?: number }) => {
    const scale = { axis, ticks: [0.4, 1, 5, 10].map((value) => ({ value })) };
    marksPlugin.afterBuildTicks(null, { scale }, marks);
    return scale.ticks.map(({ value }) => value);
  };
  t.deepEqual(ticksOf("y", { zeroAt: 0.4 }), [0, 1, 10]);
  t.deepEqual(ticksOf("x", { zeroAt: 0.4 }), [0.4, 1, 5, 10]);
  t.deepEqual(ticksOf("y", {}), [0.4, 1, 5, 10]);
});
