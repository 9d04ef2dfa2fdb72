// SPDX-License-Identifier: Apache-2.0
// What follows from the options of a run before anything is started: the plan, the load and its pace.
import type { Plan, Scenario } from "../api/scenario.ts";
import { inUse, isSilent } from "../events/meaning.ts";
import { type Impairment, impairmentOf } from "../run/impairment.ts";
import type { Capacity } from "../runtime/runtime.ts";
import type { Open } from "../traffic/open.ts";
import { serverProcesses } from "../traffic/servers.ts";
import { intervalSOf, type Load } from "../traffic/streams.ts";
import { VISIT_SOURCES } from "../traffic/traffic.ts";
import { UsageError } from "../util/errors.ts";
import { type Finders, findersFor } from "./announce.ts";
import { familiesOf } from "./backend-options.ts";
import { againPart, beginsS, checkFlood, floodPart, interruptionPart } from "./besides.ts";
import { checkFlows, flowLoad, flowsOf } from "./flows.ts";
import { checkLoad } from "./load-checks.ts";
import { openOf } from "./open.ts";
import { DEFAULT_CONNECTIONS, type RunOptions } from "./options.ts";
import { scenarioOptions } from "./scenario-options.ts";

/** Beyond, the machine's own speed says how the load is spread over time. */
export const MANY = 100_000;

/** Everything that follows from the options before anything is started. Throws UsageError when they do not fit together. */
export function planRun(
  scenario: Scenario,
  given: RunOptions,
  affinityS: number | null = null,
  capacity?: Capacity,
): Finders & { plan: Plan; load: Load; routers: number; impairment: Impairment | null } {
  const routers = given.routers ?? scenario.routers;
  let options = given;
  if (options.changesPerMinute !== undefined && !scenario.hasRate)
    throw new UsageError(`'${scenario.name}' is no train of changes: it has no --changes-per-minute. Try 'rolling'.`);
  let plan = scenario.plan(scenarioOptions(scenario, options, affinityS));
  plan = { ...plan, ...linkPart(scenario, options, plan), ...flowsPart(plan, options) };
  checkAt(scenario, options, plan);
  checkIcmp(scenario, options, plan);
  checkSilence(scenario, options, plan);
  checkFlood(scenario, options, plan);
  const finders = findersFor(scenario, options, plan);
  const open = openOf(scenario.name, options, plan, familiesOf(options));
  if (open) options = { ...options, connections: sum(open.plans.map(({ startUs }) => startUs.length)) };
  const size = { targets: options.targets, routers };
  const { carried, openedPerS } = paceOf(options.connections, plan.directS !== undefined, capacity);
  const rate = open?.rate ?? rateOf(plan, options, carried);
  const timesAreGiven = [options.at, options.duration, options.changesPerMinute].some((value) => value !== undefined);
  if (!open && plan.mode !== "fragments" && !plan.visitsS && plan.steps.length > 0 && !timesAreGiven)
    plan = stretch(plan, { connections: options.connections, rate, openedPerS, stallS: options.stall }, size);
  if (plan.directS !== undefined) plan = stretchDirect(plan, plan.directS, rampS(options.connections, openedPerS));
  const load = loadFor(plan, options, { rate, openedPerS, routers, open });
  checkLoad(scenario, options, plan, load);
  checkFlows(plan, load, options.targets);
  if (plan.mode === "stream") checkRate(plan, load, size);
  return { plan, load, routers, impairment: impairmentOf(options, { ...size, testers: options.testers }), ...finders };
}

/** Those of the user, where the scenario has none of its own. */
function flowsPart({ flows: own }: Plan, options: RunOptions): Pick<Plan, "flows"> {
  const flows = own ?? flowsOf(options);
  return flows ? { flows } : {};
}

function linkPart({ name }: Scenario, { mtu }: RunOptions, { squeezeMtu }: Plan): Pick<Plan, "linkMtu"> {
  if (mtu === undefined) return {};
  if (squeezeMtu !== undefined)
    throw new UsageError(`'${name}' has a narrow path among links of 1500 bytes: it takes no --mtu.`);
  return { linkMtu: mtu };
}

