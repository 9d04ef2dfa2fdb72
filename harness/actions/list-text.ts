// SPDX-License-Identifier: Apache-2.0
// What `list` prints: a matrix that fits on a screen, one backend in full, or names for scripts.
import type { Backend } from "../api/backend.ts";
import type { Scenario } from "../api/scenario.ts";
import { allCases, type Catalog, findNamed } from "../plan/catalog.ts";
import { jsonSchemaOf, metaOf, valueText } from "../plan/option.ts";
import { textColumns, wrap } from "../util/wrap.ts";
import { type Listed, listCases } from "./list.ts";

interface ListOptions {
  name?: string | undefined;
  cases: boolean;
  json: boolean;
}

export async function listAll(catalog: Catalog, { name, cases, json }: ListOptions): Promise<number> {
  const { backends, scenarios } = catalog;
  const found = name === undefined ? null : findNamed("backend or scenario", [...backends, ...scenarios], name);
  const backend = backends.find((one) => one === found);
  const scenario = scenarios.find((one) => one === found);
  const shown = {
    ...catalog,
    ...(backend ? { backends: [backend] } : {}),
    ...(scenario ? { scenarios: [scenario] } : {}),
  };
  if (cases) {
    const names = allCases(shown).map((one) => one.name);
    process.stdout.write(`${json ? JSON.stringify(names, null, 2) : names.join("\n")}\n`);
  } else {
    const listed = await listCases(shown);
    const lines = backend
      ? backendLines(backend, listed)
      : scenario
        ? scenarioLines(scenario, listed)
        : matrixLines(catalog, listed);
    process.stdout.write(json ? `${JSON.stringify(listed, null, 2)}\n` : `${lines.join("\n")}\n`);
  }
  return 0;
}

/** A number for each reason, from 1, in the order of their first use or as they are given. */
class Footnotes {
  readonly reasons: string[];

  constructor(reasons: readonly string[] = []) {
    this.reasons = [...reasons];
  }

  numberOf(why: string): number {
    const at = this.reasons.indexOf(why);
    return at >= 0 ? at + 1 : this.reasons.push(why);
  }

  lines(width: number): string[] {
    return this.reasons.flatMap((why, i) => indented(`${i + 1}`.padStart(3), why, width));
  }
}

/**
 * Backends by scenarios: "+" runs with the default runtime, a letter with another one only, a number says why not. The most frequent
 * reasons have the lowest numbers, so that most columns are narrow. Scenarios that `width` characters do not hold come in a further block.
 */
export function matrixLines(
  { backends, scenarios, runtimes }: Catalog,
  listed: readonly Listed[],
  width: number = textColumns(),
): string[] {
  const [first, ...others] = runtimes.map(({ name }) => name);
  /** A mark, or why not: what no runtime can help, else the first reason; one for all backends that lack the same. */
  const cells = listed.map(({ backend, scenario, runtimes: found }) => {
    const runs = [first ?? "", ...others].find((name) => found[name]?.can);
    if (runs !== undefined) return { backend, scenario, mark: runs === first ? "+" : initial(runs) };
    const [own = [], ...elsewhere] = [first ?? "", ...others].map((name) => found[name]?.reasons ?? []);
    const why = own.find((reason) => elsewhere.every((reasons) => reasons.includes(reason))) ?? own[0] ?? "";
    return { backend, scenario, why: why.replace(`'${backend}' does`, "The backend does") };
  });
  const uses = new Map<string, number>();
  for (const { why } of cells) if (why !== undefined) uses.set(why, (uses.get(why) ?? 0) + 1);
  const notes = new Footnotes([...uses].sort(([, a], [, b]) => b - a).map(([why]) => why));
  const columns = scenarios.map(({ name }, i) => {
    const marks = backends.map(({ name: backend }) => {
      const cell = cells.find((one) => one.backend === backend && one.scenario === name);
      return cell === undefined ? "" : (cell.mark ?? String(notes.numberOf(cell.why)));
    });
    const all = [letter(i), ...marks];
    const wide = Math.max(...all.map((mark) => mark.length)) + 1;
    return all.map((mark) => mark.padStart(wide));
  });
  const heads = ["", ...backends.map(({ name }) => name)];
  const wide = Math.max(...heads.map((name) => name.length));
  const blocks = blocksOf(columns, width - wide).flatMap((block) => [
    ...heads.map((name, row) => `${name.padEnd(wide)}${block.map((marks) => marks[row]).join("")}`.trimEnd()),
    "",
  ]);
  const elsewhere = others
    .filter((name) => cells.some(({ mark }) => mark === initial(name)))
    .map((name) => `, ${initial(name)} only with --runtime ${name}`)
    .join("");
  return [
    ...blocks,
    ...sideBySide(
      scenarios.map(({ name }, i) => `${letter(i)} ${name}`),
      width,
    ),
    "",
    ...wrap(`+ runs here${elsewhere}; a number is the reason why not:`, width),
    ...notes.lines(width),
    "",
    ...wrap("A case is BACKEND_SCENARIO. More: 'list BACKEND' (options), 'list SCENARIO', 'list --cases'.", width),
  ];
}

