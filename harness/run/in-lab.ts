// SPDX-License-Identifier: Apache-2.0
// A run from the lab's coming up to its going down.
import { rm } from "node:fs/promises";
import path from "node:path";
import type { Announcer } from "../announce/announcer.ts";
import { withHealthChecks } from "../announce/health.ts";
import { announcePrograms, startAnnouncer } from "../announce/index.ts";
import { type Balancer, machineNeeds, Unsupported } from "../api/backend.ts";
import type { OwnChecks } from "../api/own-checks.ts";
import { versionsIn } from "../api/versions.ts";
import { isFoundOut } from "../events/meaning.ts";
import { checkedSpec, isStateful, type OracleSpec } from "../oracle/oracle.ts";
import { withFlows } from "../plan/flow-lists.ts";
import { fewestTargets } from "../plan/plan-run.ts";
import type { RecordWriter } from "../record/record.ts";
import type { Lifecycle, Phase } from "../record/schema.ts";
import { type Lab, LabError } from "../runtime/runtime.ts";
import { planTopology, type Topology } from "../topology/topology.ts";
import { Liveness, patienceNs, signsMs } from "../traffic/liveness.ts";
import { openSecondPath, sctpMissing, tuneSctp } from "../traffic/sctp.ts";
import { startServers } from "../traffic/servers.ts";
import { serversFor, VISIT_SOURCES } from "../traffic/traffic.ts";
import { nowNs } from "../util/clock.ts";
import { Scope } from "../util/scope.ts";
import { impair } from "./impaired-link.ts";
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
  /** Aborts when a target's server ends, or what finds dead routers. */
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
      const { balancer, watchdog, announcer } = await phase(record, "deploy", async () => {
        await beforeSteps(lab, request.plan, shared);
        const deployed = await deploy(run, lab);
        return { ...(await watched(run, lab, deployed)), announcer: await announce(run, lab) };
      });
      await recordVersions(request, lab, record);
      const onEnd = (text: string) =>
        run.servers.abort(new LabError(text, { about: { what: "link", where: impairment?.machine ?? "" } }));
      const impaired = impairment ? await impair(lab, impairment, onEnd) : null;
      const during = { ...request, signal: AbortSignal.any([signal, run.servers.signal]) };
      await phase(record, "traffic", () =>
        driveTraffic(during, { record, lab, balancer, announcer, watchdog, liveness, shared, impaired }),
      );
      await request.hold?.(lab, balancer);
      if (run.lost) throw run.lost;
    });
  } finally {
    // What the record does not take must not keep the lab from coming down.
    await phase(record, "down", () => scope[Symbol.asyncDispose]()).finally(() => scope[Symbol.asyncDispose]());
    for (const text of scope.failures) record.add({ kind: "warning", t: record.clock.now(), text });
  }
}

