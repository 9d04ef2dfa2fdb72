// SPDX-License-Identifier: Apache-2.0
import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { Context } from "../cli/command.ts";
import type { ReproduceArgs } from "../commands/reproduce.ts";
import { describeHost } from "../host/describe.ts";
import { findNamed } from "../plan/catalog.ts";
import { printedColumns, tableLines } from "../report/terminal-table.ts";
import { factsOf, isUnexplained, judge, type Reproduced } from "../reproduce/figure.ts";
import { FIGURES } from "../reproduce/figures.ts";
import { differences, reproducedPage, reproducedTable, sources, withoutLab } from "../reproduce/page.ts";
import { SLIDES } from "../reproduce/slides.ts";
import { makeRunDir } from "../run/planned-case.ts";
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
  const { dir, startedAt } = makeRunDir(path.resolve(args.out), "reproduce", 1);
  const own = { ...args, out: dir };
  await using labs = simulate ? null : new LabCases(own, context);
  const facts = { ...(await describeHost()), startedAt, commandLine: context.commandLine };
  const page = path.join(dir, "reproduced.md");
  // After each: who stops it has what was made until then.
  const add = async (...made: readonly Reproduced[]) => {
    results.push(...made);
    await writeFile(path.join(dir, "reproduced.json"), `${JSON.stringify(results, null, 2)}\n`);
    await writeFile(page, reproducedPage(results, FIGURES, facts));
    context.signal.throwIfAborted();
  };
  for (const figure of FIGURES.filter((one) => isWanted(one.name))) {
    const real = labs && (await labs.measure(figure));
    await add({ ...factsOf(figure), simulated: judge(figure, figure.simulate()), real });
  }
  if (!simulate && isWanted(SLIDES)) await add(...(await measureSlides(args, context)));
  if (results.length === 0) return EXIT.skipped;
  context.print(json ? `${JSON.stringify(results)}\n` : `${text(results)}\n\nPage: ${page}\n`);
  return results.some(isUnexplained) ? EXIT.failed : EXIT.passed;
}

function text(results: readonly Reproduced[]): string {
  const parts = { Differences: differences(results), "Not in a lab": withoutLab(results), Sources: sources(results) };
  const lists = Object.entries(parts).flatMap(([heading, all]) =>
    all.length === 0 ? [] : ["", `${heading}:`, ...all.map((one) => `- ${one}`)],
  );
  return [...tableLines(reproducedTable(results), printedColumns()), ...lists].join("\n");
}
