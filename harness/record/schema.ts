// SPDX-License-Identifier: Apache-2.0
// The record's vocabulary in one place; each file of a run has its schema beside this one. results/README.md describes them.
export {
  type Announce,
  type Announcement,
  type ByCause,
  type ByRoot,
  CAUSES,
  type Cause,
  type Datagrams,
  type Direct,
  type Disruption,
  type Family,
  type FaultSubject,
  type HealthWay,
  type Lifecycle,
  type LossCause,
  type Protocol,
  type Reuse,
  ROOTS,
  type Room,
  type RootCause,
  SCHEMA,
  type Snat,
  type StreamName,
  type SyncWay,
  type WithoutTargets,
} from "./base.ts";
export type { Connection } from "./connections.ts";
export type { Event, EventOf, LabFault, Phase } from "./event.ts";
export type { EventSummary, FailoverSummary, Interruption, Silence } from "./event-summary.ts";
export type { CollideSummary, FloodSummary } from "./hostile-summary.ts";
export type { EventMeaning } from "./meaning.ts";
export type { GuestInfo, RunInfo } from "./run-info.ts";
export type { Sample, StreamStart } from "./stream-events.ts";
export type {
  AffinitySummary,
  ForgottenSummary,
  OutageSummary,
  Summary,
  Verdict,
} from "./summary.ts";
