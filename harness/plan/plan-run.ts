// SPDX-License-Identifier: Apache-2.0
// What follows from the options of a run before anything is started: the plan, the load and its pace.
import type { Plan, Scenario } from "../api/scenario.ts";
import { inUse, isSilent } from "../events/meaning.ts";
import { type Impairment, impairmentOf } from "../run/impairment.ts";
import type { Capacity } from "../runtime/runtime.ts";
import { serverProcesses } from "../traffic/servers.ts";
import { type Load, VISIT_SOURCES } from "../traffic/traffic.ts";
import { UsageError } from "../util/errors.ts";
import { familiesOf } from "./backend-options.ts";
import { DEFAULT_CONNECTIONS, type RunOptions } from "./options.ts";

/** Beyond, the machine's own speed says how the load is spread over time. */
export const MANY = 100_000;

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
    silenceS: options.silence ?? null,
    icmp: options.icmp,
    sameTuple: options.sameTuple,
    affinityS,
  });
  checkIcmp(scenario, options, plan);
  checkSilence(scenario, options, plan);
  const size = { targets: options.targets, routers };
  const { carried, openedPerS } = paceOf(options.connections, capacity);
  const rate = rateOf(plan, options, carried);
  const timesAreGiven = options.at !== undefined || options.duration !== undefined || options.rate !== undefined;
  if (plan.mode !== "fragments" && !plan.visitsS && plan.steps.length > 0 && !timesAreGiven)
    plan = stretch(plan, { connections: options.connections, rate, openedPerS, stallS: options.stall }, size);
  const load = loadFor(plan, options, { rate, openedPerS, routers });
  checkSources(load, options);
  checkTuples(scenario, options, plan, load);
  if (plan.mode === "stream") checkRate(plan, load, size);
  return { plan, load, routers, impairment: impairmentOf(options, size) };
}

/** Fragments are counted by one process, and visits are those of a source to one service. */
function checkTuples({ name }: Scenario, { vips, connections, sameTuple }: RunOptions, plan: Plan, { families }: Load) {
  if (sameTuple && plan.mode === "fragments")
    throw new UsageError(`'${name}' opens no connection again, so --same-tuple says nothing. Try 'connect'.`);
  if (connections < families.length) throw new UsageError("--connections must be 2 or more with both families.");
  if (vips === 1) return;
  if (plan.mode === "fragments" || plan.visitsS)
    throw new UsageError(`'${name}' has one VIP. Try --vips 1, or another scenario.`);
  if (connections < vips * families.length)
    throw new UsageError(`--connections must be ${vips * families.length} or more for ${vips} VIPs.`);
}

function checkIcmp({ name }: Scenario, { icmp }: RunOptions, plan: Plan): void {
  if (icmp === "drop" && !plan.icmpDropped)
    throw new UsageError(`'${name}' has no narrow path whose ICMP errors --icmp could drop. Try 'pmtu'.`);
}

function rateOf(plan: Plan, { connections, rate }: RunOptions, carried: number): number {
  if (plan.silenceS !== undefined) return connections / plan.silenceS;
  return rate ?? Math.min(plan.rate ?? defaultRate(connections), carried);
}

function checkSilence({ name }: Scenario, { silence, rate, keepalive, protocol }: RunOptions, plan: Plan): void {
  if (silence !== undefined && plan.silenceS === undefined)
    throw new UsageError(`'${name}' has no --silence: its connections send all the time. Try 'idle'.`);
  if (rate !== undefined && plan.silenceS !== undefined)
    throw new UsageError(`'${name}' sends a message after each --silence, and takes no --rate.`);
  if (keepalive !== undefined && (plan.mode !== "stream" || protocol !== "tcp"))
    throw new UsageError("--keepalive needs TCP connections that last: not those of UDP, and not those of 'connect'.");
}

/** Of one address, so many; the traffic program draws no others. */
const PORTS = 64_512;

function checkSources({ families, visitsS }: Load, { connections, sources }: RunOptions): void {
  if (sources === undefined) return;
  if (visitsS && sources > VISIT_SOURCES)
    throw new UsageError(`Visits are made by up to ${VISIT_SOURCES} sources of each family, not by ${sources}.`);
  const most = sources * PORTS * families.length;
  if (!visitsS && connections > most)
    throw new UsageError(
      `--sources ${sources} has ports for ${most} connections, not for ${connections}. Try --sources ${Math.ceil(connections / families.length / PORTS)}.`,
    );
}

