// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { USUAL_PROTOCOLS } from "../api/backend.ts";
import { fitCase, parseBackendOptions } from "../plan/backend-options.ts";
import { allCases, type Case, type Catalog, unsupported } from "../plan/catalog.ts";
import { parseOptions } from "../plan/invalid.ts";
import { runOptions } from "../plan/options.ts";
import { readAll } from "../record/damage.ts";
import { runsIn } from "../record/folders.ts";
import { readRunInfo, readSummary } from "../record/read.ts";
import type { Protocol } from "../record/schema.ts";
import { VERDICT_WORDS } from "../report/prose.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import {
  type Cells,
  COLUMNS,
  cellsOfPage,
  cellsOfRuns,
  columnOf,
  type Made,
  PROTOCOLS,
  type Shown,
} from "./matrix-cells.ts";

const [BEGIN, END] = ["<!-- matrix begin -->", "<!-- matrix end -->"];

/** The conformance matrix out of the results of runs, printed, or put between the marks of a file: there cells without a run stay. */
export async function conformanceMatrix(
  { results: dirs, write }: { results: readonly string[]; write?: string | undefined },
  { catalog }: { catalog: Catalog },
): Promise<number> {
  const read = dirs.map(readMade);
  const [made, damaged] = [read.flatMap((one) => one.made), read.flatMap((one) => one.damaged)];
  for (const text of damaged) process.stderr.write(`${text}\n`);
  if (made.length === 0 && damaged.length > 0) return EXIT.insufficient;
  if (made.length === 0)
    throw new UsageError(`There is no run in ${dirs.map((d) => `'${d}'`).join(", ")} that came to an end.`);
  if (write === undefined) process.stdout.write(renderMatrix(catalog, made, whyNot));
  else {
    const page = partsOf(write);
    const text = renderMatrix(catalog, made, whyNot, cellsOfPage(page.matrix));
    writeFileSync(write, `${page.before}${BEGIN}\n${text}${END}${page.after}`);
  }
  return damaged.length > 0 ? EXIT.insufficient : EXIT.passed;
}

/** Why a case with a backend's defaults says nothing there; null: it does. */
export function whyNot({ backend, scenario }: Case, protocol: Protocol): string | null {
  const [cannot] = unsupported({ backend, scenario });
  if (cannot !== undefined) return cannot;
  if (!(backend.protocols ?? USUAL_PROTOCOLS).includes(protocol))
    return `'${backend.name}' does not balance ${protocol.toUpperCase()}.`;
  if (scenario.protocol && scenario.protocol.only !== protocol) return scenario.protocol.why;
  const asked = backend.asks?.(parseBackendOptions(backend, []));
  if (asked) return asked;
  return fitCase({ backend, scenario }, [], parseOptions(runOptions, { protocol })).unfit;
}

/**
 * Rows are cases, columns family and protocol; a cell is the verdict of the last run in it, or what the page had there. Below: what options
 * make of a backend.
 */
export function renderMatrix(
  catalog: Pick<Catalog, "backends" | "scenarios" | "runtimes">,
  made: readonly Made[],
  why: (one: Case, protocol: Protocol) => string | null = () => null,
  page: Cells = new Map(),
): string {
  const notes = new Notes();
  const runs = cellsOfRuns(made);
  const rows = allCases(catalog).map((one) => {
    const cells = COLUMNS.map(({ protocol, head }) => {
      const reason = why(one, protocol);
      const before = reason === null ? page.get(one.name)?.get(head) : undefined;
      const shown = runs.get(one.name)?.get(head) ?? before;
      return shown ? notes.cell(shown, one.name) : cellWithout(one, reason, notes);
    });
    return [`\`${one.name}\``, ...cells];
  });
  const varied = variants(catalog, [page, runs], notes);
  return [...table(["case", ...COLUMNS.map(({ head }) => head)], rows), ...varied, ...notes.lines(), ""].join("\n");
}

function cellWithout({ name }: Case, reason: string | null, notes: Notes): string {
  notes.add(reason ?? "Not run: no run in these records.", name);
  return reason === null ? "not run" : VERDICT_WORDS.skip.badge;
}

/** Rows are backends with options, columns scenarios; a cell is about both families, and both protocols where they agree. */
function variants(
  { scenarios, backends }: Pick<Catalog, "scenarios" | "backends">,
  sources: readonly Cells[],
  notes: Notes,
): string[] {
  const labels = [...new Set(sources.flatMap((cells) => [...cells.keys()]))].filter((row) => row.includes(" "));
  const found = (row: string, scenario: string, protocol: Protocol) =>
    sources.flatMap((cells) => cells.get(row)?.get(columnOf(scenario, protocol)) ?? []).at(-1);
  const used = scenarios.filter(({ name }) =>
    labels.some((row) => PROTOCOLS.some((protocol) => found(row, name, protocol))),
  );
  const rows = backends.flatMap(({ name: backend }) =>
    labels
      .filter((row) => row.startsWith(`${backend} `))
      .map((row) => {
        const cells = used.map(({ name }) =>
          PROTOCOLS.flatMap((protocol) => {
            const shown = found(row, name, protocol);
            return shown ? [`${protocol.toUpperCase()} ${notes.cell(shown, row)}`] : [];
          }).join("<br>"),
        );
        return [`\`${row}\``, ...cells];
      }),
  );
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

  /** With the letter of what made it. */
  cell({ text, stamp, reason }: Shown, label: string): string {
    if (reason !== null) this.add(reason, label);
    if (stamp === null) return text;
    if (!this.#stamps.includes(stamp)) this.#stamps.push(stamp);
    return `${text} <sup>${letters(this.#stamps.indexOf(stamp))}</sup>`;
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

/** Runs that came to an end, oldest first. Throws UsageError where there is none. */
function readMade(dir: string): { made: Made[]; damaged: string[] } {
  const dirs = runsIn(dir).filter((run) => existsSync(path.join(run, "summary.json")));
  const { found, damaged } = readAll(dirs, (run) => ({ summary: readSummary(run), run: readRunInfo(run) }));
  return { made: found, damaged: damaged.map(({ message }) => message) };
}

function partsOf(file: string): { before: string; matrix: string; after: string } {
  const whole = readFileSync(file, "utf8");
  const [from, to] = [whole.indexOf(BEGIN), whole.indexOf(END)];
  if (from < 0 || to < from) throw new UsageError(`'${file}' has no lines '${BEGIN}' and '${END}'.`);
  return {
    before: whole.slice(0, from),
    matrix: whole.slice(from + BEGIN.length, to),
    after: whole.slice(to + END.length),
  };
}