const initial = (name: string): string => name.charAt(0).toUpperCase();

/** a..z, then A..Z, so that each is one character wide; then aa.. */
const letter = (i: number): string => {
  if (i < 26) return String.fromCharCode(97 + i);
  return i < 52 ? String.fromCharCode(65 + i - 26) : `${letter(Math.floor(i / 52) - 1)}${letter(i % 52)}`;
};

/** As many columns as `width` holds, then those that are left; at least one a block. */
function blocksOf(columns: readonly string[][], width: number): string[][][] {
  const blocks: string[][][] = [];
  let left = 0;
  for (const column of columns) {
    const wide = column[0]?.length ?? 0;
    const last = blocks.at(-1);
    if (last !== undefined && wide <= left) last.push(column);
    else blocks.push([column]);
    left = (last !== undefined && wide <= left ? left : width) - wide;
  }
  return blocks;
}

/** In columns, read downwards. */
function sideBySide(items: readonly string[], width: number): string[] {
  const wide = Math.max(...items.map((item) => item.length)) + 2;
  const rows = Math.ceil(items.length / Math.max(1, Math.floor(width / wide)));
  return Array.from({ length: rows }, (_, row) =>
    items
      .filter((_, i) => i % rows === row)
      .map((item) => item.padEnd(wide))
      .join("")
      .trimEnd(),
  );
}

export function backendLines(
  { name, summary, options }: Backend,
  listed: readonly Listed[],
  width: number = textColumns(),
): string[] {
  const known = Object.entries(options.shape).map(([key, schema]) => {
    const standard = valueText(jsonSchemaOf(schema).default);
    return indented(
      `  ${key.padEnd(16)} `,
      `${metaOf(schema).about}${standard === "" ? "" : ` (default: ${standard})`}`,
      width,
    );
  });
  return [
    ...wrap(`${name}: ${summary}`, width),
    ...(known.length > 0 ? ["", "Options (--set key=value):", ...known.flat()] : []),
    ...casesLines(listed, width),
  ];
}

export function scenarioLines(
  { name, summary }: Scenario,
  listed: readonly Listed[],
  width: number = textColumns(),
): string[] {
  return [...wrap(`${name}: ${summary}`, width), ...casesLines(listed, width)];
}

/** Cases with the runtimes that can run them, and a footnote for each reason why one cannot. */
function casesLines(listed: readonly Listed[], width: number = textColumns()): string[] {
  const notes = new Footnotes();
  const wide = Math.max(...listed.map((one) => one.case.length)) + 2;
  const rows = listed.map((one) => {
    const can = Object.entries(one.runtimes).map(([runtime, { can, reasons }]) =>
      can ? runtime : `not ${runtime} [${reasons.map((reason) => notes.numberOf(reason)).join(", ")}]`,
    );
    return `  ${one.case.padEnd(wide)}${can.join(", ")}`;
  });
  return ["", "Cases:", ...rows, ...(notes.reasons.length > 0 ? ["", "Why not:", ...notes.lines(width)] : [])];
}

function indented(head: string, text: string, width: number): string[] {
  return wrap(text, width - head.length - 1).map((line, i) => `${i === 0 ? head : "".padEnd(head.length)} ${line}`);
}
