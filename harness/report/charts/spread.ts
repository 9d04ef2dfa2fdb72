// SPDX-License-Identifier: Apache-2.0

import { count, NONE, plural } from "../../util/numbers.ts";
import { digits, percent } from "../format.ts";
import { LEAVING_HATCH, LIGHT } from "../palette.ts";
import { parameters } from "../prose.ts";
import type { ReportData } from "../reporter.ts";
import { type Chart, chartOptions, type Dataset } from "./chart.ts";
import { leavingTargets } from "./groups.ts";

/** Connections each target got at the start, with the number the oracle expects. */
export function spread(data: ReportData): Chart {
  const { summary, series } = data;
  const shares = series.spread;
  const leaving = leavingTargets(series.events);
  const expected = shares.some((share) => share.expected !== null);

  return {
    id: "spread",
    heading: "Spread over the targets",
    title: `Connections by target, ${summary.case}: ${parameters(summary)}`,
    reading: "Each bar is the number of first connections of one target; the line is the expected number.",
    caption: caption(data),
    config: {
      type: "bar",
      data: {
        labels: shares.map(({ target }) => target),
        datasets: [
          ...(expected ? [expectedLine(shares)] : []),
          {
            type: "bar",
            label: leaving.size > 0 ? "connections (orange, hatched: leaving targets)" : "connections",
            data: shares.map(({ target, connections }) => ({ x: target, y: connections })),
            backgroundColor: shares.map(({ target }) => (leaving.has(target) ? LIGHT.leaving : LIGHT.staying)),
            hatch: shares.map(({ target }) => (leaving.has(target) ? LEAVING_HATCH : null)),
            pointStyle: "rect",
            order: 1,
          },
        ],
      },
      options: chartOptions({
        x: "Target",
        y: "Connections",
        xScale: { type: "category", grid: { display: false } },
        yScale: { beginAtZero: true },
      }),
    },
    data: {
      head: ["Target", "Connections", "Expected", "Difference"],
      rows: shares.map(({ target, connections, expected: e }) => [
        target,
        count(connections),
        count(e),
        e === null || e === 0 ? NONE : `${connections >= e ? "+" : ""}${percent((100 * (connections - e)) / e)}`,
      ]),
    },
  };
}

function expectedLine(shares: ReportData["series"]["spread"]): Dataset {
  return {
    type: "line",
    label: "expected",
    data: shares.map(({ target, expected }) => ({ x: target, y: expected })),
    stepped: "middle",
    borderColor: LIGHT.ink,
    backgroundColor: LIGHT.ink,
    borderWidth: 2,
    borderDash: [6, 4],
    pointRadius: 0,
    pointStyle: "line",
    order: 0,
  };
}

function caption({ summary, series }: ReportData): string {
  const numbers = series.spread.map(({ connections }) => connections);
  if (numbers.length === 0) return "No target answered a connection.";
  const mean = numbers.reduce((sum, n) => sum + n, 0) / numbers.length;
  const { chi2P, maxOverMean } = summary.spread;
  const facts = [
    `${plural(numbers.length, "target")} got between ${count(Math.min(...numbers))} and ${count(Math.max(...numbers))} connections each`,
    `mean ${count(mean)}`,
    ...(maxOverMean === null ? [] : [`the largest is ${maxOverMean.toFixed(2)} times the mean`]),
    chi2P === null ? "no chi-square test was made" : `chi-square test against the expected shares p = ${digits(chi2P)}`,
  ];
  return `${facts.join("; ")}.`;
}