function topologyOf({ plan: { linkMtu, squeezeMtu, front, flows, paths }, ...request }: RunRequest): Topology {
  const { load, info, backend, backendOptions, timers } = request;
  return planTopology({
    sharesState: timers?.sync !== undefined && timers.sync !== null,
    ...(load.vips === undefined ? {} : { vips: load.vips }),
    ...(paths === undefined ? {} : { vips: paths }),
    targets: info.targets.length,
    routers: info.routers.length,
    testers: load.testers ?? 1,
    sources: load.sources ?? (load.visitsS ? VISIT_SOURCES : undefined),
    ...machineNeeds(backend, backendOptions),
    ...(squeezeMtu === undefined ? {} : { squeezeMtu }),
    ...(front === undefined ? {} : { front: true }),
    mtu: linkMtu,
    sctp: load.protocol === "sctp",
    paths,
    flows,
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
    ...(lab.nodes ? { nodes: { ...lab.nodes.byMachine } } : {}),
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
  if (lab.topology.sctp) await tuneSctp(lab);
  if (lab.topology.paths) await openSecondPath(lab);
  const active = activeAtStart(plan, targets.length);
  const [balancer] = await Promise.all([
    backend.deploy(lab, backendOptions, active),
    startServers(
      lab,
      serversFor(load),
      (text, where) => servers.abort(new LabError(text, { about: { what: "server", where } })),
      liveness,
    ),
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
  record.add({
    kind: "deployed",
    t: record.clock.now(),
    backend: backend.name,
    active: active.flatMap((i) => targets[i]?.name ?? []),
    effectiveOptions: backend.effectiveOptions(backendOptions, targets.length),
    oracle: checkedSpec(
      withFlows(sharing(backend.oracle(backendOptions, targets.length, load.protocol), request), plan),
      backend.name,
    ),
    ...(backend.accounts === false ? { accounts: false as const } : {}),
    ...expectedOf(request, lab),
    ...lifecycleIn(request),
  });
  return balancer;
}

/** The balancer, with health checks where it was given some. */
async function watched({ request, record, scope, servers }: Run, lab: Lab, balancer: Balancer) {
  const { health, plan, backend, backendOptions } = request;
  const own = backend.checks?.(backendOptions);
  if (own && plan.steps.some(({ event }) => isFoundOut(event) && event.subject === "targets"))
    return { balancer: timed(balancer, own.timers, record) };
  if (!health) return { balancer };
  const active = activeAtStart(plan, lab.topology.targets.length);
  const onBroken = (error: LabError) => servers.abort(error);
  const watchdog = await withHealthChecks(lab, balancer, { health, active, record, onBroken });
  scope.defer("stop the health checks", () => watchdog.end());
  return { balancer: watchdog.balancer, watchdog };
}

/** The balancer, which checks by itself: when each router found out is told. */
function timed(balancer: Balancer, timers: OwnChecks["timers"], record: RecordWriter): Balancer {
  record.add({ kind: "health", t: record.clock.now(), ...timers });
  const wait = balancer.waitForConvergence?.bind(balancer);
  balancer.waitForConvergence = async (alive) => {
    const changedT = record.clock.now();
    const noticed: { machine: string; t: number }[] = [];
    const t = (await wait?.(alive, (machine, at) => noticed.push({ machine, t: at }))) ?? changedT;
    record.add({ kind: "failover", t, changedT, noticed });
    return t;
  };
  return balancer;
}

/** What makes tester and targets find out which routers are alive, where some die. */
async function announce(
  { request: { timers }, record, scope, servers }: Run,
  lab: Lab,
): Promise<Announcer | undefined> {
  if (!timers) return undefined;
  const announcer = await startAnnouncer(lab, timers, record, (error) => servers.abort(error));
  scope.defer("stop what finds dead routers", () => announcer.end());
  return announcer;
}

/** What it does where routers tell each other what they know of connections. */
const sharing = (oracle: OracleSpec | null, { timers }: RunRequest): OracleSpec | null =>
  timers?.sync && isStateful(oracle) ? { ...oracle, shared: true } : oracle;

/** What the backend says of this load besides its oracle. */
function expectedOf({ backend, backendOptions, plan, load }: RunRequest, { topology }: Lab) {
  const { targets, routers } = topology;
  const empty = plan.steps.length > 0 && fewestTargets(plan, targets.length, routers.length) === 0;
  const all = {
    room: backend.room?.(backendOptions),
    snat: backend.snat?.(backendOptions),
    reuse: load.sameTuple ? backend.reuse?.(backendOptions, load.protocol) : null,
    direct: load.directS === undefined ? null : backend.direct?.(backendOptions, load.protocol),
    tracks: load.flood && backend.tracks(backendOptions, targets.length) ? (true as const) : null,
    answersSyns: load.flood && backend.answersSyns?.(backendOptions) ? (true as const) : null,
    withoutTargets: empty ? backend.withoutTargets?.(backendOptions, load.protocol) : null,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value)) as {
    [K in keyof typeof all]?: NonNullable<(typeof all)[K]>;
  };
}

/** What the plan's events do to the balancer itself, as it says; empty: there are none. */
function lifecycleIn({ backend, backendOptions, plan, load }: RunRequest): { lifecycle?: Lifecycle } {
  const isControlled = plan.steps.some(({ event }) => event.subject === "balancer");
  const lifecycle = isControlled ? backend.lifecycle?.(backendOptions, load.protocol) : null;
  return lifecycle ? { lifecycle } : {};
}

/** Names and versions of all that takes part. */
async function recordVersions(
  { info, backend, backendOptions, timers }: RunRequest,
  lab: Lab,
  record: RecordWriter,
): Promise<void> {
  const needs = backend.requires(backendOptions);
  const programs = [...(needs.programs ?? []), ...announcePrograms(timers)];
  Object.assign(info.tools, await versionsIn(lab, { ...needs, programs }, info.gitRevision));
  record.file("run.json", `${JSON.stringify(info, null, 2)}\n`);
}

/** What another kernel lacks is known only in its guest. */
async function checkKernel({ backend, backendOptions, load }: RunRequest, lab: Lab): Promise<void> {
  const { traits } = lab;
  const [router] = lab.topology.routers;
  if (traits.kernel !== "chosen" || !router) return;
  const asked = { ...lab.host(router.name), program: (name: string) => lab.program(name) };
  const place = { traits, router: asked };
  const reasons = [...(await backend.missing(place, backendOptions)), ...(await sctpMissing(load.protocol, place))];
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