function checkAt({ name }: Scenario, { at }: RunOptions, { steps, visitsS, flood }: Plan): void {
  if (at !== undefined && steps.length === 0 && !visitsS && !flood)
    throw new UsageError(`'${name}' has no event whose time --at could give. Try 'scale'.`);
}

function checkIcmp({ name }: Scenario, { icmp }: RunOptions, plan: Plan): void {
  if (icmp === "drop" && !plan.icmpDropped)
    throw new UsageError(`'${name}' has no narrow path whose ICMP errors --icmp could drop. Try 'pmtu'.`);
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);

function rateOf(plan: Plan, { connections, rate }: RunOptions, carried: number): number {
  if (plan.silenceS !== undefined) return connections / plan.silenceS;
  return rate ?? Math.min(plan.rate ?? defaultRate(connections), carried);
}

function checkSilence({ name }: Scenario, { silence, rate, keepalive, protocol }: RunOptions, plan: Plan): void {
  if (silence !== undefined && plan.silenceS === undefined)
    throw new UsageError(`'${name}' has no --silence: its connections send all the time. Try 'idle'.`);
  if (rate !== undefined && plan.silenceS !== undefined)
    throw new UsageError(`'${name}' sends a message after each --silence, and takes no --rate.`);
  if (keepalive !== undefined && (plan.mode !== "stream" || protocol === "udp"))
    throw new UsageError(
      "--keepalive needs connections of TCP or SCTP that last: not those of UDP, and not those of 'connect'.",
    );
}

function loadFor(
  plan: Plan,
  options: RunOptions,
  { rate, openedPerS, routers, open }: { rate: number; openedPerS: number; routers: number; open: Open | null },
): Load {
  const firstS = beginsS(plan);
  const families = familiesOf(options);
  const visitors = options.sources ?? VISIT_SOURCES;
  return {
    mode: plan.mode,
    families,
    protocol: plan.mode === "fragments" ? "udp" : options.protocol,
    connections: plan.visitsS ? Math.min(options.connections, families.length * visitors) : options.connections,
    ...(options.sources === undefined ? {} : { sources: options.sources }),
    rate,
    durationS: plan.durationS,
    rampS: Math.min(Math.max(firstS * 0.6, firstS - 3), rampS(options.connections, openedPerS)),
    size: options.size ?? plan.size ?? 1024,
    stallS: options.stall,
    ...(options.keepalive === undefined ? {} : { keepaliveS: options.keepalive }),
    seed: options.seed,
    ...connectionsPart(plan, options, routers, open),
    ...interruptionPart(plan),
    ...floodPart(plan, options),
    ...againPart(plan, options),
    ...placesPart(options),
    ...(plan.paths === undefined ? {} : { paths: plan.paths }),
    ...(plan.flows ? flowLoad(plan.flows, families) : {}),
  };
}

/** What connections come from and go to, where there are several. */
const placesPart = ({ vips, testers }: RunOptions): Pick<Load, "vips" | "testers"> => ({
  ...(vips > 1 ? { vips } : {}),
  ...(testers > 1 ? { testers } : {}),
});

const connectionsPart = (plan: Plan, options: RunOptions, routers: number, open: Open | null) =>
  open
    ? { open, ...processesFor(plan, { ...options, connections: open.peak }, routers) }
    : manyConnections(plan, options, routers);

/** What a machine that was found to make so many connections a second carries without falling behind. */
export function loadOf({ connectionsPerS }: Capacity): { rate: number; connections: number } {
  const rate = Math.max(50, Math.round(connectionsPerS * 0.2));
  return { rate, connections: Math.max(200, Math.min(DEFAULT_CONNECTIONS, 2 * rate)) };
}

/** What streams need when they are more than one process may open, or than come up in seconds. A UDP server opens no file for a flow. */
function manyConnections(plan: Plan, options: RunOptions, routers: number) {
  if (plan.mode !== "stream") return {};
  const isMany = options.connections > MANY;
  return {
    ...processesFor(plan, options, routers),
    ...(isMany ? { connectTimeoutS: options.stall, many: true } : {}),
  };
}

