// SPDX-License-Identifier: Apache-2.0

import type { Flow } from "../oracle/hash.ts";
import { type FlowHash, hashOf, hashSpace } from "../oracle/hashes/index.ts";
import { makeOracle, type Oracle } from "../oracle/oracle.ts";
import { regionOf, thresholdRegions } from "../oracle/strategies/regions.ts";
import type { Event, EventOf, ScaleKind, StreamStart } from "../record/schema.ts";

/** A span in which one set of targets is active, as the record tells it. */
export interface Stage {
  /** When the change to this stage was asked for, and from when on it is certain; equal for the first stage. */
  requestedT: number;
  effectiveT: number;
  active: ReadonlySet<string>;
  /** The same as indices. */
  indices: ReadonlySet<number>;
  oracle: Oracle | null;
  /** Share of all connections that the oracle gives each active target; null without an oracle. */
  shares: ReadonlyMap<string, number> | null;
}

export interface Timeline {
  /** Start of the traffic: zero of every time that a user sees. */
  t0: number;
  endT: number;
  deployed: EventOf<"deployed">;
  streams: Map<string, StreamStart>;
  scales: EventOf<"scale">[];
  /** stages[i + 1] begins with scales[i]. */
  stages: Stage[];
  /** The same for the flows that cross a router which learns of some changes later; null where there is none. */
  late: { stages: Stage[]; crosses(flow: Flow): boolean } | null;
  /** For each of scales: the share of all connections that change their router. */
  reroutedShares: number[];
}

const COMING: ReadonlySet<ScaleKind> = new Set<ScaleKind>(["scale_out", "failure_end"]);

/** `targets` are all targets by name, in the order of their indices; all `routers` are there at first. null when the run ended before there was traffic. */
export function buildTimeline(events: readonly Event[], targets: readonly string[], routers: number): Timeline | null {
  const of = <K extends Event["kind"]>(kind: K) => events.filter((e): e is EventOf<K> => e.kind === kind);
  const [deployed] = of("deployed");
  const streams = of("stream_start");
  if (!deployed || streams.length === 0) return null;
  const stage = (active: ReadonlySet<string>, requestedT: number, effectiveT: number, before?: Stage): Stage => {
    const indices = targets.flatMap((name, index) => (active.has(name) ? [index] : []));
    const oracle = deployed.oracle && makeOracle(deployed.oracle, indices, before?.oracle);
    const shares =
      oracle && oracle.shares.size > 0
        ? new Map([...oracle.shares].map(([index, share]) => [targets[index] ?? "", share]))
        : null;
    return { requestedT, effectiveT, active, indices: new Set(indices), oracle, shares };
  };
  const scales = of("scale");
  const stagesOf = (leaving: readonly ScaleKind[]) => {
    const stages = [stage(new Set(deployed.active), deployed.t, deployed.t)];
    for (const scale of scales) {
      const active = new Set(stages.at(-1)?.active);
      for (const name of scale.machines) {
        if (leaving.includes(scale.action)) active.delete(name);
        else if (COMING.has(scale.action)) active.add(name);
      }
      stages.push(stage(active, scale.requestedT, scale.effectiveT, stages.at(-1)));
    }
    return stages;
  };
  const reroutedShares: number[] = [];
  let routersIn = routers;
  for (const scale of scales) {
    const n = scale.machines.length;
    const most = scale.action === "router_in" ? routersIn + n : routersIn;
    if (scale.action === "router_out") routersIn -= n;
    else if (scale.action === "router_in") routersIn += n;
    reroutedShares.push(scale.action === "router_out" || scale.action === "router_in" ? n / most : 0);
  }
  const [routing] = of("routing");
  const ends = of("stream_end").map((e) => e.t);
  return {
    t0: Math.min(...streams.map((s) => s.t)),
    endT: Math.max(...(ends.length > 0 ? ends : events.map((e) => e.t))),
    deployed,
    streams: new Map(streams.map((s) => [s.stream, s])),
    scales,
    stages: stagesOf(["scale_in", "drift", "failure"]),
    late: routing
      ? {
          stages: stagesOf(["scale_in", "drift_end", "failure"]),
          crosses: (flow) => routerOf(routing.hash, routers, flow) === routers - 1,
        }
      : null,
    reroutedShares,
  };
}

/** Index of the router that the tester's multipath route chooses. */
function routerOf(hash: FlowHash, routers: number, flow: Flow): number | null {
  const all = Array.from({ length: routers }, (_, i) => i);
  const value = hashOf(hash, flow);
  return value === null
    ? null
    : regionOf(
        thresholdRegions(all, () => 1, hashSpace(hash)),
        value,
      );
}
