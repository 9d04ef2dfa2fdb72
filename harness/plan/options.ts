// SPDX-License-Identifier: Apache-2.0
// What a user may say about a run, checked once, here. Inside, types suffice.
import { z } from "zod";
import type { Backend } from "../api/backend.ts";
import { affinityS } from "../oracle/affinity.ts";
import type { Family } from "../record/schema.ts";
import { impairmentOptions } from "../run/impairment.ts";
import { MAX_ROUTERS, MAX_TARGETS } from "../topology/topology.ts";
import { UsageError } from "../util/errors.ts";
import type { Case } from "./catalog.ts";

const whole = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
export const DEFAULT_CONNECTIONS = 10_000;
const MAX_SEED = 0xffffffff;
const seconds = z.coerce.number().positive().max(3600);

const numberList = z.union([z.string(), z.number()]).transform((text) =>
  `${text}`
    .split(/[\s,]+/)
    .filter((part) => part !== "")
    .map(Number),
);

export const runOptions = z.strictObject({
  targets: whole(1, MAX_TARGETS).default(10),
  routers: whole(1, MAX_ROUTERS).optional(),
  scale: numberList.pipe(z.array(z.int())).default([1, 2]),
  connections: whole(1, 1_000_000).default(DEFAULT_CONNECTIONS),
  rate: z.coerce.number().positive().max(10_000_000).optional(),
  duration: seconds.optional(),
  at: numberList.pipe(z.array(z.number().positive().max(3600))).optional(),
  family: z.preprocess(String, z.enum(["4", "6", "both"])).default("both"),
  protocol: z.enum(["tcp", "udp"]).default("tcp"),
  size: whole(80, 65_507).optional(),
  stall: seconds.default(5),
  seed: whole(0, MAX_SEED).default(1),
  ...impairmentOptions,
});
export type RunOptions = z.infer<typeof runOptions>;

/** Runs of `test`, each with the next seed. */
export const repeatedRunOptions = runOptions
  .extend({ repeat: whole(1, 1000).default(1) })
  .refine(({ seed, repeat }) => seed + repeat - 1 <= MAX_SEED, {
    path: ["repeat"],
    message: `the last run's seed would be beyond ${MAX_SEED}`,
  });

/** Options of a run out of the command line's words. Throws UsageError that names the option. */
export function parseOptions<T>(schema: z.ZodType<T>, given: Record<string, unknown>, prefix = "--"): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new UsageError(parsed.error.issues.map((issue) => `${sentence(issue, given, prefix)}.`).join(" "));
}

function sentence(issue: z.core.$ZodIssue, given: Record<string, unknown>, prefix: string): string {
  if (issue.code === "unrecognized_keys")
    return `There is no option ${issue.keys.map((key) => `'${prefix}${key}'`).join(", ")}`;
  const name = String(issue.path[0] ?? "");
  return `'${prefix}${name} ${String(given[name])}' does not fit: ${issue.message}`;
}

/** "key=value" words of --set for one backend; its environment's defaults come first. */
export function parseBackendOptions(backend: Backend, words: readonly string[]): Record<string, unknown> {
  const given: Record<string, string> = { ...backend.environment?.(process.env) };
  for (const word of words) {
    const at = word.indexOf("=");
    if (at < 1) throw new UsageError(`'--set ${word}' does not fit: write key=value.`);
    const key = word.slice(0, at);
    given[backend.aliases?.[key] ?? key] = word.slice(at + 1);
  }
  const known = Object.keys(backend.options.shape).sort();
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw new UsageError(`Backend '${backend.name}' has no option '${unknown}'. It has: ${known.join(", ")}.`);
  return parseOptions<Record<string, unknown>>(backend.options, given, "--set ");
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
