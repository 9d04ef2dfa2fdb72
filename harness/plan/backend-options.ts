// SPDX-License-Identifier: Apache-2.0
// Options of a backend, and what they make of a scenario.
import type { Backend } from "../api/backend.ts";
import { affinityS } from "../oracle/affinity.ts";
import type { Family } from "../record/schema.ts";
import { UsageError } from "../util/errors.ts";
import type { Case } from "./catalog.ts";
import { invalid, parseOptions } from "./invalid.ts";
import type { RunOptions } from "./options.ts";

/** "key=value" words of --set for one backend; its environment's defaults come first. */
export function parseBackendOptions(backend: Backend, words: readonly string[]): Record<string, unknown> {
  const inherited = backend.environment?.(process.env) ?? {};
  const given: Record<string, string> = { ...inherited };
  const typed = new Map<string, string>();
  for (const word of words) {
    const at = word.indexOf("=");
    if (at < 1) throw new UsageError(invalid(word, "--set", "expected key=value"));
    const key = word.slice(0, at);
    const { aliases = {} } = backend;
    const name = Object.hasOwn(aliases, key) ? (aliases[key] ?? key) : key;
    given[name] = word.slice(at + 1);
    typed.set(name, key);
  }
  const known = Object.keys(backend.options.shape).sort();
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  const reason = unknown === undefined ? undefined : backend.cannot?.[unknown];
  if (reason) throw new UsageError(`Backend '${backend.name}' cannot have '${unknown}': ${reason}`);
  if (unknown !== undefined)
    throw new UsageError(`Backend '${backend.name}' has no option '${unknown}'. It has: ${known.join(", ")}.`);
  return parseOptions<Record<string, unknown>>(backend.options, given, (key) =>
    typed.has(key) || !(key in inherited)
      ? `--set ${typed.get(key) ?? key}`
      : `'${key}' (environment: ${variablesOf(backend, key).join(", ")})`,
  );
}

/** What the environment sets of the backend's options, as words of --set. */
export function inheritedWords(backend: Backend): string[] {
  return Object.entries(backend.environment?.(process.env) ?? {}).map(([key, value]) => `${key}=${value}`);
}

/** Variables of the environment that set options of the backend which these words of --set leave alone, with what they hold. */
export function inheritedVariables(backend: Backend, words: readonly string[]): Record<string, string> {
  const { aliases = {} } = backend;
  const typed = words.map((word) => word.slice(0, word.indexOf("="))).map((key) => aliases[key] ?? key);
  const keys = Object.keys(backend.environment?.(process.env) ?? {}).filter((key) => !typed.includes(key));
  const names = new Set(keys.flatMap((key) => variablesOf(backend, key)));
  return Object.fromEntries([...names].map((name) => [name, process.env[name] ?? ""]));
}

/** The variables that set this option. */
function variablesOf(backend: Backend, key: string): string[] {
  return Object.keys(process.env).filter((name) => key in (backend.environment?.({ [name]: process.env[name] }) ?? {}));
}

/** What the scenario sets of the backend's options, as words of --set. */
export function ownWords({ backend, scenario }: Pick<Case, "backend" | "scenario">): string[] {
  return Object.entries(scenario.set ?? {}).flatMap(([key, value]) =>
    key in backend.options.shape ? [`${key}=${value}`] : [],
  );
}

/** What a scenario and a backend's strategy make of each other. */
export function fitCase(
  { backend, scenario }: Pick<Case, "backend" | "scenario">,
  words: readonly string[],
  options: Pick<RunOptions, "targets" | "family" | "protocol">,
): { backendOptions: Record<string, unknown>; affinityS: number | null; unfit: string | null } {
  const families = familiesOf(options);
  const take = (all: readonly string[]) => {
    const backendOptions = parseBackendOptions(backend, all);
    const oracle = backend.oracle(backendOptions, options.targets, options.protocol);
    const seconds = Math.max(...families.map((family) => affinityS(oracle, family)));
    return {
      backendOptions,
      affinityS: seconds > 0 && Number.isFinite(seconds) ? seconds : null,
      unfit: scenario.unfit?.(oracle, families) ?? null,
    };
  };
  const plain = take(words);
  const forEver = plain.unfit === null && plain.affinityS === null;
  const { affinityOption: name } = backend;
  return name && scenario.affinityS && !forEver ? take([`${name}=${scenario.affinityS}`, ...words]) : plain;
}

export function familiesOf({ family }: Pick<RunOptions, "family">): Family[] {
  return { 4: [4 as const], 6: [6 as const], both: [4 as const, 6 as const] }[family];
}
