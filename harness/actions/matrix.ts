// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fitCase, parseBackendOptions } from "../plan/backend-options.ts";
import { allCases, type Case, type Catalog, unsupported } from "../plan/catalog.ts";
import { parseOptions } from "../plan/invalid.ts";
import { runOptions } from "../plan/options.ts";
import { readAll } from "../record/damage.ts";
import { readRunInfo, readSummary } from "../record/read.ts";
import type { Protocol, Summary } from "../record/schema.ts";
import { VERDICT_WORDS } from "../report/prose.ts";
import { defaultRuntime } from "../run/runtimes.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";

const [BEGIN, END] = ["<!-- matrix begin -->", "<!-- matrix end -->"];

/** The conformance matrix out of the results of runs, printed, or put between the marks of a file. */
export async function conformanceMatrix(
  { results: dirs, write }: { results: readonly string[]; write?: string | undefined },
  { catalog }: { catalog: Catalog },
): Promise<number> {
  const read = dirs.map(readSummaries);
  const [summaries, damaged] = [read.flatMap((one) => one.summaries), read.flatMap((one) => one.damaged)];
  for (const text of damaged) process.stderr.write(`${text}\n`);
  if (summaries.length === 0 && damaged.length > 0) return EXIT.insufficient;
  if (summaries.length === 0) throw new UsageError(`There are no runs in ${dirs.map((d) => `'${d}'`).join(", ")}.`);
  const gaps = new Map<string, string>();
  for (const backend of catalog.backends) {
    const [gap] = await backend.missing(defaultRuntime(catalog), parseBackendOptions(backend, []));
    if (gap !== undefined) gaps.set(backend.name, gap);
  }
  const text = renderMatrix(catalog, summaries, whyNot, gaps);
  if (write === undefined) process.stdout.write(text);
  else writeFileSync(write, replaceBetween(readFileSync(write, "utf8"), text, write));
  return damaged.length > 0 ? EXIT.insufficient : EXIT.passed;
}

/** Why a case with a backend's defaults says nothing there; null: it does. */
function whyNot({ backend, scenario }: Case, protocol: Protocol): string | null {
  const [cannot] = unsupported({ backend, scenario });
  if (cannot !== undefined) return cannot;
  if (backend.protocols && !backend.protocols.includes(protocol))
    return `'${backend.name}' does not balance ${protocol.toUpperCase()}.`;
  if (scenario.protocol && scenario.protocol.only !== protocol) return scenario.protocol.why;
  return fitCase({ backend, scenario }, [], parseOptions(runOptions, { protocol })).unfit;
}

/** Rows are cases, columns family and protocol; a cell is the verdict of the last run in it. `gaps`: what this machine lacks, by backend. */
export function renderMatrix(
  catalog: Catalog,
  summaries: readonly Summary[],
  why: (one: Case, protocol: Protocol) => string | null = () => null,
  gaps: ReadonlyMap<string, string> = new Map(),
): string {
  const columns = (["4", "6"] as const).flatMap((family) =>
    (["tcp", "udp"] as const).map((protocol) => ({ family, protocol })),
  );
  const notes = new Map<string, Set<string>>();
  const kernels = new Map<string, Set<string>>();
  const note = (sentence: string, name: string) => notes.set(sentence, (notes.get(sentence) ?? new Set()).add(name));
  const rows = allCases(catalog).map((one) => {
    const { name } = one;
    const cells = columns.map(({ family, protocol }) => {
      const run = summaries.findLast(
        (s) => s.case === name && s.protocol === protocol && (s.family === family || s.family === "both"),
      );
      const reason = run === undefined ? why(one, protocol) : null;
      if (reason !== null) note(reason, name);
      if (run === undefined && reason === null)
        note(`Not run: ${gaps.get(one.backend.name) ?? "no run in these records."}`, name);
      if (run === undefined) return reason === null ? "not run" : VERDICT_WORDS.skip.badge;
      if (run.verdict !== "skip") kernels.set(run.kernel, (kernels.get(run.kernel) ?? new Set()).add(name));
      if (run.verdict !== "pass") note(run.reasons[0] ?? VERDICT_WORDS[run.verdict].sentence, name);
      return run.verdict === "pass" ? lossText(run) : VERDICT_WORDS[run.verdict].badge;
    });
    return `| \`${name}\` | ${cells.join(" | ")} |`;
  });
  const [, ...others] = [...kernels].sort(([, a], [, b]) => b.size - a.size);
  for (const [kernel, names] of others) notes.set(`Run on Linux ${kernel}.`, names);
  const lines = [...notes].map(
    ([sentence, names]) => `- ${sentence} (${[...names].map((n) => `\`${n}\``).join(", ")})`,
  );
  return [
    `| case | ${columns.map(({ family, protocol }) => `IPv${family} ${protocol.toUpperCase()}`).join(" | ")} |`,
    `| --- |${" --- |".repeat(columns.length)}`,
    ...rows,
    ...(lines.length > 0 ? ["", ...lines] : []),
    "",
  ].join("\n");
}

/** "pass", and the share of the connections lost at each event. */
function lossText({ events }: Summary): string {
  const shares = events.map(({ lost, alive }) => `${((100 * lost) / Math.max(1, alive)).toFixed(1)} %`);
  return shares.length === 0 ? "pass" : `pass, ${shares.join(" + ")}`;
}

/** Runs of a folder of results, or one run, oldest first: their names begin with the time. Those with the backend's defaults come last. */
function readSummaries(dir: string): { summaries: Summary[]; damaged: string[] } {
  if (!existsSync(dir)) throw new UsageError(`There is no folder '${dir}'.`);
  const isRun = (run: string) => existsSync(path.join(run, "summary.json"));
  const below = () => readdirSync(dir).sort();
  const dirs = isRun(dir)
    ? [dir]
    : below().flatMap((name) => (isRun(path.join(dir, name)) ? path.join(dir, name) : []));
  const { found, damaged } = readAll(dirs, (run) => ({
    summary: readSummary(run),
    varied: readRunInfo(run).commandLine.includes("--set"),
  }));
  const ordered = [...found.filter(({ varied }) => varied), ...found.filter(({ varied }) => !varied)];
  return { summaries: ordered.map(({ summary }) => summary), damaged: damaged.map(({ message }) => message) };
}

function replaceBetween(whole: string, text: string, file: string): string {
  const [from, to] = [whole.indexOf(BEGIN), whole.indexOf(END)];
  if (from < 0 || to < from) throw new UsageError(`'${file}' has no lines '${BEGIN}' and '${END}'.`);
  return `${whole.slice(0, from + BEGIN.length)}\n${text}${whole.slice(to)}`;
}
