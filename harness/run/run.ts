// SPDX-License-Identifier: Apache-2.0
// The conductor: reads top to bottom as the data flow.
import path from "node:path";
import { analyse } from "../analysis/analyse.ts";
import { type Backend, type Balancer, Unsupported } from "../api/backend.ts";
import type { Plan, Step } from "../api/scenario.ts";
import { Partition } from "../events/partition.ts";
import { TargetOutage } from "../events/target-outage.ts";
import { calibrate, watchMachine } from "../host/contention.ts";
import { checkedSpec } from "../oracle/oracle.ts";
import { readRecord } from "../record/read.ts";
import { RecordWriter } from "../record/record.ts";
import type { Event, EventOf, Phase, RunInfo, Sample, ScaleKind, Summary } from "../record/schema.ts";
import type { ReportData, Reporter, ReporterFailure } from "../report/reporter.ts";
import { writeAll } from "../report/reporter.ts";
import { type Lab, LabError, type Runtime } from "../runtime/runtime.ts";
import { type Machine, planTopology } from "../topology/topology.ts";
import { hashSysctls, rerouteBatch } from "../topology/wiring.ts";
import { readCounters } from "../traffic/counters.ts";
import { readRules } from "../traffic/rules.ts";
import { startServers } from "../traffic/servers.ts";
import { type Load, startTraffic, type Traffic } from "../traffic/traffic.ts";
import { abortable } from "../util/abortable.ts";
import { nowNs, sleepUntil } from "../util/clock.ts";
import { Scope } from "../util/scope.ts";
import { applyImpairment, type Impairment, recordImpairment } from "./impairment.ts";

export interface RunRequest {
  dir: string;
  info: RunInfo;
  backend: Backend;
  backendOptions: Record<string, unknown>;
  runtime: Runtime;
  plan: Plan;
  load: Load;
  impairment: Impairment | null;
  reporters: readonly Reporter[];
  signal: AbortSignal;
  progress?: Progress;
  /** Keeps the lab up after the traffic until it resolves. */
  hold?: (lab: Lab, balancer: Balancer) => Promise<void>;
}

/** For whoever watches: all optional, none can break a run. */
export interface Progress {
  phase?(phase: Phase, edge: "begin" | "end"): void;
  sample?(sample: Sample): void;
  note?(text: string): void;
  event?(event: Event): void;
}

export interface RunResult {
  dir: string;
  data: ReportData;
  reporterFailures: ReporterFailure[];
}

/** Runs one case to its report. Throws LabError only when not even a record could be written. */
export async function runCase(request: RunRequest): Promise<RunResult> {
  const record = new RecordWriter(request.dir, (event) => {
    if (event.kind === "sample") request.progress?.sample?.(event);
    if (event.kind === "phase") request.progress?.phase?.(event.phase, event.edge);
    request.progress?.event?.(event);
  });
  record.file("run.json", `${JSON.stringify(request.info, null, 2)}\n`);
  let first: EventOf<"error"> | null = null;
  try {
    await runInLab(request, record);
  } catch (error) {
    if (error instanceof Unsupported) record.add({ kind: "skip", t: nowNs(), reasons: error.reasons });
    const text = request.signal.aborted ? "The run was interrupted." : (error as Error).message;
    const event = { kind: "error", t: nowNs(), text } as const;
    first = event;
    // On a full disk neither can be written; what went wrong first is told all the same.
    quietly(() => record.add(event));
    quietly(() => record.file("logs/error.txt", `${(error as Error).stack}\n`));
  }
  try {
    return await report(request, record, first);
  } catch (error) {
    if (!first || !(error instanceof LabError)) throw error;
    throw new LabError(`${error.message} Before that: ${first.text}`, { cause: error });
  }
}

/** For what must not hide the error that is on its way. */
function quietly(action: () => void): void {
  try {
    action();
  } catch {}
}