function processesFor(plan: Plan, { connections, targets, protocol }: RunOptions, routers: number) {
  if (protocol === "udp") return {};
  const fewest = Math.max(1, fewestTargets(plan, targets, routers));
  return { serverProcesses: serverProcesses(connections, fewest, plan.steps.length) };
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

/** Until the balancer is started again connections need not send: those that are lost by its end notice at once. */
const staysDown = ({ steps }: Plan, i: number): boolean =>
  steps[i]?.event.subject === "balancer" && steps[i]?.event.interrupts === true;

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

/**
 * Messages a second, and connections opened a second, that are carried. To open a connection costs more than a message; where every
 * connection has a twin, each of the two sends.
 */
function paceOf(connections: number, twins: boolean, capacity?: Capacity): { carried: number; openedPerS: number } {
  if (connections > MANY) {
    const perS = capacity?.connectionsPerS ?? Number.POSITIVE_INFINITY;
    const pace = ({ most, share }: typeof MANY_SENT_PER_S) => Math.min(most, Math.round(share * perS));
    const cold = Math.min(1, FULL_RATE_CONNECTIONS / connections);
    return { carried: Math.round(cold * pace(MANY_SENT_PER_S)), openedPerS: pace(MANY_OPENED_PER_S) };
  }
  if (capacity?.messagesPerS !== undefined)
    return { carried: capacity.messagesPerS / (twins ? 2 : 1), openedPerS: capacity.connectionsPerS / (twins ? 4 : 2) };
  const carried = capacity && !capacity.own ? loadOf(capacity).rate : Number.POSITIVE_INFINITY;
  return { carried, openedPerS: Math.min(OPENED_PER_S, carried / 2) };
}

function rampS(connections: number, perS: number): number {
  return Math.max(2, connections / perS);
}

/**
 * More connections than usual need longer to come up, and to notice their loss, as do those that send rarely: the scenario's own times
 * give way. Between two events each connection sends once, has time to fall silent, and a little more.
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
    staysDown(plan, step)
      ? 0
      : silent[step]
        ? 1.1 * intervalS + stallS
        : Math.min(1.5 * intervalS, intervalS + 2 * stallS);
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

/** Connections, and after them their twins, get the time to come up. */
function stretchDirect(plan: Plan, directS: number, ramp: number): Plan {
  const longer = Math.ceil(ramp) - 2;
  return { ...plan, directS: directS + longer, durationS: plan.durationS + 2 * longer };
}

/** A connection notices its loss at its next message, so one must fall between any two events; where a target is dead, only by its silence. */
function checkRate(plan: Plan, load: Load, size: Size): void {
  const { connections, stallS } = load;
  const times = [...plan.steps.map((step) => step.atS), plan.durationS];
  const silent = silences(plan, size);
  const gaps = plan.steps.flatMap(({ atS }, i) =>
    staysDown(plan, i) ? [] : [{ silent: silent[i] === true, s: (times[i + 1] ?? 0) - atS }],
  );
  const shortest = Math.min(...gaps.map(({ s }) => s));
  const interval = intervalSOf(load);
  const mostAfter = (gap: (typeof gaps)[0]) =>
    gap.silent ? gap.s - stallS : Math.max(gap.s * 0.8, gap.s - 2 * stallS);
  const most = Math.min(...gaps.map(mostAfter));
  if (gaps.length === 0 || interval <= most) return;
  const unheard = gaps.find((gap) => gap.silent && gap.s <= stallS);
  const missed = "losses would be missed";
  const apart = "or events farther apart with --at and --duration";
  if (unheard)
    throw new UsageError(
      `A connection counts as lost after ${stallS} s of silence, but the events are ${unheard.s} s apart: ${missed}. Try --stall ${unheard.s / 2}, ${apart}.`,
    );
  throw new UsageError(
    `Each connection would send only every ${interval.toFixed(1)} s, but the events are ${Number(shortest.toFixed(3))} s apart: ${missed}. Try --rate ${Math.ceil(connections / Math.min(shortest / 2, most))}, ${apart}.`,
  );
}
