// SPDX-License-Identifier: Apache-2.0
import type { Connection, Event, RunInfo, Summary } from "../record/schema.ts";
import type { Explainer } from "./causes/index.ts";
import type { Culprits } from "./culprits.ts";
import type { LateConnections } from "./late.ts";
import type { Established, Row } from "./rows.ts";
import type { Series } from "./series.ts";
import type { Timeline } from "./timeline.ts";

export type Judged = Omit<Summary, "verdict" | "reasons" | "deterministicFailures">;

/** What the verdict has to know besides the summary. */
export interface Evidence {
  /** First connections (generation 0) that were not established before the first event. */
  notInTime: number;
  /** Attempts to connect that failed, but for those that an event explains. */
  failedConnects: number;
  /** Established connections of which no target is known. */
  unnamed: number;
  /** Reconnections that a target answered which was not active then. */
  onInactiveTarget: number;
  /** Active targets that should get no connection, as standby targets, and got some. */
  withoutShare: readonly { target: string; connections: number }[];
  /** Of all connections, the share of the target that should get the fewest but not none; null: nothing is known. */
  smallestShare: number | null;
  late: LateConnections;
  culprits: Culprits;
  /** Connections that were to be lost at an event and sent nothing from then on to the next one, or to the end. */
  unheard: number;
  /** There was a time without any target in use. */
  outage: boolean;
  /** 5-tuples are opened again at later visits: no connection has to live through an event. */
  comesAgain: boolean;
  /** Targets whose connections were all answered by one other. */
  answersAs: readonly { target: string; name: string; connections: number }[];
}

/** What one analysis contributes. No two contribute the same field. */
export interface Part {
  summary?: Partial<Judged>;
  evidence?: Partial<Evidence>;
  series?: Partial<Series>;
}

export interface AnalysisContext {
  run: RunInfo;
  events: readonly Event[];
  timeline: Timeline;
  explainer: Explainer;
  /** Takes a sentence about a connection whose fate differs from the prediction. */
  explain: (row: Established, text: string) => void;
}

/** One analysis at work: it sees each row once, in the order of the record. */
export interface Collector {
  /** Every row. */
  row?(row: Row): void;
  /** Every row of a connection that was established, after `row`. */
  established?(row: Established): void;
  /** Every connection to a target's own address, and of an attacker. */
  aside?(recorded: Connection): void;
  /** Every row of a stream of arrivals: the two above see none of these. */
  arrival?(row: Row): void;
  part(): Part;
}

/** A pure function of the record, in small: those that need no rows hand over their part at once. */
export type AnalysisModule = (context: AnalysisContext) => Collector;
