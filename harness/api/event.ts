// SPDX-License-Identifier: Apache-2.0
// What an event kind is. To add one: a file in harness/events/ and a line in its index, or a definition in a scenario from outside.
import type { Announcer } from "../announce/announcer.ts";
import type { FlowRule } from "../oracle/oracle.ts";
import type { RecordWriter } from "../record/record.ts";
import type { EventMeaning } from "../record/schema.ts";
import type { Lab } from "../runtime/runtime.ts";
import type { Balancer } from "./backend.ts";

export interface EventDefinition extends EventMeaning {
  /** What has to be so from the start, before there is a balancer: as that its members are not there yet. */
  before?: (context: Pick<EventContext, "lab" | "members" | "share">) => Promise<unknown>;
  /** Carries it out. Resolves with the monotonic ns from which on it is in force. */
  apply: (context: EventContext) => Promise<number>;
}

/** Where and with whom an event is carried out. */
export interface EventContext {
  lab: Lab;
  record: RecordWriter;
  balancer: Balancer;
  /** How tester and targets find out which routers are alive; absent: they need not. */
  announcer?: Announcer | undefined;
  /** Members, as indices of targets or routers. */
  members: readonly number[];
  /** What is in use from this event on: indices of targets as the told routers know them, and of routers in the routes. */
  targets: readonly number[];
  routers: readonly number[];
  /** Of all targets from this event on, where it changes them. */
  weights: readonly number[] | undefined;
  /** All flows from this event on, where it changes them. */
  flows: readonly FlowRule[] | undefined;
  /** Names of the routers that are told; undefined: all. */
  told: ReadonlySet<string> | undefined;
  /** The run's one instance of a class, for state between an event and the one that undoes it; its `finish` is called after the traffic. */
  share: <T>(made: new (lab: Lab, record: RecordWriter) => T) => T;
}

type Optional = "announced" | "told";

/** A kind whose balancer is told, on all routers, unless it says otherwise. */
export function defineEvent<const Kind extends string>(
  event: Omit<EventDefinition, Optional> & Partial<Pick<EventDefinition, Optional>> & { kind: Kind },
): EventDefinition & { kind: Kind } {
  return { announced: true, told: "all", ...event };
}
