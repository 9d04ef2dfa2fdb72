import { makeOracle, type Oracle } from "../oracle/oracle.ts";
import type { Event, EventOf, StreamStart } from "../record/schema.ts";

/** A span in which one set of targets is active, as the record tells it. */
export interface Stage {
  /** When the change to this stage was asked for, and from when on it is certain; equal for the first stage. */
  askedT: number;
  inForceT: number;
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
  /** For each of scales: the share of all connections that change their router. */
  reroutedShares: number[];
}

/** `targets` are all targets by name, in the order of their indices; all `routers` are there at first. null when the run ended before there was traffic. */
export function buildTimeline(events: readonly Event[], targets: readonly string[], routers: number): Timeline | null {
  const of = <K extends Event["kind"]>(kind: K) => events.filter((e): e is EventOf<K> => e.kind === kind);
  const [deployed] = of("deployed");
  const streams = of("stream_start");
  if (!deployed || streams.length === 0) return null;
  const stage = (active: ReadonlySet<string>, askedT: number, inForceT: number, before?: Stage): Stage => {
    const indices = targets.flatMap((name, index) => (active.has(name) ? [index] : []));
    const oracle = deployed.oracle && makeOracle(deployed.oracle, indices, before?.oracle);
    const shares =
      oracle && oracle.shares.size > 0
        ? new Map([...oracle.shares].map(([index, share]) => [targets[index] ?? "", share]))
        : null;
    return { askedT, inForceT, active, indices: new Set(indices), oracle, shares };
  };
  const stages = [stage(new Set(deployed.active), deployed.t, deployed.t)];
  const scales = of("scale");
  const reroutedShares: number[] = [];
  let routersIn = routers;
  for (const scale of scales) {
    const active = new Set(stages.at(-1)?.active);
    for (const name of scale.machines) {
      if (scale.action === "scale_in") active.delete(name);
      else if (scale.action === "scale_out") active.add(name);
    }
    stages.push(stage(active, scale.askedT, scale.inForceT, stages.at(-1)));
    const n = scale.machines.length;
    const most = scale.action === "router_in" ? routersIn + n : routersIn;
    if (scale.action === "router_out") routersIn -= n;
    else if (scale.action === "router_in") routersIn += n;
    reroutedShares.push(scale.action === "router_out" || scale.action === "router_in" ? n / most : 0);
  }
  const ends = of("stream_end").map((e) => e.t);
  return {
    t0: Math.min(...streams.map((s) => s.t)),
    endT: Math.max(...(ends.length > 0 ? ends : events.map((e) => e.t))),
    deployed,
    streams: new Map(streams.map((s) => [s.stream, s])),
    scales,
    stages,
    reroutedShares,
  };
}
