// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fitCase } from "../plan/backend-options.ts";
import { allCases, type Case, type Catalog, unsupported } from "../plan/catalog.ts";
import { parseOptions } from "../plan/invalid.ts";
import { runOptions } from "../plan/options.ts";
import { readAll } from "../record/damage.ts";
import { readRunInfo, readSummary } from "../record/read.ts";
import type { Protocol, RunInfo, Summary } from "../record/schema.ts";
import { VERDICT_WORDS } from "../report/prose.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";

const [BEGIN, END] = ["<!-- matrix begin -->", "<!-- matrix end -->"];

/** The conformance matrix out of the results of runs, printed, or put between the marks of a file. */
export async function conformanceMatrix(
  { results: dirs, write }: { results: readonly string[]; write?: string | undefined },
  { catalog }: { catalog: Catalog },
): Promise<number> {
  const read = dirs.map(readMade);
  const [made, damaged] = [read.flatMap((one) => one.made), read.flatMap((one) => one.damaged)];
  for (const text of damaged) process.stderr.write(`${text}\n`);
  if (made.length === 0 && damaged.length > 0) return EXIT.insufficient;
  if (made.length === 0) throw new UsageError(`There are no runs in ${dirs.map((d) => `'${d}'`).join(", ")}.`);
  const text = renderMatrix(catalog, made, whyNot);
  if (write === undefined) process.stdout.write(text);
  else writeFileSync(write, replaceBetween(readFileSync(write, "utf8"), text, write));
  return damaged.length > 0 ? EXIT.insufficient : EXIT.passed;
}

/** A run, as far as its cell tells of it. */
export interface Made {
  summary: Summary;
  run: Pick<RunInfo, "startedAt" | "gitRevision" | "commandLine">;
}

/** Why a case with a backend's defaults says nothing there; null: it does. */
export function whyNot({ backend, scenario }: Case, protocol: Protocol): string | null {
  const [cannot] = unsupported({ backend, scenario });
  if (cannot !== undefined) return cannot;
  if (backend.protocols && !backend.protocols.includes(protocol))
    return `'${backend.name}' does not balance ${protocol.toUpperCase()}.`;
  if (scenario.protocol && scenario.protocol.only !== protocol) return scenario.protocol.why;
  return fitCase({ backend, scenario }, [], parseOptions(runOptions, { protocol })).unfit;
}

/** Rows are cases, columns family and protocol; a cell is the verdict of the last run in it. Below: what options make of a backend. */
export function renderMatrix(
  catalog: Pick<Catalog, "backends" | "scenarios" | "runtimes">,
  made: readonly Made[],
  why: (one: Case, protocol: Protocol) => string | null = () => null,
): string {
  const columns = (["4", "6"] as const).flatMap((family) => PROTOCOLS.map((protocol) => ({ family, protocol })));
  const notes = new Notes();
  const plain = made.filter((one) => setOf(one) === "");
  const rows = allCases(catalog).map((one) => {
    const cells = columns.map(({ family, protocol }) => {
      const found = plain.findLast(
        ({ summary: s }) =>
          s.case === one.name && s.protocol === protocol && (s.family === family || s.family === "both"),
      );
      return found ? cellOf(found, notes) : cellWithout(one, why(one, protocol), notes);
    });
    return [`\`${one.name}\``, ...cells];
  });
  const heads = ["case", ...columns.map(({ family, protocol }) => `IPv${family} ${protocol.toUpperCase()}`)];
  const varied = variants(catalog, made, notes);
  return [...table(heads, rows), ...varied, ...notes.lines(), ""].join("\n");
}

const PROTOCOLS: readonly Protocol[] = ["tcp", "udp"];

function cellOf({ summary, run }: Made, notes: Notes, label = summary.case): string {
  const { verdict, reasons } = summary;
  if (verdict !== "pass") notes.add(reasons[0] ?? VERDICT_WORDS[verdict].sentence, label);
  if (verdict === "skip") return VERDICT_WORDS.skip.badge;
  const text = verdict === "pass" ? lossText(summary) : VERDICT_WORDS[verdict].badge;
  return `${text} <sup>${notes.stamp({ summary, run })}</sup>`;
}

function cellWithout({ name }: Case, reason: string | null, notes: Notes): string {
  notes.add(reason ?? "Not run: no run in these records.", name);
  return reason === null ? "not run" : VERDICT_WORDS.skip.badge;
}

