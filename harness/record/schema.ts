// SPDX-License-Identifier: Apache-2.0
// The record's vocabulary in one place; each file of a run has its schema beside this one. results/README.md describes them.
export {
  type ByCause,
  CAUSES,
  type Cause,
  type Datagrams,
  type Family,
  type LossCause,
  type Protocol,
  type Reuse,
  type Room,
  SCHEMA,
  type Snat,
  type StreamName,
  type WithoutTargets,
} from "./base.ts";
export type { Connection } from "./connections.ts";
export type { Event, EventOf, Phase, Sample, StreamStart } from "./event.ts";
export type { EventMeaning } from "./meaning.ts";
export type { GuestInfo, RunInfo } from "./run-info.ts";
export type { AffinitySummary, EventSummary, ForgottenSummary, OutageSummary, Summary, Verdict } from "./summary.ts";
