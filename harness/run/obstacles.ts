// SPDX-License-Identifier: Apache-2.0
// What stands in the way of a planned case: why it is a skip here, and what of its load will not hold.
import { tooSmall } from "../analysis/room.ts";
import { exceeded, readLimits } from "../host/limits.ts";
import { exceededMemory, memoryLimits } from "../oracle/forgetting.ts";
import { type Case, unsupported } from "../plan/catalog.ts";
import type { Protocol } from "../record/schema.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { PlannedCase } from "./planned-case.ts";

/** Sentences why it is a skip. Empty: it can run. */
export async function missingFor(planned: PlannedCase, runtime: Runtime): Promise<string[]> {
  const { backend, scenario } = planned.case;
  return [
    ...unsupported(planned.case, planned.options.icmp),
    ...(await runtime.missing()),
    ...(await backend.missing(runtime, planned.backendOptions)),
    ...foreignProtocol(planned.case, planned.load.protocol),
    ...foreignVips(planned),
    ...(planned.unfit ? [planned.unfit] : []),
    ...((await scenario.missing?.()) ?? []),
    ...(await tooMany(planned, runtime)),
  ];
}

/** What this machine's kernel has too little of. Another kernel is not asked: its machine says when it is full. */
async function tooMany({ case: { backend }, load, options, backendOptions }: PlannedCase, runtime: Runtime) {
  if (load.mode !== "stream" || load.protocol === "udp" || runtime.traits.kernel === "chosen") return [];
  const tracked = backend.tracks?.(backendOptions, options.targets) ?? false;
  return exceeded(await readLimits(), load.connections, tracked);
}

/** What of the load the balancer does not remember. */
export function forgets({ case: { backend }, backendOptions, options, load, routers }: PlannedCase): string[] {
  const limits = memoryLimits(backend.oracle(backendOptions, options.targets, load.protocol));
  if (!limits || load.mode !== "stream") return [];
  const { connections, protocol } = load;
  return exceededMemory(limits, {
    protocol,
    connections,
    flows: connections,
    intervalS: connections / load.rate,
    keepaliveS: load.keepaliveS,
    routers,
  });
}

/** What of the load is not let in. */
export function fillsUp({ case: { backend }, backendOptions, load, options }: PlannedCase): string[] {
  const room = backend.room?.(backendOptions);
  return room ? tooSmall(room, { ...options, connections: load.connections, families: load.families.length }) : [];
}

function foreignProtocol({ backend: { name, protocols }, scenario }: Case, protocol: Protocol): string[] {
  if (scenario.protocol && scenario.protocol.only !== protocol) return [scenario.protocol.why];
  if (!protocols || protocols.includes(protocol)) return [];
  const [own] = protocols;
  return [`Backend '${name}' does not balance ${protocol.toUpperCase()}. Try --protocol ${own}, or another backend.`];
}

function foreignVips({ case: { backend }, backendOptions, load }: PlannedCase): string[] {
  if ((load.vips ?? 1) === 1 || backend.servesVips?.(backendOptions)) return [];
  return [`Backend '${backend.name}' with these options serves one VIP. Try --vips 1, or another backend.`];
}