async function runInLab(request: RunRequest, record: RecordWriter): Promise<void> {
  const { plan, info, backend, signal } = request;
  const { squeezeMtu } = plan;
  const topology = planTopology({
    targets: info.targets.length,
    routers: info.routers.length,
    devices: backend.devices?.(request.backendOptions) ?? [],
    ...(squeezeMtu === undefined ? {} : { squeezeMtu }),
  });
  const scope = new Scope();
  const servers = new AbortController();
  let lost: Error | null = null;
  try {
    const lab = await phase(record, "up", async () => {
      const note = (text: string) => request.progress?.note?.(text);
      const made = await request.runtime.up(topology, signal, note, path.join(request.dir, "logs"));
      scope.defer("take the lab down", () => made[Symbol.asyncDispose]());
      record.add({
        kind: "lab_up",
        t: nowNs(),
        runtime: made.runtime,
        machines: topology.machines.map((m) => m.name),
        ...(made.images ? { images: { ...made.images } } : {}),
      });
      return made;
    });
    await whileLabLives(lab, signal, async () => {
      const balancer = await phase(record, "deploy", async () => {
        await checkKernel(request, lab);
        const active = topology.targets.flatMap((_, i) => (plan.out.includes(i + 1) ? [] : [i]));
        const [deployed] = await Promise.all([
          backend.deploy(lab, request.backendOptions, active),
          startServers(lab, request.load.serverProcesses, (text) => servers.abort(new LabError(text))),
        ]);
        scope.defer("stop the balancer", () => deployed[Symbol.asyncDispose]());
        // Called from anywhere: a fault that the record does not take fails the run below.
        deployed.onFault = (text) => {
          try {
            record.add({ kind: "fault", t: nowNs(), text });
          } catch (error) {
            lost ??= error as Error;
          }
        };
        record.add({
          kind: "deployed",
          t: nowNs(),
          backend: backend.name,
          active: active.flatMap((i) => topology.targets[i]?.name ?? []),
          effectiveOptions: backend.effectiveOptions(request.backendOptions, topology.targets.length),
          oracle: checkedSpec(
            backend.oracle(request.backendOptions, topology.targets.length, request.load.protocol),
            backend.name,
          ),
        });
        return deployed;
      });
      if (request.impairment) await applyImpairment(lab, request.impairment);
      const during = { ...request, signal: AbortSignal.any([signal, servers.signal]) };
      await phase(record, "traffic", () => driveTraffic(during, record, lab, balancer));
      await request.hold?.(lab, balancer);
      if (lost) throw lost;
    });
  } finally {
    // What the record does not take must not keep the lab from coming down.
    await phase(record, "down", () => scope[Symbol.asyncDispose]()).finally(() => scope[Symbol.asyncDispose]());
    for (const text of scope.failures) record.add({ kind: "warning", t: nowNs(), text });
  }
}

/** What another kernel lacks is known only in its guest. */
async function checkKernel({ runtime, backend, backendOptions }: RunRequest, lab: Lab): Promise<void> {
  const [router] = lab.topology.routers;
  if (!runtime.withKernel || !router) return;
  const reasons = await backend.missing(
    { ...runtime, router: { ...lab.host(router.name), program: (name) => lab.program(name) } },
    backendOptions,
  );
  if (reasons.length > 0) throw new Unsupported(reasons);
}

async function driveTraffic(request: RunRequest, record: RecordWriter, lab: Lab, balancer: Balancer): Promise<void> {
  if (request.plan.steps.some(({ action }) => action === "drift")) await routeByFields(lab, record);
  const { impairment } = request;
  await recordCounters(record, lab, balancer, "before");
  record.add(calibrate("before"));
  if (impairment) await recordImpairment(lab, impairment, record, "before");
  const traffic = await startTraffic(lab, request.load, record);
  const unwatch = watchMachine(request.runtime.name === "netns", (event) => quietly(() => record.add(event)));
  try {
    const steps = driveSteps(request, record, lab, balancer, traffic.t0);
    await Promise.all([abortable(traffic.done, request.signal), steps]);
  } catch (error) {
    await endEarly(traffic);
    throw error;
  } finally {
    unwatch();
  }
  await settle(lab);
  record.add(calibrate("after"));
  await recordCounters(record, lab, balancer, "after");
  for (const { machine, text } of await readRules(lab)) record.add({ kind: "rules", t: nowNs(), machine, text });
  if (impairment) await recordImpairment(lab, impairment, record, "after");
}

