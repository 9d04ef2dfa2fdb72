// SPDX-License-Identifier: Apache-2.0
// What a rule about root causes is, and what it may ask.
import type { EventOf, LabFault, RootCause } from "../../record/schema.ts";
import type { Hop, Tapped } from "../../tap/journey.ts";
import type { Established } from "../rows.ts";
import type { Timeline } from "../timeline.ts";

type Scale = Timeline["scales"][number];

/** One lost connection, and what is known of its loss. */
export interface Loss {
  row: Established;
  /** The event that it belongs to, and its index; null: it was lost outside of all. */
  event: Scale | null;
  index: number;
  /** Probability that the oracle gave it, 0 outside of the events; null: no oracle. */
  expected: number | null;
}

/** What of the whole run bears on its losses. */
export interface RunFacts extends Tapped {
  timeline: Timeline;
  /** All targets and all routers by name, in the order of their indices. */
  targets: readonly string[];
  routers: ReadonlySet<string>;
  /** Programs of the lab that stood still, and streams whose generator ended before its time. */
  silences: readonly EventOf<"silence">[];
  endedEarly: ReadonlySet<string>;
  /** What else of the lab broke. */
  broken: readonly LabFault[];
  /** What of the balancer broke. */
  faults: readonly EventOf<"fault">[];
  /** Why the balancer forgets connections, by what of its memory is too small. */
  forgets: { entries: string | null; timeout: string | null };
  tapMode: "control" | "full" | null;
  /** The one router of several that sent all misrouted connections astray; null: there is none. */
  strayRouter: string | null;
  /** By target, the first ICMP error by which a machine said that it cannot be reached: kernels limit their rate. */
  unreachable: ReadonlyMap<string, Hop>;
  /** What a machine's counter grew by during the traffic. */
  grown(machine: string, counter: string): number;
}

/**
 * One kind of evidence for one root cause. Rules are asked in order, and the first whose evidence is there names the cause: one that
 * is not sure of it stays silent, as a false story is worse than none.
 */
export interface CauseRule {
  cause: RootCause;
  /** Whether its evidence is there. Asked of every loss, which may be a million: no text is made here. */
  holds(loss: Loss, run: RunFacts): boolean;
  /** That evidence as a clause: "vm-001 left at 5.008 s". Asked where `holds`. */
  because(loss: Loss, run: RunFacts): string;
}

/** Seconds since the traffic began, for a sentence. */
export const at = ({ timeline }: Pick<RunFacts, "timeline">, t: number): string =>
  `${((t - timeline.t0) / 1e9).toFixed(3)} s`;
