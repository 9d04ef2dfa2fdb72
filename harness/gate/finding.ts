// SPDX-License-Identifier: Apache-2.0
// What a gate says.
/** "no_data" is never a pass; "info" is told and not judged. */
export type State = "held" | "failed" | "no_data" | "error" | "info";

export interface Finding {
  case: string;
  check: string;
  state: State;
  text: string;
}

/** A test in which chance has a part: how it is judged depends on how many of them there are. */
export interface ChanceTest {
  case: string;
  check: string;
  /** Probability of what was seen, or worse, when the balancer is faultless. */
  p: number;
  text: string;
}
