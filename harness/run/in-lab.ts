// SPDX-License-Identifier: Apache-2.0
// A run from the lab's coming up to its going down.
import { rm } from "node:fs/promises";
import path from "node:path";
import { type Balancer, machineNeeds, Unsupported } from "../api/backend.ts";
import { versionsIn } from "../api/versions.ts";
import { checkedSpec } from "../oracle/oracle.ts";
import { fewestTargets } from "../plan/plan-run.ts";
import type { RecordWriter } from "../record/record.ts";
import type { Phase } from "../record/schema.ts";
import { type Lab, LabError } from "../runtime/runtime.ts";
import { planTopology, type Topology } from "../topology/topology.ts";
import { Liveness, patienceNs, signsMs } from "../traffic/liveness.ts";
import { startServers } from "../traffic/servers.ts";
import { serversFor } from "../traffic/traffic.ts";
import { nowNs } from "../util/clock.ts";
import { Scope } from "../util/scope.ts";
import { applyImpairment } from "./impairment.ts";
import { quietly } from "./quietly.ts";
import type { RunRequest } from "./run.ts";
import { activeAtStart, beforeSteps, Shared } from "./steps.ts";
import { driveTraffic } from "./traffic-phase.ts";

/** A run under way. */
interface Run {
  request: RunRequest;
  record: RecordWriter;
  /** What has to be undone. */
  scope: Scope;
  liveness: Liveness;
  /** Aborts when a target's server ends. */
  servers: AbortController;
  /** A fault that the record did not take. */
  lost: Error | null;
}

export async function runInLab(request: RunRequest, record: RecordWriter): Promise<void> {
  const scope = new Scope();
  const patience = patienceNs(request.session.prepared.capacity);
  const liveness = new Liveness(
    patience,
    (silence) => quietly(() => record.add(silence)),
    signsMs(request.load.durationS),
  );
  record.clock = request.session.clock;
  const run: Run = { request, record, scope, liveness, servers: new AbortController(), lost: null };
  const { signal, impairment } = request;
  try {
    const lab = await phase(record, "up", () => bringUp(run));
    await whileLabLives(lab, signal, async () => {
      const shared = new Shared(lab, record);
      const balancer = await phase(record, "deploy", async () => {
        await beforeSteps(lab, request.plan, shared);
        return deploy(run, lab);
      });
      await recordVersions(request, lab, record);
      if (impairment) await applyImpairment(lab, impairment);
      const during = { ...request, signal: AbortSignal.any([signal, run.servers.signal]) };
      await phase(record, "traffic", () => driveTraffic(during, { record, lab, balancer, liveness, shared }));
      await request.hold?.(lab, balancer);
      if (run.lost) throw run.lost;
    });
  } finally {
    // What the record does not take must not keep the lab from coming down.
    await phase(record, "down", () => scope[Symbol.asyncDispose]()).finally(() => scope[Symbol.asyncDispose]());
    for (const text of scope.failures) record.add({ kind: "warning", t: record.clock.now(), text });
  }
}

function topologyOf({ plan: { squeezeMtu, front }, load, info, backend, backendOptions }: RunRequest): Topology {
  return planTopology({
    ...(load.vips === undefined ? {} : { vips: load.vips }),
    targets: info.targets.length,
    routers: info.routers.length,
    ...machineNeeds(backend, backendOptions),
    ...(squeezeMtu === undefined ? {} : { squeezeMtu }),
    ...(front === undefined ? {} : { front: true }),
  });
}

async function bringUp({ request, record, scope }: Run): Promise<Lab> {
  const topology = topologyOf(request);
  const note = (text: string) => request.progress?.note?.(text);
  const logs = path.join(request.dir, "logs");
  const gdb = request.gdb ? { gdb: debuggerSocket(request.dir) } : {};
  if (gdb.gdb) scope.defer("remove the debugger's socket", () => rm(gdb.gdb, { force: true }));
  const lab = await request.session.up(topology, request.signal, note, { logs, seed: request.info.seed, ...gdb });
  record.clock = lab.clock;
  if (lab.guest) request.info.guest = lab.guest;
  scope.defer("take the lab down", () => lab[Symbol.asyncDispose]());
  record.add({
    kind: "lab_up",
    t: record.clock.now(),
    runtime: lab.runtime,
    machines: topology.machines.map((m) => m.name),
    ...(lab.images ? { images: { ...lab.images } } : {}),
  });
  return lab;
}

const LONGEST_SOCKET = 107;

/** Where QEMU listens for gdb; told before the guest, which waits, is there. Throws LabError. */
function debuggerSocket(dir: string): string {
  const socket = path.join(dir, "gdb.sock");
  if (Buffer.byteLength(socket) > LONGEST_SOCKET)
    throw new LabError(`The path of gdb's socket is too long: '${socket}'. Try a shorter --out.`);
  process.stderr.write(
    `The guest waits for a debugger: gdb -ex 'target remote ${socket}', and 'continue' lets it begin.\n`,
  );
  return socket;
}

/** The balancer on the routers, and servers on the targets. */
async function deploy(run: Run, lab: Lab): Promise<Balancer> {
  const { request, record, scope, servers, liveness } = run;
  const { backend, backendOptions, plan, load } = request;
  const { targets } = lab.topology;
  await checkKernel(request, lab);
  const active = activeAtStart(plan, targets.length);
  const [balancer] = await Promise.all([
    backend.deploy(lab, backendOptions, active),
    startServers(lab, serversFor(load), (text) => servers.abort(new LabError(text)), liveness),
  ]);
  scope.defer("stop the balancer", () => balancer[Symbol.asyncDispose]());
  // Called from anywhere: a fault that the record does not take fails the run later.
  balancer.onFault = (text) => {
    try {
      record.add({ kind: "fault", t: record.clock.now(), text });
    } catch (error) {
      run.lost ??= error as Error;
    }
  };
  const empty = plan.steps.length > 0 && fewestTargets(plan, targets.length, lab.topology.routers.length) === 0;
  const [room, snat] = [backend.room?.(backendOptions), backend.snat?.(backendOptions)];
  const reuse = load.sameTuple ? backend.reuse?.(backendOptions, load.protocol) : null;
  const without = empty ? backend.withoutTargets?.(backendOptions, load.protocol) : null;
  record.add({
    kind: "deployed",
    t: record.clock.now(),
    backend: backend.name,
    active: active.flatMap((i) => targets[i]?.name ?? []),
    effectiveOptions: backend.effectiveOptions(backendOptions, targets.length),
    oracle: checkedSpec(backend.oracle(backendOptions, targets.length, load.protocol), backend.name),
    ...(without ? { withoutTargets: without } : {}),
    ...(room ? { room } : {}),
    ...(snat ? { snat } : {}),
    ...(backend.accounts === false ? { accounts: false as const } : {}),
    ...(reuse ? { reuse } : {}),
  });
  return balancer;
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
  const add = (edge: "begin" | "end") => {
    const hostT = record.clock.isVirtual ? { hostT: nowNs() } : {};
    record.add({ kind: "phase", t: record.clock.now(), phase: name, edge, ...hostT });
  };
  add("begin");
  try {
    return await action();
  } finally {
    add("end");
  }
}
