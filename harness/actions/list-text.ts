// SPDX-License-Identifier: Apache-2.0
// What `list` prints: a matrix that fits on a screen, one backend in full, or names for scripts.
import type { Backend } from "../api/backend.ts";
import { allCases, type Catalog, findNamed } from "../plan/catalog.ts";
import { jsonSchemaOf, metaOf, valueText } from "../plan/option.ts";
import { wrap } from "../util/wrap.ts";
import { type Listed, listCases } from "./list.ts";

const WIDTH = 100;

interface ListOptions {
  name?: string | undefined;
  cases: boolean;
  json: boolean;
}

export async function listAll(catalog: Catalog, { name, cases, json }: ListOptions): Promise<number> {
  const backend = name === undefined ? null : findNamed("backend", catalog.backends, name);
  const shown = backend ? { ...catalog, backends: [backend] } : catalog;
  if (cases)
    process.stdout.write(
      `${allCases(shown)
        .map((one) => one.name)
        .join("\n")}\n`,
    );
  else {
    const listed = await listCases(shown);
    const lines = backend ? backendLines(backend, listed) : matrixLines(catalog, listed);
    process.stdout.write(json ? `${JSON.stringify(listed, null, 2)}\n` : `${lines.join("\n")}\n`);
  }
  return 0;
}

/** A number for each reason, from 1, in the order of their first use. */
class Footnotes {
  readonly reasons: string[] = [];

  numberOf(why: string): number {
    const at = this.reasons.indexOf(why);
    return at >= 0 ? at + 1 : this.reasons.push(why);
  }

  get lines(): string[] {
    return this.reasons.flatMap((why, i) => indented(`${i + 1}`.padStart(3), why));
  }
}

/** Backends by scenarios: "+" runs with the default runtime, a letter with another one only, a number says why not. */
export function matrixLines({ backends, scenarios, runtimes }: Catalog, listed: readonly Listed[]): string[] {
  const [first, ...others] = runtimes.map(({ name }) => name);
  const notes = new Footnotes();
  const markOf = ({ backend, runtimes: found }: Listed): string => {
    if (first !== undefined && found[first]?.can) return "+";
    const other = others.find((name) => found[name]?.can);
    if (other !== undefined) return other.charAt(0).toUpperCase();
    // One footnote for all backends that lack the same.
    return String(notes.numberOf((found[first ?? ""]?.why ?? "").replaceAll(`'${backend}' does`, "The backend does")));
  };
  const width = Math.max(...backends.map(({ name }) => name.length)) + 1;
  const head = scenarios.map((_, i) => letter(i).padStart(3)).join("");
  const rows = backends.map(({ name }) => {
    const marks = scenarios.map((scenario) => {
      const one = listed.find((found) => found.backend === name && found.scenario === scenario.name);
      return (one ? markOf(one) : "").padStart(3);
    });
    return `${name.padEnd(width)}${marks.join("")}`;
  });
  const wide = Math.max(...scenarios.map(({ name }) => name.length)) + 1;
  return [
    `${"".padEnd(width)}${head}`,
    ...rows,
    "",
    ...scenarios.flatMap(({ name, summary }, i) => indented(`${letter(i).padStart(3)} ${name.padEnd(wide)}`, summary)),
    "",
    `+ runs here${others.map((name) => `, ${name.charAt(0).toUpperCase()} only with --runtime ${name}`).join("")}; a number is the reason why not:`,
    ...notes.lines,
    "",
    "A case is a backend and a scenario: 'nfqueue_scale'. 'list BACKEND' shows its options, 'list --cases' all names.",
  ];
}

const letter = (i: number): string =>
  i < 26 ? String.fromCharCode(97 + i) : `${letter(Math.floor(i / 26) - 1)}${letter(i % 26)}`;

export function backendLines({ name, summary, options }: Backend, listed: readonly Listed[]): string[] {
  const notes = new Footnotes();
  const width = Math.max(...listed.map((one) => one.case.length)) + 2;
  const rows = listed.map((one) => {
    const can = Object.entries(one.runtimes).map(([runtime, { why }]) =>
      why === null ? runtime : `not ${runtime} [${notes.numberOf(why)}]`,
    );
    return `  ${one.case.padEnd(width)}${can.join(", ")}`;
  });
  const known = Object.entries(options.shape).map(([key, schema]) => {
    const standard = valueText(jsonSchemaOf(schema).default);
    return indented(
      `  ${key.padEnd(16)} `,
      `${metaOf(schema).about}${standard === "" ? "" : ` (default: ${standard})`}`,
    );
  });
  return [
    `${name}: ${summary}`,
    ...(known.length > 0 ? ["", "Options (--set key=value):", ...known.flat()] : []),
    "",
    "Cases:",
    ...rows,
    ...(notes.reasons.length > 0 ? ["", "Why not:", ...notes.lines] : []),
  ];
}

function indented(head: string, text: string): string[] {
  return wrap(text, WIDTH - head.length - 1).map((line, i) => `${i === 0 ? head : "".padEnd(head.length)} ${line}`);
}