function loadFor(
  plan: Plan,
  options: RunOptions,
  { rate, openedPerS, routers }: { rate: number; openedPerS: number; routers: number },
): Load {
  const firstS = plan.steps[0]?.atS ?? plan.durationS;
  const families = familiesOf(options);
  const visitors = options.sources ?? VISIT_SOURCES;
  return {
    mode: plan.mode,
    families,
    protocol: plan.mode === "fragments" ? "udp" : options.protocol,
    connections: plan.visitsS ? Math.min(options.connections, families.length * visitors) : options.connections,
    ...(options.sources === undefined ? {} : { sources: options.sources }),
    ...(options.sameTuple ? { sameTuple: true as const } : {}),
    rate,
    durationS: plan.durationS,
    rampS: Math.min(Math.max(firstS * 0.6, firstS - 3), rampS(options.connections, openedPerS)),
    size: options.size ?? plan.size ?? 1024,
    stallS: options.stall,
    ...(options.keepalive === undefined ? {} : { keepaliveS: options.keepalive }),
    seed: options.seed,
    ...manyConnections(plan, options, routers),
    ...(plan.visitsS ? { visitsS: plan.visitsS } : {}),
    ...(options.vips > 1 ? { vips: options.vips } : {}),
  };
}

/** What a machine that was found to make so many connections a second carries without falling behind. */
export function loadOf({ connectionsPerS }: Capacity): { rate: number; connections: number } {
  const rate = Math.max(50, Math.round(connectionsPerS * 0.2));
  return { rate, connections: Math.max(200, Math.min(DEFAULT_CONNECTIONS, 2 * rate)) };
}

/** What streams need when they are more than one process may open, or than come up in seconds. A UDP server opens no file for a flow. */
function manyConnections(plan: Plan, { connections, targets, protocol, stall }: RunOptions, routers: number) {
  if (plan.mode !== "stream") return {};
  return {
    ...(protocol === "tcp"
      ? {
          serverProcesses: serverProcesses(
            connections,
            Math.max(1, fewestTargets(plan, targets, routers)),
            plan.steps.length,
          ),
        }
      : {}),
    ...(connections > MANY ? { connectTimeoutS: stall, many: true } : {}),
  };
}

interface Size {
  targets: number;
  routers: number;
}

/** Targets that are in use when there are fewest, as any router knows it. */
export function fewestTargets(plan: Plan, targets: number, routers: number): number {
  return Math.min(...fewestBySpan(plan, { targets, routers }));
}

/** The same at the start and after each step. */
function fewestBySpan(plan: Plan, { targets, routers }: Size): number[] {
  const start = Array.from({ length: targets }, (_, i) => i + 1).filter((n) => !plan.out.includes(n));
  const events = plan.steps.map(({ event, members }) => ({ meaning: event, members }));
  const views = Array.from({ length: routers }, (_, router) => inUse("targets", start, events, { router, routers }));
  return (views[0] ?? []).map((_, span) => Math.min(...views.map((sets) => sets[span]?.size ?? 0)));
}

/** By step, whether connections see only silence after it: dead targets do not answer, and where there are none nobody does. */
function silences(plan: Plan, size: Size): boolean[] {
  const fewest = fewestBySpan(plan, size);
  return plan.steps.map(({ event }, i) => isSilent(event) || fewest[i + 1] === 0);
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
function stretch(
  plan: Plan,
  { connections, rate, openedPerS, stallS }: { connections: number; rate: number; openedPerS: number; stallS: number },
  size: Size,
): Plan {
  const [first, ...later] = [...plan.steps.map((step) => step.atS), plan.durationS];
  const intervalS = connections / rate;
  const silent = silences(plan, size);
  const gapS = (step: number) =>
    silent[step] ? 1.1 * intervalS + stallS : Math.min(1.5 * intervalS, intervalS + 2 * stallS);
  // Where the ramp is long, it may take longer than planned.
  const times = [Math.ceil(first + rampS(connections, openedPerS) * (connections > MANY ? 1.04 : 1) - 2)];
  for (const [i, s] of later.entries())
    times.push((times[i] ?? 0) + Math.ceil(Math.max(s - ([first, ...later][i] ?? 0), gapS(i))));
  return {
    ...plan,
    steps: plan.steps.map((step, i) => ({ ...step, atS: times[i] ?? 0 })),
    durationS: plan.mode === "stream" ? (times.at(-1) ?? 0) : 0,
  };
}

/** A connection notices its loss at its next message, so one must fall between any two events; where a target is dead, only by its silence. */
function checkRate(plan: Plan, { connections, rate, stallS }: Load, size: Size): void {
  const times = [...plan.steps.map((step) => step.atS), plan.durationS];
  const silent = silences(plan, size);
  const gaps = plan.steps.map(({ atS }, i) => ({ silent: silent[i] === true, s: (times[i + 1] ?? 0) - atS }));
  const shortest = Math.min(...gaps.map(({ s }) => s));
  const interval = connections / rate;
  const mostAfter = (gap: (typeof gaps)[0]) =>
    gap.silent ? gap.s - stallS : Math.max(gap.s * 0.8, gap.s - 2 * stallS);
  if (gaps.some((gap) => interval > mostAfter(gap)))
    throw new UsageError(
      `Each connection would send only every ${interval.toFixed(1)} s, but the events are ${shortest} s apart: losses would be missed. Try --rate ${Math.ceil(connections / (shortest / 2))}, or events farther apart with --at and --duration.`,
    );
}
