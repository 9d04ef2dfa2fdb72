// SPDX-License-Identifier: Apache-2.0
// The conductor: reads top to bottom as the data flow.
import path from "node:path";
import { analyse } from "../analysis/analyse.ts";
import { type Backend, type Balancer, machineNeeds, Unsupported } from "../api/backend.ts";
import type { Plan } from "../api/scenario.ts";
import { versionsIn } from "../api/versions.ts";
import { calibrate, watchMachine } from "../host/contention.ts";
import { TESTER_HASH } from "../oracle/course.ts";
import { checkedSpec } from "../oracle/oracle.ts";
import { readRecord } from "../record/read.ts";
import { RecordWriter } from "../record/record.ts";
import type { Event, EventOf, Phase, RunInfo, Sample, Summary } from "../record/schema.ts";
import type { ReportData, Reporter, ReporterFailure } from "../report/reporter.ts";
import { writeAll } from "../report/reporter.ts";
import { type Lab, LabError, type Session } from "../runtime/runtime.ts";
import { planTopology, type Topology } from "../topology/topology.ts";
import { hashSysctls } from "../topology/wiring.ts";
import { readRules } from "../traffic/rules.ts";
import { startServers } from "../traffic/servers.ts";
import { type Load, startTraffic, type Traffic } from "../traffic/traffic.ts";
import { abortable, Uncaught } from "../util/abortable.ts";
import { nowNs, sleepUntil } from "../util/clock.ts";
import { Scope } from "../util/scope.ts";
import { recordCounters, settle } from "./count.ts";
import { applyImpairment, type Impairment, recordImpairment } from "./impairment.ts";
import { activeAtStart, type Deployment, driveSteps } from "./steps.ts";

export interface RunRequest {
  dir: string;
  info: RunInfo;
  backend: Backend;
  backendOptions: Record<string, unknown>;
  session: Session;
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
    const { aborted, reason } = request.signal;
    const why = reason instanceof Uncaught ? reason.message : "The run was interrupted.";
    const text = aborted ? why : (error as Error).message;
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
    ...machineNeeds(backend, request.backendOptions),
    ...(squeezeMtu === undefined ? {} : { squeezeMtu }),
  });
  const scope = new Scope();
  const servers = new AbortController();
  let lost: Error | null = null;
  try {
    const lab = await phase(record, "up", () => bringUp(request, { topology, scope, record }));
    await whileLabLives(lab, signal, async () => {
      const balancer = await phase(record, "deploy", async () => {
        await checkKernel(request, lab);
        const active = activeAtStart(plan, topology.targets.length);
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
      await recordVersions(request, lab, record);
      if (request.impairment) await applyImpairment(lab, request.impairment);
      const during = { ...request, signal: AbortSignal.any([signal, servers.signal]) };
      await phase(record, "traffic", () => driveTraffic(during, { record, lab, balancer }));
      await request.hold?.(lab, balancer);
      if (lost) throw lost;
    });
  } finally {
    // What the record does not take must not keep the lab from coming down.
    await phase(record, "down", () => scope[Symbol.asyncDispose]()).finally(() => scope[Symbol.asyncDispose]());
    for (const text of scope.failures) record.add({ kind: "warning", t: nowNs(), text });
  }
}

async function bringUp(
  { session, signal, progress, dir }: RunRequest,
  { topology, scope, record }: { topology: Topology; scope: Scope; record: RecordWriter },
): Promise<Lab> {
  const lab = await session.up(topology, signal, (text) => progress?.note?.(text), path.join(dir, "logs"));
  scope.defer("take the lab down", () => lab[Symbol.asyncDispose]());
  record.add({
    kind: "lab_up",
    t: nowNs(),
    runtime: lab.runtime,
    machines: topology.machines.map((m) => m.name),
    ...(lab.images ? { images: { ...lab.images } } : {}),
  });
  return lab;
}

/** Names and versions of all that takes part. */
async function recordVersions(
  { info, backend, backendOptions }: RunRequest,
  lab: Lab,
  record: RecordWriter,
): Promise<void> {
  Object.assign(info.tools, await versionsIn(lab, backend.requires(backendOptions), info.gitRevision));
  record.file("run.json", `${JSON.stringify(info, null, 2)}\n`);
}

/** What another kernel lacks is known only in its guest. */
async function checkKernel({ backend, backendOptions }: RunRequest, lab: Lab): Promise<void> {
  const { traits } = lab;
  const [router] = lab.topology.routers;
  if (traits.kernel !== "chosen" || !router) return;
  const asked = { ...lab.host(router.name), program: (name: string) => lab.program(name) };
  const reasons = await backend.missing({ traits, router: asked }, backendOptions);
  if (reasons.length > 0) throw new Unsupported(reasons);
}

async function driveTraffic(request: RunRequest, deployment: Deployment): Promise<void> {
  const { record, lab } = deployment;
  if (request.plan.steps.some(({ event }) => event.told !== "all")) await routeByFields(lab, record);
  const { impairment } = request;
  await recordCounters(deployment, "before");
  record.add(calibrate("before"));
  if (impairment) await recordImpairment(lab, impairment, record, "before");
  const traffic = await startTraffic(lab, request.load, record);
  const unwatch = watchMachine(lab.traits.processesAreOurs, (event) => quietly(() => record.add(event)));
  try {
    const steps = driveSteps(deployment, request.plan, traffic.t0, request.signal);
    await Promise.all([abortable(traffic.done, request.signal), steps]);
  } catch (error) {
    await endEarly(traffic);
    throw error;
  } finally {
    unwatch();
  }
  await settle(lab);
  record.add(calibrate("after"));
  await recordCounters(deployment, "after");
  for (const { machine, text } of await readRules(lab)) record.add({ kind: "rules", t: nowNs(), machine, text });
  if (impairment) await recordImpairment(lab, impairment, record, "after");
}

/** Makes the tester choose routers by a hash that can be known from outside. */
async function routeByFields(lab: Lab, record: RecordWriter): Promise<void> {
  await lab.wiring(lab.topology.tester.name).exec(["@sysctl"], { input: hashSysctls(TESTER_HASH.seed) });
  record.add({ kind: "routing", t: nowNs(), hash: TESTER_HASH });
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