/** Makes the tester choose routers by a hash that can be known from outside. */
async function routeByFields(lab: Lab, record: RecordWriter): Promise<void> {
  const hash = { kind: "fib_multipath_output", seed: 1 } as const;
  await lab.wiring(lab.topology.tester.name).exec(["@sysctl"], { input: hashSysctls(hash.seed) });
  record.add({ kind: "routing", t: nowNs(), hash });
}

async function driveSteps(
  { plan, signal }: RunRequest,
  record: RecordWriter,
  lab: Lab,
  balancer: Balancer,
  t0: number,
): Promise<void> {
  const { targets, routers } = lab.topology;
  const out = { targets: new Set(plan.out), routers: new Set<number>() };
  const update = (set: Set<number>, leave: boolean, members: readonly number[]) => {
    for (const member of members) set[leave ? "add" : "delete"](member);
  };
  const scaleTargets = (leave: boolean) => (members: readonly number[]) => {
    update(out.targets, leave, members);
    return balancer.setTargets(targets.flatMap((_, i) => (out.targets.has(i + 1) ? [] : [i])));
  };
  /** Targets leave, and only these routers know. */
  const drift = (told: readonly { name: string }[]) => (members: readonly number[]) => {
    update(out.targets, true, members);
    const active = targets.flatMap((_, i) => (out.targets.has(i + 1) ? [] : [i]));
    return balancer.setTargets(active, new Set(told.map(({ name }) => name)));
  };
  const scaleRouters = (leave: boolean) => async (members: readonly number[]) => {
    update(out.routers, leave, members);
    const effectiveT = await reroute(lab, out.routers);
    await balancer.setRouters?.(routers.flatMap((_, i) => (out.routers.has(i + 1) ? [] : [i])));
    return effectiveT;
  };
  const partition = new Partition(lab, record);
  const outage = new TargetOutage(lab, record);
  /** Nobody tells the balancer: it is in force when it has found out. */
  const noticed = async (dead: boolean, members: readonly number[]) => {
    update(out.targets, dead, members);
    const t = dead ? await outage.begin(members.flatMap((n) => targets[n - 1] ?? [])) : await outage.end();
    const active = targets.flatMap((_, i) => (out.targets.has(i + 1) ? [] : [i]));
    return (await balancer.waitForConvergence?.(active)) ?? t;
  };
  const actions: Record<ScaleKind, (members: readonly number[]) => Promise<number>> = {
    scale_in: scaleTargets(true),
    scale_out: scaleTargets(false),
    router_out: scaleRouters(true),
    router_in: scaleRouters(false),
    blackout: () => partition.begin(),
    blackout_end: () => partition.end(),
    failure: (members) => noticed(true, members),
    failure_end: (members) => noticed(false, members),
    drift: drift(routers.slice(0, -1)),
    drift_end: drift(routers.slice(-1)),
  };
  for (const step of plan.steps) {
    await sleepUntil(t0 + step.atS * 1e9, signal);
    const isTarget = !step.action.startsWith("router") && !step.action.startsWith("blackout");
    const requestedT = nowNs();
    const effectiveT = await actions[step.action](step.members);
    record.add({
      kind: "scale",
      t: effectiveT,
      action: step.action,
      machines: names(step, isTarget ? targets : routers),
      requestedT,
      effectiveT,
    });
  }
}

function names(step: Step, machines: readonly { name: string }[]): string[] {
  return step.members.flatMap((member) => machines[member - 1]?.name ?? []);
}

/** Takes routers out of, or back into, the routes of the tester and all targets. */
async function reroute(lab: Lab, out: ReadonlySet<number>): Promise<number> {
  const { topology } = lab;
  const left = topology.routers.filter((_, i) => !out.has(i + 1));
  await Promise.all(
    [topology.tester, ...topology.targets].map((machine) =>
      lab.wiring(machine.name).exec(["ip", "-batch", "-"], { input: rerouteBatch(machine, left) }),
    ),
  );
  return nowNs();
}

