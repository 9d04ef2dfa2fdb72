// SPDX-License-Identifier: Apache-2.0
// From measurements to figures: medians, intervals, ratios to plain forwarding from the same round.

import { median } from "../util/median.ts";
import { direct } from "./direct.ts";
import type { Environment, Figure } from "./figure.ts";
import type { Metric } from "./metrics/metric.ts";
import { plain } from "./plain.ts";
import type { Measurement } from "./rounds.ts";

/** `fair`: by backend the plain forwarding that has its conntrack and links. In the order of the metrics, then of the numbers of a sweep, then of the backends, references first. */
export function figuresOf(
  measured: readonly Measurement[],
  metrics: readonly Metric[],
  environment: Environment,
  { parameter, fair = new Map() }: { parameter?: string | undefined; fair?: ReadonlyMap<string, string> } = {},
): Figure[] {
  const measurements = [...measured, ...metrics.flatMap((one) => beyondDirect(measured, one))];
  const backends = backendsOf(measurements);
  const values = [...new Set(measurements.map(({ at }) => at))].sort((a, b) => (a ?? 0) - (b ?? 0));
  const cells = values.flatMap((at) => backends.map((backend) => ({ at, backend })));
  return metrics.flatMap(({ name: metric, unit, higherIsBetter, noBaselineRatio }) =>
    cells.flatMap(({ at, backend }): Figure[] => {
      const own = measurements.filter((m) => m.backend === backend && m.metric === metric && m.at === at);
      if (own.length === 0) return [];
      const values = own.map(({ value }) => value);
      const limited = own.filter(({ senderLimited }) => senderLimited).length;
      const ratiosTo = (reference: string) =>
        backend === reference || noBaselineRatio ? [] : own.flatMap((m) => ratioTo(reference, m, measurements));
      const ratios = ratiosTo(plain.name);
      const reference = fair.get(backend);
      const fairRatios = reference === undefined ? [] : ratiosTo(reference);
      return [
        {
          backend,
          metric,
          unit,
          higherIsBetter,
          ...(parameter === undefined || at === null ? {} : { sweep: { parameter, value: at } }),
          median: median(values),
          interval95: medianInterval95(values),
          ratioToPlain: ratios.length === 0 ? null : median(ratios),
          ratioInterval95: medianInterval95(ratios),
          ...(reference === undefined || fairRatios.length === 0
            ? {}
            : { fair: { reference, ratio: median(fairRatios), interval95: medianInterval95(fairRatios) } }),
          repeats: own.length,
          disturbed: own.filter(({ disturbed }) => disturbed).length,
          ...(limited > 0 ? { senderLimited: limited } : {}),
          environment,
        },
      ];
    }),
  );
}

/** The references first. */
export function backendsOf(measurements: readonly Measurement[]): string[] {
  const all = new Set(measurements.map(({ backend }) => backend));
  const fair = [...all].filter((name) => name.startsWith(`${plain.name} (`));
  const first = [plain.name, ...fair, direct.name];
  return [...first.filter((name) => all.has(name)), ...[...all].filter((name) => !first.includes(name))];
}

/** What a metric's CPU is above the same round's of a lab without a router, microseconds. Noise may make it negative. */
function beyondDirect(measurements: readonly Measurement[], { name, beyondDirect: metric }: Metric): Measurement[] {
  return measurements.flatMap((own) => {
    if (own.metric !== metric || own.backend === direct.name) return [];
    const reference = sameRound(own, measurements, direct.name);
    return reference ? [{ ...own, metric: name, value: 1e6 / own.value - 1e6 / reference.value }] : [];
  });
}

function sameRound({ metric, at, round }: Measurement, all: readonly Measurement[], backend: string) {
  return all.find((m) => m.backend === backend && m.metric === metric && m.at === at && m.round === round);
}

function ratioTo(name: string, own: Measurement, all: readonly Measurement[]): number[] {
  const reference = sameRound(own, all, name);
  return reference && reference.value > 0 ? [own.value / reference.value] : [];
}

/**
 * The interval that holds the true median with at least 95 %, whatever the distribution: between the k-th smallest and the
 * k-th largest value, by the binomial distribution of how many fall below it. null below six values.
 */
export function medianInterval95(values: readonly number[]): [low: number, high: number] | null {
  const n = values.length;
  let [k, below, term] = [0, 0, 0.5 ** n];
  while (2 * (below + term) <= 0.05) {
    below += term;
    term *= (n - k) / (k + 1);
    k++;
  }
  if (k === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return [sorted[k - 1] ?? Number.NaN, sorted[n - k] ?? Number.NaN];
}
