// SPDX-License-Identifier: Apache-2.0
import type { EventMeaning, Protocol } from "../record/schema.ts";
import type { Oracle } from "./strategies/define.ts";
import "./strategies/index.ts";

export { lossBounds, lossProbability } from "./strategies/registry.ts";

/** A live connection when an event comes. */
export interface Alive<State = unknown> {
  protocol: Protocol;
  hash: number | null;
  /** Index of the target that it is on. */
  target: number | null;
  /** What was in force from when it was set up until now. */
  lived: readonly Oracle<State>[];
  /** Whether it already lived when the routers that now return left: then what they remember of it is still true. */
  knownToReturning: boolean;
}

/** An event's meaning, and what it changes as one group of routers knows it. */
export interface Change<State = unknown>
  extends Pick<EventMeaning, "subject" | "effect" | "announced" | "dead" | "mute"> {
  before: Oracle<State>;
  after: Oracle<State>;
  /** The targets that are dead, or deaf, from then on. */
  dying?: ReadonlySet<number>;
  activeBefore: ReadonlySet<number>;
  activeAfter: ReadonlySet<number>;
  /** Share of all connections that change their router. */
  reroutedShare: number;
}
