// SPDX-License-Identifier: Apache-2.0
// What stands in the way of a planned case: why it is a skip here, and what of its load will not hold.

import { tooSmall } from "../analysis/room.ts";
import { announceMissing } from "../announce/index.ts";
import { type Served, USUAL_PROTOCOLS } from "../api/backend.ts";
import type { Plan } from "../api/scenario.ts";
import { memberNoun } from "../events/meaning.ts";
import { exceeded, readLimits } from "../host/limits.ts";
import { exceededOn, limitOf } from "../host/node-limits.ts";
import { exceededMemory, memoryLimits } from "../oracle/forgetting.ts";
import { type Case, unsupported } from "../plan/catalog.ts";
import { MANY } from "../plan/plan-run.ts";
import type { Lifecycle, Protocol } from "../record/schema.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { planTopology } from "../topology/topology.ts";
import { sctpMissing } from "../traffic/sctp.ts";
import { intervalSOf, livingAtOnce } from "../traffic/streams.ts";
import type { PlannedCase } from "./planned-case.ts";

/** Sentences why it is a skip. Empty: it can run. `note` is told which node is the limit of very many connections. */
export async function missingFor(
  planned: PlannedCase,
  runtime: Runtime,
  note: (text: string) => void,
): Promise<string[]> {
  const { backend, scenario } = planned.case;
  return [
    ...unsupported(planned.case, planned.options, planned.backendOptions),
    ...(await runtime.missing()),
    ...(await backend.missing(runtime, planned.backendOptions)),
    ...(await announceMissing(planned.timers, runtime)),
    ...(await sctpMissing(planned.load.protocol, runtime)),
    ...foreignProtocol(planned.case, planned.load.protocol),
    ...foreignVips(planned),
    ...foreignFlows(planned),
    ...foreignDirect(planned),
    ...(planned.unfit ? [planned.unfit] : []),
    ...((await scenario.missing?.()) ?? []),
    ...(await tooMany(planned, runtime, note)),
  ];
}

/** What the kernels have too little of: this machine's, or those of the nodes. One that was chosen is not asked: its machine says when it is full. */
async function tooMany(
  { case: { backend }, load, options, backendOptions, routers }: PlannedCase,
  runtime: Runtime,
  note: (text: string) => void,
): Promise<string[]> {
  if (load.mode !== "stream" || load.protocol === "udp" || runtime.traits.kernel === "chosen") return [];
  const tracked = backend.tracks?.(backendOptions, options.targets) ?? false;
  const connections = livingAtOnce(load);
  if (!runtime.nodes) return exceeded(await readLimits(), connections, tracked);
  // Few are no matter, and asking takes a moment.
  if (connections <= MANY || (await runtime.missing()).length > 0) return [];
  const { targets, testers } = options;
  const nodes = await runtime.nodes(planTopology({ targets, routers, testers }));
  const limit = limitOf(nodes, connections, tracked);
  if (limit) note(limit);
  return nodes.flatMap((node) => exceededOn(node, connections, tracked));
}

/** What of the load the balancer does not remember; `only`: but for what a simulation of it follows. */
export function forgets(
  { case: { backend }, backendOptions, options, load, routers }: PlannedCase,
  only?: "unsimulated",
): string[] {
  const all = memoryLimits(backend.oracle(backendOptions, options.targets, load.protocol));
  const perCpu = all?.perCpu?.cpus === undefined ? all?.perCpu : undefined;
  const limits = all && only ? { perCpu } : all;
  if (!limits || load.mode !== "stream") return [];
  const { connections: flows, protocol } = load;
  return exceededMemory(limits, {
    protocol,
    connections: livingAtOnce(load),
    flows,
    intervalS: intervalSOf(load),
    keepaliveS: load.keepaliveS,
    routers,
  });
}

/** What of the load is not let in. */
export function fillsUp({ case: { backend }, backendOptions, load, options }: PlannedCase): string[] {
  const room = backend.room?.(backendOptions);
  return room ? tooSmall(room, { ...options, connections: load.connections, families: load.families.length }) : [];
}

function foreignProtocol(
  { backend: { name, protocols = USUAL_PROTOCOLS }, scenario }: Case,
  protocol: Protocol,
): string[] {
  if (scenario.protocol && scenario.protocol.only !== protocol) return [scenario.protocol.why];
  if (protocols.includes(protocol)) return [];
  const [own] = protocols;
  return [`Backend '${name}' does not balance ${protocol.toUpperCase()}. Try --protocol ${own}, or another backend.`];
}

function foreignDirect({ case: { backend }, backendOptions, load }: PlannedCase): string[] {
  if (load.directS === undefined) return [];
  if (load.ports) return ["Targets' own addresses are used at the lab's own ports only, not at those of a file."];
  if (backend.direct?.(backendOptions, load.protocol)) return [];
  const about = "what becomes of a connection to a target's own address";
  return [`Backend '${backend.name}' does not say ${about}. Try another backend.`];
}

function foreignVips({ case: { backend }, backendOptions, load }: PlannedCase): string[] {
  if ((load.vips ?? 1) === 1 || backend.servesVips?.(backendOptions)) return [];
  return [`Backend '${backend.name}' with these options serves one VIP. Try --vips 1, or another backend.`];
}

function foreignFlows({ case: { backend }, backendOptions, plan }: PlannedCase): string[] {
  if (!plan.flows || backend.servesFlows?.(backendOptions)) return [];
  return [`Backend '${backend.name}' with these options tells no flows apart. Try 'nfqueue', or one service.`];
}

/** Why a backend with these options cannot do what is planned; null: it can. */
export function unfitFor(
  one: Case,
  options: Record<string, unknown>,
  { plan, load }: Pick<PlannedCase, "plan" | "load">,
  served: Served | null,
): string | null {
  const { backend } = one;
  return (
    backend.asks?.(options) ??
    fixed(served, plan) ??
    (plan.steps.some(({ weights }) => weights) ? backend.reweighs?.(options) : null) ??
    uncontrolled(backend.lifecycle?.(options, load.protocol), one, plan)
  );
}

/** Why targets cannot leave or come back, where a plan wants them to. */
const fixed = (served: Served | null, { steps }: Plan): string | null =>
  steps.some(({ event }) => memberNoun(event) === "target") ? (served?.fixed ?? null) : null;

/** Why the balancer cannot be stopped or reloaded with these options, where a plan wants that. */
const uncontrolled = (lifecycle: Lifecycle | null | undefined, { backend }: Case, { steps }: Plan): string | null =>
  lifecycle === null && steps.some(({ event }) => event.subject === "balancer")
    ? `'${backend.name}' is not stopped or reloaded by the lab with a configuration of your own.`
    : null;
