// SPDX-License-Identifier: Apache-2.0
// The traffic of a run and what is done meanwhile: the events at their times, and what is read before and after.
import { choosers } from "../announce/announcer.ts";
import type { Tunnelled } from "../api/backend.ts";
import { isRouterDeath } from "../events/meaning.ts";
import { calibrate, watchMachine } from "../host/contention.ts";
import { frontHash, TESTER_HASH } from "../oracle/course.ts";
import type { RecordWriter } from "../record/record.ts";
import type { Lab } from "../runtime/runtime.ts";
import { directBatch, hashSysctls } from "../topology/wiring.ts";
import { prepareFlood } from "../traffic/flood.ts";
import type { Liveness } from "../traffic/liveness.ts";
import { readRules } from "../traffic/rules.ts";
import { directTargets } from "../traffic/streams.ts";
import { startTraffic, type Traffic } from "../traffic/traffic.ts";
import { abortable } from "../util/abortable.ts";
import { recordCounters, settle } from "./count.ts";
import type { ImpairedLink } from "./impairment.ts";
import { quietly } from "./quietly.ts";
import { traceRules } from "./rule-trace.ts";
import type { RunRequest } from "./run.ts";
import { type Deployment, driveSteps, type Shared } from "./steps.ts";
import { startTap } from "./tapping.ts";
import { Unordered } from "./unordered.ts";

/** A deployment, the signs of life of the programs around it, and what events share. */
export interface Watched extends Deployment {
  liveness: Liveness;
  shared: Shared;
  /** Health checks of targets; absent: there are none, or they are the balancer's own. */
  watchdog?: { end(): Promise<void> } | undefined;
  impaired: ImpairedLink | null;
}

export async function driveTraffic(request: RunRequest, deployment: Watched): Promise<void> {
  const { record, lab, impaired } = deployment;
  const { front, steps } = request.plan;
  if (front) await routeInFront(lab, record, front.seed);
  else if (steps.some(({ event }) => event.told !== "all" || isRouterDeath(event))) await routeByFields(lab, record);
  if (request.plan.squeezeMtu !== undefined) await narrowPath(request, lab, record, request.plan.squeezeMtu);
  if (request.plan.directS !== undefined) await routeToTargets(lab);
  if (request.load.flood) await prepareFlood(lab, request.load.flood);
  const trace = await traceRules(lab, request.trace);
  const unordered = new Unordered(request, deployment);
  await unordered.begin();
  await recordCounters(deployment, "before");
  if (!lab.clock.isVirtual) record.add(calibrate("before"));
  await impaired?.record(record, "before");
  const tap = await startTap(lab, request, record);
  await trafficAndSteps(request, deployment, () => unordered.settled());
  // What it sends would never settle.
  await deployment.announcer?.end();
  await deployment.watchdog?.end();
  await deployment.shared.finish();
  const settled = await settle(lab);
  await tap?.finish(record);
  if (!lab.clock.isVirtual) record.add(calibrate("after"));
  await recordCounters(deployment, "after", settled);
  recordClocks(lab, record);
  for (const fault of await unordered.faults()) record.add({ kind: "error", t: record.clock.now(), ...fault });
  await trace.end(record);
  for (const { machine, text } of await readRules(lab))
    record.add({ kind: "rules", t: record.clock.now(), machine, text });
  await impaired?.record(record, "after");
  recordServed(deployment);
}

/** `onLastStep` is called when no event comes any more. */
async function trafficAndSteps(
  request: RunRequest,
  deployment: Watched,
  onLastStep: () => Promise<void>,
): Promise<void> {
  const { record, lab, liveness, shared } = deployment;
  liveness.begin(lab.clock);
  const traffic = await startTraffic(lab, request.load, record, liveness).catch((error) => {
    liveness.end();
    throw error;
  });
  // What else this machine does is nothing to a lab whose time is its own.
  const unwatch = lab.clock.isVirtual
    ? () => {}
    : watchMachine(lab.traits.processesAreOurs, (event) => quietly(() => record.add(event)));
  try {
    const steps = driveSteps(deployment, { plan: request.plan, shared, t0: traffic.t0 }, request.signal);
    await Promise.all([lab.clock.during(abortable(traffic.done, request.signal)), steps.then(onLastStep)]);
  } catch (error) {
    quietly(() => record.add({ kind: "stop", t: record.clock.now() }));
    await endEarly(traffic, lab);
    throw error;
  } finally {
    liveness.end();
    unwatch();
  }
}

