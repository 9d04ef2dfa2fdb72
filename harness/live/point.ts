// SPDX-License-Identifier: Apache-2.0
// What the server of a running test sends to its page.

export interface Point {
  s: number;
  alive: number;
  lost: number;
  /** What happened, where the point is more than a sample. */
  note?: string;
}

/** All there was so far: sent to who comes late, and at the begin and the end of each run. */
export interface LivePageState {
  /** null: no run has begun. */
  case: string | null;
  seed: number | null;
  phase: string;
  points: readonly Point[];
  /** null: the run goes on. */
  outcome: { verdict: string; headline: string } | null;
}
