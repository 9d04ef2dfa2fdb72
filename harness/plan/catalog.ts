// SPDX-License-Identifier: Apache-2.0
import { type Backend, FEATURES } from "../api/backend.ts";
import type { Scenario } from "../api/scenario.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { UsageError } from "../util/errors.ts";

/** All there is to choose from. */
export interface Catalog {
  backends: readonly Backend[];
  scenarios: readonly Scenario[];
  runtimes: readonly Runtime[];
}

export interface Case {
  name: string;
  backend: Backend;
  scenario: Scenario;
}

export function allCases({ backends, scenarios }: Catalog): Case[] {
  return backends.flatMap((backend) =>
    scenarios.map((scenario) => ({
      name: scenario.name === "connect" ? backend.name : `${backend.name}_${scenario.name}`,
      backend,
      scenario,
    })),
  );
}

/** Why no machine can run this case; empty: it can be run. */
export function unsupported({ backend, scenario }: Pick<Case, "backend" | "scenario">): string[] {
  const { needs } = scenario;
  return needs && !backend.handles?.includes(needs) ? [`'${backend.name}' does not ${FEATURES[needs]}.`] : [];
}

/** Cases by names, globs ("nfqueue_*") and "all", each once, in the order asked for. */
export function findCases(catalog: Catalog, patterns: readonly string[]): Case[] {
  const cases = allCases(catalog);
  const found = patterns.flatMap((pattern) => {
    const expression = pattern === "all" ? /.*/ : globExpression(pattern);
    const matching = cases.filter((c) => expression.test(c.name));
    if (matching.length === 0)
      throw unknownName(
        "case",
        pattern,
        cases.map((c) => c.name),
      );
    return matching;
  });
  return [...new Set(found)];
}

export function findNamed<T extends { name: string }>(kind: string, items: readonly T[], name: string): T {
  const item = items.find((i) => i.name === name);
  if (!item)
    throw unknownName(
      kind,
      name,
      items.map((i) => i.name),
    );
  return item;
}

/** Lists what there is, the nearest first. */
function unknownName(kind: string, name: string, known: readonly string[]): UsageError {
  const sorted = [...known].sort((a, b) => editDistance(name, a) - editDistance(name, b) || a.localeCompare(b));
  const [nearest, ...others] = sorted;
  const hint =
    nearest === undefined
      ? "There is none."
      : `Did you mean '${nearest}'?${others.length > 0 ? ` Others: ${others.sort().join(", ")}.` : ""}`;
  return new UsageError(`There is no ${kind} '${name}'. ${hint}`);
}

function globExpression(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`);
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of a.split("").entries()) {
    const next = [i + 1];
    for (const [j, other] of b.split("").entries())
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
    row = next;
  }
  return row[b.length] ?? 0;
}
