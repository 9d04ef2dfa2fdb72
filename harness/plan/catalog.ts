// SPDX-License-Identifier: Apache-2.0

import picomatch from "picomatch";
import { type Backend, FEATURES } from "../api/backend.ts";
import type { OwnChecks } from "../api/own-checks.ts";
import type { Scenario } from "../api/scenario.ts";
import type { HealthWay } from "../record/schema.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { UsageError } from "../util/errors.ts";
import { didYouMean } from "../util/suggest.ts";
import { PROGRAM } from "../util/typed.ts";

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
export function unsupported(
  { backend, scenario }: Pick<Case, "backend" | "scenario">,
  { icmp, health }: { icmp?: "pass" | "drop"; health?: "none" | HealthWay | undefined } = {},
  backendOptions?: Record<string, unknown>,
): string[] {
  const { needs, without } = scenario;
  const checks = checksWith(backend, backendOptions);
  if (without && (isKnowing(without, checks) || backend.handles?.includes(without.feature)))
    return [`'${backend.name}' ${without.why}`];
  // Nobody has to handle what is dropped on the way.
  if (needs === "icmp_errors" && icmp === "drop") return [];
  if (!needs || backend.handles?.includes(needs)) return [];
  // Somebody else does that for it.
  if (needs === "health_checks" && isCheckedBy(checks, health)) return [];
  const remedy = needs === "health_checks" ? " Try --health icmp." : "";
  return [`'${backend.name}' does not ${FEATURES[needs]}.${remedy}`];
}

/** What is deaf to traffic is dead to it. */
const isKnowing = ({ feature }: NonNullable<Scenario["without"]>, checks: OwnChecks | null) =>
  feature === "health_checks" && checks?.where === "traffic";

const isCheckedBy = (checks: OwnChecks | null, health: "none" | HealthWay = "none") =>
  checks !== null || health !== "none";

const checksWith = (backend: Backend, options?: Record<string, unknown>): OwnChecks | null =>
  (options && backend.checks?.(options)) ?? null;

/** Cases by names, globs ("nfqueue_*") and "all", each once, in the order asked for. */
export function findCases(catalog: Catalog, patterns: readonly string[]): Case[] {
  const cases = allCases(catalog);
  const found = patterns.flatMap((pattern) => {
    const matches = picomatch(pattern === "all" ? "*" : pattern);
    const matching = cases.filter((c) => matches(c.name));
    if (matching.length === 0) throw unknownCase(catalog, cases, pattern, patterns);
    return matching;
  });
  return [...new Set(found)];
}

export function findNamed<T extends { name: string }>(kind: string, items: readonly T[], name: string): T {
  const item = items.find((i) => i.name === name);
  if (item) return item;
  const names = [...new Set(items.map((i) => i.name))];
  const meant = didYouMean(name, names);
  throw new UsageError(`There is no ${kind} '${name}'.${meant || ` There are: ${[...names].sort().join(", ")}.`}`);
}

/** Where a scenario's name stands alone, or beside its backend's, what was meant can be said. */
function unknownCase(
  { backends, scenarios }: Catalog,
  cases: readonly Case[],
  name: string,
  patterns: readonly string[],
): UsageError {
  if (/[*?[{]/.test(name)) return new UsageError(`No case matches '${name}'. Run '${PROGRAM} list' for all.`);
  if (scenarios.some((scenario) => scenario.name === name)) {
    const [beside, any] = [backends.find((one) => patterns.includes(one.name)), backends[0]];
    const meant = beside
      ? `Did you mean '${beside.name}_${name}'?`
      : `A case is a backend and a scenario: '${any?.name}_${name}' for one backend, '*_${name}' for all.`;
    return new UsageError(`'${name}' is a scenario. ${meant}`);
  }
  const names = cases.map((one) => one.name);
  return new UsageError(`There is no case '${name}'.${didYouMean(name, names) || ` Run '${PROGRAM} list' for all.`}`);
}
