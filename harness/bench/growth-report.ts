// SPDX-License-Identifier: Apache-2.0
// A sweep as text: how each cost grows.
import { digits } from "../report/format.ts";
import type { Table } from "../report/table.ts";
import { count, list, NONE } from "../util/numbers.ts";
import type { GrowthRow } from "./growth.ts";
import type { Metric } from "./metrics/metric.ts";

export interface SweepOf {
  parameter: string;
  values: readonly number[];
  /** What is counted, in the plural. */
  noun: string;
}

export function growthTable(growths: readonly GrowthRow[], { noun }: SweepOf): Table {
  return {
    head: [
      "Metric",
      "Backend",
      "Cost grows as",
      "95 % interval",
      `Each of the ${noun}`,
      "Last over first",
      "95 % interval",
      "p",
    ],
    rows: growths.map((growth) => [
      growth.metric,
      growth.backend,
      shapeOf(growth),
      growth.exponentInterval95?.map((k) => k.toFixed(2)).join(" to ") ?? NONE,
      growth.linear === null ? NONE : `${digits(growth.linear.each)} ${growth.unit}`,
      growth.factor.toFixed(2),
      growth.factorInterval95?.map((factor) => factor.toFixed(2)).join(" to ") ?? NONE,
      growth.p < 0.001 ? "below 0.001" : growth.p.toFixed(3),
    ]),
  };
}

function shapeOf({ trend, exponent, factor }: GrowthRow): string {
  if (trend === "none" || exponent === null) return "no trend shown";
  return trend === "falls" ? `falls to ${factor.toFixed(2)}` : `n^${exponent.toFixed(2)}`;
}

/** "CPU of .. grows as n^0.97": a sentence for each curve, those that grow most first, and one for all that do not. */
export function growthSentences(growths: readonly GrowthRow[], metrics: readonly Metric[], sweep: SweepOf): string[] {
  const [least = 0, most = 0] = [sweep.values[0], sweep.values.at(-1)];
  const range = `from ${count(least)} to ${count(most)} ${sweep.noun}`;
  const costOf = ({ metric }: GrowthRow) =>
    metrics.find(({ name }) => name === metric)?.higherIsBetter ? `the time for one of '${metric}'` : `'${metric}'`;
  const times = ({ factor }: GrowthRow) => `${factor.toFixed(2)} times`;
  const clear = [...growths].filter(({ trend }) => trend !== "none").sort((a, b) => b.factor - a.factor);
  const flat = [...new Set(growths.map(({ backend }) => backend))].flatMap((backend) => {
    const own = growths.filter((growth) => growth.backend === backend && growth.trend === "none");
    return own.length === 0
      ? []
      : [`${backend} in ${list(own.map((growth) => `${growth.metric} (${times(growth)})`))}`];
  });
  return [
    ...clear.map((growth) => {
      const { backend, unit, trend, exponent, exponentInterval95: interval, linear, curve } = growth;
      if (trend === "falls") return `${backend}: ${costOf(growth)} falls: ${times(growth)} ${range}.`;
      const power = `n^${exponent?.toFixed(2)}${interval ? ` (95 % interval ${interval.map((k) => k.toFixed(2)).join(" to ")})` : ""}`;
      const logarithm = interval && interval[0] === 0 ? ", as a logarithm would" : "";
      const parts = linear
        ? `${digits(Math.max(0, linear.base))} ${unit} and ${digits(linear.each)} ${unit} for each of the ${sweep.noun}, so linearly`
        : `above ${digits(curve?.base ?? null)} ${unit} at 1${logarithm}`;
      return `${backend}: ${costOf(growth)} grows as ${power}: ${parts}; ${times(growth)} ${range}.`;
    }),
    ...(flat.length > 0 ? [`No trend ${range} is shown at 1 %, for ${flat.join("; for ")}.`] : []),
  ];
}