/** "forward=masq scheduler=mh" */
const setOf = ({ run: { commandLine } }: Made) =>
  commandLine.filter((_, i) => commandLine[i - 1] === "--set").join(" ");

/** Rows are backends with options, columns scenarios; a cell is about both families, and both protocols where they agree. */
function variants(
  { scenarios, backends }: Pick<Catalog, "scenarios" | "backends">,
  made: readonly Made[],
  notes: Notes,
) {
  const varied = made.filter((one) => setOf(one) !== "");
  const used = scenarios.filter(({ name }) => varied.some(({ summary }) => summary.scenario === name));
  const rows = backends.flatMap(({ name: backend }) => {
    const own = varied.filter(({ summary }) => summary.backend === backend);
    return [...new Set(own.map(setOf))].map((set) => {
      const label = `${backend} ${set}`;
      const cells = used.map(({ name }) => {
        const runs = own.filter((one) => setOf(one) === set && one.summary.scenario === name);
        const last = PROTOCOLS.flatMap(
          (protocol) => runs.findLast(({ summary }) => summary.protocol === protocol) ?? [],
        );
        return last.map((one) => `${one.summary.protocol.toUpperCase()} ${cellOf(one, notes, label)}`).join("<br>");
      });
      return [`\`${label}\``, ...cells];
    });
  });
  return rows.length === 0 ? [] : ["", ...table(["options", ...used.map(({ name }) => name)], rows)];
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(heads), `|${" --- |".repeat(heads.length)}`, ...rows.map(line)];
}

/** What is said below the tables: sentences with the cases that they are about, and who made the cells, by letters. */
class Notes {
  readonly #sentences = new Map<string, Set<string>>();
  readonly #stamps: string[] = [];

  add(sentence: string, label: string): void {
    this.#sentences.set(sentence, (this.#sentences.get(sentence) ?? new Set()).add(label));
  }

  /** The letter of a kernel, a runtime and its clock, a day and a revision. */
  stamp({ summary: { kernel, runtime, clock }, run: { startedAt, gitRevision } }: Made): string {
    const time = clock === "virtual" ? "virtual time" : "this machine's time";
    const revision = gitRevision === null ? "" : `, revision ${gitRevision.replace(/^(.{12})[^-]*/, "$1")}`;
    const text = `Linux ${kernel}, ${runtime}, ${time}, ${startedAt.slice(0, 10)}${revision}`;
    if (!this.#stamps.includes(text)) this.#stamps.push(text);
    return letters(this.#stamps.indexOf(text));
  }

  lines(): string[] {
    const stamps = this.#stamps.map((text, i) => `- <sup>${letters(i)}</sup> ${text}.`);
    const sentences = [...this.#sentences].map(
      ([sentence, labels]) => `- ${sentence} (${[...labels].map((label) => `\`${label}\``).join(", ")})`,
    );
    return [stamps, sentences].flatMap((some) => (some.length > 0 ? ["", ...some] : []));
  }
}

/** a, b, ... z, ba, bb, ... */
function letters(i: number): string {
  return (i >= 26 ? letters(Math.floor(i / 26)) : "") + String.fromCharCode(97 + (i % 26));
}

/** "pass", and the share of the connections lost at each event. */
function lossText({ events }: Summary): string {
  const shares = events.map(({ lost, alive }) => `${((100 * lost) / Math.max(1, alive)).toFixed(1)} %`);
  return shares.length === 0 ? "pass" : `pass, ${shares.join(" + ")}`;
}

/** Runs of a folder of results, or one run, oldest first: their names begin with the time. */
function readMade(dir: string): { made: Made[]; damaged: string[] } {
  if (!existsSync(dir)) throw new UsageError(`There is no folder '${dir}'.`);
  const isRun = (run: string) => existsSync(path.join(run, "summary.json"));
  const below = () => readdirSync(dir).sort();
  const dirs = isRun(dir)
    ? [dir]
    : below().flatMap((name) => (isRun(path.join(dir, name)) ? path.join(dir, name) : []));
  const { found, damaged } = readAll(dirs, (run) => ({ summary: readSummary(run), run: readRunInfo(run) }));
  return { made: found, damaged: damaged.map(({ message }) => message) };
}

function replaceBetween(whole: string, text: string, file: string): string {
  const [from, to] = [whole.indexOf(BEGIN), whole.indexOf(END)];
  if (from < 0 || to < from) throw new UsageError(`'${file}' has no lines '${BEGIN}' and '${END}'.`);
  return `${whole.slice(0, from + BEGIN.length)}\n${text}${whole.slice(to)}`;
}
