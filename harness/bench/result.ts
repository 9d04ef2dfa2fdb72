// From measurements to figures: medians, intervals, ratios to plain forwarding from the same round.
import type { Metric } from "./metrics.ts";
import { median } from "./metrics.ts";
import { plain } from "./plain.ts";
import type { Measurement } from "./rounds.ts";

/** Figures are comparable only where all of this is the same. */
export interface Environment {
  runtime: string;
  /** What packets travel over: figures of veth say nothing about a network card. */
  links: string;
  kernel: string;
  cpus: number;
  cpuModel: string;
  family: 4 | 6;
  targets: number;
  secondsEach: number;
}

/** One row of `bench --json`. */
export interface Figure {
  backend: string;
  metric: string;
  unit: string;
  /** Whether more is better. */
  more: boolean;
  median: number;
  /** Of the median; null with fewer than six repeats, which cannot give one. */
  interval95: [low: number, high: number] | null;
  /** Median of the rounds' own ratios; null for plain forwarding itself and where it has no figure. */
  ratioToPlain: number | null;
  ratioInterval95: [low: number, high: number] | null;
  repeats: number;
  /** Rounds in which others used the machine. They are counted as all are. */
  disturbed: number;
  environment: Environment;
}

/** In the order of the metrics, then of the backends. */
export function figuresOf(
  measurements: readonly Measurement[],
  metrics: readonly Metric[],
  environment: Environment,
): Figure[] {
  const backends = [...new Set(measurements.map(({ backend }) => backend))].sort(
    (a, b) => Number(b === plain.name) - Number(a === plain.name),
  );
  return metrics.flatMap(({ name: metric, unit, more, absolute }) =>
    backends.flatMap((backend): Figure[] => {
      const own = measurements.filter((m) => m.backend === backend && m.metric === metric);
      if (own.length === 0) return [];
      const values = own.map(({ value }) => value);
      const ratios = backend === plain.name || absolute ? [] : own.flatMap((m) => ratioToPlain(m, measurements));
      return [
        {
          backend,
          metric,
          unit,
          more,
          median: median(values),
          interval95: medianInterval95(values),
          ratioToPlain: ratios.length === 0 ? null : median(ratios),
          ratioInterval95: medianInterval95(ratios),
          repeats: own.length,
          disturbed: own.filter(({ disturbed }) => disturbed).length,
          environment,
        },
      ];
    }),
  );
}

function ratioToPlain({ metric, round, value }: Measurement, all: readonly Measurement[]): number[] {
  const reference = all.find((m) => m.backend === plain.name && m.metric === metric && m.round === round);
  return reference && reference.value > 0 ? [value / reference.value] : [];
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
