// SPDX-License-Identifier: Apache-2.0
// Which routers a flow crosses while some of them are dead, there and back.
import { inUse } from "../events/meaning.ts";
import { byRouter } from "../oracle/course.ts";
import type { Flow } from "../oracle/hash.ts";
import type { FlowHash } from "../oracle/hashes/index.ts";
import { memoryOf, type OracleSpec } from "../oracle/oracle.ts";
import type { Announcement, EventMeaning, Protocol } from "../record/schema.ts";

/** How routers that die are found; and by which hash tester and targets choose among those that share the flows. */
export type Announced = Announcement & { hash: FlowHash | null };

interface Routed {
  scales: readonly { meaning: EventMeaning; machines: readonly string[] }[];
  oracle: OracleSpec | null;
  announced: Announced;
}

export interface Ways {
  /** Whether the flow crosses another router after event i than before. */
  moves: (flow: Flow, i: number) => boolean;
  /** Whether a router that is dead after event i lies on the flow's way, there or back, where nobody finds out. */
  isCut: (flow: Flow, protocol: Protocol, i: number) => boolean;
}

/** `routers` are all by name, in the order of their indices. */
export function waysOf({ scales, oracle, announced }: Routed, routers: readonly string[]): Ways {
  const numbers = [...routers.keys()];
  const events = scales.map(({ meaning, machines }) => ({
    meaning,
    members: machines.map((name) => routers.indexOf(name)),
  }));
  const alive = inUse("routers", numbers, events, { router: 0, routers: routers.length });
  const routerAt = alive.map((span) =>
    chooser(
      [...span].sort((a, b) => a - b),
      announced,
    ),
  );
  const [chosen = () => -1] = routerAt;
  return {
    moves: (flow, i) => routerAt[i]?.(flow) !== routerAt[i + 1]?.(flow),
    isCut(flow, protocol, i) {
      const there = chosen(flow);
      // Where addresses are rewritten, answers come back to the router that did it.
      const back = memoryOf(oracle, protocol) === "addresses" ? there : chosen(reversed(flow));
      return [there, back].some((router) => !alive[i + 1]?.has(router));
    },
  };
}

function chooser(alive: readonly number[], { serves, hash }: Announced): (flow: Flow) => number {
  const last = alive.at(-1) ?? -1;
  return serves === "last" || alive.length < 2 || !hash ? () => last : byRouter(alive, hash);
}

const reversed = (flow: Flow): Flow => ({
  ...flow,
  src: flow.dst,
  dst: flow.src,
  sport: flow.dport,
  dport: flow.sport,
});
