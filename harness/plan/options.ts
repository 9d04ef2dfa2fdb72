// SPDX-License-Identifier: Apache-2.0
// What a user may say about a run, checked once, here. Inside, types suffice.
import { z } from "zod";
import type { Backend } from "../api/backend.ts";
import type { Plan, Scenario } from "../api/scenario.ts";
import { affinityS } from "../oracle/affinity.ts";
import type { Family } from "../record/schema.ts";
import { type Impairment, impairmentOf, impairmentOptions } from "../run/impairment.ts";
import type { Capacity, Images, Runtime } from "../runtime/runtime.ts";
import { MAX_ROUTERS, MAX_TARGETS } from "../topology/topology.ts";
import { type Load, serverProcesses, VISIT_SOURCES } from "../traffic/traffic.ts";
import { UsageError } from "../util/errors.ts";
import type { Case } from "./catalog.ts";

const whole = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const DEFAULT_CONNECTIONS = 10_000;
/** Beyond, the machine's own speed says how the load is spread over time. */
export const MANY = 100_000;
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
    given[word.slice(0, at)] = word.slice(at + 1);
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

/** The runtime with the images that "role=image" words name. */
export function runtimeWithImages(runtime: Runtime, words: readonly string[]): Runtime {
  if (words.length === 0) return runtime;
  if (!runtime.withImages)
    throw new UsageError(`Machines of the ${runtime.name} runtime have no images: --image needs --runtime docker.`);
  const roles = ["base", "router", "target", "tester"] satisfies (keyof Images)[];
  const images = words.map((word) => {
    const [, name = "", image = ""] = word.match(/^([^=]*)=(.*)$/) ?? [];
    const role = roles.find((known) => known === name);
    if (!role || image === "")
      throw new UsageError(`'--image ${word}' does not fit: write role=image. Roles: ${roles.join(", ")}.`);
    return [role, image];
  });
  return runtime.withImages(Object.fromEntries(images));
}

/** The runtime whose routers have these capabilities besides: "SYS_ADMIN" or "CAP_SYS_ADMIN". */
export function runtimeWithCapabilities(runtime: Runtime, words: readonly string[]): Runtime {
  if (words.length === 0) return runtime;
  if (!runtime.withCapabilities)
    throw new UsageError(`Routers of the ${runtime.name} runtime have all: --capability needs --runtime docker.`);
  const wrong = words.find((word) => !/^[A-Z_]+$/.test(word));
  if (wrong !== undefined) throw new UsageError(`'--capability ${wrong}' does not fit: write it as SYS_ADMIN.`);
  return runtime.withCapabilities(words.map((word) => word.replace(/^CAP_/, "")));
}

/** Everything that follows from the options before anything is started. Throws UsageError when they do not fit together. */
export function planRun(
  scenario: Scenario,
  options: RunOptions,
  affinityS: number | null = null,
  capacity?: Capacity,
): { plan: Plan; load: Load; routers: number; impairment: Impairment | null } {
  const routers = options.routers ?? scenario.routers;
  let plan = scenario.plan({
    targets: options.targets,
    routers,
    scale: options.scale,
    durationS: options.duration ?? null,
    atS: options.at ?? null,
    affinityS,
  });
  const { carried, openedPerS } = paceOf(options.connections, capacity);
  const rate = options.rate ?? Math.min(plan.rate ?? defaultRate(options.connections), carried);
  const timesAreGiven = options.at !== undefined || options.duration !== undefined || options.rate !== undefined;
  if (plan.mode !== "fragments" && plan.steps.length > 0 && !timesAreGiven)
    plan = stretch(plan, options.connections, rate, openedPerS, options.stall);
  const firstS = plan.steps[0]?.atS ?? plan.durationS;
  const families = familiesOf(options);
  const load: Load = {
    mode: plan.mode,
    families,
    protocol: plan.mode === "fragments" ? "udp" : options.protocol,
    connections: plan.visitsS ? Math.min(options.connections, families.length * VISIT_SOURCES) : options.connections,
    rate,
    durationS: plan.durationS,
    rampS: Math.min(Math.max(firstS * 0.6, firstS - 3), rampS(options.connections, openedPerS)),
    size: options.size ?? plan.size ?? 1024,
    stallS: options.stall,
    seed: options.seed,
    ...manyConnections(plan, options),
    ...(plan.visitsS ? { visitsS: plan.visitsS } : {}),
  };
  if (options.connections < load.families.length)
    throw new UsageError("--connections must be 2 or more with both families.");
  if (plan.mode === "stream") checkRate(plan, load);
  return { plan, load, routers, impairment: impairmentOf(options, { targets: options.targets, routers }) };
}

/** What a machine that was found to make so many connections a second carries without falling behind. */
export function loadOf({ connectionsPerS }: Capacity): { rate: number; connections: number } {
  const rate = Math.max(50, Math.round(connectionsPerS * 0.2));
  return { rate, connections: Math.max(200, Math.min(DEFAULT_CONNECTIONS, 2 * rate)) };
}