/** Until nothing is sent and nothing arrives any more: closing handshakes and full queues outlast the generators. */
async function settle(lab: Lab): Promise<void> {
  const { tester, targets } = lab.topology;
  const moved = async () => {
    const read = await Promise.all([tester, ...targets].map((m) => readCounters(lab.host(m.name))));
    return read.reduce((sum, c) => sum + (c.ipIn ?? 0) + (c.ipOut ?? 0), 0);
  };
  const deadline = nowNs() + 2e9;
  let before = -1;
  for (let now = await moved(); now !== before && nowNs() < deadline; now = await moved()) {
    before = now;
    await sleepUntil(nowNs() + 50e6, new AbortController().signal);
  }
}

async function recordCounters(
  record: RecordWriter,
  lab: Lab,
  balancer: Balancer,
  moment: "before" | "after",
): Promise<void> {
  const routers = new Set(lab.topology.routers.map((r) => r.name));
  const { machines } = lab.topology;
  const readSome = (some: readonly Machine[]) =>
    Promise.all(
      some.map(async ({ name }) => {
        const own = await readCounters(lab.host(name));
        return { name, values: routers.has(name) ? { ...own, ...(await balancer.counters(name)) } : own };
      }),
    );
  // Routers last: what they have sent by then, and not since they were read before, has arrived.
  const readAll = async () => [
    ...(await readSome(machines.filter(({ name }) => !routers.has(name)))),
    ...(await readSome(machines.filter(({ name }) => routers.has(name)))),
  ];
  let read = await readAll();
  // Health checks never rest for long: what is read in the middle of one was sent and has not arrived.
  const probes = () => read.reduce((sum, { values }) => sum + (values.probes ?? 0), 0);
  const deadline = nowNs() + 3e9;
  for (let before = -1; balancer.waitForConvergence && before !== probes() && nowNs() < deadline; ) {
    before = probes();
    read = await readAll();
    const unsure = probes() - before;
    // On a busy machine there is always one: then it is known how many may be on their way.
    for (const one of read) if (one.name === lab.topology.routers[0]?.name) one.values["probes.unsure"] = unsure;
  }
  for (const { name, values } of read) record.add({ kind: "counters", t: nowNs(), machine: name, moment, values });
}

/** The generators write what they know when asked to stop; a generator that does not answer is not waited for. */
async function endEarly(traffic: Traffic): Promise<void> {
  traffic.stop();
  await Promise.race([traffic.done.catch(() => {}), sleepUntil(nowNs() + 3e9, new AbortController().signal)]);
}

async function whileLabLives(lab: Lab, signal: AbortSignal, action: () => Promise<void>): Promise<void> {
  const work = action();
  await Promise.race([
    work,
    lab.ended.then((why) => {
      throw signal.aborted ? signal.reason : new LabError(`The lab broke in the middle of the run: ${why}.`);
    }),
  ]);
}

async function phase<T>(record: RecordWriter, name: Phase, action: () => Promise<T>): Promise<T> {
  record.add({ kind: "phase", t: nowNs(), phase: name, edge: "begin" });
  try {
    return await action();
  } finally {
    record.add({ kind: "phase", t: nowNs(), phase: name, edge: "end" });
  }
}

/** Analysis and reports. What was recorded is kept and shown whatever happened before. */
async function report(request: RunRequest, record: RecordWriter, first: EventOf<"error"> | null): Promise<RunResult> {
  const begin = nowNs();
  const write = (summary: Summary) => record.file("summary.json", `${JSON.stringify(summary, null, 2)}\n`);
  request.progress?.note?.("analysing and drawing");
  record.end();
  const recorded = readRecord(request.dir);
  if (first && !recorded.events.some((event) => event.kind === "error")) recorded.events.push(first);
  const analysis = analyse(request.info, recorded);
  write(analysis.summary);
  const data = { run: request.info, ...analysis };
  const reporterFailures = await writeAll(data, request.dir, request.reporters);
  record.close();
  const phasesMs = analysis.summary.phasesMs;
  const reportMs = (nowNs() - begin) / 1e6;
  analysis.summary.phasesMs = { ...phasesMs, report: reportMs, total: phasesMs.total + reportMs };
  write(analysis.summary);
  return { dir: request.dir, data, reporterFailures };
}
