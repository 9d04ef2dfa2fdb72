// SPDX-License-Identifier: Apache-2.0
import type { Series } from "../../analysis/series.ts";
import { count } from "../../util/numbers.ts";
import { seconds } from "../format.ts";
import { LIGHT } from "../palette.ts";
import { opened, parameters } from "../prose.ts";
import type { ReportData } from "../reporter.ts";
import { type Chart, chartOptions, type Dataset, endOf, eventLines, thin, timeScale } from "./chart.ts";
import { type Group, othersGroup, targetGroups } from "./groups.ts";

type Sample = Series["samples"][number];

/** Live connections over time, one layer for each target, stacked. */
export function connections(data: ReportData): Chart {
  const { summary, series } = data;
  // Of the samples that share a point the lowest one is kept: a dip must not be thinned away.
  const samples = thin(series.samples, (run) => run.reduce((low, sample) => (sample.alive < low.alive ? sample : low)));
  const targets = targetGroups(data).map((group) => ({
    group,
    values: samples.map((sample) => inGroup(sample, group)),
  }));
  const others = samples.map((s, i) =>
    Math.max(0, s.alive - targets.reduce((sum, { values }) => sum + (values[i] ?? 0), 0)),
  );
  const layers = others.some((n) => n > 0) ? [...targets, { group: othersGroup(), values: others }] : targets;
  const most = Math.max(1, ...samples.map((sample) => sample.alive));

  return {
    id: "connections",
    heading: "Connections over time",
    title: `Live connections by target, ${summary.case}: ${parameters(summary)}`,
    reading:
      "The height of the stack is the number of live connections; each layer belongs to one target or a group of targets; leaving targets are on top, in orange, hatched.",
    caption: caption(data),
    config: {
      type: "line",
      data: { datasets: layers.map(({ group, values }, i) => layer(group, samples, values, i)) },
      options: chartOptions({
        x: "Time since the start of the traffic (s)",
        y: "Live connections",
        xScale: timeScale(endOf(series)),
        yScale: { stacked: true, min: 0, suggestedMax: most * 1.12 },
        annotations: eventLines(series),
      }),
    },
    data: {
      head: ["Time (s)", "Alive", "Connecting", ...layers.map(({ group }) => group.label)],
      rows: samples.map((sample, i) => [
        sample.s.toFixed(2),
        count(sample.alive),
        count(sample.connecting),
        ...layers.map(({ values }) => count(values[i] ?? 0)),
      ]),
    },
  };
}

function inGroup(sample: Sample, group: Group): number {
  return group.targets.reduce((sum, target) => sum + (sample.perTarget[target] ?? 0), 0);
}

function layer(group: Group, samples: readonly Sample[], values: readonly number[], index: number): Dataset {
  return {
    label: group.label,
    data: samples.map(({ s }, i) => ({ x: s, y: values[i] ?? 0 })),
    fill: index === 0 ? "origin" : "-1",
    backgroundColor: group.colour,
    hatch: group.hatch,
    borderColor: LIGHT.surface,
    borderWidth: 0.75,
    pointRadius: 0,
    pointStyle: "rect",
  };
}

function caption({ summary, series }: ReportData): string {
  const begin = opened(summary);
  const last = series.samples.at(-1);
  if (last === undefined) return `${begin}; no sample was taken.`;
  const atEnd = `${count(last.alive)} were alive at the end (${seconds(last.s)})`;
  const first = series.events[0];
  if (first === undefined) return `${begin}; ${atEnd}.`;
  const low = series.samples
    .filter(({ s }) => s >= first.s)
    .reduce((lowest, sample) => (sample.alive < lowest.alive ? sample : lowest), last);
  return `${begin}; ${count(first.alive)} were alive at the first event, ${count(low.alive)} at the minimum after it (${seconds(low.s)}), ${atEnd.replace("were alive ", "")}.`;
}