function familiesOf({ family }: Pick<RunOptions, "family">): Family[] {
  return { 4: [4 as const], 6: [6 as const], both: [4 as const, 6 as const] }[family];
}

/** What streams need when they are more than one process may open, or than come up in seconds. A UDP server opens no file for a flow. */
function manyConnections(plan: Plan, { connections, targets, protocol, stall }: RunOptions) {
  if (plan.mode !== "stream") return {};
  return {
    ...(protocol === "tcp"
      ? { serverProcesses: serverProcesses(connections, fewestTargets(plan, targets), plan.steps.length) }
      : {}),
    ...(connections > MANY ? { connectTimeoutS: stall, many: true } : {}),
  };
}

/** Targets that are in use when there are fewest. */
function fewestTargets(plan: Plan, targets: number): number {
  const out = new Set(plan.out);
  let most = out.size;
  for (const { action, members } of plan.steps) {
    for (const member of members) {
      if (action === "scale_in" || action === "drift") out.add(member);
      else if (action === "scale_out") out.delete(member);
    }
    most = Math.max(most, out.size);
  }
  return targets - most;
}

/** One message a second for each connection, as long as two small cores carry it: beyond, one every 5 s, and fewer. */
function defaultRate(connections: number): number {
  return Math.min(connections, Math.max(10_000, Math.min(connections / 5, 20_000)));
}

/** Connections are opened at no more than this: a flood of them would be a test of the queues, not of the balancer. */
const OPENED_PER_S = 5000;

/**
 * Very many connections take minutes, so they come as fast as they can. Two small cores carry so much besides a balancer in user space; a
 * machine that was measured to be slower, by what two processes make, answer and close through plain routing, so much of that.
 */
const MANY_OPENED_PER_S = { most: 5500, share: 0.2 };
const MANY_SENT_PER_S = { most: 12_000, share: 0.45 };
/** Of more connections than these each message finds less of what it needs in the caches: at twice as many, half as many messages are carried. */
const FULL_RATE_CONNECTIONS = 450_000;

/** Messages a second, and connections opened a second, that are carried. To open a connection costs more than a message. */
function paceOf(connections: number, capacity?: Capacity): { carried: number; openedPerS: number } {
  if (connections > MANY) {
    const perS = capacity?.connectionsPerS ?? Number.POSITIVE_INFINITY;
    const pace = ({ most, share }: typeof MANY_SENT_PER_S) => Math.min(most, Math.round(share * perS));
    const cold = Math.min(1, FULL_RATE_CONNECTIONS / connections);
    return { carried: Math.round(cold * pace(MANY_SENT_PER_S)), openedPerS: pace(MANY_OPENED_PER_S) };
  }
  const carried = capacity && !capacity.own ? loadOf(capacity).rate : Number.POSITIVE_INFINITY;
  return { carried, openedPerS: Math.min(OPENED_PER_S, carried / 2) };
}

function rampS(connections: number, perS: number): number {
  return Math.max(2, connections / perS);
}

/**
 * More connections than usual need longer to come up, and to notice their loss: the scenario's own times give way. Between two
 * events each connection sends once, has time to fall silent, and a little more.
 */
function stretch(plan: Plan, connections: number, rate: number, perS: number, stallS: number): Plan {
  const [first, ...later] = [...plan.steps.map((step) => step.atS), plan.durationS];
  const intervalS = connections / rate;
  const gapS = (action: string | undefined) =>
    action === "failure" ? 1.1 * intervalS + stallS : Math.min(1.5 * intervalS, intervalS + 2 * stallS);
  // Where the ramp is long, it may take longer than planned.
  const times = [Math.ceil(first + rampS(connections, perS) * (connections > MANY ? 1.04 : 1) - 2)];
  for (const [i, s] of later.entries())
    times.push((times[i] ?? 0) + Math.ceil(Math.max(s - ([first, ...later][i] ?? 0), gapS(plan.steps[i]?.action))));
  return {
    ...plan,
    steps: plan.steps.map((step, i) => ({ ...step, atS: times[i] ?? 0 })),
    durationS: plan.mode === "stream" ? (times.at(-1) ?? 0) : 0,
  };
}

/** A connection notices its loss at its next message, so one must fall between any two events; where a target is dead, only by its silence. */
function checkRate(plan: Plan, { connections, rate, stallS }: Load): void {
  const times = [...plan.steps.map((step) => step.atS), plan.durationS];
  const gaps = plan.steps.map(({ action, atS }, i) => ({ action, s: (times[i + 1] ?? 0) - atS }));
  const shortest = Math.min(...gaps.map(({ s }) => s));
  const interval = connections / rate;
  const mostAfter = ({ action, s }: (typeof gaps)[0]) =>
    action === "failure" ? s - stallS : Math.max(s * 0.8, s - 2 * stallS);
  if (gaps.some((gap) => interval > mostAfter(gap)))
    throw new UsageError(
      `Each connection would send every ${interval.toFixed(1)} s only, but the events are ${shortest} s apart: losses would go unseen. Try --rate ${Math.ceil(connections / (shortest / 2))}, or events farther apart with --at and --duration.`,
    );
}
