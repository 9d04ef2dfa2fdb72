// SPDX-License-Identifier: Apache-2.0
import type { FlowRule, OracleSpec } from "../oracle/oracle.ts";
import type { Family, Protocol } from "../record/schema.ts";
import type { Feature } from "./backend.ts";
import type { EventDefinition } from "./event.ts";

/** What happens when: data, so that it can be listed, checked and drawn without running it. */
export interface Scenario {
  name: string;
  summary: string;
  /** Routers it needs at least; also its default. */
  routers: number;
  /** Seconds that it lets a source stay with its target, where the backend has an option for that and the user does not set it. */
  affinityS?: number;
  /** Why it says nothing about a strategy: the case is skipped. null: it fits. */
  unfit?(oracle: OracleSpec | null, families: readonly Family[]): string | null;
  /** What a backend must be able to do; without it the case is skipped. */
  needs?: Feature;
  /** Where only one protocol says anything: that one, and a sentence why. Cases with the other are skipped. */
  protocol?: { only: Protocol; why: string };
  /** Defaults for the options of backends that have them. */
  set?: Readonly<Record<string, string>>;
  /** One sentence for each thing that this machine lacks for it, with the remedy. */
  missing?(): Promise<string[]>;
  /** What a backend must not do by itself, and why, as the end of a sentence that begins with its name. */
  without?: { feature: Feature; why: string };
  /** Its events are a train of changes, at a rate that the user may set. */
  hasRate?: true;
  /** Throws UsageError when the options do not fit together. */
  plan(options: ScenarioOptions): Plan;
}

export interface ScenarioOptions {
  targets: number;
  routers: number;
  /** Target numbers (from 1) that leave or come. */
  scale: readonly number[];
  /** null: the scenario's own. */
  durationS: number | null;
  atS: readonly number[] | null;
  /** Changes a minute of a train; null: the scenario's own. */
  changesPerMinute: number | null;
  /** Seconds without a message on any connection; null: the scenario's own. */
  silenceS: number | null;
  /** What becomes of ICMP errors on the way. */
  icmp: "pass" | "drop";
  /** Services that the user asked for; null, or absent: the VIP's alone. */
  flows?: readonly FlowRule[] | null;
  /** Connections that are opened again have the 5-tuple that they had. */
  sameTuple: boolean;
  /** Seconds that a source stays with its target; null: it does not, or for ever. */
  affinityS: number | null;
}

export interface Plan {
  mode: "connect" | "stream" | "fragments";
  /** 0 in mode "connect": it ends when every connection was made. */
  durationS: number;
  /** Target numbers (from 1) that are out at the start. */
  out: readonly number[];
  steps: readonly Step[];
  /** Mode "connect": times at which every source makes one connection. Absent: each connection is made once. */
  visitsS?: readonly number[];
  /** Messages per second, and bytes of a message, where the usual ones do not fit. */
  rate?: number;
  size?: number;
  /** Each connection is silent for so long between two messages, whatever the rate would be. */
  silenceS?: number;
  /** From then on each client uses a target's own address too, from the source address and port of its connection to the VIP. */
  directS?: number;
  /** So many connections a second, of both families, come besides, each for one answer: they tell when new ones are served. */
  arrivals?: number;
  /** Connections that are opened again, or come at another visit, have the 5-tuple that they had. */
  sameTuple?: true;
  /** Others send meanwhile from sources that never answer, at the rate of --flood. */
  flood?: { fromS: number; untilS: number };
  /** Attackers choose connections for this target, by number from 1. */
  attack?: { victim: number };
  /** Flows from the start, each a service with targets of its own. Absent: the VIP's service has all. */
  flows?: readonly FlowRule[];
  /** MTU of all links. */
  linkMtu?: number;
  /** MTU of the way from the routers to the tester, behind a machine that tells by ICMP errors. */
  squeezeMtu?: number;
  /** ICMP errors of that machine never leave it. */
  icmpDropped?: true;
  /** Ways between tester and targets, each with a VIP and networks of its own, for associations that have both; none is opened again. */
  paths?: 2;
  /** A router in front of the routers chooses among them by a multipath hash of this seed: another tier. */
  front?: { seed: number };
}

export interface Step {
  atS: number;
  event: EventDefinition;
  /** Target numbers, or router numbers, from 1. */
  members: readonly number[];
  /** Weights of all targets from then on, in the order of their numbers. Absent: as they were. */
  weights?: readonly number[];
  /** All flows from then on. Absent: as they were. */
  flows?: readonly FlowRule[];
}
