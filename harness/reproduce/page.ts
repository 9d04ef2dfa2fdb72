// SPDX-License-Identifier: Apache-2.0
// What was made again as a table, with a sentence for each difference; and as a page that one can cite, with what repeats it.
import { shellLine } from "../report/format.ts";
import { inline, tableText } from "../report/markdown.ts";
import type { Table } from "../report/table.ts";
import { casesOf, type Figure, type LabCase, type Reproduced } from "./figure.ts";

/** Where and by what it was made. */
export interface PageFacts {
  /** ISO 8601. */
  startedAt: string;
  /** null: nobody knows. */
  gitRevision: string | null;
  host: { kernel: string; cpus: number; cpuModel: string; memoryMiB: number };
  tools: Readonly<Record<string, string>>;
  commandLine: readonly string[];
}

const number = (n: number) => String(Number(n.toFixed(2)));

/** "0.67 (0.6 to 0.7)" and its verdict. */
function cells(outcome: Reproduced["real"]): [value: string, verdict: string] {
  if (outcome === null) return ["", ""];
  if ("none" in outcome) return ["none", ""];
  if ("skipped" in outcome) return ["", "SKIP"];
  const { value, interval, passed } = outcome;
  const [low, high] = interval;
  const verdict = passed === null ? "" : passed ? "PASS" : "FAIL";
  return [`${number(value)} (${low === high ? "exact" : `${number(low)} to ${number(high)}`})`, verdict];
}

export const reproducedTable = (results: readonly Reproduced[]): Table => ({
  head: ["Result", "What", "Paper", "Simulated (95 %)", "", "Real (95 %)", ""],
  rows: results.map(({ name, what, paper, unit, simulated, real }) => [
    name,
    what,
    paper === null ? "" : `${paper} ${unit}`,
    ...cells(simulated),
    ...cells(real),
  ]),
});

/** A sentence for each figure that lies outside, or that could not be made. */
export const differences = (results: readonly Reproduced[]): string[] =>
  results.flatMap(({ name, what, simulated, real }) =>
    [simulated, real].flatMap((one, i) => {
      const how = i === 0 ? "simulated" : "real";
      if (one === null || "none" in one || ("passed" in one && one.passed !== false)) return [];
      return [`${name}, ${what}, ${how}: ${"skipped" in one ? one.skipped : one.sentence}`];
    }),
  );

/** Why a figure has no lab, once for all figures that have none for that reason. */
export function withoutLab(results: readonly Reproduced[]): string[] {
  const names = new Map<string, Set<string>>();
  for (const { name, real } of results)
    if (real && "none" in real) names.set(real.none, (names.get(real.none) ?? new Set()).add(name));
  return [...names].map(([why, who]) => `${[...who].join(", ")}: ${why}`);
}

export const sources = (results: readonly Reproduced[]): string[] => [
  ...new Set(results.map(({ name, source }) => `${name}: ${source}`)),
];

/** Markdown. `figures`: those that the results are of, for the cases of the lab. */
export function reproducedPage(results: readonly Reproduced[], figures: readonly Figure[], facts: PageFacts): string {
  const { startedAt, gitRevision, host, tools, commandLine } = facts;
  const measured = new Set(results.flatMap(({ real, what }) => (real === null || "none" in real ? [] : what)));
  const cases = figures.filter(({ what }) => measured.has(what)).flatMap(casesOf);
  const lines = [...new Set(cases.map((one) => shellLine(labWords(one))))];
  const list = (all: readonly string[]) => all.map((text) => `- ${inline(text)}`).join("\n");
  const code = (all: readonly string[]) => all.map((line) => `    ${line}`).join("\n");
  const versions = Object.entries(tools).map(([name, version]) => `${name} ${version}`);
  const parts = [
    "# Published results made again",
    inline(
      `Made on ${startedAt} by revision ${gitRevision ?? "unknown"}, on ${host.cpus} CPUs (${host.cpuModel}), ${host.memoryMiB} MiB, Linux ${host.kernel}; ${versions.join(", ")}. Intervals are 95 % ones. Seeds are part of the program, so a simulation of that revision has these figures again.`,
    ),
    tableText(reproducedTable(results)),
    ...section("Differences", list(differences(results))),
    ...section("Not in a lab", list(withoutLab(results))),
    ...section("Sources", list(sources(results))),
    `## To repeat it\n\n${code([`git checkout ${(gitRevision ?? "").replace("-dirty", "")}`, "./setup", shellLine(commandLine)])}`,
    ...section("The cases of the lab", code(lines)),
  ];
  return `${parts.join("\n\n")}\n`;
}

const section = (heading: string, body: string): string[] => (body === "" ? [] : [`## ${heading}\n\n${body}`]);

/** As somebody would type it. */
export function labWords({ backend, scenario, options, set = [], isGuest }: LabCase): string[] {
  const word = scenario.endsWith(".json") ? `scenarios/${scenario}` : scenario;
  const given = Object.entries(options).flatMap(([key, value]) => [`--${key}`, `${value}`]);
  const guest = isGuest ? ["--runtime", "vm", "--time", "virtual"] : [];
  return [
    "./load-balancer.ts",
    "test",
    backend,
    "--scenario",
    word,
    ...given,
    ...set.flatMap((one) => ["--set", one]),
    ...guest,
  ];
}
