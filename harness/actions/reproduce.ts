// SPDX-License-Identifier: Apache-2.0
import type { Context } from "../cli/command.ts";
import type { ReproduceArgs } from "../commands/reproduce.ts";
import { findNamed } from "../plan/catalog.ts";
import { printedColumns, tableLines } from "../report/terminal-table.ts";
import { factsOf, isUnexplained, judge, type Outcome, type Reproduced } from "../reproduce/figure.ts";
import { FIGURES } from "../reproduce/figures.ts";
import { SLIDES } from "../reproduce/slides.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import { LabCases, measureSlides } from "./reproduce-lab.ts";

const ALL = [...FIGURES, { name: SLIDES }];

/** Returns the exit code: 1 where a figure is outside of its interval and no sentence says why, 77 where none could be made again. */
export async function reproduceAll(args: ReproduceArgs, context: Context): Promise<number> {
  const { name, simulate, json } = args;
  for (const one of name) if (one !== "all") findNamed("published result", ALL, one);
  const isWanted = (one: string) => name.includes("all") || name.includes(one);
  if (simulate && name.includes(SLIDES))
    throw new UsageError(`'${SLIDES}' is measured in labs. Try 'reproduce ${SLIDES}'.`);
  const results: Reproduced[] = [];
  await using labs = simulate ? null : new LabCases(args, context);
  for (const figure of FIGURES.filter((one) => isWanted(one.name))) {
    const real = labs && figure.lab ? await labs.measure(figure, figure.lab) : null;
    results.push({ ...factsOf(figure), simulated: judge(figure, figure.simulate()), real });
    context.signal.throwIfAborted();
  }
  if (!simulate && isWanted(SLIDES)) results.push(...(await measureSlides(args, context)));
  if (results.length === 0) return EXIT.skipped;
  context.print(json ? `${JSON.stringify(results)}\n` : `${text(results)}\n`);
  return results.some(isUnexplained) ? EXIT.failed : EXIT.passed;
}

const number = (n: number) => String(Number(n.toFixed(2)));

/** "0.67 (0.6 to 0.7)" and its verdict. */
function cells(outcome: Outcome | { skipped: string } | null): [value: string, verdict: string] {
  if (outcome === null) return ["", ""];
  if ("skipped" in outcome) return ["", "SKIP"];
  const { value, interval, passed } = outcome;
  const [low, high] = interval;
  const verdict = passed === null ? "" : passed ? "PASS" : "FAIL";
  return [`${number(value)} (${low === high ? "exact" : `${number(low)} to ${number(high)}`})`, verdict];
}

function text(results: readonly Reproduced[]): string {
  const table = {
    head: ["Result", "What", "Paper", "Simulated (95 %)", "", "Real (95 %)", ""],
    rows: results.map(({ name, what, paper, unit, simulated, real }) => [
      name,
      what,
      paper === null ? "" : `${paper} ${unit}`,
      ...cells(simulated),
      ...cells(real),
    ]),
  };
  const remarks = results.flatMap(({ name, what, simulated, real }) =>
    [simulated, real].flatMap((one, i) => {
      const how = i === 0 ? "simulated" : "real";
      if (one === null || ("passed" in one && one.passed !== false)) return [];
      return [`- ${name}, ${what}, ${how}: ${"skipped" in one ? one.skipped : one.sentence}`];
    }),
  );
  const sources = [...new Set(results.map(({ name, source }) => `- ${name}: ${source}`))];
  return [...tableLines(table, printedColumns()), "", ...remarks, "Sources:", ...sources].join("\n");
}