/**
 * What the machine between sends itself is nothing but ICMP errors: what it looks up a route for as its own finds none. Packets that it
 * forwards come in by a link; of those it drops the ICMP errors of machines behind it.
 */
async function dropIcmp(lab: Lab, machine: string): Promise<void> {
  for (const [family, icmp] of [
    ["-4", "icmp"],
    ["-6", "ipv6-icmp"],
  ] as const)
    for (const selector of [
      ["iif", "lo"],
      ["ipproto", icmp],
    ])
      await lab.wiring(machine).exec(["ip", family, "rule", "add", "pref", "10", ...selector, "blackhole"]);
}

async function narrowPath(
  { plan, load, backend, backendOptions }: RunRequest,
  lab: Lab,
  record: RecordWriter,
  mtu: number,
) {
  const clampMtu = backend.clampMtu?.(backendOptions) ?? null;
  const tunnelled = backend.tunnelled?.(backendOptions) ?? null;
  const { squeeze } = lab.topology;
  if (plan.icmpDropped && squeeze) await dropIcmp(lab, squeeze.machine.name);
  if (!plan.icmpDropped && clampMtu === null) return;
  const icmp = plan.icmpDropped ? "drop" : "pass";
  record.add({
    kind: "path",
    t: lab.clock.now(),
    mtu,
    icmp,
    size: load.size,
    ...(clampMtu === null ? {} : { clampMtu }),
    ...(tunnelled === null ? {} : { tunnel: tunnelOf(tunnelled) }),
  });
}

const tunnelOf = ({ bytes, announceMtu }: Tunnelled) => ({
  ipv4: bytes[4],
  ipv6: bytes[6],
  ...(announceMtu === null ? {} : { announceMtu }),
});

/** How the clocks of a lab's nodes were related to this machine's, where there are several. */
function recordClocks({ nodes }: Lab, record: RecordWriter): void {
  if (nodes) record.add({ kind: "clocks", t: record.clock.now(), nodes: nodes.clocks() });
}

/** What came damaged to each target. */
function recordServed({ record, liveness }: Watched): void {
  for (const [target, processes] of liveness.corrupt) {
    const corrupt = [...processes.values()].reduce((sum, n) => sum + n, 0);
    record.add({ kind: "served", t: record.clock.now(), target, corrupt });
  }
}

/** Past the VIP, through the same routers. */
async function routeToTargets(lab: Lab): Promise<void> {
  const { testers, targets, routers } = lab.topology;
  const input = directBatch(directTargets(targets), routers);
  await Promise.all(testers.map(({ name }) => lab.wiring(name).exec(["ip", "-batch", "-"], { input })));
}

/** Makes the testers, and the targets for their answers, choose routers by a hash that can be known from outside. */
async function routeByFields(lab: Lab, record: RecordWriter): Promise<void> {
  const input = hashSysctls(TESTER_HASH.seed);
  await Promise.all(choosers(lab).map(({ name }) => lab.wiring(name).exec(["@sysctl"], { input })));
  record.add({ kind: "routing", t: record.clock.now(), hash: TESTER_HASH });
}

/** The same where a router in front of them chooses, which hashes as any router does. */
async function routeInFront(lab: Lab, record: RecordWriter, seed: number): Promise<void> {
  const { squeeze, testers } = lab.topology;
  for (const { name } of squeeze ? [squeeze.machine] : testers)
    await lab.wiring(name).exec(["@sysctl"], { input: hashSysctls(seed) });
  record.add({ kind: "routing", t: record.clock.now(), hash: frontHash(seed) });
}

/** The generators write what they know when asked to stop; a generator that does not answer is not waited for. */
async function endEarly(traffic: Traffic, { clock }: Lab): Promise<void> {
  traffic.stop();
  await Promise.race([traffic.done.catch(() => {}), clock.sleep(3000)]);
}
