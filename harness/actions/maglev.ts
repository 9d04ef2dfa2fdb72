// SPDX-License-Identifier: Apache-2.0
// The classic simulator: what a table looks like, and what a change of targets costs; for other strategies too.
import type { MaglevArgs } from "../commands/maglev.ts";
import { type Simulated, simulateLoss, simulations } from "../oracle/simulation.ts";
import { percent } from "../report/format.ts";
import { printedColumns, tableLines } from "../report/terminal-table.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import { count } from "../util/numbers.ts";
import { isPrime } from "../util/prime.ts";

/** Larger tables do not fit on a screen. */
const MOST_SHOWN = 40;

export function simulate({ M, N, seed, loops, strategy, remove, json }: MaglevArgs): number {
  if (remove >= N) throw new UsageError(`Cannot remove ${remove} of ${N} targets: at least one must remain.`);
  if (N > M) throw new UsageError(`A table of ${M} slots has no room for ${N} targets.`);
  const known = simulations();
  const names = strategy === "all" ? [...known.keys()] : [strategy];
  const needsPrime = names.find((name) => known.get(name)?.prime);
  if (needsPrime !== undefined && !isPrime(M))
    throw new UsageError(`M must be a prime for ${needsPrime}: ${M} is not.`);
  const results = names.map((name) => simulateLoss({ strategy: name, M, N, removed: remove, seed, loops }));
  if (json) process.stdout.write(`${JSON.stringify(results)}\n`);
  else {
    const shown = known.get(strategy);
    const table = M <= MOST_SHOWN ? (shown?.show?.(shown.spec(M, seed, N, {}), N) ?? []) : [];
    process.stdout.write(`${[...table, ...lines(results)].join("\n")}\n`);
  }
  return EXIT.passed;
}

function lines(results: readonly Simulated[]): string[] {
  return tableLines(
    {
      head: ["Strategy", "Slots", "Targets", "Leave", "Ideal", "Moved", "On return", "Busiest / mean"],
      rows: results.map((r) => [
        r.strategy,
        count(r.M),
        count(r.N),
        count(r.removed),
        percent(r.idealPercent),
        percent(r.outPercent),
        percent(r.backPercent),
        r.maxOverMean.toFixed(3),
      ]),
    },
    printedColumns(),
  );
}
