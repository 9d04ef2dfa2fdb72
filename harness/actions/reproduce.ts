// SPDX-License-Identifier: Apache-2.0
import type { Context } from "../cli/command.ts";
import type { ReproduceArgs } from "../commands/reproduce.ts";
import { findNamed } from "../plan/catalog.ts";
import { printedColumns, tableLines } from "../report/terminal-table.ts";
import { type Reproduced, reproduce } from "../reproduce/figure.ts";
import { FIGURES } from "../reproduce/figures.ts";
import { SLIDES } from "../reproduce/slides.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import { measureSlides } from "./reproduce-lab.ts";

const ALL = [...FIGURES, { name: SLIDES }];

/** Returns the exit code: 1 where a published figure is outside of its interval, 77 where none could be made again. */
export async function reproduceAll(args: ReproduceArgs, context: Context): Promise<number> {
  const { name, simulate, json } = args;
  const names = [...new Set(name)];
  for (const one of names) if (one !== "all") findNamed("published result", ALL, one);
  const isMeasured = names.includes(SLIDES);
  if (isMeasured && (simulate || names.length > 1))
    throw new UsageError(`'${SLIDES}' is measured in labs, and by itself. Try 'reproduce ${SLIDES}'.`);
  if (!isMeasured && !simulate)
    throw new UsageError(
      "These figures are made again by simulation; none needs a lab. Try 'reproduce all --simulate'.",
    );
  const wanted = FIGURES.filter((figure) => names.includes("all") || names.includes(figure.name));
  const results = isMeasured ? await measureSlides(args, context) : wanted.map(reproduce);
  if (results.length === 0) return EXIT.skipped;
  context.print(json ? `${JSON.stringify(results)}\n` : `${text(results, isMeasured ? "Measured" : "Simulated")}\n`);
  return results.some(({ passed }) => passed === false) ? EXIT.failed : EXIT.passed;
}

const verdict = (passed: boolean | null) => (passed === null ? "" : passed ? "PASS" : "FAIL");

function text(results: readonly Reproduced[], how: string): string {
  const number = (n: number) => String(Number(n.toFixed(2)));
  const table = {
    head: ["Result", "What", "Paper", how, "95 % interval", "Verdict"],
    rows: results.map(({ name, what, paper, unit, value, interval: [low, high], passed }) => [
      name,
      what,
      paper === null ? "" : `${paper} ${unit}`,
      number(value),
      low === high ? "exact" : `${number(low)} to ${number(high)}`,
      verdict(passed),
    ]),
  };
  const failed = results.filter(({ passed }) => passed === false);
  const remarks = failed.map(({ name, what, sentence }) => `- ${name}, ${what}: ${sentence}`);
  const sources = [...new Set(results.map(({ name, source }) => `- ${name}: ${source}`))];
  return [...tableLines(table, printedColumns()), "", ...remarks, "Sources:", ...sources].join("\n");
}
