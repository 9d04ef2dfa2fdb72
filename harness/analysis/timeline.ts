import { makeOracle, type Oracle } from "../oracle/oracle.ts";
import type { Event, EventOf, StreamStart } from "../record/schema.ts";

/** A span in which one set of targets is active, as the record tells it. */
export interface Stage {
  /** When the change to this stage was asked for, and from when on it is certain; equal for the first stage. */
  askedT: number;
  inForceT: number;
  active: ReadonlySet<string>;
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
}

/** `targets` are all targets by name, in the order of their indices. null when the run ended before there was traffic. */
export function buildTimeline(events: readonly Event[], targets: readonly string[]): Timeline | null {
  const of = <K extends Event["kind"]>(kind: K) => events.filter((e): e is EventOf<K> => e.kind === kind);
  const [deployed] = of("deployed");
  const streams = of("stream_start");
  if (!deployed || streams.length === 0) return null;
  const stage = (active: ReadonlySet<string>, askedT: number, inForceT: number): Stage => {
    const indices = targets.flatMap((name, index) => (active.has(name) ? [index] : []));
    const oracle = deployed.oracle && makeOracle(deployed.oracle, indices);
    const shares = oracle && new Map([...oracle.shares].map(([index, share]) => [targets[index] ?? "", share]));
    return { askedT, inForceT, active, oracle, shares };
  };
  const stages = [stage(new Set(deployed.active), deployed.t, deployed.t)];
  const scales = of("scale");
  for (const scale of scales) {
    const active = new Set(stages.at(-1)?.active);
    for (const name of scale.machines) {
      if (scale.action === "scale_in") active.delete(name);
      else if (scale.action === "scale_out") active.add(name);
    }
    stages.push(stage(active, scale.askedT, scale.inForceT));
  }
  const ends = of("stream_end").map((e) => e.t);
  return {
    t0: Math.min(...streams.map((s) => s.t)),
    endT: Math.max(...(ends.length > 0 ? ends : events.map((e) => e.t))),
    deployed,
    streams: new Map(streams.map((s) => [s.stream, s])),
    scales,
    stages,
  };
}
